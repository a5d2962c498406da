"""Fields whose value others may change as well: what counts as a person's wish."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st  # noqa: PLC0415 - this function is a page of its own

    from dashboard.fields import asked, hold  # noqa: PLC0415

    held = hold("device", st.session_state.get("kept", "Desk"))
    told = st.session_state.setdefault("told", [])

    def tell() -> None:
        told.append(asked(held))

    names = ["Desk", "Kitchen"]
    st.selectbox("Device", names, names.index(held.first), key=held.key, on_change=tell)
    st.button("As if it had come or gone", on_click=tell)


def test_only_what_a_person_changes_is_asked_for_and_each_change_once() -> None:
    tab = AppTest.from_function(_page).run()
    told = tab.session_state["told"]
    tab.button[0].click().run()
    assert told == [None]
    tab.selectbox[0].set_value("Kitchen").run()
    tab.button[0].click().run()
    assert told == [None, "Kitchen", None]
    tab.selectbox[0].set_value("Desk").run()
    assert told == [None, "Kitchen", None, "Desk"]


def test_what_another_changes_is_not_asked_for() -> None:
    tab = AppTest.from_function(_page).run()
    tab.session_state["kept"] = "Kitchen"
    tab.run()
    assert tab.selectbox[0].value == "Kitchen"
    tab.button[0].click().run()
    assert tab.session_state["told"] == [None]
