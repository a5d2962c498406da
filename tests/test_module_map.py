"""The module map names every module that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_rooms import MODULES, ROOT


def mapped() -> set[str]:
    """Files and folders in the first column; after the first of a row, names are from its folder."""
    found = set()
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        first, *others = re.findall(r"`([^`]+)`", line.split("|")[1])
        folder = Path(first).parent
        found.add(first)
        found |= {other if (ROOT / other).exists() else f"{folder.as_posix()}/{other}" for other in others}
    return found


MAPPED = mapped()


@pytest.mark.parametrize("place", sorted(MAPPED))
def test_what_the_map_names_is_there(place: str) -> None:
    assert (ROOT / place).exists()


def test_every_module_is_on_the_map() -> None:
    files = {file.relative_to(ROOT).as_posix() for file in MODULES.values() if file.name != "__init__.py"}
    folders = tuple(place for place in MAPPED if place.endswith("/"))
    assert [file for file in sorted(files - MAPPED) if not file.startswith(folders)] == []
