"""Text from outside is safe to show and to store, and keeps all that people can read."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text import encodable, printable

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("Echo\x1b[2J", r"Echo\x1b[2J"),
        ("two\nlines\r\tand a tab", r"two\nlines\r\tand a tab"),
        ("\x00\x07\x7f\x9b31m", r"\x00\x07\x7f\x9b31m"),
        ("gpj\u202e3pm\u2066\u2069", r"gpj\u202e3pm\u2066\u2069"),
        ("line\u2028paragraph\u2029", r"line\u2028paragraph\u2029"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
        (r"C:\new\x1b", r"C:\new\x1b"),
        ("C\u0327a va? 東京 שלום \u200f 👩\u200d🚒 \U0001f3f4\U000e0067\U000e007f", None),
    ],
)
def test_what_is_hidden_becomes_visible_and_the_rest_stays(given_text: str, shown: str | None) -> None:
    assert printable(given_text) == (given_text if shown is None else shown)


def test_only_lone_surrogates_keep_a_text_from_being_stored() -> None:
    assert encodable("a\nb\x00\u202e\udce9\ud83d") == "a\nb\x00\u202e\\xe9\\ud83d"


@settings(derandomize=True, max_examples=200)
@given(ANY_TEXT)
def test_any_text_can_be_shown_and_stored(text: str) -> None:
    shown = printable(text)
    assert shown.splitlines() in ([], [shown])
    assert not {"\x1b", "\x00", "\x9b", "\u202e"} & set(shown)
    assert printable(shown) == shown
    assert encodable(encodable(text).encode().decode()) == encodable(text)
