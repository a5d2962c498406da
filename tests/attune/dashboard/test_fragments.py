"""Parts of pages that are drawn again: each alone in a container of its own, or the browser may go blank."""

from __future__ import annotations

import ast
from pathlib import Path

from streamlit.testing.v1 import AppTest

from attune import dashboard

DASHBOARD = Path(dashboard.__file__).parent


def _page() -> None:
    import streamlit as st  # noqa: PLC0415 - this function is a page of its own

    from attune.dashboard.components.fragments import draw_every  # noqa: PLC0415

    st.caption("before")
    draw_every(1.0, "part", lambda: st.caption("again"))
    st.caption("after")


def test_a_part_stands_alone_in_a_container() -> None:
    tab = AppTest.from_function(_page).run()
    before, part, after = tab.main.children.values()
    assert (before.value, after.value) == ("before", "after")
    (fragment,) = part.children.values()
    assert [one.value for one in fragment.children.values()] == ["again"]


def test_nothing_is_drawn_again_in_another_way() -> None:
    others = [file for file in DASHBOARD.rglob("*.py") if file.name != "fragments.py"]
    assert len(others) > 10
    assert [file.name for file in others if "st.fragment" in file.read_text(encoding="utf-8")] == []


def test_nothing_is_offered_for_download_before_it_is_made() -> None:
    """Streamlit forgets what a callable gave as soon as another part of the page is drawn."""
    offers = [
        call.args[1]
        for file in DASHBOARD.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "download_button"
    ]
    assert len(offers) >= 2
    assert not [
        ast.unparse(data) for data in offers if isinstance(data, ast.Lambda | ast.Attribute | ast.Name)
    ]


def test_no_press_is_handled_by_the_run_that_it_begins() -> None:
    """Such a run may be cut short by the next one, which knows nothing of the press: callbacks come first."""
    nodes = [
        (file.name, node)
        for file in DASHBOARD.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    ]
    unused = {id(node.value) for _, node in nodes if isinstance(node, ast.Expr)}
    buttons = [
        (name, node)
        for name, node in nodes
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in {"button", "form_submit_button"}
        and isinstance(node.func, ast.Attribute)
    ]
    assert len(buttons) > 10
    assert [f"{name}:{node.lineno}" for name, node in buttons if id(node) not in unused] == []
