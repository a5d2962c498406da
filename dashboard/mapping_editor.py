"""Owns the mapping editor: where each emotion and each direction leads, suggestions, import and export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import AttuneError
from dashboard.desk import Desk
from dashboard.feelings import background_of
from dashboard.fields import Held, asked, carry_out, hold, outcome, tell_problem
from dashboard.markup import plain, tag
from models.emotion.labels import EMOTIONS
from models.emotion.plane import DIRECTIONS, Feeling
from playback.autopilot_words import noun
from playback.player import ConnectionState, Outcome, PlayerKind, Playlist
from playback.preferences import Choice, PlaylistRef
from playback.styles import LIFT, MATCH, Strategy, Style

if TYPE_CHECKING:
    from engine_music import Music

__all__ = ["answer", "chosen", "labels_of", "leads_to", "mapping_editor", "with_chosen"]

_PLACE: Final = "mapping"
_IMPORTS: Final = "mapping imports"
_MOST_NAMED: Final = 4
_FOUND_USED: Final = 3
"""Of what a search found so many are taken at once; the others can be chosen one by one."""
_MOST_BYTES: Final = 1_000_000
_WHEN_UNSURE: Final = (
    "If no emotion is sure, the music follows what is: that the voice is lively or quiet, "
    "and perhaps pleasant or unpleasant."
)
_UNLISTED: Final = {
    PlayerKind.SPOTIFY: "sign in above, or press Test.",
    PlayerKind.LOCAL: "scan a folder of music above.",
    PlayerKind.DRY_RUN: "choose a player above.",
}


def mapping_editor(desk: Desk) -> None:
    """Draw a row for each emotion, those for directions folded below, and the buttons for the whole.

    Parameters
    ----------
    desk
        The engine's.
    """
    music = desk.engine.music
    snapshot = music.snapshot()
    missing = {ref.uri for ref in music.missing()}
    st.html(
        tag(
            "p",
            "Match plays what goes with an emotion, lift what leads away from it. "
            "Of several playlists each has its turn; without a choice, what is suggested is played.",
            class_="at-lead",
        )
    )
    player = snapshot.player
    connected = music.kind is PlayerKind.SPOTIFY and player.connection.state is ConnectionState.CONNECTED
    if not player.playlists and not connected:
        st.caption(plain(f"No playlists are listed yet: {_UNLISTED[music.kind]}"))
    known = bool(player.playlists) or connected
    for emotion in EMOTIONS:
        _row(music, emotion, player.playlists, missing, known=known)
    with st.expander("When only the direction is sure"), st.container(key="mapping-directions"):
        st.html(tag("p", _WHEN_UNSURE, class_="at-lead"))
        for direction in DIRECTIONS:
            _row(music, direction, player.playlists, missing, known=known)
    tell_problem(_PLACE)
    _whole(music, player.connection.state)


def answer() -> Outcome | None:
    """How the last command of the editor has ended so far: when it does, its rows are to be drawn anew."""
    return outcome(_PLACE)


def leads_to(feeling: Feeling, strategy: Strategy) -> str:
    """Say which styles a strategy means for an emotion or a direction."""
    return " or ".join(_styles(feeling, strategy))


def chosen(choice: Choice) -> tuple[PlaylistRef, ...]:
    """Take the list of a choice that is used."""
    return choice.match if choice.strategy is Strategy.MATCH else choice.lift


def _is_of(ref: PlaylistRef, kind: PlayerKind) -> bool:
    return ref.uri.startswith(f"{kind}:")


def with_chosen(choice: Choice, refs: Sequence[PlaylistRef], kind: PlayerKind) -> Choice:
    """Put other playlists of one player into a choice; those of other players stay.

    Parameters
    ----------
    choice
        As it is.
    refs
        The player's playlists, in the order of their turns.
    kind
        The player's.
    """
    others = tuple(ref for ref in chosen(choice) if not _is_of(ref, kind))
    refs = (*refs, *others)
    return replace(choice, match=refs) if choice.strategy is Strategy.MATCH else replace(choice, lift=refs)


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
        names.setdefault(ref.uri, f"{ref.name} (not there any more)" if ref.uri in missing else ref.name)
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for uri, name in names.items():
        base = label = " ".join(name.split()) or "Unnamed"
        turn = 1
        while label in taken:
            turn += 1
            label = f"{base} ({turn})"
        taken.add(label)
        labels[uri] = label
    return labels


# A row


def _row(
    music: Music,
    feeling: Feeling,
    playlists: Sequence[Playlist],
    missing: set[str],
    *,
    known: bool,
) -> None:
    choice = music.snapshot().preferences.choices[feeling]
    with st.container(key=f"leads-{feeling}"):
        left, right = st.columns((4, 7), vertical_alignment="top")
        with left:
            _strategy(music, feeling, choice)
        with right:
            refs = tuple(ref for ref in chosen(choice) if _is_of(ref, music.kind))
            found = _found(music, feeling, choice.strategy)
            _playlists(music, feeling, choice, labels_of((*playlists, *(found or ())), refs, missing), refs)
            gone = [ref for ref in refs if ref.uri in missing]
            if gone:
                _gone(music, feeling, gone)
            elif not refs and (offers := music.candidates(feeling)):
                _offer(music, feeling, "Suggested", offers, offers)
            elif not refs and found:
                _offer(music, feeling, "Found on Spotify", found, found[:_FOUND_USED])
            elif not refs and known:
                _none_suits(music, feeling, choice.strategy, searched=found is not None)


def _strategy(music: Music, feeling: Feeling, choice: Choice) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"strategy-{feeling}"):
        st.html(
            tag(
                "span",
                tag("i", style=f"background:{background_of(feeling)}", aria_hidden="true"),
                feeling.capitalize(),
                class_="at-emotion",
            ),
            width="content",
        )
        held = hold(f"mapping {feeling} strategy", choice.strategy)
        st.segmented_control(
            f"Strategy for {noun(feeling)}",
            (Strategy.MATCH, Strategy.LIFT),
            default=held.first,
            key=held.key,
            required=True,
            format_func=lambda strategy: strategy.capitalize(),
            label_visibility="collapsed",
            on_change=_set_strategy,
            args=(music, feeling, held),
        )
    st.html(
        tag(
            "p",
            *(
                tag(
                    "span",
                    f"{strategy.capitalize()}: {leads_to(feeling, strategy)}",
                    class_="used" if strategy is choice.strategy else None,
                )
                for strategy in (Strategy.MATCH, Strategy.LIFT)
            ),
            class_="at-leads",
        )
    )


def _playlists(
    music: Music, feeling: Feeling, choice: Choice, labels: dict[str, str], refs: Sequence[PlaylistRef]
) -> None:
    held = hold(
        f"mapping {feeling} lists",
        [ref.uri for ref in refs],
        offered=(choice.strategy, music.kind, *labels.items()),
    )
    st.multiselect(
        f"Playlists for {noun(feeling)}, in turn",
        list(labels),
        default=held.first,
        key=held.key,
        format_func=lambda uri: labels.get(uri, uri),
        placeholder="Choose playlists, or leave it to the suggestions",
        label_visibility="collapsed",
        select_all=False,
        on_change=_set_playlists,
        args=(music, feeling, choice.strategy, held, labels),
    )


def _offer(
    music: Music, feeling: Feeling, what: str, offers: Sequence[Playlist], taken: Sequence[Playlist]
) -> None:
    verb = "Use these" if len(taken) == len(offers) else f"Use the first {len(taken)}"
    with st.container(horizontal=True, vertical_alignment="center", key=f"offer-{feeling}"):
        st.caption(plain(f"{what}: {_named([one.name for one in offers])}"), width="content")
        st.button(
            verb,
            key=f"mapping {feeling} use",
            type="tertiary",
            help=f"Choose what is named here for {noun(feeling)}",
            on_click=_use,
            args=(music, feeling, taken),
        )


def _none_suits(music: Music, feeling: Feeling, strategy: Strategy, *, searched: bool) -> None:
    if searched:
        st.caption("Nothing that Spotify found suits by its name either, so nothing is played: choose one.")
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"offer-{feeling}"):
        st.caption("No playlist suits by its name, so nothing is played: choose one.", width="content")
        if music.kind is PlayerKind.SPOTIFY:
            style = _styles(feeling, strategy)[0]
            st.button(
                "Search Spotify",
                key=f"mapping {feeling} search",
                type="tertiary",
                help=f"Look for public playlists that are {style}",
                on_click=carry_out,
                args=(_PLACE, partial(music.search, style)),
            )


def _found(music: Music, feeling: Feeling, strategy: Strategy) -> tuple[Playlist, ...] | None:
    """What a search has found for a feeling; None before one."""
    found = [music.found[style] for style in _styles(feeling, strategy) if style in music.found]
    return tuple(chain.from_iterable(found)) if found else None


def _styles(feeling: Feeling, strategy: Strategy) -> tuple[Style, ...]:
    return (MATCH if strategy is Strategy.MATCH else LIFT)[feeling]


def _gone(music: Music, feeling: Feeling, gone: Sequence[PlaylistRef]) -> None:
    names = _named([f"“{ref.name}”" for ref in gone])
    then = "" if music.candidates(feeling) else "; nothing is played"
    with st.container(horizontal=True, vertical_alignment="center", key=f"gone-{feeling}"):
        verb = "is" if len(gone) == 1 else "are"
        st.caption(plain(f"{names} {verb} not there any more{then}."), width="content")
        st.button(
            "Remove it" if len(gone) == 1 else "Remove them",
            key=f"mapping {feeling} clean",
            type="tertiary",
            on_click=_clean,
            args=(music, feeling, gone),
        )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    rest = len(names) - _MOST_NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown


def _change(music: Music, feeling: Feeling, choice: Choice) -> None:
    preferences = music.snapshot().preferences
    music.set_preferences(replace(preferences, choices={**preferences.choices, feeling: choice}))


def _choice(music: Music, feeling: Feeling, strategy: Strategy | None = None) -> Choice:
    choice = music.snapshot().preferences.choices[feeling]
    return choice if strategy is None else replace(choice, strategy=strategy)


def _set_strategy(music: Music, feeling: Feeling, held: Held) -> None:
    if (strategy := asked(held)) is not None:
        changed = _choice(music, feeling, Strategy(strategy))
        carry_out(_PLACE, lambda: _change(music, feeling, changed), held=held)


def _set_playlists(
    music: Music, feeling: Feeling, strategy: Strategy, held: Held, labels: Mapping[str, str]
) -> None:
    if (uris := asked(held)) is None:
        return
    choice = _choice(music, feeling, strategy)
    now = _choice(music, feeling)
    known = {ref.uri: ref for ref in chosen(choice)}
    known |= _refs(_found(music, feeling, strategy) or (), public=True)
    known |= _refs(music.snapshot().player.playlists)
    refs = [known.get(uri) or PlaylistRef(uri, labels[uri]) for uri in uris]
    # The list of the strategy that was shown, though another tab may have chosen the other one meanwhile.
    changed = replace(with_chosen(choice, refs, music.kind), strategy=now.strategy)
    carry_out(_PLACE, lambda: _change(music, feeling, changed), held=held)


def _use(music: Music, feeling: Feeling, offers: Sequence[Playlist]) -> None:
    listed = {one.uri for one in music.snapshot().player.playlists}
    refs = [PlaylistRef(one.uri, one.name, public=one.uri not in listed) for one in offers]
    changed = with_chosen(_choice(music, feeling), refs, music.kind)
    carry_out(_PLACE, lambda: _change(music, feeling, changed))


def _refs(playlists: Iterable[Playlist], *, public: bool = False) -> dict[str, PlaylistRef]:
    return {one.uri: PlaylistRef(one.uri, one.name, public) for one in playlists}


def _clean(music: Music, feeling: Feeling, gone: Sequence[PlaylistRef]) -> None:
    choice = _choice(music, feeling)
    refs = [ref for ref in chosen(choice) if _is_of(ref, music.kind) and ref not in gone]
    changed = with_chosen(choice, refs, music.kind)
    carry_out(_PLACE, lambda: _change(music, feeling, changed))


# The whole


def _whole(music: Music, state: ConnectionState) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="mapping-whole"):
        if music.kind is PlayerKind.SPOTIFY and state is ConnectionState.CONNECTED:
            _create(music)
        st.download_button(
            "Export",
            music.export_preferences,
            file_name="attune-music.toml",
            mime="application/toml",
            key="mapping export",
            icon=":material/download:",
            help="All of this page's choices as a text file (TOML)",
            on_click="ignore",
        )
        with st.popover("Import", icon=":material/upload:"):
            # A fresh field after each use, or the file would be taken at every visit anew.
            turn = int(st.session_state.setdefault(_IMPORTS, 0))
            st.file_uploader(
                "A file that was exported; it takes the place of all choices on this page",
                key=f"{_IMPORTS} {turn}",
                on_change=_import,
                args=(music, turn),
            )


def _create(music: Music) -> None:
    if music.account.may_create:
        st.button(
            "Create the missing playlists",
            key="mapping create",
            icon=":material/playlist_add:",
            help="An empty playlist of your own for every style that none of yours suits",
            on_click=carry_out,
            args=(_PLACE, music.create_missing),
        )
    else:
        st.button(
            "Allow missing playlists to be created",
            key="mapping allow",
            icon=":material/playlist_add:",
            help="You sign in once more, and Spotify asks you whether Attune may create playlists",
            on_click=carry_out,
            args=(_PLACE, partial(music.sign_in_again, may_create=True)),
        )


def _import(music: Music, turn: int) -> None:
    upload = st.session_state.get(f"{_IMPORTS} {turn}")
    if not isinstance(upload, UploadedFile) or turn != st.session_state[_IMPORTS]:
        return
    st.session_state[_IMPORTS] = turn + 1
    carry_out(_PLACE, lambda: _take(music, upload))


def _take(music: Music, upload: UploadedFile) -> None:
    if upload.size > _MOST_BYTES:
        raise AttuneError(
            f"{upload.name} has {upload.size / 1e6:.0f} MB, far too much for a file of choices: "
            "choose one that was exported here."
        )
    try:
        text = upload.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        raise AttuneError(
            f"{upload.name} is no text (UTF-8): choose a file that was exported here."
        ) from None
    music.import_preferences(text)
