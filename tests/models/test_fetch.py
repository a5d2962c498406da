"""Files that are fetched as they are: known by size and sum, and in place whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attune.cli import main
from core import paths
from core.errors import DataError, DownloadError, WeightsError
from models import assets, fetch
from models.assets import PINNED_FILES
from models.download import DownloadSettings
from models.fetch import fetch_pinned_file
from tests.attune.cli.test_models_command import attune
from tests.models.file_server import FileServer, closed_port, serving

CONTENT = np.random.default_rng(0).bytes(300_000)
QUICK = DownloadSettings(answer_s=5.0, whole_s=20.0, pause_s=0.0)
ONCE = replace(QUICK, tries=1)
THERE = "cache/weights/whisper.bin"
ADVICE = "it is not used; give the file of http"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(CONTENT)) as one:
        yield one


@pytest.fixture(autouse=True)
def home(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, and a small file in the teacher's place; returns the user's folder."""
    pinned = replace(
        PINNED_FILES["whisper"],
        url=server.url,
        size_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setitem(assets.PINNED_FILES, "whisper", pinned)
    folder = tmp_path / "home"
    monkeypatch.setattr(paths, "data_dir", lambda: folder / "data")
    monkeypatch.setattr(paths, "cache_dir", lambda: folder / "cache")
    monkeypatch.setattr(paths, "settings_file", lambda: folder / "settings.toml")
    monkeypatch.setattr(main, "start_logging", lambda: None)  # it would stay for the tests that follow
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def left(home: Path) -> set[str]:
    """Files of the user's."""
    return {file.relative_to(home).as_posix() for file in home.rglob("*") if file.is_file()}


def at_hand(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "model.bin"
    file.write_bytes(content)
    return file


def as_longer(content: bytes) -> bytes:
    return content + b"\0"


def as_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def as_text(_: bytes) -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\n"


def as_nothing(_: bytes) -> bytes:
    return b""


def as_another(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


def test_file_is_fetched_checked_and_located(home: Path) -> None:
    assert assets.fetched_asset("whisper") is None
    with pytest.raises(
        WeightsError, match=r"'whisper' were not fetched yet: run `attune models fetch \w+`\.$"
    ):
        assets.locate("whisper")
    seen: list[tuple[int, int | None]] = []
    path = fetch_pinned_file("whisper", settings=QUICK, on_progress=lambda *done: seen.append(done))
    assert path == home / THERE == assets.locate("whisper")
    assert path.read_bytes() == CONTENT
    assert left(home) == {THERE}
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    asset = assets.fetched_asset("whisper")
    assert asset is not None
    assert (asset.licence, asset.for_training, asset.card) == ("MIT", True, None)
    for spoil, words in ((as_half, "150000 bytes instead of 300000"), (as_another, r"damaged \(its SHA-256")):
        path.write_bytes(spoil(CONTENT))
        with pytest.raises(WeightsError, match=rf"{words}.*: run `attune models fetch whisper --force`"):
            assets.locate("whisper")


def test_interrupted_fetch_goes_on(server: FileServer, home: Path) -> None:
    server.cuts = [100_000]
    with pytest.raises(DownloadError, match="100000 bytes have come"):
        fetch_pinned_file("whisper", settings=ONCE)
    assert left(home) == {"cache/downloads/whisper.bin.part", "cache/downloads/whisper.bin.part.json"}
    fetch_pinned_file("whisper", settings=ONCE)
    assert server.asked[-1] == ("bytes=100000-", server.etag)
    assert left(home) == {THERE}


@pytest.mark.parametrize("spoil", [as_half, as_text, as_another])
@pytest.mark.parametrize("there", [False, True])
def test_other_file_from_the_address_is_refused_and_the_old_one_stays(
    server: FileServer, home: Path, spoil: Callable[[bytes], bytes], there: bool
) -> None:
    if there:
        fetch_pinned_file("whisper", settings=QUICK)
    server.content = spoil(CONTENT)
    words = r"What came from http.* is not Whisper base as it is known here \(.*\): it is not used; look for"
    with pytest.raises(WeightsError, match=words):
        fetch_pinned_file("whisper", settings=QUICK)
    assert left(home) == ({THERE} if there else set())
    if there:
        assert assets.locate("whisper").read_bytes() == CONTENT


def test_longer_file_from_the_address_is_not_even_fetched(server: FileServer, home: Path) -> None:
    server.content = as_longer(CONTENT)
    with pytest.raises(DownloadError, match="has 300001 bytes, more than the 300000 that are taken"):
        fetch_pinned_file("whisper", settings=QUICK)
    assert left(home) == set()


def test_file_at_hand_is_copied_without_the_network(server: FileServer, home: Path, tmp_path: Path) -> None:
    given = at_hand(tmp_path, CONTENT)
    seen: list[tuple[int, int | None]] = []
    path = fetch_pinned_file("whisper", given=given, on_progress=lambda *done: seen.append(done))
    assert path.read_bytes() == given.read_bytes() == CONTENT
    assert left(home) == {THERE}
    assert server.asked == []
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch_pinned_file("whisper", given=path) == path  # the one in place, too
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (as_half, rf"\(150000 bytes instead of 300000\): {ADVICE}"),
        (as_longer, rf"\(300001 bytes instead of 300000\): {ADVICE}"),
        (as_text, rf"\(43 bytes instead of 300000\): {ADVICE}"),
        (as_nothing, rf"\(0 bytes instead of 300000\): {ADVICE}"),
        (as_another, rf"\(its SHA-256 is another\): {ADVICE}"),
    ],
)
def test_other_file_at_hand_is_refused_and_nothing_is_replaced(
    home: Path, tmp_path: Path, spoil: Callable[[bytes], bytes], words: str
) -> None:
    given = at_hand(tmp_path, spoil(CONTENT))
    before = given.read_bytes()
    for there in (set(), {THERE}):
        with pytest.raises(WeightsError, match=rf"The file .*model\.bin is not Whisper base .* {words}"):
            fetch_pinned_file("whisper", given=given)
        assert left(home) == there
        assert given.read_bytes() == before
        fetch_pinned_file("whisper", settings=QUICK)


def test_file_that_is_not_at_hand_is_said(home: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.bin cannot be read \(No such file or directory\): give"):
        fetch_pinned_file("whisper", given=tmp_path / "absent.bin")
    with pytest.raises(WeightsError, match="is no file: give the file itself"):
        fetch_pinned_file("whisper", given=tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(WeightsError, match="pipe is no file"):
            fetch_pinned_file("whisper", given=tmp_path / "pipe")
    assert left(home) == set()


def test_full_disk_leaves_what_was_there(server: FileServer, home: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path, given = fetch_pinned_file("whisper", settings=QUICK), at_hand(tmp_path, CONTENT)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"weights .*whisper\.bin cannot be written \(File too large\)"):
            fetch_pinned_file("whisper", given=given)
        assert left(home) == {THERE}
        with pytest.raises(DownloadError, match=r"whisper\.bin\.part cannot be written \(File too large\)"):
            fetch_pinned_file("whisper", settings=QUICK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == CONTENT
    fetch_pinned_file("whisper", settings=QUICK)  # goes on with what has come
    assert server.asked[-1][0].startswith("bytes=")
    assert left(home) == {THERE}


def test_place_that_cannot_be_keeps_what_was_fetched(server: FileServer, home: Path) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "weights").write_text("no folder")
    with pytest.raises(DataError, match=r"The weights .*whisper\.bin cannot be written \(File exists"):
        fetch_pinned_file("whisper", settings=QUICK)
    (home / "cache" / "weights").unlink()
    fetch_pinned_file("whisper", settings=QUICK)
    assert len(server.asked) == 1
    assert left(home) == {THERE}


def test_interruption_of_the_copy_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_pinned_file("whisper", given=at_hand(tmp_path, CONTENT), on_progress=interrupt)
    assert left(home) == set()


def test_command_fetches_once_lists_it_and_says_what_it_is_for(
    server: FileServer,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert attune(monkeypatch, "models", "fetch", "whisper") == 0
    said = capsys.readouterr().out
    assert f"Fetched {home / THERE}: size and SHA-256 are those of Whisper base." in said
    assert "It is for training alone: the program itself never opens it." in said
    assert "mood_backbone" not in said
    assert attune(monkeypatch, "models", "fetch", "whisper") == 0
    assert "whisper is there already; --force fetches it again." in capsys.readouterr().out
    assert len(server.asked) == 1
    assert attune(monkeypatch, "models", "fetch", "whisper", "--force") == 0
    assert len(server.asked) == 2
    (home / THERE).write_bytes(b"damaged")
    given = at_hand(tmp_path, CONTENT)
    assert attune(monkeypatch, "models", "fetch", "whisper", "--from", str(given)) == 0
    assert len(server.asked) == 2
    capsys.readouterr()

    attune(monkeypatch, "models", "list", "--json")
    row = {row["name"]: row for row in json.loads(capsys.readouterr().out)}["whisper"]
    assert (row["state"], row["licence"], row["where"]) == ("intact", "MIT", str(home / THERE))
    assert (row["size_bytes"], row["for_training"]) == (len(CONTENT), True)
    attune(monkeypatch, "models", "list")
    assert "\nwhisper: for training alone\n" in capsys.readouterr().out


def test_command_says_in_one_sentence_what_went_wrong(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = at_hand(tmp_path, b"a poem")
    assert attune(monkeypatch, "models", "fetch", "whisper", "--from", str(given)) == 1
    said = capsys.readouterr().err
    assert f"Error: The file {given} is not Whisper base as it is known here (6 bytes instead of" in said
    assert len(said.splitlines()) == 1
    address = f"http://127.0.0.1:{closed_port()}/model.bin"
    monkeypatch.setitem(assets.PINNED_FILES, "whisper", replace(assets.PINNED_FILES["whisper"], url=address))
    assert attune(monkeypatch, "models", "fetch", "whisper") == 1
    assert "cannot be reached (Connection refused): look at the network" in capsys.readouterr().err

    def interrupt(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "fetch_pinned_file", interrupt)
    assert attune(monkeypatch, "models", "fetch", "whisper") == 130
    assert "Stopped: the same command goes on with what has come." in capsys.readouterr().err
    assert left(home) == set()
