"""The file of music preferences: it gives back what was put in, and tells every mistake."""

from __future__ import annotations

import os
import stat
import string
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.directions import DIRECTIONS, Direction
from core.emotions import EMOTIONS, Emotion
from core.errors import MusicError
from playback.mapping.feelings import FEELINGS
from playback.mapping.styles import Strategy
from playback.player import PlayerKind
from playback.preferences.file import (
    _merge_preferences,
    export_preferences,
    import_preferences,
    read_preferences,
    write_preferences,
)
from playback.preferences.opinions import LEAST, MOST, Opinion, PlaylistOpinion
from playback.preferences.preferences import AutopilotSettings, MappingEntry, Mode, PlaylistRef, Preferences
from tests.paths import EARLIER

VERSION_1 = EARLIER / "music-version-1.toml"
"""As it was written when there were emotions alone."""

# Any text, and more often than chance would have it what breaks files and lines.
TEXTS = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="\"'\\\n\r\t\0\x7f\u0085\u2028\u202e\u200f\u200d🎧👩\u05d0\u0627#{}[]=,", max_size=20),
)
REFS = st.lists(
    st.builds(
        PlaylistRef,
        uri=st.one_of(
            st.builds("spotify:playlist:{}".format, st.text("aZ9", min_size=1, max_size=22)),
            st.builds("{}:{}".format, st.sampled_from(("local", "dry-run")), TEXTS.filter(bool)),
        ),
        name=TEXTS,
        public=st.booleans(),
    ),
    max_size=4,
).map(tuple)
OPINIONS = st.lists(
    st.builds(
        PlaylistOpinion,
        uri=TEXTS.filter(bool).map("local:{}".format),
        name=TEXTS,
        weight=st.floats(LEAST, MOST),
        said=st.sampled_from(Opinion),
        said_s=st.integers(0, 253_370_000_000),
    ),
    max_size=2,
).map(tuple)
CHOICES = st.builds(
    MappingEntry, strategy=st.sampled_from(Strategy), match=REFS, lift=REFS, opinions=OPINIONS
)
LINKS = (
    PlaylistRef("system:spotify:playlist:37i9dQZF1DX0XUsuxWHRQd", 'Rain "\n'),
    PlaylistRef("system:file:///m/caf%E9.m3u", "Storm"),
    PlaylistRef("system:https://r\u00e4dio.example:8000/a?b=\u2713#\"'", "", public=True),
)
MINUTES = st.integers(0, 1439)
PREFERENCES = st.builds(
    Preferences,
    choices=st.fixed_dictionaries(dict.fromkeys(FEELINGS, CHOICES)),
    autopilot=st.builds(
        AutopilotSettings,
        mode=st.sampled_from(Mode),
        dwell_s=st.floats(0, 120),
        cooldown_s=st.floats(10, 7200),
        override_min=st.floats(0, 240),
        quiet_from=MINUTES,
        quiet_to=MINUTES,
    ).filter(lambda a: (a.quiet_from, a.quiet_to) == (0, 0) or a.quiet_from != a.quiet_to),
    player=st.sampled_from(PlayerKind),
    loudspeaker=TEXTS,
    open_player=st.sampled_from(("", "mpv", '"\r')),
    links=st.sampled_from(((), LINKS[:1], LINKS)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "attune" / "music.toml"


def sentence(text: str | bytes) -> str:
    with pytest.raises(MusicError) as caught:
        import_preferences(text)
    return str(caught.value)


def read_or_said(text: str) -> Preferences | str:
    try:
        return import_preferences(text)
    except MusicError as error:
        return str(error)


@settings(deadline=None)
@given(PREFERENCES)
def test_what_is_exported_is_the_same_when_imported(preferences: Preferences) -> None:
    text = export_preferences(preferences)
    assert import_preferences(text) == preferences
    assert import_preferences(text.replace("\n", "\r\n").encode("utf-8-sig")) == preferences
    assert export_preferences(import_preferences(text)) == text


def test_links_are_added_to_a_file_of_a_version_before_them_and_its_comments_stay() -> None:
    links = (PlaylistRef("system:file:///m/rain.m3u", "Rain"),)
    read = import_preferences(OWN_FILE)
    text = _merge_preferences(OWN_FILE, replace(read, links=links, open_player="mpv"))
    assert import_preferences(text) == replace(read, links=links, open_player="mpv")
    assert "# mine, all of it" in text
    assert "# the kitchen knows" in text


@given(TEXTS)
def test_a_name_neither_breaks_its_line_nor_turns_the_rest_of_it(name: str) -> None:
    choice = MappingEntry(Strategy.MATCH, match=(PlaylistRef("spotify:playlist:1", name),))
    text = export_preferences(Preferences(choices={Emotion.SAD: choice}))
    assert len(text.split("\n")) == len(export_preferences(Preferences()).split("\n")) + 2
    assert not set(text) & set("\u202e\u2028\u0085\0\r\t")


OWN_FILE = """\
# mine, all of it
[emotions.happy]  # the kitchen knows
strategy = 'lift' # not "match"
lift = [
    { uri = "local:style:chill", name = "Slow" }, # on Sundays
]

[autopilot]
quiet = "22:00-24:00" # as the neighbours wish
# half a minute
dwell_s = 30
"""


def test_comments_order_and_spelling_survive_a_change_from_the_page(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(OWN_FILE, encoding="utf-8")
    read = read_preferences(path)
    write_preferences(read, path)
    assert path.read_text(encoding="utf-8") == OWN_FILE
    changed = replace(read, autopilot=replace(read.autopilot, dwell_s=8.0), player=PlayerKind.LOCAL)
    write_preferences(changed, path)
    text = path.read_text(encoding="utf-8")
    assert text.replace("dwell_s = 8.0", "dwell_s = 30").replace('player = "local"\n\n', "") == OWN_FILE
    sad = MappingEntry(Strategy.MATCH, match=(PlaylistRef("local:style:calming", "Calm"),))
    lively = MappingEntry(Strategy.LIFT, lift=(PlaylistRef("local:style:chill", "Chill"),))
    happy = replace(read.choices[Emotion.HAPPY], strategy=Strategy.MATCH)
    choices = {**read.choices, Emotion.SAD: sad, Direction.LIVELY: lively, Emotion.HAPPY: happy}
    write_preferences(replace(changed, choices=choices), path)
    text = path.read_text(encoding="utf-8")
    assert read_preferences(path) == replace(changed, choices=choices)
    for own in (
        "# mine, all",
        "# the kitchen",
        '"match" # not "match"',
        "# on Sundays",
        "# as the neigh",
        "# half a",
    ):
        assert own in text
    assert "[emotions.calm]" not in text  # what is at its default was not there, and is not put there


def test_a_file_that_earlier_versions_wrote_does_not_go_on_saying_that_comments_are_lost() -> None:
    text = _merge_preferences(VERSION_1.read_text(encoding="utf-8"), Preferences())
    assert "comments\n# of your own are lost" not in text
    assert "your own comments and order stay" in text
    assert import_preferences(text) == Preferences()
    assert "version = 3" in text


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
@given(PREFERENCES, PREFERENCES, st.booleans())
def test_whatever_stood_there_a_change_is_kept_and_comments_are_not_lost(
    before: Preferences, after: Preferences, in_windows: bool
) -> None:
    text = export_preferences(before).replace("\nstrategy", "\n# of my own\nstrategy")
    merged = _merge_preferences(text.replace("\n", "\r\n") if in_windows else text, after)
    assert import_preferences(merged) == import_preferences(export_preferences(after))
    assert merged.count("# of my own") == len(FEELINGS)


@pytest.mark.parametrize(
    "text",
    [
        'emotions = { sad = { strategy = "match" } }',
        'autopilot.quiet = "22:00-07:00"\nemotions.sad.strategy = "match"',
        '[[emotions.sad.lift]]\nuri = "local:style:chill"\n[autopilot]\ndwell_s = 3\n[emotions.happy]\n',
        "# nothing but a comment",
        "version = 1",
        "emotions = {}\nautopilot = {}",
    ],
)
def test_any_way_to_write_the_file_takes_a_change(text: str) -> None:
    sad = MappingEntry(Strategy.LIFT, lift=(PlaylistRef("local:style:calming", "Calm"),))
    read = import_preferences(text)
    after = replace(
        read,
        choices={**read.choices, Emotion.SAD: sad, Direction.QUIET: sad},
        autopilot=AutopilotSettings(Mode.AUTO, quiet_from=60),
        loudspeaker="Kitchen",
    )
    assert import_preferences(_merge_preferences(text, after)) == after


def test_a_lone_surrogate_does_not_keep_the_rest_from_being_kept(path: Path) -> None:
    choice = MappingEntry(Strategy.MATCH, match=(PlaylistRef("spotify:playlist:1", "half \ud83c"),))
    write_preferences(Preferences(choices={Emotion.SAD: choice}), path)
    assert read_preferences(path).choices[Emotion.SAD].match[0].name == "half \\ud83c"


def test_without_a_file_everything_is_at_its_default(path: Path) -> None:
    assert read_preferences(path) == Preferences()
    assert import_preferences("") == Preferences()


def test_what_is_left_out_is_at_its_default() -> None:
    read = import_preferences('[autopilot]\ndwell_s = 7\n[emotions.happy]\nstrategy = "lift"\n')
    assert read.autopilot == replace(AutopilotSettings(), dwell_s=7.0)
    assert isinstance(read.autopilot.dwell_s, float)
    assert read.choices == {**Preferences().choices, Emotion.HAPPY: MappingEntry(Strategy.LIFT)}
    named = import_preferences('[[emotions.sad.lift]]\nuri = "local:style:chill"\n')
    assert named.choices[Emotion.SAD].lift == (PlaylistRef("local:style:chill", "local:style:chill"),)


def test_the_file_is_plain_toml_that_explains_itself(path: Path) -> None:
    choice = MappingEntry(Strategy.LIFT, lift=(PlaylistRef("spotify:playlist:4", 'Ma "joie" 🎉'),))
    autopilot = AutopilotSettings(quiet_from=22 * 60 + 30, quiet_to=7 * 60)
    chosen = {**Preferences().choices, Emotion.SAD: choice}
    write_preferences(Preferences(chosen, autopilot, PlayerKind.LOCAL), path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# What you decided about the music")
    assert 'quiet = "22:30-07:00"' in text
    assert '{ uri = "spotify:playlist:4", name = "Ma \\"joie\\" 🎉" },' in text
    document = tomllib.loads(text)
    assert document["version"] == 3
    assert document["player"] == "local"
    assert document["emotions"]["sad"]["strategy"] == "lift"
    assert set(document["emotions"]) == set(EMOTIONS)
    assert set(document["directions"]) == {direction.name.lower() for direction in DIRECTIONS}


def test_a_file_from_before_the_directions_is_read_on_and_they_are_at_their_defaults(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(VERSION_1.read_bytes())
    read = read_preferences(path)
    assert read.choices[Emotion.SAD] == MappingEntry(
        Strategy.MATCH, match=(PlaylistRef("local:style:calming", "Calming"),)
    )
    assert read.choices[Emotion.HAPPY].lift == (
        PlaylistRef("spotify:playlist:37i9dQ", 'Ma "joie" 🎉', public=True),
    )
    assert read.autopilot == AutopilotSettings(mode=Mode.AUTO, quiet_from=1350, quiet_to=420)
    assert (read.player, read.loudspeaker) == (PlayerKind.LOCAL, "Kitchen")
    assert {one: read.choices[one] for one in DIRECTIONS} == {
        one: Preferences().choices[one] for one in DIRECTIONS
    }
    write_preferences(read, path)
    assert read_preferences(path) == read
    assert [file.name for file in path.parent.iterdir()] == ["music.toml"]


def test_what_a_direction_leads_to_is_kept_under_a_plain_name(path: Path) -> None:
    choice = MappingEntry(Strategy.MATCH, match=(PlaylistRef("local:style:chill", "Chill"),))
    chosen = {**Preferences().choices, Direction.QUIET_UNPLEASANT: choice}
    write_preferences(Preferences(chosen), path)
    assert "\n[directions.quiet_unpleasant]\n" in path.read_text(encoding="utf-8")
    assert read_preferences(path).choices[Direction.QUIET_UNPLEASANT] == choice
    short = import_preferences('[directions.lively]\nstrategy = "lift"\n')
    assert short.choices == {**Preferences().choices, Direction.LIVELY: MappingEntry(Strategy.LIFT)}


@pytest.mark.parametrize(
    ("quiet", "minutes"),
    [
        ("", (0, 0)),
        ("22:30-07:00", (1350, 420)),
        (" 7:05 \N{EN DASH} 9:00 ", (425, 540)),
        ("22:00-24:00", (1320, 0)),
        ("08:00-08:00", (480, 480)),
    ],
)
def test_quiet_hours_as_people_write_them(quiet: str, minutes: tuple[int, int]) -> None:
    autopilot = import_preferences(f'autopilot.quiet = "{quiet}"').autopilot
    assert (autopilot.quiet_from, autopilot.quiet_to) == minutes


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "[autopilott]",
            [
                "'autopilott'",
                "did you mean 'autopilot'?",
                "version, player, loudspeaker, open_player, links, autopilot, emotions, directions",
            ],
        ),
        ('player = "locl"', ["'player'", "'locl'", "did you mean 'local'?", '"spotify" or "local"']),
        ("[autopilot]\ndwell = 3", ["'dwell'", "in 'autopilot'", "did you mean 'dwell_s'?"]),
        ("[autopilot]\nzzz = 3", ["'zzz'", "allowed are mode, dwell_s, cooldown_s, override_min, quiet"]),
        (
            '[autopilot]\nmode = "automatic"',
            ["'autopilot.mode'", "'automatic'", '"off" or "suggest" or "auto"'],
        ),
        ('[autopilot]\nmode = "Auto"', ["'Auto'", "did you mean 'auto'?"]),
        ("[autopilot]\nmode = true", ["'autopilot.mode'", "true"]),
        ("[autopilot]\ndwell_s = 121", ["'autopilot.dwell_s'", "121", "seconds from 0 to 120"]),
        ("[autopilot]\ndwell_s = -0.1", ["-0.1", "seconds from 0 to 120"]),
        ("[autopilot]\ndwell_s = nan", ["nan"]),
        ("[autopilot]\ndwell_s = true", ["true", "a number of seconds"]),
        ('[autopilot]\ndwell_s = "4"', ["'4'", "a number of seconds"]),
        ("[autopilot]\ncooldown_s = 9.9", ["'autopilot.cooldown_s'", "9.9", "seconds from 10 to 7200"]),
        ("[autopilot]\ncooldown_s = inf", ["inf"]),
        ("[autopilot]\noverride_min = 241", ["'autopilot.override_min'", "241", "minutes from 0 to 240"]),
        ('[autopilot]\nquiet = "22.30-7"', ["'autopilot.quiet'", "'22.30-7'", "22:30-07:00"]),
        ('[autopilot]\nquiet = "22:60-07:00"', ["'22:60-07:00'"]),
        ('[autopilot]\nquiet = "24:00-07:00"', ["'24:00-07:00'"]),
        ('[autopilot]\nquiet = "22:00-24:01"', ["'22:00-24:01'"]),
        ('[autopilot]\nquiet = "00:00-24:00"', ["'00:00-24:00'", 'mode = "off" is for the whole day']),
        ("[autopilot]\nquiet = 22:30:00", ["'autopilot.quiet'", "22:30:00"]),
        ("[autopilot]\nquiet = 22:30-07:00", ["not TOML", "line 2"]),
        ("autopilot = 3", ["'autopilot'", "3", "a table, [autopilot]"]),
        ("emotions = []", ["'emotions'", "a list", "a table, [emotions]"]),
        ("[emotion.sad]", ["'emotion'", "did you mean 'emotions'?"]),
        ("[emotions.Sad]", ["no emotion 'Sad'", "did you mean 'sad'?"]),
        ("[emotions.angy]", ["no emotion 'angy'", "did you mean 'angry'?"]),
        ("[emotions.traurig]", ["no emotion 'traurig'", "neutral, calm, happy, sad, angry, fearful"]),
        ("[emotions.lively]", ["no emotion 'lively' in 'emotions'"]),
        ("[directions.livly]", ["no direction 'livly'", "in 'directions'", "did you mean 'lively'?"]),
        (
            '[directions."lively and pleasant"]',
            ["no direction 'lively and pleasant'", "did you mean 'lively_pleasant'?"],
        ),
        ("[directions.happy]", ["no direction 'happy'", "lively_pleasant, lively_unpleasant"]),
        ("directions = 1", ["'directions'", "1", "a table, [directions]"]),
        (
            "[directions.quiet]\nstrategy = 'lifft'",
            ["'directions.quiet.strategy'", "did you mean 'lift'?"],
        ),
        ("[emotions]\nsad = 'lift'", ["'emotions.sad'", "'lift'", "a table, [emotions.sad]"]),
        ("[emotions.sad]\nstratgy = 'lift'", ["'stratgy'", "in 'emotions.sad'", "did you mean 'strategy'?"]),
        (
            "[emotions.sad]\nstrategy = 'lifft'",
            ["'emotions.sad.strategy'", "'lifft'", "did you mean 'lift'?", '"match" or "lift"'],
        ),
        ("[emotions.sad]\nstrategy = 1", ["'emotions.sad.strategy' cannot be 1"]),
        ("[emotions.sad]\nlift = 'spotify:playlist:1'", ["'emotions.sad.lift'", "a list of playlists"]),
        ("[emotions.sad]\nlift = ['spotify:playlist:1']", ["'emotions.sad.lift[1]'", "{ uri ="]),
        ("[emotions.sad]\nlift = [{ name = 'x' }]", ["'emotions.sad.lift[1]' lacks its uri"]),
        ("[emotions.sad]\nlift = [{ url = 'x' }]", ["'url'", "did you mean 'uri'?"]),
        (
            "[emotions.sad]\nmatch = [{uri='local:a'}, {uri='spotfy:playlist:1'}]",
            [
                "'emotions.sad.match[2].uri'",
                "'spotfy:playlist:1'",
                "did you mean 'spotify:playlist:'?",
                '"dry-run:"',
            ],
        ),
        ("[emotions.sad]\nmatch = [{uri='local:'}]", ["'local:'", '"local:"']),
        ("[emotions.sad]\nmatch = [{uri='Chill'}]", ["'Chill'", '"spotify:playlist:" or "local:"']),
        ("[emotions.sad]\nmatch = [{uri=7}]", ["'emotions.sad.match[1].uri'", "7"]),
        (
            "[emotions.sad]\nmatch = [{uri='https://open.spotify.com/intl-de/playlist/37i9dQ?si=1'}]",
            ["did you mean 'spotify:playlist:37i9dQ'?"],
        ),
        (
            "[emotions.sad]\nmatch = [{uri='spotify:track:4'}]",
            ["spotify:track:4", "the address of a playlist"],
        ),
        (
            "[emotions.sad]\nmatch = [{uri='local:a', name=7}]",
            ["'emotions.sad.match[1].name'", "7", "a text"],
        ),
        (
            "[emotions.sad]\nmatch = [{uri='local:a', public='yes'}]",
            ["'emotions.sad.match[1].public'", "'yes'", "true or false"],
        ),
        ("version = 4\nfuture = 1", ["written by a newer Attune", "version 4", "reads 3", "Update Attune"]),
        ("version = 0", ["'version'", "0", "a whole number from 1 to 3"]),
        ("loudspeaker = 3", ["'loudspeaker'", "3", "a text"]),
        ("open_player = ['mpv']", ["'open_player'", "a list", "a text"]),
        ("links = 'x'", ["'links'", "'x'", "a list of playlists"]),
        ("links = [{uri='local:a'}]", ["'links[1].uri'", "'local:a'", '"system:"']),
        ("links = [{uri='system:ftp://a/b'}]", ["'links[1].uri'", "'system:ftp://a/b'", '"system:https:"']),
        (
            "links = [{uri='system:spotify:track:37i9dQZF1DX0XUsuxWHRQd'}]",
            ["'links[1].uri'", "spotify:track"],
        ),
        ("[emotions.sad]\nlift = [{uri='system:file:x'}]", ["'emotions.sad.lift[1].uri'", "'system:file:x'"]),
        ("version = '1'", ["'version'", "'1'"]),
        ("version = true", ["'version'", "true"]),
        ("version = 1.0", ["'version'", "1.0"]),
        ("version = 1\n\nmode = = 2", ["not TOML", "line 3"]),
        ("[autopilot]\nmode = 'off'\nmode = 'off'\ndwell_s = 1", ["not TOML", "line 3"]),
        ("x = " + "[" * 100_000, ["not TOML"]),
        ("version = " + "9" * 5_000, ["not TOML"]),
        ("version = 0x" + "f" * 5_000, ["newer Attune", "so long a number"]),
        ('"a\\nb" = 1', ["'a\\nb'"]),
        ("[autopilot]\nmode = '" + "x" * 500 + "'", ["'xxx", "..."]),
        (b"version = 1\n# caf\xe9\n", ["not UTF-8", "line 2", "save it as UTF-8"]),
        ("version = 1".encode("utf-16"), ["UTF-16", "save it as UTF-8"]),
        ("half \ud83c", ["not UTF-8"]),
        ("#" * 1_000_001, ["larger than 1,000,000 bytes"]),
    ],
)
def test_each_mistake_is_told_with_its_place_its_value_and_what_is_allowed(
    text: str | bytes, parts: list[str]
) -> None:
    said = sentence(text)
    for part in parts:
        assert part in said
    assert "the text that is to be imported" in said.replace("The text", "the text")
    assert len(said.splitlines()) == 1
    assert len(said) < 400


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    found = read_or_said(text)
    assert isinstance(found, Preferences) or len(found.splitlines()) == 1


KEYS = st.sampled_from(
    [
        *(
            "version",
            "autopilot",
            "emotions",
            "directions",
            "mode",
            "dwell_s",
            "cooldown_s",
            "override_min",
            "quiet",
        ),
        *("sad", "calm", "lively", "quiet_pleasant", "strategy", "match", "lift", "uri", "name", "x"),
    ]
)
VALUES = st.recursive(
    st.one_of(
        *(st.integers().map(str), st.floats().map(str), st.sampled_from(["true", "07:00:00", "1979-05-27"])),
        st.text(string.ascii_letters + ":-", max_size=8).map(repr),
        st.sampled_from(['"lift"', '"auto"', '"spotify:playlist:1"', '"22:00-07:00"']),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_toml_is_read_or_refused_in_one_line(table: dict[str, Any]) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in table.items())
    tomllib.loads(text)
    found = read_or_said(text)
    if isinstance(found, Preferences):
        assert import_preferences(export_preferences(found)) == found
    else:
        assert len(found.splitlines()) == 1


def test_a_mistake_in_the_file_names_the_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("[autopilot]\ndwell = 3\n", encoding="utf-8")
    with pytest.raises(MusicError, match=r"did you mean 'dwell_s'\?.*Correct it in .*music\.toml\.$"):
        read_preferences(path)


def test_a_folder_instead_of_the_file_is_said_and_left_alone(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(MusicError, match="is a folder: rename or remove it"):
        read_preferences(path)
    with pytest.raises(MusicError, match="cannot be written"):
        write_preferences(Preferences(), path)
    assert path.is_dir()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_instead_of_the_file_is_not_waited_for(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(MusicError, match="is not a file"):
        read_preferences(path)


def test_a_file_that_may_not_be_read_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_preferences(Preferences(), path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MusicError, match=r"music\.toml cannot be read \(Permission denied\)"):
        read_preferences(path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "attune").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(MusicError, match=r"music\.toml cannot be written"):
        write_preferences(Preferences(), tmp_path / "attune" / "music.toml")


@pytest.mark.parametrize(
    ("preferences", "said"),
    [
        (Preferences(autopilot=AutopilotSettings(dwell_s=500.0)), "'autopilot.dwell_s' cannot be 500.0"),
        (
            Preferences({Emotion.SAD: MappingEntry(Strategy.LIFT, (PlaylistRef("ftp:x", ""),))}),
            "match[1].uri",
        ),
        (
            Preferences(
                {Emotion.SAD: MappingEntry(Strategy.LIFT, (PlaylistRef("local:x", "x" * 1_000_000),))}
            ),
            "larger than 1,000,000 bytes",
        ),
    ],
)
def test_what_could_not_be_read_again_is_not_written(path: Path, preferences: Preferences, said: str) -> None:
    write_preferences(Preferences(), path)
    before = path.read_bytes()
    with pytest.raises(MusicError) as caught:
        write_preferences(preferences, path)
    assert said in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_could_not_be_read_is_kept_beside_the_new_one(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"my \xff own = = work")
    write_preferences(Preferences(), path)
    assert read_preferences(path) == Preferences()
    kept = path.with_name("music.toml.bak")
    assert kept.read_bytes() == b"my \xff own = = work"
    write_preferences(Preferences(), path)
    assert kept.read_bytes() == b"my \xff own = = work"
    assert sorted(file.name for file in path.parent.iterdir()) == ["music.toml", "music.toml.bak"]


def test_a_file_that_could_be_read_leaves_nothing_behind(path: Path) -> None:
    write_preferences(Preferences(), path)
    write_preferences(Preferences(autopilot=AutopilotSettings(mode=Mode.AUTO)), path)
    assert read_preferences(path).autopilot.mode is Mode.AUTO
    assert [file.name for file in path.parent.iterdir()] == ["music.toml"]


def test_a_crash_while_writing_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_preferences(Preferences(), path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MusicError, match="cannot be written because the disk is full"):
        write_preferences(Preferences(autopilot=AutopilotSettings(mode=Mode.AUTO)), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["music.toml"]


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_a_link_stays_a_link_and_the_file_has_common_rights(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    real = tmp_path / "dotfiles.toml"
    path.symlink_to(real)
    assert read_preferences(path) == Preferences()  # what it leads to is not there yet
    write_preferences(Preferences(), path)
    assert path.is_symlink()
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(real.stat().st_mode) == 0o666 & ~mask
