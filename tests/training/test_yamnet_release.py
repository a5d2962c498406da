"""The student's file, made end to end from invented archives in a few steps, and everything that stops it."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from attune.cli import main
from core.errors import AttuneError, DataError, ModelError, WeightsError
from models.mood.backbone import load_backbone
from tests.training.invented_music import kept_songs, needs_fluidsynth, write_music
from tests.training.invented_yamnet import CLASSES, invented_yamnet, keep_layers, write_class_map
from tests.training.running import attune, broken_off
from tests.training.test_full_disk import Disk, disk  # noqa: F401 - a fixture
from training.onnx_file import probe_sounds
from training.yamnet import distil, release
from training.yamnet.network import ServedYamnet, Yamnet
from training.yamnet.release import read_classes, release_student

QUICK = replace(release.SETTINGS, steps=2, still_steps=1, batch=2, steps_per_epoch=2, threads=1)
pytestmark = pytest.mark.timeout(400)  # one export: some seconds on an idle machine
ARCHIVES = ("emotify.tar", "esc10.tar", "librosa_examples.tar", "pop909_midi.tar.gz")


@dataclass(frozen=True)
class Shop:
    """What `attune train yamnet` is given, and what it has made."""

    folder: Path
    music: Path
    student: Yamnet
    said: str

    @property
    def reference(self) -> Path:
        return self.folder / "yamnet.npz"

    @property
    def classes(self) -> Path:
        return self.folder / "classes.csv"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def graph(self) -> Path:
        return self.folder / "made" / "student.onnx"

    def given(self, **changed: Path) -> list[str | Path]:
        """The words of the command line."""
        options = {
            "reference": self.reference,
            "classes": self.classes,
            "music": self.music,
            "run": self.run,
            "out": self.graph,
            **changed,
        }
        words = [word for name, path in options.items() for word in (f"--{name}", path)]
        return ["train", "yamnet", "--threads", "1", *words]

    def ship(self, path: Path, *, music: Path | None = None, run: Path | None = None) -> dict[str, Any]:
        return release_student(
            self.reference, CLASSES, music or self.music, None, run or self.run, path, settings=QUICK
        )


def quick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(main, "start_logging", lambda: None)
    patch.setattr(distil, "_VALIDATION_FRAMES", 3 * 96)
    patch.setattr(release, "SETTINGS", QUICK)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Nothing is made yet."""
    folder = tmp_path_factory.mktemp("shop")
    keep_layers(folder / "yamnet.npz", invented_yamnet())
    write_class_map(folder / "classes.csv")
    (folder / "run").mkdir()
    kept_songs(tmp_path_factory).mkdir(exist_ok=True)
    (folder / "run" / "songs").symlink_to(kept_songs(tmp_path_factory))
    return Shop(folder, write_music(folder / "music"), Yamnet(), "")


@pytest.fixture(scope="module")
def shop(bare: Shop) -> Shop:
    """Interrupted once, then finished from the terminal."""
    students: list[Yamnet] = []
    whole = distil.distil_layers

    def noted(*given: Any, **more: Any) -> Any:
        students.append(whole(*given, **more))  # type: ignore[arg-type]
        return students[-1]

    with pytest.MonkeyPatch.context() as patch:
        quick(patch)
        with broken_off(patch):
            bare.ship(bare.graph)
        assert not bare.graph.parent.exists()
        patch.setattr(release, "distil_layers", noted)
        spoken: list[str] = []
        patch.setattr("attune.cli.console.say", spoken.append)
        assert attune(patch, *bare.given()) == 0
    return replace(bare, student=students[0], said="\n".join(spoken))


@needs_fluidsynth
def test_the_graph_is_opened_by_the_program_and_answers_as_the_student(shop: Shop) -> None:
    rng = np.random.default_rng(5)
    patches = (rng.standard_normal((5, 15_600)) * 10.0 ** -np.arange(5)[:, None]).astype(np.float32)
    backbone = load_backbone(shop.graph, threads=1)
    with torch.no_grad():
        embedding, scores = ServedYamnet(shop.student).eval()(torch.from_numpy(patches))
    for count in (1, 2, 5):
        heard = backbone.predict(patches[:count])
        assert heard.embedding.dtype == heard.scores.dtype == np.float32
        np.testing.assert_allclose(heard.embedding, embedding[:count], atol=1e-4 * float(embedding.max()))
        np.testing.assert_allclose(heard.scores, scores[:count], atol=1e-4)
    assert float(embedding.std(dim=0).mean()) > 1e-3


@needs_fluidsynth
def test_the_file_is_small_and_says_what_it_is(shop: Shop) -> None:
    assert shop.graph.stat().st_size <= 8_000_000
    info = load_backbone(shop.graph, threads=1).info
    assert (info.name, info.version, info.licence) == ("student", release.VERSION, "CC-BY-NC-SA-4.0")
    assert info.classes == CLASSES
    model = onnx.load(shop.graph)
    meta = {entry.key: entry.value for entry in model.metadata_props}
    assert (meta["sample_rate_hz"], meta["patch_samples"]) == ("16000", "15600")
    assert meta.keys() == release._student_metadata("", "", CLASSES).keys()
    assert [value.name for value in model.graph.output] == ["embedding", "scores"]
    assert str(shop.folder).encode() not in shop.graph.read_bytes()


