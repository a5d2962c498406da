"""The filters of tracks on the page Tracks: tempo, energy, key, mood and genre."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import streamlit as st

from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.statements import ENERGY
from attune.dashboard.views.track_names import genre_name, key_name
from core.track_labels import KEYS
from models.mood.mood_scale import MOODS
from playback.library.track_facts import TrackFacts
from playback.library.track_filter import Span, TrackFilter

# Keys of the session state.
_TEMPO, _ENERGY, _KEY, _MOOD, _GENRE = (
    f"explore filter {name}" for name in ("tempo", "energy", "key", "mood", "genre")
)
_ALL_ENERGY: Final = (-1.0, 1.0)


def choose_filter(facts: Sequence[TrackFacts]) -> TrackFilter:
    """Let people say which tracks they want; only what some track has can be chosen.

    Parameters
    ----------
    facts
        Of all tracks.
    """
    with st.expander(_("Filter by tempo, energy, key, mood and genre"), icon=":material/tune:"):
        one, two = st.columns(2)
        with one:
            tempo = _tempo([one.tempo_bpm for one in facts if one.tempo_bpm is not None])
        with two:
            energy = _energy(any(one.energy is not None for one in facts))
        columns = st.columns(3)
        with columns[0]:
            keys = _several(_("Key"), _KEY, [key for key in KEYS if _has(facts, "key", key)], key_name)
        with columns[1]:
            moods = _several(_("Mood"), _MOOD, [one for one in MOODS if _has(facts, "mood", one)], mood_name)
        with columns[2]:
            counted = Counter(name for one in facts for name, _share in one.genres)
            genres = _several(
                _("Genre"), _GENRE, [name for name, _count in counted.most_common()], genre_name
            )
    wanted = TrackFilter(tempo, keys, moods, genres, energy)
    if wanted != TrackFilter():
        fit = sum(map(wanted.fits, facts))
        st.caption(_("Fitting: {fit} of {count}").format(fit=fit, count=len(facts)))
    return wanted


def _has(facts: Iterable[TrackFacts], field: str, value: str) -> bool:
    return any(getattr(one, field) == value for one in facts)


def _tempo(tempi: Sequence[float]) -> Span | None:
    """None where all are wanted, or where all are alike."""
    if not tempi:
        return None
    low, high = int(min(tempi)), int(max(tempi)) + 1
    chosen = _slider(_("Tempo, BPM"), _TEMPO, low, high)
    return None if chosen == (low, high) else chosen


def _slider(label: str, key: str, low: int, high: int) -> tuple[int, int]:
    first, last = st.session_state.get(key, (low, high))
    # An end that was not moved stays an end when tracks come and the scale widens.
    whole = st.session_state.get(f"{key} of", (low, high))
    first = low if first == whole[0] else max(low, first)
    last = high if last == whole[1] else min(high, last)
    st.session_state[f"{key} of"] = (low, high)
    st.session_state[key] = (first, last) if first <= last else (low, high)
    st.slider(label, low, high, key=key)
    chosen: tuple[int, int] = st.session_state[key]
    return chosen


def _energy(known: bool) -> Span | None:
    if not known:
        return None
    st.session_state.setdefault(_ENERGY, _ALL_ENERGY)
    help_text = _("From {low} (-1) to {high} (1)").format(low=_(ENERGY.low), high=_(ENERGY.high))
    st.slider(_(ENERGY.name), -1.0, 1.0, step=0.1, key=_ENERGY, help=help_text)
    chosen: Span = tuple(st.session_state[_ENERGY])
    return None if chosen == _ALL_ENERGY else chosen


def _several(label: str, key: str, among: Sequence[str], name: Callable[[str], str]) -> frozenset[str]:
    if not among:
        return frozenset()
    st.session_state[key] = [one for one in st.session_state.get(key, []) if one in among]
    names = {one: name(one) for one in among}
    st.multiselect(
        label, list(among), key=key, format_func=lambda one: names.get(one, one), placeholder=_("any")
    )
    return frozenset(st.session_state[key])
