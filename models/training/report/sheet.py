"""Owns what pages of reports look like: one HTML file that needs nothing else, sections, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

__all__ = ["grid", "page", "section", "share"]

_CSS: Final = """
:root { color-scheme: light dark; --paper: #f6f7fa; --card: #fff; --ink: #171a23; --soft: #5b6172;
  --line: #dcdfe8; --mark: 70, 84, 200; }
@media (prefers-color-scheme: dark) { :root { --paper: #0e1117; --card: #181c26; --ink: #eceef4;
  --soft: #a2a8b8; --line: #2e3442; --mark: 120, 134, 236; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { max-width: 46rem; margin: .4rem 0; } .soft { color: var(--soft); }
section, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .5rem 1.25rem 1.25rem; margin: 1rem 0; overflow-x: auto; }
section > h2 { margin-top: .75rem; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; white-space: normal; vertical-align: bottom; max-width: 8rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td small { color: var(--soft); }
.confusion td, .confusion th { text-align: center; min-width: 3.2rem; }
.confusion td:first-child { text-align: left; }
.wide td { white-space: normal; text-align: left; word-break: break-word; }
.wide td:first-child { white-space: nowrap; vertical-align: top; }
svg { width: 100%; height: auto; display: block; margin: .5rem 0; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem;
  overflow-x: auto; white-space: pre-wrap; word-break: break-word; font-size: 13px; }
.players { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: .75rem; }
.players div { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; }
audio { width: 100%; height: 34px; margin-top: .3rem; }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page of parts that are HTML already; empty ones are left out."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head><body><main>"
        + "\n".join(part for part in parts if part)
        + "</main></body></html>\n"
    )


def section(title: str, body: str, note: str = "") -> str:
    """A card with a heading, and a note below it in plain text."""
    shown = f'<p class="soft">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{shown}{body}</section>"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "") -> str:
    """A table of cells that are already safe to show."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def share(value: float | None, *, digits: int = 1) -> str:
    """A share in per cent, or that there is none."""
    return "none" if value is None else f"{100 * value:.{digits}f} %"
