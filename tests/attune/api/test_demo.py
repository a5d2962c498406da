"""The files of the page /demo; tests/e2e/test_api_browser.py opens it in a browser."""

from __future__ import annotations

import re

import pytest

from tests.attune.api.server import RunningServer


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/demo", "text/html"),
        ("/demo/demo.css", "text/css"),
        ("/demo/demo.js", "text/javascript"),
        ("/demo/recorder.js", "text/javascript"),
    ],
)
def test_the_page_brings_all_it_needs_and_may_load_nothing_else(
    api: RunningServer, path: str, kind: str
) -> None:
    answer = api.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", answer.text) == []


def test_no_other_file_is_served(api: RunningServer) -> None:
    for path in ("/demo/index.html", "/demo/../app.py", "/demo/%2e%2e%2fapp.py", "/demo/none.js"):
        answer = api.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
