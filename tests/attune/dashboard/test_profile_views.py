"""How a profile looks: its facts in words, its charts, tracks on the plane, lists of what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attune.dashboard.translations import languages, use_language
from attune.dashboard.views.formatting import NONE
from attune.dashboard.views.found_tracks import MOST_LISTED, found_tracks
from attune.dashboard.views.profile_charts import (
    emotions_in_words,
    has_places,
    instrument_bars,
    instruments_in_words,
    plane_over_time,
    radar,
)
from attune.dashboard.views.track_card import track_card
from attune.dashboard.views.track_facts import ShownFact, loudness_text, shown_facts, tempo_text
from attune.dashboard.views.track_names import emotion_name, genre_name, instrument_name, key_name
from attune.dashboard.views.track_plane import MOOD_HUES, MOST_DOTS, ExploredTrack, plane_of_tracks, thinned
from core.track_labels import EMOTIONS, GENRES, INSTRUMENTS, KEYS
from models import assets
from models.mood.mood_scale import MOODS
from models.track.heads import GEMS_HEAD, GENRE_HEAD, INSTRUMENT_HEAD, load_track_head
from models.track.rhythm import Rhythm
from playback.library.track_facts import PlanePlace, TrackFacts
from playback.library.tracks import TrackRow
from tests.attune.dashboard.invented_tracks import a_profile, a_result, a_track

KNOWN = a_profile(a_result("sad", "happy", rows=100))
UNKNOWN = a_profile(a_result("sad", "happy", rows=100, music=0.04))
INK = "#171a23"


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use_language("en")


def layers(spec: Any, mark: str) -> list[Any]:
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == mark]


def values(layer: Any) -> list[dict[str, Any]]:
    return list(layer["data"]["values"])


# Facts


def test_a_track_is_told_in_four_facts() -> None:
    assert shown_facts(KNOWN) == [
        ShownFact("Tempo", "120\xa0BPM", "83\xa0% sure, or 60 or 241"),
        ShownFact("Key", "A minor", "64\xa0% sure"),
        ShownFact("Loudness", "\N{MINUS SIGN}12.3\xa0LUFS"),
        ShownFact("Genre", "rock, pop", "62\xa0%, 41\xa0%"),
    ]


def test_what_is_unsure_is_said_to_be() -> None:
    assert KNOWN.rhythm is not None
    unsure = replace(KNOWN, rhythm=replace(KNOWN.rhythm, confidence=0.2))
    assert shown_facts(unsure)[0].aside == "unsure, 20\xa0%, or 60 or 241"


def test_what_is_not_known_is_a_dash_and_of_talk_nothing_is_said() -> None:
    empty = replace(KNOWN, rhythm=None, key=None, genres=None, loudness_lufs=None)
    assert [fact.value for fact in shown_facts(empty)] == [NONE] * 4
    no_pulse = replace(KNOWN, rhythm=Rhythm(None, 0.0, None, np.zeros(0)))
    assert shown_facts(no_pulse)[0] == ShownFact("Tempo", NONE)
    assert [fact.name for fact in shown_facts(UNKNOWN)] == ["Loudness"]
    assert (tempo_text(None), loudness_text(None)) == (NONE, NONE)


def test_a_card_shows_facts_names_and_notices() -> None:
    track = a_track("t1", KNOWN.mood, title="Blue <Sea>", artist="Ann")
    assert track.analysis is not None
    analysis = replace(track.analysis, profile=replace(track.analysis.profile, notices=("No librosa.",)))
    markup = track_card(track, analysis)
    assert "Blue &lt;Sea&gt;" in markup
    assert "<dt>Tempo</dt><dd>120\xa0BPM" in markup
    assert "No librosa." in markup


def test_keys_are_spelled_as_musicians_do() -> None:
    assert [key_name(key) for key in ("A# major", "C# minor", "F# major", "H dur")] == [
        *("B♭ major", "C♯ minor", "F♯ major", "H dur"),
    ]
    use_language("de")
    assert [key_name(key) for key in ("A# major", "B minor", "C# minor")] == ["B-Dur", "h-Moll", "cis-Moll"]
    use_language("es")
    assert key_name("A# major") == "Si bemol mayor"


@pytest.mark.parametrize("language", languages())
def test_labels_have_names(language: str) -> None:
    use_language(language)
    assert genre_name("drumnbass") == {"de": "Drum and Bass"}.get(language, "drum and bass")
    assert instrument_name("electricguitar") == {"de": "E-Gitarre", "es": "guitarra eléctrica"}[language]
    assert emotion_name("joyful_activation") == {"de": "freudige Bewegung", "es": "alegría activa"}[language]
    assert [genre_name("zydeco"), instrument_name("kazoo"), emotion_name("dry_wit")] == [
        "zydeco",
        "kazoo",
        "dry wit",
    ]


@pytest.mark.parametrize(
    ("head", "names"), [(GENRE_HEAD, GENRES), (INSTRUMENT_HEAD, INSTRUMENTS), (GEMS_HEAD, EMOTIONS)]
)
def test_every_label_of_the_embedded_heads_has_a_name(head: str, names: dict[str, str]) -> None:
    if head not in {asset.name for asset in assets.assets()}:
        pytest.skip("it is not in the list of weights")
    assert set(load_track_head(head).info.labels) <= set(names)


def test_there_are_24_keys() -> None:
    assert len(KEYS) == len(set(KEYS.values())) == 24


# Charts


def test_the_radar_has_a_ray_for_each_emotion() -> None:
    assert KNOWN.emotions is not None
    spec = radar(KNOWN.emotions, INK)
    (points,) = layers(spec, "circle")
    rows = values(points)
    assert [row["name"] for row in rows] == [emotion_name(one).capitalize() for one in EMOTIONS]
    assert (rows[0]["x"], rows[0]["y"]) == (0.0, pytest.approx(0.1 / 0.5))
    assert max(float(np.hypot(row["x"], row["y"])) for row in rows) == pytest.approx(1.0)
    names = [row["text"] for layer in layers(spec, "text") for row in values(layer)]
    assert "joyful\nactivation" in names
    assert "50\xa0%" in names
    assert emotions_in_words(KNOWN.emotions).startswith("sadness 50\xa0%, ")
    json.dumps(spec, allow_nan=False)


def test_the_radar_of_faint_emotions_does_not_fill_it() -> None:
    assert KNOWN.emotions is not None
    faint = replace(KNOWN.emotions, probabilities=np.full(9, 0.04, dtype=np.float32))
    rows = values(layers(radar(faint, INK), "circle")[0])
    assert max(float(np.hypot(row["x"], row["y"])) for row in rows) == pytest.approx(0.1)


def test_instruments_that_count_stand_out() -> None:
    assert KNOWN.instruments is not None
    (bars,) = layers(instrument_bars(KNOWN.instruments, INK), "bar")
    assert [(row["name"], row["opacity"]) for row in values(bars)] == [
        *(("Piano", 1.0), ("Electric guitar", 1.0), ("Drums", 0.45)),
    ]
    assert instruments_in_words(KNOWN.instruments) == "piano 70\xa0%, electric guitar 45\xa0%, drums 20\xa0%"


def test_the_plane_over_time_has_gaps_without_music() -> None:
    places = KNOWN.places.copy()
    places[40:60] = np.nan
    found = replace(KNOWN, places=places)
    spec = plane_over_time(found)
    (lines,) = layers(spec, "line")
    rows = values(lines)
    assert {row["axis"] for row in rows} == {"Energy", "Pleasantness"}
    assert len(rows) == 200
    assert sum(row["value"] is None for row in rows) == 40
    assert {row["value"] for row in rows if row["axis"] == "Energy"} == {-0.2, None}
    json.dumps(spec, allow_nan=False)
    assert has_places(found)
    assert not has_places(UNKNOWN)


@pytest.mark.parametrize("rows", [1, 2, 299, 301, 5_000])
def test_the_plane_over_time_of_any_length_is_small(rows: int) -> None:
    spec = plane_over_time(a_profile(a_result("sad", rows=rows)))
    assert len(values(layers(spec, "line")[0])) == 2 * min(rows, 300)


# The plane


def explored(name: str, x: float | None = 0.0, y: float | None = 0.0, **others: Any) -> ExploredTrack:
    facts = TrackFacts(
        pleasantness=x, energy=y, mood="sad", key="A minor", genres=(("rock", 0.6),), tempo_bpm=99.6
    )
    row = TrackRow(Path(f"/music/{name}"), 1, 2, name, "Ann", duration_s=61.0, facts=facts)
    return ExploredTrack(name, row, **others)


def test_every_track_whose_place_is_known_is_a_dot() -> None:
    tracks = [explored("a", 0.5, -0.5), explored("b", dropped=True), explored("c", None)]
    spec = plane_of_tracks(tracks, {"a"}, (), None, pick="track", ink=INK)
    (points,) = layers(spec, "point")
    a, b = values(points)
    assert (a["key"], a["x"], a["y"], a["shape"], a["opacity"]) == ("a", 0.5, -0.5, "circle", 0.95)
    assert (a["name"], a["mood"], a["tempo"], a["musical_key"], a["genre"]) == (
        *("a · Ann", "sad", "100\xa0BPM", "A minor", "rock"),
    )
    assert (b["shape"], b["opacity"] < 0.5, b["fill"]) == ("diamond", True, MOOD_HUES["sad"])
    words = [row["text"] for layer in layers(spec, "text") for row in values(layer)]
    assert words == ["lively", "quiet", "unpleasant", "pleasant"]


def test_a_path_is_a_numbered_line_from_end_to_end() -> None:
    tracks = [explored(name, x) for name, x in (("a", -0.5), ("b", 0.0), ("c", 0.5))]
    ends = PlanePlace(-0.6, 0.0), PlanePlace(0.6, 0.0)
    spec = plane_of_tracks(tracks, {"a", "b", "c"}, tracks, ends, pick="track", ink=INK)
    (line,) = layers(spec, "line")
    assert [(row["order"], row["x"]) for row in values(line)] == [(0, -0.5), (1, 0.0), (2, 0.5)]
    assert [row["text"] for row in values(layers(spec, "text")[-1])] == ["1", "2", "3"]
    assert values(layers(spec, "rule")[-1]) == [{"x": -0.6, "y": 0.0, "x2": 0.6, "y2": 0.0}]


def test_a_plane_without_dots_is_drawn() -> None:
    assert not layers(plane_of_tracks([], (), (), None, pick="track", ink=INK), "point")


def test_a_large_library_is_thinned_out_but_what_matters_stays() -> None:
    tracks = [explored(f"{number}") for number in range(3 * MOST_DOTS)] + [explored("mine", dropped=True)]
    few = thinned(tracks, {"7"})
    assert MOST_DOTS * 0.7 < len(few) <= MOST_DOTS + 2
    assert {"7", "mine"} <= {track.key for track in few}
    assert thinned(tracks[:10]) == tracks[:10]


def test_every_mood_has_its_hue() -> None:
    assert set(MOOD_HUES) == set(MOODS)


# Lists


def test_what_was_found_is_listed() -> None:
    markup = found_tracks([explored("<b>"), explored("c")], [0.93, 0.5])
    assert "&lt;b&gt;" in markup
    assert markup.count("<li>") == 2
    assert "100\xa0BPM" in markup
    assert "93\xa0%" in markup
    assert "1:01" in found_tracks([explored("c")])
    assert "No track fits" in found_tracks([])
    many = found_tracks([explored(f"{number}") for number in range(MOST_LISTED + 3)])
    assert many.count("<li>") == MOST_LISTED
    assert "and 3 more" in many


def test_a_track_of_which_nothing_is_known_is_listed_by_its_name() -> None:
    bare = ExploredTrack("x", TrackRow(Path("/music/x.mp3"), 1, 2, "x"))
    markup = found_tracks([bare])
    assert "BPM" not in markup
    assert ">x</b>" in markup
