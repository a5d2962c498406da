"""A field that takes files: Streamlit's, which knows English alone, with words of the page's language."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from attune.dashboard.components.browser_component import ASSETS
from attune.dashboard.translations import gettext as _

_STYLE: Final = (ASSETS / "file_field.css").read_text(encoding="utf-8")
_SEPARATOR: Final = " \N{MIDDLE DOT} "


def file_field(label: str, *, types: Sequence[str] = (), many: bool = False, **options: Any) -> Any:
    """Draw the field, and return what `streamlit.file_uploader` does.

    Parameters
    ----------
    label
        What stands above it.
    types
        Endings of the files that it takes, without the dot; all where there are none.
    many
        Whether it takes more than one.
    **options
        Of `streamlit.file_uploader`.
    """
    limit = _("up to {count} MB each").format(count=st.get_option("server.maxUploadSize"))
    words = {
        "choose": _("Choose files") if many else _("Choose a file"),
        "limit": _SEPARATOR.join((limit, *([", ".join(types).upper()] if types else []))),
    }
    # Its element has no name for the words: they are given to the style sheet, in quotation marks.
    given = "".join(f"--at-{name}:{json.dumps(text, ensure_ascii=False)};" for name, text in words.items())
    st.html(f"<style>{_STYLE}:root{{{given}}}</style>")
    return st.file_uploader(label, list(types) or None, accept_multiple_files=many, **options)
