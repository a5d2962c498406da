"""Downloads: whole or not there, resumed only where it is the same file, one sentence for all else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import requests

from core.errors import DownloadError
from models.download import DownloadSettings, download
from tests.models.file_server import FileServer, closed_port, serving

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(280_000)
QUICK = DownloadSettings(answer_s=5.0, whole_s=20.0, pause_s=0.0)
ONCE = replace(QUICK, tries=1)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(CONTENT)) as one:
        yield one


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "file.h5"


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.parent.iterdir())


def begun(server: FileServer, place: Path, size: int = 100_000) -> None:
    """A download that broke off."""
    server.cuts = [size]
    with pytest.raises(DownloadError, match=rf"broke off 1 times \(the connection was closed, {size} bytes"):
        download(server.url, place, settings=ONCE)
    assert names(place) == ["file.h5.part", "file.h5.part.json"]
    server.asked.clear()


def test_file_comes_whole_and_alone(server: FileServer, place: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    download(server.url, place, settings=QUICK, on_progress=lambda done, total: seen.append((done, total)))
    assert place.read_bytes() == CONTENT
    assert names(place) == ["file.h5"]
    assert server.asked == [("", "")]
    assert seen[0] == (0, 300_000)
    assert seen[-1] == (300_000, 300_000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_redirects_are_followed(server: FileServer, place: Path) -> None:
    with serving(FileServer(b"", redirect_to=server.url)) as first:
        download(first.url, place, settings=QUICK)
    assert place.read_bytes() == CONTENT


def test_broken_connections_are_gone_on_with(server: FileServer, place: Path) -> None:
    server.cuts = [100_000, 50_000, 1]
    download(server.url, place, settings=QUICK)
    assert place.read_bytes() == CONTENT
    assert server.asked == [("", ""), *((f"bytes={at}-", server.etag) for at in (100_000, 150_000, 150_001))]


def test_later_call_goes_on_with_what_has_come(server: FileServer, place: Path) -> None:
    begun(server, place)
    seen: list[int] = []
    download(server.url, place, settings=ONCE, on_progress=lambda done, _total: seen.append(done))
    assert place.read_bytes() == CONTENT
    assert server.asked == [("bytes=100000-", server.etag)]
    assert seen[0] == 100_000


def test_old_file_stays_until_the_new_one_is_whole(server: FileServer, place: Path) -> None:
    place.parent.mkdir()
    place.write_bytes(b"the old one")
    server.cuts = [1000]
    with pytest.raises(DownloadError):
        download(server.url, place, settings=ONCE)
    assert place.read_bytes() == b"the old one"
    download(server.url, place, settings=ONCE)
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("heeds", [True, False])
def test_file_that_changed_between_is_fetched_from_its_beginning(
    server: FileServer, place: Path, heeds: bool
) -> None:
    begun(server, place)
    server.content, server.heeds_if_range = OTHER, heeds
    download(server.url, place, settings=QUICK)
    assert place.read_bytes() == OTHER


def test_beginning_of_another_address_is_not_gone_on_with(server: FileServer, place: Path) -> None:
    begun(server, place)
    with serving(FileServer(OTHER)) as other:
        download(other.url, place, settings=ONCE)
        assert other.asked == [("", "")]
    assert place.read_bytes() == OTHER


@pytest.mark.parametrize("lacking", ["ranges", "tells_etag"])
def test_server_that_cannot_resume_gives_it_from_the_beginning(
    server: FileServer, place: Path, lacking: str
) -> None:
    setattr(server, lacking, False)
    server.cuts = [100_000]
    with pytest.raises(DownloadError, match="broke off 1 times"):
        download(server.url, place, settings=ONCE)
    download(server.url, place, settings=ONCE)
    assert place.read_bytes() == CONTENT
    assert names(place) == ["file.h5"]


def test_beginning_that_is_longer_than_the_file_is_forgotten(server: FileServer, place: Path) -> None:
    begun(server, place)
    place.with_name("file.h5.part").write_bytes(bytes(400_000))
    download(server.url, place, settings=QUICK)
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 1}', '{"url": "x", "etag": "y"}'])
def test_note_that_was_damaged_means_from_the_beginning(server: FileServer, place: Path, note: str) -> None:
    begun(server, place)
    place.with_name("file.h5.part.json").write_text(note)
    download(server.url, place, settings=ONCE)
    assert place.read_bytes() == CONTENT
    assert server.asked == [("", "")]


def test_length_that_the_server_keeps_to_itself_is_no_hindrance(server: FileServer, place: Path) -> None:
    server.tells_length = False
    seen: list[tuple[int, int | None]] = []
    download(server.url, place, settings=ONCE, on_progress=lambda done, total: seen.append((done, total)))
    assert place.read_bytes() == CONTENT
    assert seen[-1] == (300_000, None)


@pytest.mark.parametrize("tells_length", [True, False])
def test_too_long_files_are_refused(server: FileServer, place: Path, tells_length: bool) -> None:
    server.tells_length = tells_length
    with pytest.raises(DownloadError, match=r"has 300000 bytes, more than the 1000|sent more than it should"):
        download(server.url, place, settings=replace(ONCE, most_bytes=1000))
    assert names(place) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, r"There is nothing at http://127.* any more \(HTTP 404\): look for a newer version"),
        (410, r"There is nothing at .* \(HTTP 410\)"),
        (403, r"was refused \(HTTP 403 Forbidden\): try again later"),
        (503, r"was refused \(HTTP 503 Service Unavailable\): try again later"),
        (204, r"was refused \(HTTP 204"),
    ],
)
def test_refusals_are_said_and_what_has_come_stays(
    server: FileServer, place: Path, status: int, words: str
) -> None:
    begun(server, place)
    server.status = status
    with pytest.raises(DownloadError, match=words):
        download(server.url, place, settings=QUICK)
    assert len(server.asked) == 1
    assert place.with_name("file.h5.part").read_bytes() == CONTENT[:100_000]


def test_web_page_in_its_place_is_said_and_what_has_come_stays(server: FileServer, place: Path) -> None:
    begun(server, place)
    server.content_type, server.ranges = "text/html; charset=utf-8", False
    with pytest.raises(DownloadError, match=r"A web page came instead of .*: look whether this network"):
        download(server.url, place, settings=QUICK)
    assert place.with_name("file.h5.part").read_bytes() == CONTENT[:100_000]


def test_no_network_is_said(place: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/file.h5"
    with pytest.raises(DownloadError, match=r"cannot be reached \(Connection refused\): look at the network"):
        download(url, place, settings=QUICK)
    assert names(place) == []
    with pytest.raises(DownloadError, match=r"no-such-host\.invalid/x cannot be reached"):
        download("http://no-such-host.invalid/x", place, settings=QUICK)


def test_insecure_connection_is_said(server: FileServer, place: Path) -> None:
    with pytest.raises(DownloadError, match="No secure connection to https"):
        download(server.url.replace("http:", "https:"), place, settings=QUICK)


@pytest.mark.parametrize("address", ["nonsense", "ftp://host/file", "http://"])
def test_addresses_that_are_none_are_said(place: Path, address: str) -> None:
    with pytest.raises(DownloadError, match="cannot be fetched"):
        download(address, place, settings=QUICK)


def test_redirects_in_a_circle_end(server: FileServer, place: Path) -> None:
    server.redirect_to = server.url
    with pytest.raises(DownloadError, match=r"cannot be fetched \(Exceeded 30 redirects"):
        download(server.url, place, settings=QUICK)


def test_silence_of_the_server_ends(server: FileServer, place: Path) -> None:
    server.stall_s = 1.0
    with pytest.raises(DownloadError, match=r"did not answer within 0\.1 s: try again later"):
        download(server.url, place, settings=replace(QUICK, answer_s=0.1))


def test_drops_now_and_then_do_not_hold_the_clock(server: FileServer, place: Path) -> None:
    server.drip_s = 0.05
    with pytest.raises(DownloadError, match=r"took longer than 0\.3 s \(\d+ bytes have come\): run the same"):
        download(server.url, place, settings=replace(QUICK, whole_s=0.3))
    assert place.with_name("file.h5.part").stat().st_size > 0
    server.drip_s = 0.0
    download(server.url, place, settings=ONCE)
    assert place.read_bytes() == CONTENT


def test_body_that_stands_still_is_gone_on_with(server: FileServer, place: Path) -> None:
    server.drip_s = 0.5
    with pytest.raises(DownloadError, match=r"broke off 2 times \(nothing came any more, 2000 bytes"):
        download(server.url, place, settings=replace(QUICK, answer_s=0.2, tries=2))


def test_interruption_keeps_what_has_come(server: FileServer, place: Path) -> None:
    def interrupt(done: int, _total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.url, place, settings=QUICK, on_progress=interrupt)
    download(server.url, place, settings=ONCE)
    assert place.read_bytes() == CONTENT
    assert server.asked[1][0].startswith("bytes=")


def test_folder_that_cannot_be_is_said(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DownloadError, match=r"x\.part cannot be written \(Not a directory|File exists"):
        download(server.url, tmp_path / "file" / "x", settings=QUICK)
    assert server.asked == []


def test_place_that_is_taken_by_a_folder_is_said(server: FileServer, place: Path) -> None:
    place.mkdir(parents=True)
    with pytest.raises(DownloadError, match=r"file\.h5 cannot be written \(Is a directory\): make room"):
        download(server.url, place, settings=QUICK)


def test_folder_that_may_not_be_written_is_said(
    server: FileServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so the refusal comes from here."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(DownloadError, match=r"file\.h5\.part cannot be written \(Permission denied\): make"):
        download(server.url, place, settings=QUICK)


def test_full_disk_is_said_and_gone_on_with(server: FileServer, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256K", "tmpfs", str(disk)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        resource = pytest.importorskip("resource")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        try:
            with pytest.raises(DownloadError, match=r"cannot be written \(File too large\): make room there"):
                download(server.url, disk / "file.h5", settings=QUICK)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    else:
        try:
            with pytest.raises(DownloadError, match=r"cannot be written \(No space left on device\): make"):
                download(server.url, disk / "file.h5", settings=QUICK)
            assert not (disk / "file.h5").exists()
            subprocess.run(["mount", "-o", "remount,size=1M", str(disk)], check=True, capture_output=True)
            download(server.url, disk / "file.h5", settings=QUICK)
            assert (disk / "file.h5").read_bytes() == CONTENT
            assert server.asked[-1][0].startswith("bytes=")
        finally:
            with suppress(subprocess.CalledProcessError):
                subprocess.run(["umount", str(disk)], check=True)
        return
    download(server.url, disk / "file.h5", settings=QUICK)
    assert (disk / "file.h5").read_bytes() == CONTENT


def test_nothing_is_asked_for_that_would_pack_the_file(
    server: FileServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed body has other ranges and lengths than the file."""
    given: list[dict[str, str]] = []
    real = requests.get

    def get(url: str, **options: object) -> requests.Response:
        given.append(options["headers"])  # type: ignore[arg-type]
        return real(url, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(requests, "get", get)
    download(server.url, place, settings=QUICK)
    assert given[0]["Accept-Encoding"] == "identity"
