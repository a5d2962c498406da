"""Which library which room may use, read off every module's imports without running one.

Who may import whom within the project is the layers contract in pyproject.toml.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

ROOMS = ("attune", "benchmarks", "core", "models", "playback", "realtime", "spotify", "training")

# Library -> where alone it may be imported, at the top of a module or within a function.
LIBRARIES = {
    # The views are pure: values in, HTML out.
    "streamlit": (
        "app",
        "attune.dashboard.first_paint",
        "attune.dashboard.main",
        "attune.dashboard.navigation",
        "attune.dashboard.pages",
        "attune.dashboard.components",
        "attune.dashboard.state",
        "benchmarks.history",
    ),
    "fastapi": ("attune.api",),
    "starlette": ("app", "attune.api", "attune.dashboard"),
    "uvicorn": ("attune.api",),
    "prometheus_client": ("attune.api",),
    "paho": ("attune.engine.home.connection",),
    "altair": ("attune.dashboard.views",),
    "spotipy": ("spotify",),
    "jeepney": (
        "playback.desktop_notifications",
        "playback.system_player.mpris",
        "playback.system_player.session_bus",
    ),
    "torch": ("training", "models.emotion.hybrid"),
    "datasets": ("training.data.hub",),
    "transformers": ("training", "models.emotion.hybrid"),
    "sounddevice": ("core.audio_devices.portaudio",),
    "pyaudio": ("realtime.capture.pyaudio_backend",),
    "soundcard": ("realtime.capture.loopback",),
    "onnxruntime": ("models.runtime", "training"),
    "faiss": ("attune.catalog.nearest", "benchmarks.catalog_search"),
    "fsspec": ("attune.catalog.storage",),
    "ray": ("attune.catalog",),
}


# What a door starts with; the rest comes when it is asked for.
_TRAINING = ("training", "models.emotion.hybrid")
_NO_DOOR = (*_TRAINING, "benchmarks")


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    files = [ROOT / "app.py"]
    files += [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


MODULES = modules()


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a module imports, wherever it does, by statement or by `import_module`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                raise AssertionError("relative imports are not used here")
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def imported_at_start(tree: ast.Module) -> Iterator[str]:
    """Those of them that are imported as soon as the module is."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def parse(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def test_libraries_stay_in_their_rooms() -> None:
    astray = [
        f"{name} imports {target}"
        for name in MODULES
        for target in imported(parse(name))
        if not within(name, LIBRARIES.get(target.partition(".")[0], (name,)))
    ]
    assert astray == []


def test_streamlit_s_entry_knows_the_dashboard_alone() -> None:
    ours = {target.partition(".")[0] for target in imported(parse("app"))} & {"app", *ROOMS}
    assert ours == {"attune"}


def test_data_do_not_know_what_is_trained_on_them_nor_training_the_report() -> None:
    above = {
        "training.data": ("training.emotion", "training.mood", "training.report"),
        "training.emotion": ("training.report",),
        "training.mood": ("training.report",),
    }
    astray = [
        f"{name} imports {target}"
        for room, forbidden in above.items()
        for name in MODULES
        if within(name, (room,))
        for target in imported(parse(name))
        if within(target, forbidden)
    ]
    assert astray == []


def test_nothing_that_a_door_starts_with_brings_training() -> None:
    astray = [
        f"{name} imports {target}"
        for name in MODULES
        if not within(name, _NO_DOOR)
        for target in imported_at_start(parse(name))
        if within(target, _TRAINING)
    ]
    assert astray == []


def test_a_class_name_means_one_thing() -> None:
    homes: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.walk(parse(module)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_every_thread_is_in_the_table_of_threads() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(attune-[a-z-]+)", table))
    named = {
        name
        for module in MODULES
        for name in re.findall(r'name="(attune-[a-z-]+)"', MODULES[module].read_text(encoding="utf-8"))
    }
    wild = tuple(one for one in listed if one.endswith("-"))  # such as attune-mic-*
    assert {name for name in named - listed if not name.startswith(wild)} == set()


def test_the_rules_see_what_they_forbid() -> None:
    tree = ast.parse(
        "try:\n    from a import b\nfinally:\n    pass\n"
        "def f():\n    import torch.nn\n    importlib.import_module('soundcard')\n"
    )
    assert set(imported(tree)) == {"a.b", "torch.nn", "soundcard"}
    assert set(imported_at_start(tree)) == {"a.b"}
    assert {"attune.cli.main", "core", "core.logs", "realtime.capture.microphone"} <= set(MODULES)
