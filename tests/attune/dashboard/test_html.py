"""HTML from templates, and text for Markdown: nothing that comes from outside becomes markup."""

from __future__ import annotations

import re

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from attune.dashboard.views.html import escape_markdown, fill, render
from tests.paths import ROOT

DASHBOARD = ROOT / "attune" / "dashboard"
HOSTILE = "\"><script>alert('&')</script>"


def status(**changes: object) -> str:
    values = {"css_class": "on", "words": "Well", "testid": "state", "facts": (), "message": ""}
    return render("status_line", **{**values, **changes})


def test_text_and_attributes_are_escaped() -> None:
    drawn = status(words=HOSTILE, css_class=HOSTILE)
    assert "<script>" not in drawn
    assert drawn.count("&#34;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;") == 2


def test_markup_is_not_escaped_twice() -> None:
    assert "<b>&amp;</b>" in status(message=Markup("<b>{}</b>").format("&"))
    assert isinstance(status(), Markup)


def test_what_is_not_given_is_a_fault_not_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        render("status_line", css_class="on")


def test_line_breaks_of_a_template_are_no_text_of_the_page() -> None:
    assert status() == (
        '<div class="at-status on" role="status"><p class="head"><span class="dot" aria-hidden="true"></span>'
        '<strong data-testid="state">Well</strong></p></div>'
    )


def test_no_template_switches_escaping_off() -> None:
    templates = sorted((DASHBOARD / "templates").glob("*.j2"))
    assert len(templates) > 10
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape", text), template


def test_markup_is_made_of_nothing_but_literals_outside_the_renderer() -> None:
    for file in DASHBOARD.rglob("*.py"):
        if file.name != "html.py":
            made = re.findall(r"Markup\(\s*([^\s])", file.read_text(encoding="utf-8"))
            assert set(made) <= {"'", '"'}, file


@pytest.mark.parametrize("address", ["ftp://evil.example", "www.evil.example", "a@evil.example"])
def test_no_bare_address_is_left_that_markdown_would_link(address: str) -> None:
    escaped = escape_markdown(address)
    assert "\N{WORD JOINER}" in escaped
    assert escaped.replace("\\", "").replace("\N{WORD JOINER}", "") == address


def test_web_addresses_stay_as_they_are_to_be_copied() -> None:
    said = escape_markdown("Add http://127.0.0.1:8898/callback, exactly so.")
    assert said == r"Add `http://127.0.0.1:8898/callback`\, exactly so\."
    assert escape_markdown("http://a`b`") == r"`http://a`\`b\`"


def test_every_sign_of_markdown_is_escaped_and_lines_are_joined() -> None:
    said = escape_markdown("![a](b)\n\n# c :red[d] $e$ `f` <g>")
    assert said == r"\!\[a\]\(b\) \# c \:red\[d\] \$e\$ \`f\` \<g\>"


def test_what_a_page_cannot_send_or_would_hide_is_shown() -> None:
    name = "gpj\u202e\udce9\x1b\n<b>.mp3"
    for drawn in (status(words=name, css_class=name), fill(Markup("<p>{}</p>"), name)):
        assert r"gpj\u202e\xe9\x1b\n&lt;b&gt;.mp3" in drawn
        drawn.encode()
    assert escape_markdown("caf\udce9\x07\u202e") == r"caf\\xe9\\x07\\u202e"
    assert "<b>\x1b" in status(message=Markup("<b>\x1b"))
