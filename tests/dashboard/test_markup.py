from __future__ import annotations

import pytest

from dashboard.markup import Markup, plain, tag


def test_text_and_attributes_are_escaped() -> None:
    built = tag("p", "a < b & \"c\" 'd'", title='"><script>')
    assert built == ('<p title="&quot;&gt;&lt;script&gt;">a &lt; b &amp; &quot;c&quot; &#x27;d&#x27;</p>')


def test_markup_is_not_escaped_twice() -> None:
    assert tag("div", tag("b", "&")) == "<div><b>&amp;</b></div>"
    assert isinstance(tag("div"), Markup)


def test_attribute_names_and_flags() -> None:
    built = tag("i", class_="a b", aria_label="x", hidden=True, title=None, data_testid=False)
    assert built == '<i class="a b" aria-label="x" hidden></i>'


@pytest.mark.parametrize("address", ["ftp://evil.example", "www.evil.example", "a@evil.example"])
def test_plain_leaves_no_bare_address_that_markdown_would_link(address: str) -> None:
    assert "\N{WORD JOINER}" in plain(address)
    assert plain(address).replace("\\", "").replace("\N{WORD JOINER}", "") == address


def test_plain_leaves_web_addresses_as_they_are_to_be_copied() -> None:
    said = plain("Add http://127.0.0.1:8898/callback, exactly so.")
    assert said == r"Add `http://127.0.0.1:8898/callback`\, exactly so\."
    assert plain("http://a`b`") == r"`http://a`\`b\`"


def test_plain_escapes_every_sign_of_markdown_and_joins_lines() -> None:
    assert plain("![a](b)\n\n# c :red[d] $e$ `f` <g>") == (r"\!\[a\]\(b\) \# c \:red\[d\] \$e\$ \`f\` \<g\>")