@needs_fluidsynth
def test_matrices_are_those_that_float16_holds(shop: Shop) -> None:
    for name, value in shop.student.state_dict().items():
        if value.ndim > 1:
            assert torch.equal(value, value.half().float()), name


@needs_fluidsynth
def test_the_record_is_whole(shop: Shop) -> None:
    text = shop.graph.with_suffix(".json").read_text()
    record = json.loads(text)
    assert record.keys() == {
        "name",
        "version",
        "licence",
        "heard_hours",
        "patches_seen",
        "settings",
        "made",
        "size_bytes",
        "music",
        "esc10",
    }
    assert record["music"].keys() == {"emotify", "librosa_examples", "pop909", "all"}
    for figures in record["music"].values():
        assert figures["recordings"] >= 3
        assert figures["student"].keys() == figures["constant"].keys()
        assert all(np.isfinite(list(figures[who].values())).all() for who in ("student", "constant"))
    parts = [record["music"][name]["recordings"] for name in ("emotify", "librosa_examples", "pop909")]
    assert record["music"]["all"]["recordings"] == sum(parts)
    assert record["esc10"]["recordings"] == 4
    assert 0.0 <= record["esc10"]["student"] <= 1.0
    assert 0.0 <= record["esc10"]["reference"] <= 1.0
    assert record["size_bytes"] == shop.graph.stat().st_size
    assert record["patches_seen"] == 3 * 2
    assert record["heard_hours"] == pytest.approx(0.0, abs=0.02)
    assert record["settings"] == json.loads(json.dumps(asdict(replace(QUICK, threads=0))))
    assert record["made"]["command"].startswith("attune train yamnet --threads 1 --reference yamnet.npz")
    assert {"torch", "onnx"} <= record["made"]["libraries"].keys()
    assert str(shop.folder) not in text


@needs_fluidsynth
def test_the_terminal_says_what_was_made(shop: Shop) -> None:
    record = json.loads(shop.graph.with_suffix(".json").read_text())
    assert shop.said.startswith(f"Wrote {shop.graph} ({record['size_bytes'] / 1e6:.1f} MB): on music that it")
    assert f"cosine of {record['music']['all']['student']['cosine']:.3f}" in shop.said


@needs_fluidsynth
def test_elsewhere_the_graph_stands_in_no_list(shop: Shop) -> None:
    assert {file.name for file in shop.graph.parent.iterdir()} == {"student.onnx", "student.json"}


