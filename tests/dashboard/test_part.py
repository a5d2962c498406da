"""Parts of pages that are drawn again: each alone in a container of its own, or the browser may go blank."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

import dashboard

DASHBOARD = Path(dashboard.__file__).parent


def _page() -> None:
    import streamlit as st  # noqa: PLC0415 - this function is a page of its own

    from dashboard.part import keep_drawing  # noqa: PLC0415

    st.caption("before")
    keep_drawing(lambda: st.caption("again"), 1.0)
    st.caption("after")


def test_a_part_stands_alone_in_a_container() -> None:
    tab = AppTest.from_function(_page).run()
    before, part, after = tab.main.children.values()
    assert (before.value, after.value) == ("before", "after")
    (fragment,) = part.children.values()
    assert [one.value for one in fragment.children.values()] == ["again"]


def test_nothing_is_drawn_again_in_another_way() -> None:
    others = [file for file in DASHBOARD.glob("*.py") if file.name != "part.py"]
    assert len(others) > 10
    assert [file.name for file in others if "st.fragment" in file.read_text(encoding="utf-8")] == []
