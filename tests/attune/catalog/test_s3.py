"""Catalogues in S3: a real server on the loopback address, the real client, and what goes wrong with both."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("ray")
pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

import boto3
from moto.server import ThreadedMotoServer
from pyarrow import parquet

from attune.catalog.schema import ErrorKind, open_tracks
from tests.attune.catalog.catalog_sounds import write_music
from tests.paths import DEMO, ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

WAIT_S = 240.0
BUCKET = "label"


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture
def environment(endpoint: str, tmp_path: Path) -> dict[str, str]:
    """That of a user whose credentials are in it; no file and no service of the machine can give others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


def catalog(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attune.cli.main", "catalog", *map(str, words)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=WAIT_S, check=False
    )


def answer(environment: dict[str, str], *words: str | Path) -> Any:
    done = catalog(environment, *words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def refused(environment: dict[str, str], *words: str | Path) -> str:
    done = catalog(environment, *words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


def put(bucket: Any, key: str, content: bytes) -> None:
    bucket.put_object(Bucket=BUCKET, Key=key, Body=content)


def test_a_bucket_is_analysed_gone_on_with_and_searched(
    bucket: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    music = [write_music(tmp_path / f"{seed}.wav", seed).read_bytes() for seed in (1, 2, 4, 5)]
    for number, content in enumerate(music[:3]):
        put(bucket, f"masters/album {number}/töne {number}.wav", content)
    put(bucket, "masters/broken.mp3", b"no sound" * 100)
    put(bucket, "masters/demo.ogg", DEMO.read_bytes())
    put(bucket, "masters/cover.jpg", b"no sound either")
    put(bucket, "other/apart.wav", music[3])

    source = f"s3://{BUCKET}/masters"
    first = answer(environment, "analyse", source, "--out", out, "--workers", "1")
    assert (first["entries"], first["analysed"], first["failed"]) == (5, 4, 1)
    rows = {row["location"]: row for row in open_tracks(out).to_table().to_pylist()}
    assert rows[f"{source}/broken.mp3"]["error_kind"] == ErrorKind.SOUND
    assert rows[f"{source}/album 1/töne 1.wav"]["embedding"]

    assert answer(environment, "analyse", source, "--out", out)["pending"] == 0
    put(bucket, "masters/album 1/töne 1.wav", music[3])  # another content
    put(bucket, "masters/copy.wav", music[0])
    again = answer(environment, "analyse", source, "--out", out, "--workers", "1")
    assert (again["pending"], again["analysed"], again["reused"]) == (2, 1, 1)

    found = answer(environment, "search", "electronic", "--catalog", out)
    assert f"{source}/demo.ogg" in {track["location"] for track in found}
    alike = answer(environment, "search", "--like", f"{source}/demo.ogg", "--catalog", out, "-n", "5")
    assert f"{source}/demo.ogg" not in {track["location"] for track in alike}
    [nearest, *_] = answer(environment, "search", "--like", DEMO, "--catalog", out, "-n", "1")
    assert nearest["location"] == f"{source}/demo.ogg"
    assert nearest["score"] == pytest.approx(1.0, abs=1e-3)


def test_a_parquet_file_in_a_bucket_names_what_lies_beside_it_and_elsewhere(
    bucket: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    put(bucket, "lists/music/here.wav", write_music(tmp_path / "a.wav", 1).read_bytes())
    put(bucket, "masters/there.wav", write_music(tmp_path / "b.wav", 2).read_bytes())
    urls = ["music/here.wav", f"s3://{BUCKET}/masters/there.wav", f"s3://{BUCKET}/masters/gone.wav"]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"number": [1, 2, 3], "track_url": urls}), sink)
    put(bucket, "lists/tracks.parquet", sink.getvalue().to_pybytes())

    source, out = f"s3://{BUCKET}/lists/tracks.parquet", tmp_path / "out"
    assert "number, track_url" in refused(environment, "analyse", source, "--out", out)
    assert "holds int64" in refused(environment, "analyse", source, "--out", out, "--column", "number")
    done = answer(environment, "analyse", source, "--out", out, "--column", "track_url", "--workers", "1")
    assert (done["entries"], done["analysed"], done["failed"]) == (3, 2, 1)
    kinds = {Path(row["location"]).name: row["error_kind"] for row in open_tracks(out).to_table().to_pylist()}
    assert kinds == {"here.wav": None, "there.wav": None, "gone.wav": ErrorKind.MISSING}


def test_what_is_wrong_with_a_storage_is_one_sentence(
    bucket: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    put(bucket, "masters/one.wav", write_music(tmp_path / "one.wav", 1).read_bytes())
    source, out = f"s3://{BUCKET}/masters", tmp_path / "out"
    nobody = {
        name: value
        for name, value in environment.items()
        if name not in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    }
    assert "needs credentials" in refused(nobody, "analyse", source, "--out", out)
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        closed = f"http://127.0.0.1:{reserved.getsockname()[1]}"
    gone = environment | {"AWS_ENDPOINT_URL": closed}
    assert "cannot be reached" in refused(gone, "analyse", source, "--out", out)
    assert "There is no s3://nowhere" in refused(environment, "analyse", "s3://nowhere/masters", "--out", out)
    assert "There is no" in refused(environment, "analyse", f"{source}/missing", "--out", out)
    assert not (out / "tracks").exists()