def ready_made(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The student is trained already; so is its graph, whose writing takes long."""
    graph = shop.graph.read_bytes()
    monkeypatch.setattr(release, "write_graph", lambda _served, path, *_, **__: path.write_bytes(graph))


@needs_fluidsynth
def test_in_the_folder_of_weights_the_graph_is_entered_into_their_list(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready_made(shop, monkeypatch)
    monkeypatch.setattr("training.release.WEIGHTS_DIR", tmp_path.resolve())
    (tmp_path / "manifest.toml").write_text('[other]\nfile = "other.onnx"\n')
    told: list[str] = []
    release_student(
        shop.reference,
        CLASSES,
        shop.music,
        None,
        shop.run,
        tmp_path / "yamnet-student.onnx",
        settings=QUICK,
        on_progress=lambda what, _done, _total: told.append(what),
    )
    listed = tomllib.loads((tmp_path / "manifest.toml").read_text())
    assert list(listed) == ["other", "yamnet-student"]
    entry = listed["yamnet-student"]
    assert entry["size_bytes"] == (tmp_path / "yamnet-student.onnx").stat().st_size
    assert entry["licence"] == "CC-BY-NC-SA-4.0"
    assert json.loads((tmp_path / "yamnet-student.json").read_text())["name"] == "yamnet-student"
    assert list(dict.fromkeys(told)) == ["songs from MIDI", "training", "figures"]


@needs_fluidsynth
def test_on_a_full_disk_the_last_release_stays(
    shop: Shop,
    disk: Disk,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready_made(shop, monkeypatch)
    monkeypatch.setattr("training.release.WEIGHTS_DIR", disk.folder.resolve())
    before = {"manifest.toml": b"# Kept.\n", "student.onnx": b"a graph", "student.json": b"{}"}
    for name, content in before.items():
        (disk.folder / name).write_bytes(content)
    with disk.full(), pytest.raises(DataError, match=disk.says):
        shop.ship(disk.folder / "student.onnx")
    left = {file.name: file.read_bytes() for file in disk.folder.iterdir() if file.name in before}
    assert left == before
    assert not list(disk.folder.glob(".making-*"))


@needs_fluidsynth
def test_a_run_of_another_reference_is_refused(shop: Shop, tmp_path: Path) -> None:
    other = replace(shop, folder=tmp_path)
    keep_layers(other.reference, invented_yamnet(seed=1))
    with pytest.raises(WeightsError, match="made with other settings or data: give another folder"):
        other.ship(tmp_path / "x.onnx", run=shop.run)


@needs_fluidsynth
@pytest.mark.parametrize("lacking", ARCHIVES)
def test_a_missing_archive_is_named_before_anything_is_trained(
    bare: Shop, tmp_path: Path, lacking: str
) -> None:
    for archive in ARCHIVES:
        if archive != lacking:
            (tmp_path / archive).symlink_to(bare.music / archive)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "songs").symlink_to(bare.run / "songs")
    with pytest.raises(DataError, match=lacking.replace(".", r"\.")):
        bare.ship(tmp_path / "x.onnx", music=tmp_path, run=tmp_path / "run")
    assert not (tmp_path / "run" / "student").exists()
    assert not (tmp_path / "x.onnx").exists()


@needs_fluidsynth
def test_too_little_for_figures_is_said_before_anything_is_trained(
    bare: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "LEAST_RECORDINGS", 4)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "songs").symlink_to(bare.run / "songs")
    with pytest.raises(
        DataError, match=r"Only 3 recordings of .* are kept out, too few for figures: give the"
    ):
        bare.ship(tmp_path / "x.onnx", run=tmp_path / "run")
    assert not (tmp_path / "run" / "student").exists()


@pytest.mark.parametrize("library", ["onnx", "onnxscript", "scipy"])
def test_a_missing_library_is_named_before_anything_is_trained(
    bare: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setattr("training.libraries.find_spec", lambda name: None if name == library else name)
    with pytest.raises(
        ModelError, match=rf"The library '{library}' is needed for .*: run `pip install -e '\.\[train\]'"
    ):
        bare.ship(tmp_path / "x.onnx", run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("reference", None, "YAMNet's weights .* cannot be read: give the npz"),
        ("reference", b"text", "YAMNet's weights .* cannot be read: give the npz"),
        ("classes", None, "The class map .* cannot be read .*: give yamnet_class_map.csv"),
        (
            "classes",
            b"index,name\n0,Speech\n",
            "The class map .* cannot be read .*: give yamnet_class_map.csv",
        ),
        ("classes", b"index,display_name\n0,Speech\n", "names 1 classes: give that of YAMNet, with 521"),
        ("music", None, r"esc10\.tar"),
    ],
)
def test_what_is_wrong_with_a_command_is_one_sentence(
    bare: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    says: str,
) -> None:
    wrong = tmp_path / "wrong"
    if content is not None:
        wrong.write_bytes(content)
    given = {name: wrong, "out": tmp_path / "x.onnx", "run": tmp_path / "run"}
    assert attune(monkeypatch, *bare.given(**given)) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert re.search(says, " ".join(said.split()))
    assert not (tmp_path / "x.onnx").exists()


def test_a_missing_option_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attune(monkeypatch, "train", "yamnet", "--out", "x.onnx") == 2
    assert "--reference" in capsys.readouterr().err


def test_without_torch_the_extra_is_named(
    bare: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "training.emotion", None)
    assert attune(monkeypatch, *bare.given()) == 1
    assert "pip install -e '.[train]'" in capsys.readouterr().err


def test_class_maps_are_read_in_order_and_those_of_others_refused(tmp_path: Path) -> None:
    assert read_classes(write_class_map(tmp_path / "map.csv")) == CLASSES
    others = tuple("Noise" if name == "Rain" else name for name in CLASSES)
    with pytest.raises(DataError, match="lacks 'Rain': give that of YAMNet"):
        read_classes(write_class_map(tmp_path / "map.csv", others))
    with pytest.raises(DataError, match="names 520 classes: give that of YAMNet, with 521"):
        read_classes(write_class_map(tmp_path / "map.csv", CLASSES[1:]))
    with pytest.raises(DataError, match="cannot be read"):
        read_classes(tmp_path)
    (tmp_path / "map.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AttuneError, match="cannot be read"):
        read_classes(tmp_path / "map.csv")


def test_probes_are_patches_of_every_loudness() -> None:
    probes = probe_sounds(15_600)
    assert probes.shape == (5, 15_600)
    assert probes.dtype == np.float32
    assert not probes[4].any()
    np.testing.assert_allclose(probes[2:4] * 100, probes[:2], atol=1e-5)


@needs_fluidsynth
def test_budget_and_threads_are_given_on_to_the_training(
    bare: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "SETTINGS", replace(QUICK, steps=200, still_steps=100))
    kept: list[Any] = []

    def noted(*given: Any, **_more: Any) -> Any:
        kept.append(given[3])
        raise DataError("That is enough.")

    monkeypatch.setattr(release, "distil_layers", noted)
    shutil.copytree(bare.run / "songs", tmp_path / "run" / "songs")
    given = bare.given(run=tmp_path / "run", out=tmp_path / "x.onnx")
    assert attune(monkeypatch, *given, "--budget", "0.015") == 1
    assert capsys.readouterr().err.strip().endswith("That is enough.")
    assert (kept[0].steps, kept[0].still_steps, kept[0].threads) == (3, 2, 1)
