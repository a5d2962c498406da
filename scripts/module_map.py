"""Write docs/module-map.md: each module, its first sentence, and the tests that import it.

python -m scripts.module_map
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
MAP: Final = ROOT / "docs" / "module-map.md"
ROOMS: Final = (
    "attune",
    "realtime",
    "models",
    "playback",
    "spotify",
    "core",
    "training",
    "benchmarks",
    "scripts",
)
_HEAD: Final = """\
# Module map

Every module, what it does, and the tests that import it. `python -m scripts.module_map` writes this page from
the first sentences of the modules; [architecture.md](architecture.md) is the page to read first.
"""
_MOST_TESTS: Final = 3


def module_map() -> str:
    """The page, in Markdown."""
    guards = _guards()
    parts = [_HEAD]
    for room in ROOMS:
        files = sorted((ROOT / room).rglob("*.py"))
        about = _first_sentence(ROOT / room / "__init__.py") if (ROOT / room / "__init__.py").exists() else ""
        rows = [_row(file, guards) for file in files if file.name != "__init__.py"]
        parts.append(
            "\n".join(
                [
                    f"\n## {room}/\n",
                    about,
                    "",
                    "| module | what it does | tests |",
                    "|---|---|---|",
                    *rows,
                    "",
                ]
            )
        )
    return "\n".join(parts)


def _row(file: Path, guards: dict[str, list[str]]) -> str:
    place = file.relative_to(ROOT).as_posix()
    tests = guards.get(_name(file), [])
    more = f" and {len(tests) - _MOST_TESTS} more" if len(tests) > _MOST_TESTS else ""
    named = ", ".join(f"`{test}`" for test in tests[:_MOST_TESTS]) + more
    return f"| `{place}` | {_first_sentence(file).replace('|', '/')} | {named} |"


def _first_sentence(file: Path) -> str:
    """First line of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _guards() -> dict[str, list[str]]:
    """By module, the test files that import it, those of the same name first."""
    found: dict[str, list[str]] = {}
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        place = test.relative_to(ROOT / "tests").as_posix()
        for name in set(_imported(ast.parse(test.read_text(encoding="utf-8")))):
            found.setdefault(name, []).append(place)
    for name, tests in found.items():
        leaf = name.rpartition(".")[2]
        tests.sort(key=lambda place: (leaf not in place, place))
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


if __name__ == "__main__":
    MAP.write_text(module_map(), encoding="utf-8")
