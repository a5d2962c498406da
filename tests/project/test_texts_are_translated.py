"""What the dashboard shows to people goes through gettext: in modules, templates and scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from scripts.translations import ROOMS_OF_PHRASES, template
from tests.paths import ROOT

DASHBOARD = ROOT / "attune" / "dashboard"
MODULES = sorted(DASHBOARD.rglob("*.py"))
TEMPLATES = sorted(DASHBOARD.glob("templates/*.j2"))
SCRIPTS = sorted(DASHBOARD.glob("assets/*.js"))
STYLES = sorted(DASHBOARD.glob("assets/*.css"))

GETTEXT = {"_", "N_", "gettext", "ngettext", "pgettext"}
NOT_SHOWN = {"key", "name", "icon"}  # arguments: keys of widgets, names of parts for the log
SENTENCE = re.compile(r"[A-Z][a-z]+(?:[ .:?!…]|$)")
ROOMS = ("core", "models", "playback", "realtime", "spotify", "training", "attune")
# Templates of phrases that are no literals: their words come from lists that are in the catalogues, from
# players, or from another phrase.
MADE_OF_WORDS = {
    "EMOTIONS[accepted].value",
    "EMOTIONS[state.leading].value",
    "_comes_up(weight, up=up)",
    "action.value",
    "clause",
    "direction",
    "event.action.value",
    "voice",
    "feeling.value",
    "message",
    "mode.value",
}
SAME_EVERYWHERE = {
    *("Attune", "Spotify", "Parquet", "Apple (Core ML)", "English", "Deutsch"),  # names
    "About",  # which of its menu's entries Streamlit is told the text of
    "The guided start is over; without this file it comes again.",  # in a file
}
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
WORD = re.compile(r"[A-Za-z]{3,}")
UNITS = {"dBFS"}
KEYS = {"Escape", "Enter", "Tab", "Space", "Home", "End", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"}


def name_of(file: Path) -> str:
    return file.relative_to(DASHBOARD).as_posix()


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def texts(node: ast.AST) -> Iterator[ast.Constant]:
    """The strings below a node that gettext does not see; no docstrings, keys or lines of the log."""
    match node:
        case ast.Constant(value=str()):
            yield node
        case ast.Expr(value=ast.Constant()) | ast.AnnAssign(annotation=ast.Constant()):
            return
        case ast.Call() if called(node) in GETTEXT or "_LOG" in ast.unparse(node.func):
            return
        case ast.Call():
            for part in (
                node.func,
                *node.args,
                *(one.value for one in node.keywords if one.arg not in NOT_SHOWN),
            ):
                yield from texts(part)
        case _:
            for part in ast.iter_child_nodes(node):
                yield from texts(part)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_a_module_says_nothing_past_gettext(file: Path) -> None:
    found = texts(ast.parse(file.read_text(encoding="utf-8")))
    said = {
        text.value
        for text in found
        if SENTENCE.match(text.value) and text.value.rstrip("\n") not in SAME_EVERYWHERE
    }
    assert said == set()


@pytest.mark.parametrize("file", TEMPLATES, ids=name_of)
def test_a_template_says_nothing_past_gettext(file: Path) -> None:
    markup = JINJA.sub("", file.read_text(encoding="utf-8"))
    told = re.findall(r'(?:aria-label|aria-valuetext|title|alt|placeholder)="([^"]*)"', markup)
    told.append(re.sub(r"<[^>]*>", " ", markup))
    assert {word for text in told for word in WORD.findall(text)} <= UNITS


@pytest.mark.parametrize("file", SCRIPTS, ids=name_of)
def test_a_script_says_nothing_of_its_own(file: Path) -> None:
    script = re.sub(r"^\s*//.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    quoted = re.findall(r'"([^"\n]*)"|`([^`]*)`|\'([^\'\n]*)\'', script)
    said = {
        text
        for pair in quoted
        for text in pair
        for text in (re.sub(r"<[^>]*>|\$\{[^}]*\}", "|", text).split("|"))
    }
    assert {text for text in said if SENTENCE.match(text.strip()) and text.strip() not in KEYS} == set()


@pytest.mark.parametrize("file", STYLES, ids=name_of)
def test_a_style_sheet_says_nothing(file: Path) -> None:
    said = re.findall(r'content:\s*"([^"]*)"', file.read_text(encoding="utf-8"))
    assert [text for text in said if WORD.search(text)] == []


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_what_a_module_has_translated_is_in_the_catalogues(file: Path) -> None:
    calls = (
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )
    asked = {
        part.value
        for call in calls
        if called(call) in GETTEXT
        for part in call.args[1 if called(call) == "pgettext" else 0 :]
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    # Within an f-string, Babel does not find one.
    assert asked <= catalogued()


def phrases() -> Iterator[tuple[str, ast.expr]]:
    """The template of each phrase below the dashboard, and its room."""
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and called(node) == "Phrase" and node.args:
                    yield room, node.args[0]


def test_phrases_are_in_the_catalogues() -> None:
    literal = {
        (room, node.value)
        for room, node in phrases()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {room for room, _ in literal} <= set(ROOMS_OF_PHRASES)
    assert {text for _, text in literal} <= catalogued()
    other = {ast.unparse(node) for _, node in phrases() if not isinstance(node, ast.Constant)}
    assert other == MADE_OF_WORDS


def test_a_noun_within_keeps_its_capital() -> None:
    # What comes out of gettext begins a sentence by `formatting.capitalized`: German would lose capitals.
    written = (*MODULES, *TEMPLATES)
    assert [name_of(file) for file in written if re.search(r"\bcapitalize\b", file.read_text("utf-8"))] == []


@cache
def catalogued() -> frozenset[str]:
    ids = (message.id for message in template() if message.id)
    return frozenset(text for one in ids for text in ((one,) if isinstance(one, str) else one))
