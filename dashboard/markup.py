"""Owns how HTML is put together: every text is escaped unless it was built here."""

from __future__ import annotations

import html
import re

__all__ = ["Markup", "plain", "tag"]

# Streamlit's Markdown makes links of bare addresses even where all is escaped; an invisible sign stops it.
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_LINK = re.compile(r"(https?://[^\s`]*[\w/])", re.IGNORECASE | re.ASCII)
_WORD_JOINER = "\N{WORD JOINER}"
_MARKDOWN_SIGNS = re.compile(r"([!-/:-@\[-`{-~])")


class Markup(str):
    """HTML that is safe to show as it is, because `tag` built it."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | bool | None) -> Markup:
    """Build one element.

    Parameters
    ----------
    name
        Name of the element, written in the program and never taken from data.
    *children
        What stands inside; a plain string is escaped, a `Markup` is taken as it is.
    **attributes
        `class_` becomes class and `aria_label` aria-label; None and False leave one out, True sets
        it without a value.

    Examples
    --------
    >>> tag("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(f" {attribute}" if value is True else f' {attribute}="{html.escape(value)}"')
    parts.append(">")
    parts.extend(child if isinstance(child, Markup) else html.escape(child) for child in children)
    parts.append(f"</{name}>")
    return Markup("".join(parts))


def plain(text: str) -> str:
    r"""Escape a text for Streamlit's Markdown, so that a device's name cannot become a link or a picture.

    Web addresses become code, which can be copied as it is.

    Examples
    --------
    >>> plain("![x](y)")
    '\\!\\[x\\]\\(y\\)'
    """
    # Where a pattern is kept, every second part is one that fits it.
    parts = _LINK.split(" ".join(text.split()))
    return "".join(f"`{part}`" if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _MARKDOWN_SIGNS.sub(r"\\\1", _ADDRESS.sub(_WORD_JOINER, text))
