"""Owns which playlists an emotion or a direction leads to, and whose turn it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from models.emotion.plane import Feeling
from playback.player import PlayerKind, Playlist
from playback.preferences import PlaylistRef, Preferences
from playback.style_words import HINTS, NAMES, NEAR, SEARCHES
from playback.styles import LIFT, MATCH, Strategy, Style

__all__ = ["candidates", "missing", "next_playlist", "search_words", "suggest"]

_NAMED: Final = 3  # how well a name fits a style, apart from the share of it that says so
_HINTED: Final = 2
_NEAR: Final = 1

_PLAIN_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "\N{LATIN SMALL LETTER DOTLESS I}": "i", "æ": "ae", "œ": "oe"}
)
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def candidates(
    preferences: Preferences, feeling: Feeling, playlists: Sequence[Playlist], kind: PlayerKind
) -> tuple[Playlist, ...]:
    """List the playlists that an emotion or a direction leads to, each once.

    Parameters
    ----------
    preferences
        What people have decided.
    feeling
        What is to be followed.
    playlists
        All that the player has listed.
    kind
        The player in use.

    Returns
    -------
    playlists
        Those that people chose for it, in their order, without those that are not there any more (see
        `missing`): a guess never takes the place of a choice. Where they chose none of this player, the
        playlists made for its styles, then those whose names fit them, or else nearly fit.
        Guesses leave out playlists that hold nothing.
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
    """Tell which playlists fit each style.

    Parameters
    ----------
    playlists
        The user's, in the player's order.

    Returns
    -------
    fitting
        For every style, the best first: by what their player made them for, else by their names alone; of
        two that fit equally well the user's own comes first. One may fit several styles. Playlists that
        hold nothing are left out, and those that nearly fit where others do.
    """
    return {style: tuple(p for _, p in _ranked(style, playlists)) for style in Style}


def search_words(style: Style) -> tuple[str, ...]:
    """What to search for where no playlist of the user's fits, the best first."""
    return SEARCHES[style]


def next_playlist(
    candidates: Sequence[Playlist], recent: Sequence[str], playing: str | None
) -> Playlist | None:
    """Choose whose turn it is.

    Parameters
    ----------
    candidates
        In the order in which they take turns.
    recent
        Addresses of what was played, the newest last.
    playing
        Address of what plays; None where nothing does.

    Returns
    -------
    playlist
        The one that rested longest and does not play now; None where there is no such.
    """
    last_turn = {uri: turn for turn, uri in enumerate(recent)}
    resting = [playlist for playlist in candidates if playlist.uri != playing]
    return min(resting, key=lambda playlist: last_turn.get(playlist.uri, -1), default=None)


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
    named = {style: _said(pattern, plain) / letters for style, pattern in _NAME_PATTERNS.items()}
    hinted = {style: _said(pattern, plain) / letters for style, pattern in _HINT_PATTERNS.items()}
    fits = {}
    for style in Style:
        if named[style]:
            fits[style] = (_NAMED, named[style])
        elif hinted[style]:
            fits[style] = (_HINTED, hinted[style])
        else:
            fits[style] = (_NEAR if named[NEAR[style]] else 0, named[NEAR[style]])
    return fits


def _said(pattern: re.Pattern[str], plain: str) -> int:
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
