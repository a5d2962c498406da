"""What the tests of pages read of a browser tab."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

__all__ = ["healthy", "labels"]


def healthy(tab: AppTest) -> AppTest:
    assert not tab.exception, tab.exception
    return tab


def labels(tab: AppTest) -> list[str]:
    return [button.label for button in tab.button]
