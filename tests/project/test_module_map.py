"""The module map names every module that there is, as the modules say of themselves."""

from __future__ import annotations

from scripts.module_map import MAP, module_map


def test_the_map_is_as_the_modules_are() -> None:
    assert MAP.read_text(encoding="utf-8") == module_map(), "run `python -m scripts.module_map`"
