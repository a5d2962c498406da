"""HTML from templates that escape whatever is filled in, and text made safe for Streamlit's Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from attune.dashboard.translations import gettext, ngettext, pgettext
from attune.dashboard.views.feeling_names import feeling_name, mood_name
from attune.dashboard.views.formatting import capitalized, clock_text, decimal, fixed, percent
from core.text import printable

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"

# Streamlit's Markdown makes links of bare addresses even where all is escaped: an invisible character helps.
_ADDRESS: Final = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
_LINK: Final = re.compile(r"(https?://[^\s`]*[\w/])", re.IGNORECASE | re.ASCII)
_GAPS: Final = re.compile(r"[^\S\xa0]+")  # a line must not break within "82 %"
_MARKDOWN_SIGNS: Final = re.compile(r"([!-/:-@\[-`{-~])")


def _source(name: str) -> str:
    """Read a template; a line break beside a tag is left out, for the page would show it as a space."""
    text = (_TEMPLATES / name).read_text(encoding="utf-8").strip()
    return re.sub(r"\s*\n\s*", " ", re.sub(r"(?<=[>}])\s*\n\s*|\s*\n\s*(?=[<{])", "", text))


def _shown(value: Any) -> Any:
    """Show what is hidden in a text from outside; a `Markup` was shown before."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT: Final = Environment(
    loader=FunctionLoader(_source),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    finalize=_shown,
    extensions=["jinja2.ext.i18n"],
)
_ENVIRONMENT.install_gettext_callables(gettext, ngettext, newstyle=True, pgettext=pgettext)  # type: ignore[attr-defined]


def _with_code(text: str) -> Markup:
    """Escape a text, and make code of what stands between backquotes."""
    plain, code = Markup("{}"), Markup("<code>{}</code>")
    parts = enumerate(printable(text).split("`"))
    return Markup("").join((code if number % 2 else plain).format(part) for number, part in parts)


_ENVIRONMENT.filters |= {
    "capitalized": capitalized,
    "clock": clock_text,
    "decimal": decimal,
    "fixed": fixed,
    "percent": percent,
    "code": _with_code,
    "feeling": feeling_name,
    "mood": mood_name,
    "shown": _shown,  # of what a translated sentence is filled with, which `finalize` does not see
}


def render(template: str, **values: Any) -> Markup:
    """Fill in a template.

    Parameters
    ----------
    template
        Name of a file in `templates`, without its ending.
    **values
        What it is filled with; a text is escaped, a `Markup` is taken as it is.
    """
    return Markup(_ENVIRONMENT.get_template(f"{template}.html.j2").render(values))  # noqa: S704 - escapes itself


def fill(markup: Markup, *values: object) -> Markup:
    """Fill texts into a line of HTML: all that they hold is escaped."""
    return markup.format(*(_shown(value if isinstance(value, Markup) else str(value)) for value in values))


def escape_markdown(text: str) -> str:
    r"""Escape a text for Streamlit's Markdown, so that a device's name cannot become a link or a picture.

    Web addresses become code, which can be copied as it is.

    Examples
    --------
    >>> escape_markdown("![x](y)")
    '\\!\\[x\\]\\(y\\)'
    """
    # Where a pattern is kept, every second part is one that fits it.
    parts = _LINK.split(printable(_GAPS.sub(" ", text).strip()))
    return "".join(
        f"`{part}`" if number % 2 else _MARKDOWN_SIGNS.sub(r"\\\1", _ADDRESS.sub("\N{WORD JOINER}", part))
        for number, part in enumerate(parts)
    )
