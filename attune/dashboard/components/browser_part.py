"""Parts of pages that the browser draws once: afterwards only values that have changed are sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import streamlit as st
from markupsafe import Markup

from attune.dashboard.components.browser_component import DrawComponent, browser_component
from attune.dashboard.state.part_requests import requests_done, take_requests

# It is sent with every drawing, so it is short; what draws the values is in parts.js. Without a line break
# Streamlit would take it for the name of a file.
_FEED_SCRIPT: Final = (
    "export default({data:d,setTriggerValue:s})=>{\n"
    "const f=(window.attune??={})[d.part]??={values:{},draws:new Set()};"
    "f.send=s;f.atMs=Date.now();Object.assign(f.values,d.values);f.draws.forEach(x=>x(d.values));f.told?.(d)}"
)


@dataclass
class BrowserPart:
    """A part of a page: markup, drawn with its style and script, and values that are fed into it.

    Streamlit sends a component's style and script with every drawing. Here they are sent with the page
    alone, and a second component, of a line of script, takes the values to it.

    Parameters
    ----------
    name
        Tells it from others.
    styles, scripts
        Names of files in `assets`; the last script draws.
    """

    name: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]
    _show: DrawComponent = field(init=False)
    _feed: DrawComponent = field(init=False)

    def __post_init__(self) -> None:
        self._show = browser_component(
            self.name, *self.styles, script=("requests.js", "parts.js", *self.scripts)
        )
        self._feed = st.components.v2.component(f"attune_{self.name}_feed", js=_FEED_SCRIPT)

    def place(self, html: Markup, *, feed: str = "") -> None:
        """Draw the part, where the page has its place.

        Parameters
        ----------
        html
            With `data-bind` where values go; see parts.js.
        feed
            Name of the part whose values it shows, where those are not its own.
        """
        part = feed or self.name
        _send_all(part)
        self._show(key=self.name, data={"part": part, "html": html})

    def feed(
        self,
        values: Mapping[str, object],
        *,
        on_request: Callable[[dict[str, Any]], object] = lambda _: None,
        **options: Any,
    ) -> Any:
        """Send what has changed, and return what the browser asks for.

        To be called by `fragments.draw_every`, in a container whose key begins with "feed-". Streamlit drops
        drawings on a busy machine; the browser sees a gap in their numbers and asks for all values.

        Parameters
        ----------
        values
            All values by their names: text, numbers, or lists that the script understands.
        on_request
            Does what a script asks for with `feed.ask`.
        **options
            Of the component, such as `on_back_change`.
        """
        before, turn = st.session_state.get(_sent_key(self.name), (None, 0))
        st.session_state[_sent_key(self.name)] = dict(values), turn + 1
        if before is not None:
            values = {name: value for name, value in values.items() if before.get(name) != value}
        # The number makes it a drawing even where nothing is new: silence would pass for a dead server.
        data = {
            "part": self.name,
            "turn": turn,
            "all": before is None,
            "done": requests_done(self.name),
            "values": dict(values),
        }
        return self._feed(
            key=f"{self.name} feed",
            data=data,
            on_asked_change=lambda: self._on_asked(on_request),
            **options,
        )

    def _on_asked(self, on_request: Callable[[dict[str, Any]], object]) -> None:
        # It may come when its page was left: then there is no such part, and what it lacks nobody sees.
        asked = (st.session_state.get(f"{self.name} feed") or {}).get("asked")
        if not isinstance(asked, Mapping):
            return
        if asked.get("all"):
            _send_all(self.name)
        for request in take_requests(self.name, asked):
            on_request(request)


def _sent_key(part: str) -> str:
    return f"{part} sent"


def _send_all(part: str) -> None:
    """Let the next drawing have all values; the numbers go on, for they tell what was dropped."""
    _, turn = st.session_state.get(_sent_key(part), (None, 0))
    st.session_state[_sent_key(part)] = None, turn
