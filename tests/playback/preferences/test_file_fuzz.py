"""Whatever has happened to music.toml, it is read or refused in one sentence, and can be written anew."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings

from core.emotions import Emotion
from core.errors import MusicError
from core.text import printable
from playback.mapping.styles import Strategy
from playback.preferences.file import export_preferences, read_preferences, write_preferences
from playback.preferences.preferences import MappingEntry, PlaylistRef, Preferences
from tests.damage import damaged

CHOSEN = Preferences(
    {
        Emotion.SAD: MappingEntry(
            Strategy.LIFT,
            (PlaylistRef("spotify:playlist:37i9dQZF1DX0XUsuxWHRQd", "Caf\xe9 \N{MUSICAL NOTE}"),),
            (PlaylistRef("local:folder:caf\\xe9", "caf\\xe9", public=True),),
        )
    }
)
WHOLE = export_preferences(CHOSEN).partition("\nversion")[2].encode()


@settings(
    derandomize=True,
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damaged(b"version" + WHOLE))
def test_damaged_preferences_are_read_or_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "music.toml"
    file.write_bytes(content)
    try:
        assert isinstance(read_preferences(file), Preferences)
    except MusicError as error:
        said = str(error)
        assert said == printable(said)
        assert str(file) in said
        assert len(said) < 600 + 2 * len(str(file))


@settings(
    derandomize=True,
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damaged(b"version" + WHOLE))
def test_a_change_is_kept_over_any_damage(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "music.toml"
    file.write_bytes(content)
    write_preferences(CHOSEN, file)
    assert read_preferences(file).choices[Emotion.SAD] == CHOSEN.choices[Emotion.SAD]
