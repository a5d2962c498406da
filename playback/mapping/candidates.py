"""Which playlists an emotion or a direction leads to, and whose turn it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from core.directions import Feeling
from playback.mapping.style_words import HINTS, NAMES, NEAR
from playback.mapping.styles import LIFT, MATCH, Strategy, Style
from playback.player import PlayerKind, Playlist
from playback.preferences.preferences import PlaylistRef, Preferences

_NAMED: Final = 3  # how well a name fits a style, apart from the share of it that says so
_HINTED: Final = 2
_NEAR: Final = 1

_EVENLY: Final[Mapping[str, float]] = {}
_PLAIN_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "æ": "ae", "œ": "oe"}
)
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def candidates(
    preferences: Preferences, feeling: Feeling, playlists: Sequence[Playlist], kind: PlayerKind
) -> tuple[Playlist, ...]:
    """List the playlists that an emotion or a direction leads to, each once.

    Those that people chose for it come in their order, without those that are not there any more (see
    `missing`): a guess never takes the place of a choice. Where they chose none of this player, the playlists
    made for its styles come first, then those whose names fit them, or else nearly fit. Guesses leave out
    playlists that hold nothing.

    Parameters
    ----------
    preferences, feeling
        What people have decided, and what is to be followed.
    playlists, kind
        All that the player in use has listed, and which player it is.
    """
    choice = preferences.choices.get(feeling) or Preferences().choices[feeling]
    lifts = choice.strategy is Strategy.LIFT
    chosen = [ref for ref in (choice.lift if lifts else choice.match) if _belongs(ref, kind)]
    if chosen:
        listed = {playlist.uri: playlist for playlist in playlists}
        return _once(
            listed.get(ref.uri) or Playlist(ref.uri, ref.name, owned=False)
            for ref in chosen
            if ref.uri in listed or ref.public
        )
    return _guesses((LIFT if lifts else MATCH)[feeling], playlists)


def missing(
    preferences: Preferences, playlists: Sequence[Playlist], kind: PlayerKind
) -> tuple[PlaylistRef, ...]:
    """Tell which chosen playlists of a player are not there any more, for whatever is felt; each once.

    None are while the player has listed nothing at all, and none that a search had found: these show only
    when they are to be played.
    """
    if not playlists:
        return ()
    listed = {playlist.uri for playlist in playlists}
    gone = {
        ref.uri: ref
        for choice in preferences.choices.values()
        for ref in (*choice.match, *choice.lift)
        if _belongs(ref, kind) and ref.uri not in listed and not ref.public
    }
    return tuple(gone.values())


def suggest(playlists: Sequence[Playlist]) -> Mapping[Style, tuple[Playlist, ...]]:
    """Tell which of the user's playlists fit each style, the best first.

    They fit by what their player made them for, else by their names alone; of two that fit equally well the
    user's own comes first, else they stay in the player's order. One may fit several styles. Playlists that
    hold nothing are left out, and those that nearly fit where others do.
    """
    return {style: tuple(p for _, p in _ranked(style, playlists)) for style in Style}


def next_playlist(
    candidates: Sequence[Playlist],
    recent: Sequence[str],
    excluded: Collection[str | None],
    weights: Mapping[str, float] = _EVENLY,
) -> Playlist | None:
    """Choose the playlist whose turn it is; None where there is none.

    Each is due again after as many turns as its share of all weights asks for; of those that are due equally
    the one that has not been played for longest comes. With equal weights that is a plain rotation; one of
    weight 0.5 beside others of weight 1 has one turn where each of these has two.

    Parameters
    ----------
    candidates
        In the order in which they take turns.
    recent
        Addresses of what was played, each as often as it was, the newest last.
    excluded
        Addresses of those that are not to be played now.
    weights
        How often each is to come up beside others, by address; above 0, and 1 where it is left out.
    """
    ours = {playlist.uri: weights.get(playlist.uri, 1.0) for playlist in candidates}
    pace = {uri: sum(ours.values()) / weight for uri, weight in ours.items()}
    due = {uri: turns - min(pace.values()) for uri, turns in pace.items()}
    last_turn: dict[str, int] = {}
    for turn, uri in enumerate(one for one in recent if one in ours):
        # What was early or late counts, but no more than half a turn: nobody has old debts.
        due[uri] = min(max(due[uri], turn - 0.5), turn + 0.5) + pace[uri]
        last_turn[uri] = turn
    return min(
        (playlist for playlist in candidates if playlist.uri not in excluded),
        key=lambda playlist: (due[playlist.uri], last_turn.get(playlist.uri, -1)),
        default=None,
    )


def _belongs(ref: PlaylistRef, kind: PlayerKind) -> bool:
    return ref.uri.partition(":")[0] == kind.value


def _once(playlists: Iterator[Playlist]) -> tuple[Playlist, ...]:
    return tuple({playlist.uri: playlist for playlist in playlists}.values())


def _guesses(styles: Sequence[Style], playlists: Sequence[Playlist]) -> tuple[Playlist, ...]:
    made = [p for style in styles for p in playlists if p.style is style and p.tracks != 0]
    fits = [(fit, p) for style in styles for fit, p in _ranked(style, playlists) if p.style is None]
    # What nearly fits takes no turns with what does.
    best = _NAMED if made else max((fit for fit, _ in fits), default=0)
    return _once(iter([*made, *(p for fit, p in fits if fit == best)]))


def _ranked(style: Style, playlists: Sequence[Playlist]) -> list[tuple[int, Playlist]]:
    """List what fits a style with how well it does, the best first; near ones only for want of others."""
    rated = []
    for playlist in playlists:
        if playlist.tracks == 0:
            continue
        if playlist.style is not None:
            fit, share = (_NAMED, 1.0) if playlist.style is style else (0, 0.0)
        else:
            fit, share = _fits(playlist.name)[style]
        if fit:
            rated.append((-fit, -share, not playlist.owned, playlist))
    rated.sort(key=lambda one: one[:3])
    fitting = [(-fit, playlist) for fit, _, _, playlist in rated]
    return [one for one in fitting if one[0] > _NEAR] or fitting


@lru_cache(maxsize=4096)
def _fits(name: str) -> Mapping[Style, tuple[int, float]]:
    """Tell how well a name fits each style, and what share of its letters says so."""
    plain = _plain(name)
    letters = len(plain.replace(" ", "")) or 1
    named = {style: _matched(pattern, plain) / letters for style, pattern in _NAME_PATTERNS.items()}
    hinted = {style: _matched(pattern, plain) / letters for style, pattern in _HINT_PATTERNS.items()}
    fits = {}
    for style in Style:
        if named[style]:
            fits[style] = (_NAMED, named[style])
        elif hinted[style]:
            fits[style] = (_HINTED, hinted[style])
        else:
            fits[style] = (_NEAR if named[NEAR[style]] else 0, named[NEAR[style]])
    return fits


def _matched(pattern: re.Pattern[str], plain: str) -> int:
    return sum(len(found[0].replace(" ", "")) for found in pattern.finditer(plain))


def _plain(text: str) -> str:
    """Lower case letters without accents, words and numbers apart by one space."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = (" " if not c.isalnum() else c for c in folded if unicodedata.category(c) not in ("Mn", "Cf"))
    return " ".join(re.findall(r"\d+|[^\W\d]+", "".join(kept).translate(_PLAIN_LETTERS)))


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    composed = [unicodedata.normalize("NFC", word) for word in words]
    spellings = {*composed, *(word.translate(_UMLAUTS) for word in composed)}
    # Of two words that begin alike the longer is to be found.
    return re.compile("|".join(_expression(word) for word in sorted(spellings, key=lambda w: (-len(w), w))))


def _expression(word: str) -> str:
    begins = "" if word.startswith("*") else r"(?<!\S)"
    ends = "" if word.endswith("*") else r"(?!\S)"
    return begins + " ?".join(map(re.escape, _plain(word).split())) + ends


_NAME_PATTERNS: Final = {style: _pattern(words) for style, words in NAMES.items()}
_HINT_PATTERNS: Final = {style: _pattern(words) for style, words in HINTS.items()}
