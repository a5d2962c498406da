"""Each page in each language: its heading is translated, and nothing on it breaks; History has more of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attune.dashboard.translations import gettext, languages, use_language
from attune.dashboard.views.calibration_view import fit_scores
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import capitalized, decimal, size_text
from attune.dashboard.views.opinions import opinion_words
from attune.dashboard.views.setting_words import value_words
from attune.dashboard.views.track_card import caption, track_card
from attune.dashboard.views.track_exports import as_csv, as_json
from attune.dashboard.views.track_table import Listing, track_table
from core.settings import SETTINGS
from models.emotion.personal import Score
from models.mood.mood_scale import MOODS
from playback.preferences.opinions import Opinion, PlaylistOpinion
from tests.attune.dashboard.invented_tracks import a_result, a_track
from tests.attune.dashboard.tabs import healthy

HEADINGS = {"live": "Attune", "playlists": "Playlists", "settings": "Settings", "voice": "Your voice"}


@pytest.mark.usefixtures("invented_context")
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("page", HEADINGS)
def test_a_page_speaks_the_language(page: str, language: str, settings_file: Path) -> None:
    tab = AppTest.from_string(
        f"from attune.dashboard.pages import {page}\n{page}.page()\n", default_timeout=30
    )
    healthy(tab.run())
    settings_file.write_text(f'language = "{language}"\n', encoding="utf-8")
    healthy(tab.run())
    use_language(language)
    words = gettext(HEADINGS[page])
    use_language("en")
    assert f"<h1>{words}</h1>" in "".join(str(one.proto.body) for one in tab.get("html"))


def test_a_language_without_a_catalogue_is_english() -> None:
    for wanted, browser in (("fi", ""), ("auto", ""), ("auto", "fi-FI"), ("auto", "../de"), ("en", "de")):
        use_language(wanted, browser)
        assert gettext("History") == "History"
    use_language("auto", "DE-at")
    assert gettext("History") == "Verlauf"
    use_language("en")


@pytest.fixture
def english_again() -> Iterator[None]:
    yield
    use_language("en")


@pytest.mark.usefixtures("english_again")
@pytest.mark.parametrize("language", languages())
def test_a_track_is_shown_in_the_language_and_its_files_stay_the_same(language: str) -> None:
    track = a_track("t1", a_result("sad", "happy", "dark", name="1.mp3"))
    analysis = track.analysis
    assert analysis is not None
    drawn, files = [], []
    for one in ("en", language, "en"):
        use_language(one)
        # Drawn in one language first, a row must not keep it.
        drawn.append(
            (track_table(Listing([track])), track_card(track, analysis), str(caption(track, analysis.result)))
        )
        files.append((as_csv([analysis.result]), as_json(track)))
    assert drawn[0] == drawn[2]
    assert files[0] == files[1] == files[2]
    use_language(language)
    for english, other in zip(drawn[0], drawn[1], strict=True):
        assert mood_name("sad") in other
        shown = re.sub(r"<[^>]*>|\['\w+', '", " ", other)  # identifiers stay, in attributes and keys
        assert not re.search(rf"\b(?:{'|'.join(MOODS)}|heard|music)\b", shown)
        assert english != other


@pytest.mark.usefixtures("english_again")
def test_an_opinion_is_one_sentence_with_the_language_s_numbers() -> None:
    said = PlaylistOpinion("local:style:chill", "Chill", 2.5, Opinion.MORE, 1_764_400_000)
    use_language("de")
    words = opinion_words(said, 1_764_400_000)
    assert words == (
        "Zu Chill haben Sie heute „Mehr davon“ gesagt, deshalb kommt diese Playlist 2,5-mal so oft dran."
    )
    assert (decimal(3.0), decimal(1234567.8, 0), capitalized("im Gespräch")) == (
        "3",
        "1234568",
        "Im Gespräch",
    )


@pytest.mark.usefixtures("english_again")
def test_numbers_have_the_language_s_decimal_sign() -> None:
    sizes = (1, 1_000, 97_540_000, 2_100_000_000_000)
    assert [size_text(size) for size in sizes] == ["1 B", "1 kB", "97.5 MB", "2100 GB"]
    use_language("de")
    assert size_text(97_540_000) == "97,5 MB"
    assert value_words(SETTINGS["hop_s"], 0.25) == "0,25 s"
    assert "<td>1,25</td>" in fit_scores(Score(16, 8, 0.5, 1.25), Score(16, 12, 0.75, 0.9))
