"""The mapping editor: where each emotion and each direction leads, with suggestions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.command_button import command_button
from attune.dashboard.components.mapping_files import mapping_files
from attune.dashboard.state.commands import run_change, show_problem
from attune.dashboard.state.synced_widgets import sync_widget
from attune.dashboard.translations import N_, gettext_now, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_colours import background_of
from attune.dashboard.views.feeling_names import feeling_name
from attune.dashboard.views.formatting import capitalized
from attune.dashboard.views.html import escape_markdown, fill
from attune.dashboard.views.opinions import opinion_words, opinions_of
from attune.dashboard.views.playlist_choices import (
    chosen,
    chosen_of,
    labels_of,
    names_in_short,
    styles_of,
    with_chosen,
)
from core.directions import DIRECTIONS, Feeling
from core.emotions import EMOTIONS
from playback.autopilot.wording import noun
from playback.mapping.styles import Strategy
from playback.player import ConnectionState, PlayerKind, Playlist
from playback.preferences.opinions import PlaylistOpinion
from playback.preferences.preferences import MappingEntry, PlaylistRef

if TYPE_CHECKING:
    from attune.engine.engine import Engine

PLACE: Final = "mapping"
"""Where commands of the editor are given: when one ends, its rows are to be drawn anew."""

SUGGESTED: Final = N_("as suggested")

_FOUND_USED: Final = 3
"""Of what a search found so many are taken at once; the others can be chosen one by one."""
_LEAD: Final = Markup('<p class="at-lead">{}</p>')
# On a phone it folds the row (playlists.css). What is in it stands apart: a heading that changed would close.
_NAME: Final = Markup(
    '<details class="at-row"><summary>'
    '<span class="at-emotion"><i style="background:{}" aria-hidden="true"></i>{}</span></summary></details>'
)
_SHORT: Final = Markup('<p class="at-short">{}</p>')
_EXPLAINED: Final = N_(
    "Match suits the emotion, Lift counters it. Of several playlists each has its turn; without a choice, "
    "what is suggested plays."
)
_WHEN_UNSURE: Final = N_(
    "If no emotion is sure, the music follows what is: that the voice is lively or quiet, "
    "and perhaps pleasant or unpleasant."
)
_FORGET: Final = N_("{name} comes up as often as the others again")
_FORGET_ALL: Final = N_("What you said of playlists while they played: all come up equally often again")
_UNLISTED: Final = {
    PlayerKind.SPOTIFY: N_("No playlists are listed yet: sign in above, or press Test."),
    PlayerKind.LOCAL: N_("No playlists are listed yet: scan a folder of music above."),
    PlayerKind.SYSTEM: N_("No playlists are listed yet: paste a link to one above."),
    PlayerKind.DRY_RUN: N_("No playlists are listed yet: choose a player above."),
}


def mapping_editor(engine: Engine) -> None:
    """Draw a row for each emotion, those for directions folded below, and the buttons for the whole."""
    kind, player = engine.music.kind, engine.music.snapshot().player
    missing = {ref.uri for ref in engine.music.missing()}
    connected = kind is PlayerKind.SPOTIFY and player.connection.state is ConnectionState.CONNECTED
    known = connected or bool(player.playlists)
    st.html(_LEAD.format(_(_EXPLAINED)))
    if not known:
        st.caption(escape_markdown(_(_UNLISTED[kind])))
    for emotion in EMOTIONS:
        _row(engine, emotion, missing, known=known)
    with st.expander(_("When only the direction is sure")), st.container(key="mapping-directions"):
        st.html(_LEAD.format(_(_WHEN_UNSURE)))
        for direction in DIRECTIONS:
            _row(engine, direction, missing, known=known)
    if any(entry.opinions for entry in engine.music.snapshot().preferences.choices.values()):
        command_button(
            _("Forget everything you said"),
            "mapping forget all",
            PLACE,
            partial(_forget_all, engine),
            icon="history",
            help=_(_FORGET_ALL),
        )
    show_problem(PLACE)
    mapping_files(engine, PLACE, connected=connected)


# A row


def _row(engine: Engine, feeling: Feeling, missing: Set[str], *, known: bool) -> None:
    entry = _entry(engine, feeling)
    with st.container(key=f"leads-{feeling}"):
        left, right = st.columns((4, 7), vertical_alignment="top")
        with left:
            _strategy(engine, feeling, entry)
        with right:
            refs = chosen_of(entry, engine.music.kind)
            found = _found(engine, feeling, entry.strategy)
            listed = (*engine.music.snapshot().player.playlists, *(found or ()))
            _playlists(engine, feeling, entry, labels_of(listed, refs, missing))
            gone = [ref for ref in refs if ref.uri in missing]
            if gone:
                _gone(engine, feeling, gone)
            elif not refs and (offers := engine.music.candidates(feeling)):
                _offer(engine, feeling, _("Suggested"), offers, offers)
            elif not refs and found:
                _offer(engine, feeling, _("Found on Spotify"), found, found[:_FOUND_USED])
            elif not refs and known:
                _none_suits(engine, feeling, entry.strategy, searched=found is not None)
            _opinions(engine, feeling, entry)


def _strategy(engine: Engine, feeling: Feeling, entry: MappingEntry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"strategy-{feeling}"):
        names = names_in_short([ref.name for ref in chosen_of(entry, engine.music.kind)])
        short = f"{_strategy_name(entry.strategy)}: {names or _(SUGGESTED)}"
        st.html(fill(_NAME, background_of(feeling), capitalized(feeling_name(feeling))), width="content")
        st.html(fill(_SHORT, short))
        widget, translate = sync_widget(f"mapping {feeling} strategy", entry.strategy), gettext_now()
        st.segmented_control(
            _("Strategy for {feeling}").format(feeling=_noun(feeling)),
            tuple(Strategy),
            default=widget.default,
            key=widget.key,
            required=True,
            format_func=lambda strategy: capitalized(translate(Strategy(strategy).value)),
            label_visibility="collapsed",
            on_change=run_change,
            args=(PLACE, widget, partial(_set_strategy, engine, feeling)),
        )
    words = (
        Markup('<span class="{}">{}: {}</span>').format(
            "used" if strategy is entry.strategy else "",
            _strategy_name(strategy),
            _style_names(feeling, strategy),
        )
        for strategy in Strategy
    )
    st.html(Markup('<p class="at-leads">{}</p>').format(Markup("").join(words)))


def _noun(feeling: Feeling) -> str:
    return _(noun(feeling))


def _style_names(feeling: Feeling, strategy: Strategy) -> str:
    names = [_(style.value) for style in styles_of(feeling, strategy)]
    if len(names) == 1:
        return names[0]
    return _("{styles} or {style}").format(styles=", ".join(names[:-1]), style=names[-1])


def _strategy_name(strategy: Strategy) -> str:
    return capitalized(_(strategy.value))


def _playlists(engine: Engine, feeling: Feeling, entry: MappingEntry, labels: Mapping[str, str]) -> None:
    widget = sync_widget(
        f"mapping {feeling} lists",
        [ref.uri for ref in chosen_of(entry, engine.music.kind)],
        options=(entry.strategy, engine.music.kind, *labels.items()),
    )
    st.multiselect(
        _("Playlists for {feeling}, in turn").format(feeling=_noun(feeling)),
        list(labels),
        default=widget.default,
        key=widget.key,
        format_func=lambda uri: labels.get(uri, uri),
        placeholder=_("Choose playlists, or leave it to the suggestions"),
        label_visibility="collapsed",
        select_all=False,
        on_change=run_change,
        args=(PLACE, widget, partial(_set_playlists, engine, feeling, entry.strategy, labels)),
    )


def _offer(
    engine: Engine, feeling: Feeling, what: str, offers: Sequence[Playlist], taken: Sequence[Playlist]
) -> None:
    first = ngettext("Use the first for {feeling}", "Use the first {count} for {feeling}", len(taken))
    label = _("Use these for {feeling}") if len(taken) == len(offers) else first
    with _line("offer", feeling, f"{what}: {names_in_short([one.name for one in offers])}"):
        command_button(
            label.format(count=len(taken), feeling=_noun(feeling)),
            f"mapping {feeling} use",
            PLACE,
            partial(_use, engine, feeling, taken),
            type="tertiary",
            help=_("Choose what is named here for {feeling}").format(feeling=_noun(feeling)),
        )


def _none_suits(engine: Engine, feeling: Feeling, strategy: Strategy, *, searched: bool) -> None:
    if searched:
        st.caption(
            _("Nothing that Spotify found suits by its name either, so nothing is played: choose one.")
        )
        return
    words = _("No playlist suits by its name, so nothing is played: choose one.")
    with _line("offer", feeling, words):
        if engine.music.kind is PlayerKind.SPOTIFY:
            style = styles_of(feeling, strategy)[0]
            command_button(
                _("Search Spotify for {feeling}").format(feeling=_noun(feeling)),
                f"mapping {feeling} search",
                PLACE,
                partial(engine.spotify.search, style),
                type="tertiary",
                help=_("Look for public playlists that are {style}").format(style=_(style.value)),
            )


def _gone(engine: Engine, feeling: Feeling, gone: Sequence[PlaylistRef]) -> None:
    names = names_in_short([_("“{name}”").format(name=ref.name) for ref in gone])
    still_plays = ngettext("{names} is not there any more.", "{names} are not there any more.", len(gone))
    plays_nothing = ngettext(
        "{names} is not there any more; nothing is played.",
        "{names} are not there any more; nothing is played.",
        len(gone),
    )
    words = still_plays if engine.music.candidates(feeling) else plays_nothing
    with _line("gone", feeling, words.format(names=names)):
        remove = partial(_remove, engine, feeling, gone)
        button = ngettext("Remove it for {feeling}", "Remove them for {feeling}", len(gone))
        button = button.format(feeling=_noun(feeling))
        command_button(button, f"mapping {feeling} clean", PLACE, remove, type="tertiary")


def _opinions(engine: Engine, feeling: Feeling, entry: MappingEntry) -> None:
    """List what was said of playlists while they played for it, each to be forgotten."""
    now_s = time.time()
    for number, opinion in enumerate(opinions_of(entry, engine.music.kind, now_s)):
        with _line(f"opinion-{number}", feeling, opinion_words(opinion, now_s)):
            forget = partial(_forget, engine, feeling, opinion)
            command_button(
                _("Forget it: {name} for {feeling}").format(
                    name=escape_markdown(opinion.name), feeling=_noun(feeling)
                ),
                f"mapping {feeling} forget {opinion.uri}",
                PLACE,
                forget,
                type="tertiary",
                help=_(_FORGET).format(name=escape_markdown(opinion.name)),
            )


@contextmanager
def _line(name: str, feeling: Feeling, words: str) -> Iterator[None]:
    """Draw a line of words, with room for a button beside them."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"{name}-{feeling}"):
        st.caption(escape_markdown(words), width="content")
        yield


