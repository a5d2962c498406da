"""Fields whose value others may change as well: what counts as a person's wish."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st  # noqa: PLC0415 - this function is a page of its own

    from attune.dashboard.state.synced_widgets import sync_widget, user_change  # noqa: PLC0415

    widget = sync_widget("device", st.session_state.get("kept", "Desk"))
    told = st.session_state.setdefault("told", [])

    def tell() -> None:
        told.append(user_change(widget))

    names = ["Desk", "Kitchen"]
    st.selectbox("Device", names, names.index(widget.default), key=widget.key, on_change=tell)
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


def _sign_in() -> None:
    import streamlit as st  # noqa: PLC0415 - this function is a page of its own

    from attune.dashboard.state.synced_widgets import sync_widget  # noqa: PLC0415

    widget = sync_widget("client", st.session_state.get("typed", ""))

    def begin() -> None:
        st.session_state["typed"] = widget.value
        widget.start_anew()

    st.text_input("Client id", widget.default, key=widget.key)
    st.button("Sign in", on_click=begin)


def test_a_field_that_will_be_away_stands_at_its_value_when_it_comes_back() -> None:
    tab = AppTest.from_function(_sign_in).run()
    before = tab.text_input[0].key
    tab.text_input[0].set_value("abc")
    tab.button[0].click().run()
    (field,) = tab.text_input
    assert field.key != before
    # What a browser shows that has forgotten the field before: its default, not what the session remembers.
    assert field.proto.default == field.value == "abc"
