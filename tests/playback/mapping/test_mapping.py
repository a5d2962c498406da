"""Mapping: which playlists an emotion leads to, and whose turn it is."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.directions import Direction, Feeling
from core.emotions import Emotion
from playback.mapping.candidates import candidates, missing, next_playlist, suggest
from playback.mapping.feelings import FEELINGS
from playback.mapping.style_words import HINTS, NAMES, SEARCHES
from playback.mapping.styles import LIFT, MATCH, Strategy, Style
from playback.player import PlayerKind, Playlist
from playback.preferences.preferences import MappingEntry, PlaylistRef, Preferences


def named(*names: str) -> list[Playlist]:
    return [Playlist(f"spotify:playlist:{number}", name) for number, name in enumerate(names)]


def ref(playlist: Playlist) -> PlaylistRef:
    return PlaylistRef(playlist.uri, playlist.name)


def chosen(feeling: Feeling, choice: MappingEntry) -> Preferences:
    return Preferences(choices={**Preferences().choices, feeling: choice})


def styles_of(name: str) -> set[Style]:
    return {style for style, found in suggest(named(name)).items() if found}


def said_style(name: str) -> Style:
    """The only style where a name goes before a mere hint, however clear the hint is."""
    *hints, playlist = named(*(words[0].strip("*") for words in HINTS.values()), name)
    (said,) = (style for style, found in suggest([*hints, playlist]).items() if found[0] is playlist)
    return said


def test_own_choices_come_in_their_order_whatever_their_names() -> None:
    a, b, c = named("Party", "Funeral", "Chill")
    preferences = chosen(Emotion.CALM, MappingEntry(Strategy.MATCH, match=(ref(b), ref(a), ref(b))))
    assert candidates(preferences, Emotion.CALM, [a, b, c], PlayerKind.SPOTIFY) == (b, a)


def test_the_strategy_says_which_of_the_two_lists_counts() -> None:
    a, b = named("One", "Two")
    choice = MappingEntry(Strategy.MATCH, match=(ref(a),), lift=(ref(b),))
    for strategy, expected in ((Strategy.MATCH, a), (Strategy.LIFT, b)):
        preferences = chosen(Emotion.SAD, replace(choice, strategy=strategy))
        assert candidates(preferences, Emotion.SAD, [a, b], PlayerKind.SPOTIFY) == (expected,)


def test_a_choice_that_is_gone_is_kept_out_and_reported_and_no_guess_takes_its_place() -> None:
    (here, chill) = named("Here", "Chill")
    gone = PlaylistRef("spotify:playlist:gone", "Was here")
    both = chosen(Emotion.CALM, MappingEntry(Strategy.MATCH, match=(gone, ref(here))))
    assert candidates(both, Emotion.CALM, [here, chill], PlayerKind.SPOTIFY) == (here,)
    alone = chosen(Emotion.CALM, MappingEntry(Strategy.MATCH, match=(gone,)))
    assert candidates(alone, Emotion.CALM, [here, chill], PlayerKind.SPOTIFY) == ()
    assert missing(alone, [here, chill], PlayerKind.SPOTIFY) == (gone,)
    assert missing(alone, [here, chill], PlayerKind.LOCAL) == ()
    assert missing(alone, [], PlayerKind.SPOTIFY) == ()  # not listed yet


def test_what_is_missing_is_said_once_whatever_list_it_is_in() -> None:
    gone = PlaylistRef("spotify:playlist:gone", "Was here")
    choices = dict.fromkeys(FEELINGS, MappingEntry(Strategy.MATCH, match=(gone,), lift=(gone,)))
    assert missing(Preferences(choices), named("Other"), PlayerKind.SPOTIFY) == (gone,)


def test_what_a_search_found_is_played_though_it_is_not_listed() -> None:
    public = PlaylistRef("spotify:playlist:theirs", "Theirs", public=True)
    (own,) = named("Own")
    preferences = chosen(
        Emotion.CALM, MappingEntry(Strategy.MATCH, match=(public, PlaylistRef(own.uri, "Own")))
    )
    theirs = Playlist(public.uri, "Theirs", owned=False)
    assert candidates(preferences, Emotion.CALM, [own], PlayerKind.SPOTIFY) == (theirs, own)
    assert missing(preferences, [own], PlayerKind.SPOTIFY) == ()


def test_choices_of_another_player_leave_it_to_the_styles() -> None:
    (chill,) = named("Chill")
    elsewhere = MappingEntry(Strategy.MATCH, match=(PlaylistRef("local:style:chill", "Chill"),))
    preferences = chosen(Emotion.CALM, elsewhere)
    assert candidates(preferences, Emotion.CALM, [chill], PlayerKind.SPOTIFY) == (chill,)


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("feeling", FEELINGS)
def test_without_choices_the_styles_of_the_strategy_lead_in_their_order(
    feeling: Feeling, strategy: Strategy
) -> None:
    playlists = [Playlist(f"local:style:{style}", style.value, style=style) for style in Style]
    found = candidates(chosen(feeling, MappingEntry(strategy)), feeling, playlists, PlayerKind.LOCAL)
    assert [p.style for p in found] == list((LIFT if strategy is Strategy.LIFT else MATCH)[feeling])


def test_names_follow_what_was_made_for_the_style_and_a_made_one_is_not_judged_by_its_name() -> None:
    made = Playlist("local:style:chill", "Party", style=Style.CHILL)
    other = Playlist("local:style:exciting", "Chill", style=Style.EXCITING)
    by_name = Playlist("local:folder:1", "Chill evenings")
    hint, near = Playlist("local:folder:2", "Jazz"), Playlist("local:folder:3", "Sleep")
    found = candidates(Preferences(), Emotion.CALM, [near, hint, by_name, other, made], PlayerKind.LOCAL)
    assert found == (made, by_name)


def test_hints_do_for_want_of_names_and_near_styles_for_want_of_hints() -> None:
    name, hint, near = named("Chill evenings", "Jazz", "Sleep")
    for playlists, expected in (
        ([near, hint, name], (name,)),
        ([near, hint], (hint,)),
        ([near], (near,)),
        ([], ()),
    ):
        assert candidates(Preferences(), Emotion.CALM, playlists, PlayerKind.SPOTIFY) == expected


def test_what_holds_nothing_is_not_guessed_but_may_be_chosen() -> None:
    empty = Playlist("spotify:playlist:1", "Chill", tracks=0)
    assert candidates(Preferences(), Emotion.CALM, [empty], PlayerKind.SPOTIFY) == ()
    preferences = chosen(Emotion.CALM, MappingEntry(Strategy.MATCH, match=(ref(empty),)))
    assert candidates(preferences, Emotion.CALM, [empty], PlayerKind.SPOTIFY) == (empty,)


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("lofi beats", Style.CHILL),
        ("Lo-Fi", Style.CHILL),
        ("CHILLMIX", Style.CHILL),
        ("Kaffeehaus", Style.CHILL),
        ("Musique d\u2019ambiance", Style.CHILL),
        ("na luzie", Style.CHILL),
        ("Gute-Laune-Lieder 😀", Style.UPBEAT),
        ("gutelaune", Style.UPBEAT),
        ("froehliche Lieder", Style.UPBEAT),
        ("FEEL GOOD!!!", Style.UPBEAT),
        ("Feelgood Friday", Style.UPBEAT),
        ("bonne  humeur", Style.UPBEAT),
        ("Música alegre", Style.UPBEAT),
        ("Buonumore", Style.UPBEAT),
        ("wesołe", Style.UPBEAT),
        ("Mood Booster", Style.UPLIFTING),
        ("Mutmacher", Style.UPLIFTING),
        ("motywacja", Style.UPLIFTING),
        ("Superação", Style.UPLIFTING),
        ("zum Einschlafen", Style.CALMING),
        ("Anti-Stress", Style.CALMING),
        ("do snu 🌙", Style.CALMING),
        ("Ninna nanna", Style.CALMING),
        ("Apaisante", Style.CALMING),
        ("Gym_2026", Style.ENERGETIC),
        ("Homeworkout", Style.ENERGETIC),
        ("Na siłownię", Style.ENERGETIC),
        ("Canciones para correr", Style.ENERGETIC),
        ("Énergie", Style.ENERGETIC),
        ("Allenamento", Style.ENERGETIC),
        ("Party2023", Style.EXCITING),
        ("Geburtstagsparty", Style.EXCITING),
        ("Fête chez moi", Style.EXCITING),
        ("Domówka", Style.EXCITING),
        ("\U0001d4df\U0001d4ea\U0001d4fb\U0001d4fd\U0001d502", Style.EXCITING),
        ("חגיגה \u202eparty\u202c", Style.EXCITING),
        ("chi\u00adll \n out", Style.CHILL),
    ],
)
def test_names_in_seven_languages_tell_their_style(name: str, style: Style) -> None:
    assert said_style(name) is style


@pytest.mark.parametrize(
    "name",
    [
        "",
        "🔥🔥🔥",
        "Discover Weekly",
        "Release Radar",
        "Your Top Songs 2025",
        "On Repeat",
        "Laufey",
        "PARTYNEXTDOOR",
        "Joy Division",
        "Ravel",
        "Hopeless",
        "Unhappy",
        "Esperanto",
        "Pumpkin",
        "Schlechte Laune",
        "Weihnachten",
        "Bücher",
        "音楽",
        "موسيقى",
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert styles_of(name) == set()


def test_a_name_may_fit_more_than_one_style() -> None:
    assert {Style.CHILL, Style.ENERGETIC} <= styles_of("Chill Workout")
    assert {Style.CHILL, Style.CALMING} <= styles_of("Entspannung")


def test_the_name_that_says_little_else_is_the_best_and_of_equals_the_users_own() -> None:
    followed = Playlist("spotify:playlist:f", "Chill", owned=False)
    long, short, own = named("songs to chill to with my friends", "chill mix", "chill")
    assert suggest([long, followed, short, own])[Style.CHILL] == (own, followed, short, long)


def test_there_is_something_to_search_for_and_it_names_its_style() -> None:
    for style in Style:
        assert SEARCHES[style]
        for words in SEARCHES[style]:
            assert style in styles_of(words)


def without_accents(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


WORDS = st.sampled_from(
    [(style, word.replace("*", "")) for words in (NAMES, HINTS) for style in Style for word in words[style]]
)
CHANGES = st.sampled_from([str.upper, str.lower, str.title, str, without_accents])
DECORATION = st.text(alphabet="🔥✨🎧\u200d\ufe0f!?.,-_/|()[]'\"\n \u200f\u202e·•", max_size=6)


@settings(max_examples=300)
@given(
    WORDS, DECORATION, DECORATION, st.sampled_from([str.upper, str.lower, str.title, without_accents, str])
)
def test_every_word_is_found_whatever_its_case_accents_and_decoration(
    word: tuple[Style, str], before: str, after: str, change: Callable[[str], str]
) -> None:
    style, text = word
    assert style in styles_of(before + change(text) + after)


NAMES_OF_ALL_KINDS = st.one_of(st.text(max_size=30), WORDS.map(lambda word: word[1]))
PLAYLISTS = st.lists(
    st.builds(
        Playlist,
        uri=st.integers(0, 12).map(lambda n: f"spotify:playlist:{n}"),
        name=NAMES_OF_ALL_KINDS,
        tracks=st.one_of(st.none(), st.integers(0, 3)),
        owned=st.booleans(),
        style=st.one_of(st.none(), st.sampled_from(Style)),
    ),
    max_size=8,
    unique_by=lambda playlist: playlist.uri,
)


@given(PLAYLISTS, st.randoms(use_true_random=False))
def test_suggestions_are_of_the_given_and_only_equals_follow_the_order_given(
    playlists: list[Playlist], chance: random.Random
) -> None:
    found = suggest(playlists)
    assert set(found) == set(Style)
    assert suggest(list(playlists)) == found
    shuffled = playlists.copy()
    chance.shuffle(shuffled)
    again = suggest(shuffled)
    for style in Style:
        assert set(found[style]) <= set(playlists)
        assert len(set(found[style])) == len(found[style])
        assert set(again[style]) == set(found[style])


REFS = st.lists(
    st.builds(
        PlaylistRef,
        uri=st.tuples(st.sampled_from(PlayerKind), st.integers(0, 15)).map(
            lambda t: f"{t[0].value}:playlist:{t[1]}"
        ),
        name=st.text(max_size=5),
    ),
    max_size=6,
).map(tuple)
CHOICES = st.builds(MappingEntry, strategy=st.sampled_from(Strategy), match=REFS, lift=REFS)


@given(CHOICES, PLAYLISTS, st.sampled_from(FEELINGS))
def test_candidates_are_listed_ones_each_once_and_choices_go_before_guesses(
    choice: MappingEntry, playlists: list[Playlist], feeling: Feeling
) -> None:
    preferences = chosen(feeling, choice)
    found = candidates(preferences, feeling, playlists, PlayerKind.SPOTIFY)
    assert len({p.uri for p in found}) == len(found)
    assert set(found) <= set(playlists)
    refs = choice.lift if choice.strategy is Strategy.LIFT else choice.match
    own = list(dict.fromkeys(r.uri for r in refs if r.uri.startswith("spotify:")))
    if own:
        listed = {p.uri for p in playlists}
        assert [p.uri for p in found] == [uri for uri in own if uri in listed]
        gone = {r.uri for r in missing(preferences, playlists, PlayerKind.SPOTIFY)}
        assert not gone & listed
        assert not playlists or set(own) <= gone | listed


@pytest.mark.parametrize("feeling", [Emotion.CALM, Direction.QUIET_PLEASANT, Direction.QUIET])
def test_a_feeling_that_was_left_out_has_its_default(feeling: Feeling) -> None:
    (chill,) = named("Chill")
    assert candidates(Preferences(choices={}), feeling, [chill], PlayerKind.SPOTIFY) == (chill,)


@pytest.mark.parametrize(
    ("direction", "style"),
    [
        (Direction.LIVELY_PLEASANT, Style.UPBEAT),
        (Direction.LIVELY_UNPLEASANT, Style.CALMING),
        (Direction.QUIET_PLEASANT, Style.CHILL),
        (Direction.QUIET_UNPLEASANT, Style.UPLIFTING),
        (Direction.LIVELY, Style.UPBEAT),
        (Direction.QUIET, Style.CHILL),
    ],
)
def test_by_default_unpleasant_directions_lift_and_the_others_match(
    direction: Direction, style: Style
) -> None:
    playlists = [Playlist(f"local:style:{one}", one.value, style=one) for one in Style]
    first, *_ = candidates(Preferences(), direction, playlists, PlayerKind.LOCAL)
    assert first.style is style


def test_whose_turn_it_is() -> None:
    a, b, c = named("a", "b", "c")
    assert next_playlist([], [], ()) is None
    assert next_playlist([a], [a.uri], {a.uri}) is None
    assert next_playlist([a], [a.uri], ()) is a
    assert next_playlist([a, b, c], [], ()) is a
    assert next_playlist([a, b, c], [a.uri], {a.uri}) is b
    assert next_playlist([a, b, c], [b.uri, a.uri], ()) is c
    assert next_playlist([a, b, c], [c.uri, b.uri, a.uri], {a.uri}) is c
    assert next_playlist([a, b], [b.uri, a.uri], {b.uri}) is a


@given(st.integers(2, 6), st.integers(1, 40))
def test_all_take_turns_and_none_comes_twice_running(count: int, switches: int) -> None:
    playlists = named(*(str(number) for number in range(count)))
    played: list[str] = []
    for _ in range(switches):
        turn = next_playlist(playlists, played, played[-1:])
        assert turn is not None
        played.append(turn.uri)
    assert played == [playlists[number % count].uri for number in range(switches)]


@given(
    st.lists(st.integers(0, 5), max_size=6, unique=True),
    st.lists(st.integers(0, 7).map(lambda n: f"spotify:playlist:{n}"), max_size=12),
    st.one_of(st.none(), st.integers(0, 7).map(lambda n: f"spotify:playlist:{n}")),
)
def test_what_plays_is_never_chosen_and_nothing_rested_longer(
    numbers: list[int], recent: list[str], playing: str | None
) -> None:
    playlists = [Playlist(f"spotify:playlist:{n}", str(n)) for n in numbers]
    turn = next_playlist(playlists, recent, {playing})
    others = [p for p in playlists if p.uri != playing]
    assert (turn is None) == (not others)
    if turn is not None:
        assert turn in others
        if turn.uri in recent:
            since = recent[::-1].index(turn.uri)
            assert all(p.uri in recent and recent[::-1].index(p.uri) <= since for p in others)


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from([0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 8.0]), min_size=2, max_size=6))
def test_in_the_long_run_turns_are_as_the_weights(weights: list[float]) -> None:
    playlists = named(*(f"List {number}" for number in range(len(weights))))
    by_uri = {one.uri: weight for one, weight in zip(playlists, weights, strict=True)}
    recent: list[str] = []
    for _ in range(400):
        turn = next_playlist(playlists, recent, (), by_uri)
        assert turn is not None
        recent.append(turn.uri)
    counts = [recent.count(one.uri) for one in playlists]
    shares = [len(recent) * weight / sum(weights) for weight in weights]
    assert all(abs(count - share) <= 9 for count, share in zip(counts, shares, strict=True))


@pytest.mark.parametrize(("weight", "turns"), [(0.25, 80), (0.5, 66), (1.0, 50), (2.0, 33)])
def test_of_two_the_turns_are_as_their_weights(weight: float, turns: int) -> None:
    a, b = named("A", "B")
    recent: list[str] = []
    for _ in range(100):
        turn = next_playlist([b, a], recent, (), {b.uri: weight})
        assert turn is not None
        recent += [turn.uri, "local:something else"]
    assert recent.count(a.uri) == pytest.approx(turns, abs=1)
