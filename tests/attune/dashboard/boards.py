"""Reads a board back: its markup with the values in it, as the browser puts them there (assets/parts.js)."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

VOID_FREE = {"br", "img", "hr", "input", "meta", "link"}

Attributes = dict[str, str | None]


class Page(HTMLParser):
    """The text and the elements of a board, which has to be well formed."""

    def __init__(self, markup: str, values: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, Attributes]] = []
        self._values = values or {}
        self._open: list[tuple[str, str | None]] = []  # with the text that stands there instead of its own
        self.feed(str(markup))
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in VOID_FREE
        attributes = dict(attrs)
        text = None
        for pair in filter(None, (attributes.get("data-bind") or "").split(",")):
            target, name = pair.split()
            if name not in self._values:
                continue
            value = self._values[name]
            if target in {"text", "html"}:
                text = str(value)
            elif target == "class":
                attributes["class"] = f"{attributes.get('class') or ''} {value}".strip()
            elif target == "hidden":
                attributes.pop("hidden", None)
                attributes |= {"hidden": None} if value else {}
            elif target.startswith("--"):
                attributes["style"] = f"{attributes.get('style') or ''};{target}:{value}"
            else:
                attributes[target] = str(value)
            if target == "html":
                inner = Page(str(value))
                text = inner.text
                self.elements += inner.elements
        self.elements.append((tag, attributes))
        self._open.append((tag, text))
        if text is not None:
            self.text += text + " "

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][1] is not None:
            return
        self.text += data + " "

    def having(self, name: str, part: str) -> list[Attributes]:
        return [attributes for _, attributes in self.elements if part in (attributes.get(name) or "").split()]

    def one(self, name: str, part: str) -> Attributes:
        (found,) = self.having(name, part)
        return found
