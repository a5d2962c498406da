"""Owns random damage to the content of a file, for tests of what is read from outside."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content after up to three accidents: bytes lost, changed, put in, or said twice."""
    for _ in range(draw(st.integers(1, 3))):
        begin, end = sorted(draw(st.integers(0, len(content))) for _ in range(2))
        middle = content[begin:end]
        put_in = draw(st.one_of(st.just(b""), st.just(middle * 2), st.binary(max_size=8), _TOKENS))
        content = content[:begin] + put_in + content[end:]
    return content


_TOKENS = st.sampled_from(
    [
        *(b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n", b"[", b"[[", b"{", b"]", b'"', b"'''", b"= ", b"#"),
        *(b"nan", b"-inf", b"9" * 400, b"0x" + b"f" * 5000, b"1979-05-27", b"a.b.c"),
        *(b'"\\u0000"', b'"\\u202e\\u001b"'),
    ]
)
