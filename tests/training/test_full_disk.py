"""A disk without room: whatever training writes ends in one sentence, and what was there before stays."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from core.errors import DataError
from core.files import staged
from models.emotion.hybrid import HybridSettings
from tests.training.tiny_recipe import keep_tiny_student
from training.emotion.encoders import load_hybrid, save_trained
from training.int8 import quantise_int8
from training.loop import save_checkpoint
from training.onnx_file import export_graph
from training.records import write_json
from training.release import register, staged_release
from training.report import files
from training.tensorboard_log import open_tensorboard_log


@dataclass(frozen=True)
class Disk:
    """A folder and how its disk becomes full."""

    folder: Path
    full: Callable[[], AbstractContextManager[None]]
    says: str


@contextmanager
def _no_file_grows() -> Iterator[None]:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=["a full disk", "a limit of the file system"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A small disk in memory, where it may be mounted; or files that may not grow, anywhere."""
    if request.param == "a limit of the file system":
        yield Disk(tmp_path, _no_file_grows, r"cannot be written \(File too large\): choose another folder")
        return
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(folder)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")

    @contextmanager
    def full() -> Iterator[None]:
        filler = folder / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as handle:
            while True:
                handle.write(bytes(4096))
        yield
        filler.unlink()

    try:
        yield Disk(folder, full, "cannot be written because the disk is full: free some space")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _checkpoint(folder: Path, seed: int) -> None:
    state = {"weights": torch.full((500,), float(seed)), "epoch": seed}
    save_checkpoint(folder / "checkpoint.pt", state)


def _figures(folder: Path, seed: int) -> None:
    write_json(folder / "figures.json", {"ua": seed, "by_corpus": dict.fromkeys("abcdef", seed)})


def _encoder(folder: Path, seed: int) -> None:
    keep_tiny_student(folder / "encoder", seed)


def _head(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    settings = HybridSettings(use_pooled=False, use_encoder=False)
    save_trained(load_hybrid("", settings), folder / "head.safetensors")


def _list_of_weights(folder: Path, seed: int) -> None:
    manifest, file = folder / "manifest.toml", folder / "model.onnx"
    if not manifest.exists():
        manifest.write_text("# Kept.\n")
        file.write_bytes(b"a model")
    register(file, licence="MIT", source=f"training {seed}")


def _graph(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    export_graph(torch.nn.Linear(160, 8), folder / "model.onnx", {"name": "lines"}, window_samples=160)


@pytest.mark.parametrize("write", [_checkpoint, _figures, _encoder, _head, _list_of_weights, _graph])
def test_the_old_file_stays(disk: Disk, write: Callable[[Path, int], None]) -> None:
    write(disk.folder, 0)
    before = _content(disk.folder)
    with disk.full():
        with pytest.raises(DataError, match=disk.says):
            write(disk.folder, 1)
        left = _content(disk.folder)
    left.pop("filler", None)
    assert left == before
    write(disk.folder, 1)
    assert _content(disk.folder).keys() == before.keys()
    assert _content(disk.folder) != before


def test_curves_lose_nothing_and_go_on(disk: Disk) -> None:
    show = open_tensorboard_log(disk.folder / "tensorboard")
    show({"loss": 1.0}, 0)
    before = _content(disk.folder)
    with disk.full():
        with pytest.raises(DataError, match=rf"The curves of the training .* {disk.says}"):
            show({f"ua_{number}": 0.5 for number in range(400)}, 1)
        left = _content(disk.folder)
    left.pop("filler", None)
    assert left == before
    show({"loss": 0.5}, 1)
    ((name, content),) = _content(disk.folder).items()
    assert content.startswith(before[name])


def test_report_comes_whole_or_not_at_all(disk: Disk) -> None:
    def report(number: int) -> None:
        files.write_report(f"page {number} " * 5000, {"number": number}, disk.folder)

    report(0)
    before = _content(disk.folder)
    with disk.full():
        with pytest.raises(DataError, match=rf"The report .* {disk.says}"):
            report(1)
        left = _content(disk.folder)
    left.pop("filler", None)
    assert left == before
    assert before.keys() == {files.HTML_NAME, files.JSON_NAME}


def test_int8_copy_that_cannot_be_written_leaves_the_old_one(disk: Disk) -> None:
    _graph(disk.folder, 0)
    (disk.folder / "int8.onnx").write_bytes(b"the old one")
    before = _content(disk.folder)
    with disk.full():
        with pytest.raises(DataError, match=rf"int8\.onnx {disk.says}"):
            quantise_int8(disk.folder / "model.onnx", disk.folder / "int8.onnx")
        left = _content(disk.folder)
    left.pop("filler", None)
    assert left == before


def test_released_graph_encoder_record_and_list_come_together_or_not_at_all(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = disk.folder / "weights"
    weights.mkdir()
    monkeypatch.setattr("training.release.WEIGHTS_DIR", weights)
    (weights / "manifest.toml").write_text("# Kept.\n")
    made = tmp_path / "run"
    path = weights / "tiny.onnx"

    def release() -> None:
        with staged_release(path, {"name": "tiny"}, encoder=made / "encoder") as making:
            (making / path.name).touch()

    _encoder(made, 0)
    release()
    before = _content(weights)
    assert before.keys() == {
        "manifest.toml",
        "tiny.json",
        "tiny.onnx",
        *(f"tiny-encoder/{name}" for name in ("config.json", "model.safetensors")),
    }
    assert b"[tiny-encoder]" in before["manifest.toml"]
    _encoder(made, 1)
    with disk.full(), pytest.raises(DataError, match=rf"tiny\.onnx {disk.says}"):
        release()
    assert _content(weights) == before
    release()
    assert _content(weights).keys() == before.keys()
    assert _content(weights) != before


def test_interruption_leaves_no_trace_either(tmp_path: Path) -> None:
    def interrupted() -> None:
        with staged(tmp_path, what="The part") as making:
            (making / "part").write_text("new")
            raise KeyboardInterrupt

    (tmp_path / "part").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _content(tmp_path) == {"part": b"old"}


def test_staged_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    for names in (("a", "b"), ("b", "c")):
        with staged(tmp_path / "out", what="The parts") as making:
            (making / "parts").mkdir()
            for name in names:
                (making / "parts" / name).write_text(name)
    assert _content(tmp_path / "out") == {"parts/b": b"b", "parts/c": b"c"}
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["parts"]
