"""Widgets whose value others may change as well: another tab, the autopilot, the player."""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st


class SyncedWidget(NamedTuple):
    """How a widget is to be drawn."""

    name: str  # of the widget, and of those that come after it
    key: str
    default: Any  # what it stands at until a person changes it

    @property
    def value(self) -> Any:
        """What it stands at, for a button beside it; None where another has taken its place."""
        return st.session_state.get(self.key) if self.key == _key(self.name) else None

    def expect_change(self) -> None:
        """What the widget stands at is about to become the value; if it does not, the widget goes back."""
        _, options = st.session_state.get(f"{self.name} seen", (None, None))
        st.session_state[f"{self.name} seen"] = (self.value, options)

    def start_anew(self) -> None:
        """The next drawing is of another widget, which stands at the value.

        For one that is not drawn for a while: the browser forgets what it stood at as soon as it is gone, and
        the session state only at the end of a whole run. Drawn again before that, it would look empty.
        """
        st.session_state.pop(f"{self.name} seen", None)


def sync_widget(name: str, value: object, *, options: object = None) -> SyncedWidget:
    """Say how a widget is to be drawn that stands at a value which others may change as well.

    While only a person changes it, it stays the same widget. When somebody else has, it is another one, with
    a key of its own and the value as its default. Values written into the session state instead are lost
    where one run of a page cuts the run before short: the browser then sends what it still shows, which
    would pass for a person's wish and undo the change.

    Parameters
    ----------
    name
        Of the widget.
    value
        What it is to stand at.
    options
        What can be chosen; the widget starts anew where that has changed.
    """
    seen, default = f"{name} seen", f"{name} default"
    before, st.session_state[seen] = st.session_state.get(seen), (value, options)
    key = _key(name)
    if key in st.session_state and before is not None:
        by_person = (st.session_state[key], before[1])
        if (value, options) in (before, by_person):
            return SyncedWidget(name, key, st.session_state[default])
    st.session_state[f"{name} turn"] = int(st.session_state.get(f"{name} turn", 0)) + 1
    st.session_state[default] = value
    return SyncedWidget(name, _key(name), value)


def _key(name: str) -> str:
    return f"{name} {st.session_state.get(f'{name} turn', 0)}"


def user_change(widget: SyncedWidget) -> Any:
    """What a person has just set a widget to; None where it only came or went, or another has its place.

    Streamlit calls `on_change` in all these cases.
    """
    value, before = widget.value, f"{widget.key} changed"
    if value is None or value == st.session_state.get(before, widget.default):
        return None
    st.session_state[before] = value
    return value
