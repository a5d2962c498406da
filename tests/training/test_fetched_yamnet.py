"""Google's own YAMNet from its address to the mood backbone, by an invented server and invented weights."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from attune.cli import main, models
from attune.doctor import Verdict, examine
from core import paths
from core.errors import DataError, DownloadError, ModelError, WeightsError
from core.settings import load_settings
from models import assets
from models.download import DownloadSettings
from models.mood import google_yamnet
from models.mood.backbone import load_backbone
from models.mood.fingerprint import FINGERPRINT, mismatches, pack, read_fingerprint, signals
from models.mood.google_yamnet import fetch_google_yamnet
from tests.models.file_server import FileServer, closed_port, serving
from tests.models.keras_yamnet import Arrays, keep_keras, unfolded
from tests.paths import SHARED_DATA
from tests.training.invented_yamnet import CLASSES, invented_yamnet
from tests.training.running import attune
from training.onnx_file import write_graph
from training.release import register
from training.yamnet.fingerprint import _make_fingerprint, write_fingerprint
from training.yamnet.network import ServedYamnet, Yamnet, read_yamnet
from training.yamnet.release import _student_metadata

REFERENCE = SHARED_DATA / "yamnet" / "yamnet_weights.npz"
QUICK = DownloadSettings(answer_s=10.0, pause_s=0.0)
ONCE = replace(QUICK, tries=1)
PATCHES = np.stack([*signals().values()])
pytestmark = pytest.mark.timeout(300)  # the first of them waits for the student's graph


def network(seed: int) -> Yamnet:
    """Invented weights, offsets too."""
    made = invented_yamnet(seed)
    rng = torch.Generator().manual_seed(seed)
    for name, values in made.named_parameters():
        if name.endswith("bias"):
            values.copy_(0.1 * torch.randn(values.shape, generator=rng))
    return made


def as_keras(made: Yamnet) -> Arrays:
    return unfolded({name: values.numpy() for name, values in made.state_dict().items()})


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program's own weights: a student, and the fingerprint of the network that is to be fetched."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "manifest.toml").write_text("# Invented.\n")
    student = network(1)
    for values in student.parameters():
        values.copy_(values.half().float() if values.ndim > 1 else values)
    graph = folder / "yamnet-student.onnx"
    write_graph(
        ServedYamnet(student).eval(),
        graph,
        _student_metadata("yamnet-student", "1.0.0", CLASSES),
        PATCHES[:2],
        name="yamnet",
        takes="waveform",
        gives=["embedding", "scores"],
    )
    register(graph, licence="CC-BY-NC-SA-4.0", source="invented")
    file = folder / f"{FINGERPRINT}.npz"
    file.write_bytes(pack(_make_fingerprint(network(0))))
    register(file, licence="MIT", source="invented", card="yamnet.md")
    return folder


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return keep_keras(tmp_path_factory.mktemp("google") / "yamnet.h5", as_keras(network(0))).read_bytes()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, and the invented weights instead of the program's."""
    monkeypatch.setattr(assets, "WEIGHTS_DIR", shipped)
    monkeypatch.setattr(assets, "_MANIFEST", shipped / "manifest.toml")
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setattr(paths, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")
    monkeypatch.setattr(paths, "log_file", lambda: tmp_path / "attune.log")
    monkeypatch.setattr(main, "start_logging", lambda: None)  # it would stay for the tests that follow
    monkeypatch.setenv("ATTUNE_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def server(keras: bytes) -> Iterator[FileServer]:
    with serving(FileServer(keras)) as one:
        yield one


def left(home: Path) -> set[str]:
    """Files of the user's."""
    return {str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()}


FETCHED = {"data/weights/yamnet.onnx", "data/weights/yamnet.toml"}


def test_fetched_graph_answers_as_the_network_and_is_checked_at_each_load(
    server: FileServer, home: Path, shipped: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch_google_yamnet(
        url=server.url, settings=QUICK, on_progress=lambda done, total: seen.append((done, total))
    )
    assert path == home / "data" / "weights" / "yamnet.onnx"
    assert left(home) == FETCHED
    assert seen[-1] == (len(server.content), len(server.content))
    settings = load_settings(mood_backbone="yamnet")
    backbone = load_backbone(settings.mood_backbone, threads=1)
    assert (backbone.info.name, backbone.info.licence) == ("yamnet", "Apache-2.0")
    assert backbone.info.version.startswith("h5-")
    assert backbone.info.classes == CLASSES
    with torch.no_grad():
        embedding, scores = ServedYamnet(network(0))(torch.from_numpy(PATCHES))
    heard = backbone.predict(PATCHES)
    np.testing.assert_allclose(heard.embedding, embedding.numpy(), atol=1e-4 * float(embedding.max()))
    np.testing.assert_allclose(heard.scores, scores.numpy(), atol=1e-4)
    kinds = {weight.data_type for weight in onnx.load(path).graph.initializer if "network." in weight.name}
    assert kinds == {onnx.TensorProto.FLOAT}

    asset = assets.fetched_asset("yamnet")
    assert asset is not None
    assert asset.size_bytes == path.stat().st_size
    assert asset.card == shipped / "yamnet.md"
    assert server.url in asset.source
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"yamnet\.onnx is damaged .*: run `attune models fetch yamnet -"):
        load_backbone(settings.mood_backbone)
    path.write_bytes(b"short")
    with pytest.raises(WeightsError, match=r"has 5 bytes instead of \d+: run `attune models fetch yamnet -"):
        load_backbone(settings.mood_backbone)
    path.unlink()
    with pytest.raises(WeightsError, match=r"yamnet\.onnx is missing: run `attune models fetch yamnet --fo"):
        load_backbone(settings.mood_backbone)
    path.with_suffix(".toml").write_text("[yamnet")
    with pytest.raises(WeightsError, match=r"The record .*yamnet\.toml of fetched weights cannot be read"):
        load_backbone(settings.mood_backbone)
    path.with_suffix(".toml").unlink()
    with pytest.raises(WeightsError, match="The weights 'yamnet' were not fetched yet: run `attune models f"):
        load_backbone(settings.mood_backbone)


def test_interrupted_fetch_goes_on(server: FileServer, home: Path) -> None:
    server.cuts = [4_000_000]
    with pytest.raises(DownloadError, match="4000000 bytes have come"):
        fetch_google_yamnet(url=server.url, settings=ONCE)
    assert left(home) == {"cache/downloads/yamnet.h5.part", "cache/downloads/yamnet.h5.part.json"}
    fetch_google_yamnet(url=server.url, settings=ONCE)
    assert server.asked[-1] == ("bytes=4000000-", server.etag)
    assert left(home) == FETCHED


def test_file_that_changed_in_between_is_not_mixed_with_its_older_self(
    server: FileServer, home: Path, keras: bytes
) -> None:
    server.content, server.cuts = bytes(len(keras)), [4_000_000]
    with pytest.raises(DownloadError):
        fetch_google_yamnet(url=server.url, settings=ONCE)
    server.content = keras
    fetch_google_yamnet(url=server.url, settings=QUICK)
    assert left(home) == FETCHED


def test_file_at_hand_is_taken_without_the_network_and_stays(
    server: FileServer, home: Path, tmp_path: Path, keras: bytes
) -> None:
    given = tmp_path / "given" / "yamnet.h5"
    given.parent.mkdir()
    given.write_bytes(keras)
    path = fetch_google_yamnet(url=server.url, given=given, settings=QUICK)
    assert left(home) == {*FETCHED, "given/yamnet.h5"}
    assert server.asked == []
    load_backbone(path, threads=1)
    asset = assets.fetched_asset("yamnet")
    assert asset is not None
    assert asset.source == "Google, yamnet.h5, a local file; converted by this program"
    given.write_bytes(as_half(keras))
    with pytest.raises(WeightsError, match=r"yamnet\.h5 is damaged"):
        fetch_google_yamnet(given=given)
    assert given.read_bytes() == as_half(keras)
    load_backbone(path, threads=1)


def as_page(_: bytes) -> bytes:
    return b"<!DOCTYPE html><html><body>Sign in</body></html>"


def as_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (as_page, r"yamnet\.h5 is no HDF5 file \(it begins with b'<!DOCTYP'\): fetch it again"),
        (as_half, r"yamnet\.h5 is damaged \(.*\): fetch it again"),
    ],
)
def test_what_is_no_network_is_refused_and_not_kept(
    server: FileServer, home: Path, spoil: Callable[[bytes], bytes], words: str
) -> None:
    server.content = spoil(server.content)
    with pytest.raises(WeightsError, match=words):
        fetch_google_yamnet(url=server.url, settings=QUICK)
    assert left(home) == set()


