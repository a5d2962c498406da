"""The rooms: who may import whom, read off every module's imports without running one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOORS = (
    "app",
    "cli",
    "cli_data",
    "cli_evaluate",
    "cli_library",
    "cli_models",
    "cli_mood",
    "cli_shared",
    "cli_spotify",
    "cli_train",
    "cli_voice",
    "doctor",
    "engine",
    "engine_music",
)
ROOMS = ("benchmarks", "core", "dashboard", "models", "playback", "realtime", "spotify")

# Library -> where alone it may be imported, at the top of a module or within a function.
LIBRARIES = {
    "streamlit": ("app", "dashboard"),
    "spotipy": ("spotify",),
    "torch": ("models.training", "models.emotion.hybrid"),
    "datasets": ("models.training.data.hub",),
    "transformers": ("models.training", "models.emotion.hybrid"),
    "sounddevice": ("realtime.capture", "playback.audio_out"),
    "pyaudio": ("realtime.capture", "playback.audio_out"),
    "soundcard": ("realtime.capture",),
    "onnxruntime": ("models.runtime", "models.training"),
}

# Door or room -> what of ours it may import at all.
NEIGHBOURS = {
    "app": {"core", "dashboard"},
    "cli": {
        "benchmarks",
        "cli_data",
        "cli_evaluate",
        "cli_library",
        "cli_models",
        "cli_mood",
        "cli_spotify",
        "cli_train",
        "cli_voice",
        "core",
        "doctor",
        "engine",
        "models",
        "playback",
        "realtime",
    },
    "cli_data": {"cli_shared", "models"},
    "cli_evaluate": {"cli_shared", "core", "engine", "models"},
    "cli_library": {"cli_shared", "core", "engine", "models", "playback"},
    "cli_models": {"cli_shared", "core", "models"},
    "cli_mood": {"cli_shared", "core", "models"},
    "cli_shared": {"core", "models"},
    "cli_spotify": {"cli_shared", "core", "engine", "playback", "spotify"},
    "cli_train": {"cli_shared", "core", "models"},
    "cli_voice": {"core", "engine", "models", "realtime"},
    "doctor": {"core", "models", "realtime"},
    "engine": {"core", "engine_music", "models", "playback", "realtime"},
    "engine_music": {"core", "models", "playback", "realtime", "spotify"},
    "core": set(),
    "models": {"core"},
    "realtime": {"core", "models"},
    "playback": {"core", "models"},
    "spotify": {"core", "playback"},
    "dashboard": {"core", "engine", "engine_music", "models", "playback", "realtime"},
    "benchmarks": {"core", "engine", "models", "playback", "realtime", "spotify"},
}

# What a door starts with; the rest of `models` comes when it is asked for.
_TRAINING = ("models.training", "models.emotion.hybrid")


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    files = [ROOT / f"{door}.py" for door in DOORS]
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


@pytest.mark.parametrize("name", MODULES)
def test_libraries_stay_in_their_rooms(name: str) -> None:
    for target in imported(parse(name)):
        library = target.partition(".")[0]
        if library in LIBRARIES:
            assert within(name, LIBRARIES[library]), f"{name} imports {target}"


@pytest.mark.parametrize("name", MODULES)
def test_rooms_import_only_their_neighbours(name: str) -> None:
    own = name.partition(".")[0]
    for target in imported(parse(name)):
        room = target.partition(".")[0]
        if room != own and room in (*DOORS, *ROOMS):
            assert room in NEIGHBOURS[own], f"{name} imports {target}"


@pytest.mark.parametrize("name", [name for name in MODULES if not within(name, _TRAINING)])
def test_nothing_that_a_door_starts_with_brings_training(name: str) -> None:
    for target in imported_at_start(parse(name)):
        assert not within(target, _TRAINING), f"{name} imports {target}"


def test_the_rules_see_what_they_forbid() -> None:
    tree = ast.parse(
        "try:\n    from a import b\nfinally:\n    pass\n"
        "def f():\n    import torch.nn\n    importlib.import_module('soundcard')\n"
    )
    assert set(imported(tree)) == {"a.b", "torch.nn", "soundcard"}
    assert set(imported_at_start(tree)) == {"a.b"}
    assert {"cli", "core", "core.logs", "realtime.capture.microphone"} <= set(MODULES)
