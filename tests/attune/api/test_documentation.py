"""docs/api.md: its client works, and what it says of options and addresses is so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attune.cli.main import load_command
from realtime.capture.demo import DEMO_FILE
from tests.attune.api.server import RunningServer, running_server
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CLIENT, _EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def client(api: RunningServer) -> Any:
    return client_of(api)


def client_of(server: RunningServer) -> Any:
    names: dict[str, Any] = {}
    exec(CLIENT, names)
    return names["Attune"](server.url)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of the demo, 16-bit mono at 16 kHz."""
    import soundfile  # noqa: PLC0415

    with soundfile.SoundFile(DEMO_FILE) as demo:
        samples = demo.read(4 * demo.samplerate, dtype="int16", always_2d=True)[:, 0]
        path = tmp_path_factory.mktemp("sound") / "voice.wav"
        soundfile.write(path, samples, demo.samplerate, subtype="PCM_16")
    return path


def test_the_client_has_forty_lines() -> None:
    assert len([line for line in CLIENT.splitlines() if line.strip()]) <= 40


def test_its_recordings_are_answered_row_by_row(client: Any, voice: Path, tmp_path: Path) -> None:
    broken = tmp_path / "poem.mp3"
    broken.write_text("no sound", encoding="utf-8")
    first, second = client.emotion(voice, broken)
    assert (first["file"], first["status"]) == ("voice.wav", "low_confidence")
    assert second["file"] == "poem.mp3"
    assert "poem.mp3" in second["error"]


def test_its_job_comes_to_a_profile(client: Any, voice: Path) -> None:
    assert client.profile(voice)["file"] == "voice.wav"


def test_its_refusals_are_sentences(client: Any) -> None:
    with pytest.raises(RuntimeError, match="There is nothing at this address"):
        client.ask("GET", "/v1/nothing")


def test_its_stream_hears_what_is_sent_as_it_sounds(api: RunningServer, voice: Path) -> None:
    import soundfile  # noqa: PLC0415

    samples, rate = soundfile.read(voice, dtype="int16")
    step = rate // 10

    def microphone() -> Iterator[bytes]:
        for start in range(0, len(samples), step):
            yield samples[start : start + step].tobytes()
            time.sleep(0.1)  # as fast as it sounds: that is what a microphone does

    with running_server(engine=api.services.engine) as server:  # whose threads end with the test
        events = list(client_of(server).listen(microphone(), rate))
    assert [event["type"] for event in events if event["type"] != "notice"] == [
        "ready",
        "window",
        "window",
        "window",
        "end",
    ]
    assert events[-1]["lost_windows"] == events[-1]["lost_frames"] == 0


def test_all_options_of_the_command_are_explained() -> None:
    options = {name for one in load_command("serve").params for name in one.opts} - {"--help"}
    assert set(re.findall(r"^\| `(--[a-z-]+)` \|", PAGE, re.MULTILINE)) == options
    variables = {one.envvar for one in load_command("serve").params if one.envvar}
    assert variables <= set(re.findall("ATTUNE_API_[A-Z_]+", PAGE))


def test_every_versioned_address_is_on_the_page(api: RunningServer) -> None:
    groups = {"/".join(path.split("/")[:3]) for path in api.app.openapi()["paths"] if path.startswith("/v1/")}
    assert {group for group in groups if group not in PAGE} == set()