def test_other_weights_are_refused_and_the_old_ones_stay(
    server: FileServer, home: Path, tmp_path: Path
) -> None:
    path = fetch_google_yamnet(url=server.url, settings=QUICK)
    before = {file: (home / file).read_bytes() for file in left(home)}
    other = keep_keras(tmp_path / "other.h5", as_keras(network(2)))
    server.content = other.read_bytes()
    other.unlink()
    words = (
        r"another network than the reference YAMNet \(it differs in \d of 9 test signals; noise: the embed"
    )
    with pytest.raises(WeightsError, match=words):
        fetch_google_yamnet(url=server.url, settings=QUICK)
    assert {file: (home / file).read_bytes() for file in left(home)} == before
    load_backbone(path, threads=1)


def test_weights_that_answer_with_nan_are_refused(server: FileServer, home: Path, tmp_path: Path) -> None:
    arrays = {
        name: values * np.float32(1e12 if name.endswith("kernel:0") else 1.0)
        for name, values in as_keras(network(0)).items()
    }
    loud = keep_keras(tmp_path / "loud.h5", arrays)
    server.content = loud.read_bytes()
    loud.unlink()
    with pytest.raises(WeightsError, match="answered with NaN"):
        fetch_google_yamnet(url=server.url, settings=QUICK)
    assert left(home) == set()


