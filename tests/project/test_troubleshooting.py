"""The symptoms that docs/troubleshooting.md quotes are what the program says."""

from __future__ import annotations

import ast
import re

import pytest

from tests.paths import ROOT

PLACES = (
    "attune",
    "core",
    "realtime",
    "models",
    "playback",
    "spotify",
)


def symptoms() -> list[str]:
    """What stands between quotation marks in the first column of the tables."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return [quoted for row in rows for quoted in re.findall(r'"([^"]+)"', row)]


def said() -> list[str]:
    """Every string of the program, "..." for what is filled in, and every template of the dashboard."""
    files = [file for place in PLACES for file in (ROOT / place, *(ROOT / place).rglob("*.py"))]
    templates = (ROOT / "attune" / "dashboard" / "templates").glob("*.j2")
    texts = [template.read_text(encoding="utf-8") for template in templates]
    for file in files:
        if file.is_file():
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Constant(value=str(text)):
                        texts.append(text)
                    case ast.JoinedStr(values=parts):
                        texts.append(
                            "".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts)
                        )
    return [text.casefold() for text in texts]


SAID = said()


@pytest.mark.parametrize("symptom", symptoms())
def test_symptom_is_said_by_the_program(symptom: str) -> None:
    # A sentence may be put together from several strings, such as the journal's.
    for part in filter(None, (part.strip().casefold() for part in symptom.split("..."))):
        assert any(part in text for text in SAID), part
