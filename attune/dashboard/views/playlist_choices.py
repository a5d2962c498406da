"""Which playlists are chosen for an emotion or a direction, and how everything is named that can be."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Final

from attune.dashboard.translations import gettext as _
from core.directions import Feeling
from core.text import printable
from playback.mapping.styles import LIFT, MATCH, Strategy, Style
from playback.player import PlayerKind, Playlist
from playback.preferences.preferences import MappingEntry, PlaylistRef

_MOST_NAMED: Final = 4


def styles_of(feeling: Feeling, strategy: Strategy) -> tuple[Style, ...]:
    """The styles of music that a strategy means for an emotion or a direction."""
    return (MATCH if strategy is Strategy.MATCH else LIFT)[feeling]


def chosen(entry: MappingEntry) -> tuple[PlaylistRef, ...]:
    """The playlists of the strategy in use."""
    return entry.match if entry.strategy is Strategy.MATCH else entry.lift


def chosen_of(entry: MappingEntry, kind: PlayerKind) -> tuple[PlaylistRef, ...]:
    """Those of them that one player can play."""
    return tuple(ref for ref in chosen(entry) if ref.uri.startswith(f"{kind}:"))


def with_chosen(entry: MappingEntry, refs: Sequence[PlaylistRef], kind: PlayerKind) -> MappingEntry:
    """Choose other playlists of one player; those of other players stay.

    Parameters
    ----------
    entry
        As it is.
    refs
        The player's playlists, in the order of their turns.
    kind
        The player's.
    """
    ours = chosen_of(entry, kind)
    refs = (*refs, *(ref for ref in chosen(entry) if ref not in ours))
    return replace(entry, match=refs) if entry.strategy is Strategy.MATCH else replace(entry, lift=refs)


def labels_of(
    playlists: Sequence[Playlist], refs: Sequence[PlaylistRef], missing: Set[str]
) -> dict[str, str]:
    """Name everything that can be chosen, by address: no two names are the same.

    Parameters
    ----------
    playlists
        The player's.
    refs
        What is chosen, which may no longer be listed.
    missing
        Addresses of playlists that are known to be gone.
    """
    names = {playlist.uri: playlist.name for playlist in playlists}
    for ref in refs:
        gone = _("{name} (not there any more)").format(name=ref.name)
        names.setdefault(ref.uri, gone if ref.uri in missing else ref.name)
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for uri, name in names.items():
        base = label = printable(" ".join(name.split())) or _("Unnamed")
        turn = 1
        while label in taken:
            turn += 1
            label = f"{base} ({turn})"
        taken.add(label)
        labels[uri] = label
    return labels


def names_in_short(names: Sequence[str]) -> str:
    """Name the first few, and say how many more there are."""
    shown = ", ".join(names[:_MOST_NAMED])
    rest = len(names) - _MOST_NAMED
    return _("{names} and {rest} more").format(names=shown, rest=rest) if rest > 0 else shown