# What is chosen


def _entry(engine: Engine, feeling: Feeling) -> MappingEntry:
    return engine.music.snapshot().preferences.choices[feeling]


def _found(engine: Engine, feeling: Feeling, strategy: Strategy) -> tuple[Playlist, ...] | None:
    """What a search has found for a feeling; None before one."""
    results = engine.spotify.found
    found = [results[style] for style in styles_of(feeling, strategy) if style in results]
    return tuple(chain.from_iterable(found)) if found else None


def _refs(playlists: Iterable[Playlist], *, public: bool = False) -> dict[str, PlaylistRef]:
    return {one.uri: PlaylistRef(one.uri, one.name, public) for one in playlists}


def _change(engine: Engine, feeling: Feeling, entry: MappingEntry) -> None:
    preferences = engine.music.snapshot().preferences
    engine.music.set_preferences(replace(preferences, choices={**preferences.choices, feeling: entry}))


def _set_strategy(engine: Engine, feeling: Feeling, strategy: str) -> None:
    _change(engine, feeling, replace(_entry(engine, feeling), strategy=Strategy(strategy)))


def _set_playlists(
    engine: Engine, feeling: Feeling, strategy: Strategy, labels: Mapping[str, str], uris: Sequence[str]
) -> None:
    now = _entry(engine, feeling)
    # The list of the strategy that was shown, though another tab may have chosen the other one meanwhile.
    shown = replace(now, strategy=strategy)
    known = {ref.uri: ref for ref in chosen(shown)}
    known |= _refs(_found(engine, feeling, strategy) or (), public=True)
    known |= _refs(engine.music.snapshot().player.playlists)
    refs = [known.get(uri) or PlaylistRef(uri, labels[uri]) for uri in uris]
    changed = replace(with_chosen(shown, refs, engine.music.kind), strategy=now.strategy)
    _change(engine, feeling, changed)


def _use(engine: Engine, feeling: Feeling, offers: Sequence[Playlist]) -> None:
    listed = {one.uri for one in engine.music.snapshot().player.playlists}
    refs = [PlaylistRef(one.uri, one.name, public=one.uri not in listed) for one in offers]
    _change(engine, feeling, with_chosen(_entry(engine, feeling), refs, engine.music.kind))


def _remove(engine: Engine, feeling: Feeling, gone: Sequence[PlaylistRef]) -> None:
    entry, kind = _entry(engine, feeling), engine.music.kind
    refs = [ref for ref in chosen_of(entry, kind) if ref not in gone]
    _change(engine, feeling, with_chosen(entry, refs, kind))


def _forget(engine: Engine, feeling: Feeling, opinion: PlaylistOpinion) -> None:
    entry = _entry(engine, feeling)
    kept = tuple(one for one in entry.opinions if one.uri != opinion.uri)
    _change(engine, feeling, replace(entry, opinions=kept))


def _forget_all(engine: Engine) -> None:
    preferences = engine.music.snapshot().preferences
    choices = {feeling: replace(entry, opinions=()) for feeling, entry in preferences.choices.items()}
    engine.music.set_preferences(replace(preferences, choices=choices))