def test_full_disk_keeps_what_was_fetched_and_what_was_there(server: FileServer, home: Path) -> None:
    resource = pytest.importorskip("resource")
    path = fetch_google_yamnet(url=server.url, settings=QUICK)
    before = {file: (home / file).read_bytes() for file in left(home)}
    fetched = home / "cache" / "downloads" / "yamnet.h5"
    fetched.write_bytes(server.content)
    server.asked.clear()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(
            DataError, match=r"The weights .*yamnet\.onnx cannot be written \(File too large\)"
        ):
            fetch_google_yamnet(url=server.url, settings=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert fetched.is_file()
    assert {file: (home / file).read_bytes() for file in left(home) - {"cache/downloads/yamnet.h5"}} == before
    assert fetch_google_yamnet(url=server.url, settings=QUICK) == path
    assert server.asked == []
    assert left(home) == FETCHED


@pytest.mark.parametrize("library", ["h5py", "onnx"])
def test_missing_library_is_said_before_anything_is_fetched(
    server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ModelError, match=rf"'{library}' is needed for .*: run `pip install -e '\.\[yamnet\]' -c"
    ):
        fetch_google_yamnet(url=server.url, settings=QUICK)
    assert server.asked == []
    assert left(home) == set()


def test_student_of_another_make_is_said(
    server: FileServer, tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load(shipped / "yamnet-student.onnx")
    for weight in model.graph.initializer:
        weight.name = weight.name.replace("network.", "student.")
    other = tmp_path / "other"
    other.mkdir()
    onnx.save(model, other / "yamnet-student.onnx")
    (other / "manifest.toml").write_text("# Invented.\n")
    register(other / "yamnet-student.onnx", licence="MIT", source="invented")
    monkeypatch.setattr(assets, "WEIGHTS_DIR", other)
    monkeypatch.setattr(assets, "_MANIFEST", other / "manifest.toml")
    with pytest.raises(WeightsError, match=r"yamnet-student\.onnx has other layers than YAMNet: restore it"):
        fetch_google_yamnet(url=server.url, settings=QUICK, fingerprint=_make_fingerprint(network(0)))


def test_command_fetches_once_lists_it_and_says_how_to_use_it(
    server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(google_yamnet, "URL", server.url)
    assert attune(monkeypatch, "models", "list") == 0
    assert "`attune models fetch yamnet` brings it" in capsys.readouterr().out
    assert attune(monkeypatch, "models", "fetch", "yamnet") == 0
    said = capsys.readouterr().out
    assert "yamnet.onnx: it answers as the reference YAMNet does." in said
    assert f'write mood_backbone = "yamnet" into {home / "settings.toml"}' in said
    assert left(home) == FETCHED

    assert attune(monkeypatch, "models", "fetch", "yamnet") == 0
    assert "yamnet is there already; --force fetches it again." in capsys.readouterr().out
    assert len(server.asked) == 1
    assert attune(monkeypatch, "models", "fetch", "yamnet", "--force") == 0
    assert len(server.asked) == 2
    capsys.readouterr()

    assert attune(monkeypatch, "models", "list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    path = home / "data" / "weights" / "yamnet.onnx"
    assert rows["yamnet"]["where"] == str(path)
    assert rows["yamnet"]["size_bytes"] == path.stat().st_size
    assert (rows["yamnet"]["state"], rows["yamnet"]["licence"]) == ("intact", "Apache-2.0")
    assert rows["yamnet"]["version"].startswith("h5-")
    assert rows["yamnet-student"]["version"] == "1.0.0"

    found = {check.topic: check for check in examine()}
    assert found["Weights yamnet"].verdict is Verdict.GOOD
    assert "Apache-2.0" in found["Weights yamnet"].finding
    path.write_bytes(b"damaged")
    assert attune(monkeypatch, "models", "list") == 1
    assert "has 7 bytes instead of" in capsys.readouterr().err
    assert attune(monkeypatch, "models", "fetch", "yamnet") == 0  # what is damaged is fetched again
    load_backbone(path, threads=1)


def test_command_says_in_one_sentence_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(google_yamnet, "URL", f"http://127.0.0.1:{closed_port()}/yamnet.h5")
    assert attune(monkeypatch, "models", "fetch", "yamnet") == 1
    said = capsys.readouterr().err
    assert "Error: http://127.0.0.1" in said
    assert "cannot be reached (Connection refused): look at the network connection and try again." in said
    assert attune(monkeypatch, "models", "fetch", "resnet") == 2

    def interrupt(**_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(google_yamnet, "fetch_google_yamnet", interrupt)
    assert attune(monkeypatch, "models", "fetch", "yamnet") == 130
    assert "Stopped: the same command goes on with what has come." in capsys.readouterr().err


def test_command_knows_all_that_can_be_fetched() -> None:
    assert tuple(models.Fetchable) == assets.FETCHABLE


def test_fingerprint_is_written_from_the_weights_it_is_given(tmp_path: Path) -> None:
    weights = {name: values.numpy() for name, values in network(0).state_dict().items()}
    np.savez(tmp_path / "reference.npz", **weights)  # type: ignore[arg-type]
    file = write_fingerprint(tmp_path / "reference.npz", tmp_path / "fingerprint.npz")
    assert mismatches(_make_fingerprint(network(0)), read_fingerprint(file)) == ()
    assert len(mismatches(_make_fingerprint(network(2)), read_fingerprint(file))) >= 8
    with pytest.raises(WeightsError, match=r"absent\.npz"):
        write_fingerprint(tmp_path / "absent.npz", tmp_path / "fingerprint.npz")


if REFERENCE.is_file():  # beside the repository, where its training data lie

    @pytest.fixture(scope="module")
    def committed_file() -> Path:
        return Path(assets.__file__).parent / "weights" / f"{FINGERPRINT}.npz"

    def test_committed_fingerprint_is_that_of_the_reference(committed_file: Path) -> None:
        committed, again = read_fingerprint(committed_file), _make_fingerprint(read_yamnet(REFERENCE))
        np.testing.assert_allclose(again.scores, committed.scores, atol=1e-3)
        np.testing.assert_allclose(again.embedding, committed.embedding, atol=0.02)
        assert mismatches(again, committed) == ()

    @pytest.mark.parametrize(("share", "known"), [(0.012, True), (0.03, False)])
    def test_weights_a_little_off_are_known_and_others_are_not(
        committed_file: Path, share: float, known: bool
    ) -> None:
        """Parts of the reference are known to 0.4 to 1.2 % only; Google's own file must be accepted."""
        exact = json.loads(REFERENCE.with_name("precision_by_layer.json").read_text())
        for seed in range(3):
            made, rng = read_yamnet(REFERENCE), torch.Generator().manual_seed(seed)
            for name, values in made.named_parameters():
                layer, _, part = name.partition(".")
                if part == "weight" and exact[layer] != "float32":
                    rows = values.flatten(1)
                    spread = share * rows.square().mean(dim=1, keepdim=True).sqrt()
                    rows += spread * torch.randn(rows.shape, generator=rng)
            found = mismatches(_make_fingerprint(made), read_fingerprint(committed_file))
            assert (not found) is known, found

    def test_reference_in_the_form_of_the_official_file_is_accepted(
        committed_file: Path, tmp_path: Path, home: Path
    ) -> None:
        file = keep_keras(tmp_path / "google.h5", as_keras(read_yamnet(REFERENCE)))
        with serving(FileServer(file.read_bytes())) as server:
            fetch_google_yamnet(url=server.url, settings=QUICK, fingerprint=read_fingerprint(committed_file))
        file.unlink()
        assert left(home) == FETCHED
