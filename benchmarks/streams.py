"""A server of the API under load: how long answers to streams take, what is lost, what it holds in memory.

    python -m benchmarks.streams [--streams N ...] [--seconds 60 | --minutes 10] [--no-music] [FILE]
    python -m benchmarks.streams --emotion

A server of its own is started in another process. Without --streams as many streams are opened as the server
finds that keep their pace, and five more on top, which must be refused. Each sends blocks of 100 ms, as fast
as they sound, from another place of the recording on and at another moment; without a file that is the first
half minute of the built-in demo, in which people speak nearly always. The answer to a window takes from the
sending of the block with its last sample to its arrival here. So what clients cost is part of the load.

With --emotion: what `POST /v1/emotion` with a clip of 3 s takes more than the model alone takes for it.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import math
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import requests
import soundfile
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from models.audio import decode
from models.emotion.recogniser import WINDOW_SAMPLES, load_recogniser
from models.resample import SAMPLE_RATE_HZ
from realtime.capture.demo import DEMO_FILE
from training.speed.machine import machine_record

_BLOCK: Final = SAMPLE_RATE_HZ // 10
_HOP_S: Final = 0.5
_SPEECH_S: Final = 30
_READY_S: Final = 120.0
_MEMORY_EVERY_S: Final = 5.0
_REFUSED: Final = 5
_CLIPS: Final = 60


@dataclass
class StreamFigures:
    """What one stream saw."""

    latencies_ms: list[float] = field(default_factory=list)  # of each window, in order
    asked: int = 0  # windows in which there was enough speech to ask the model
    due: int = 0
    end: dict[str, Any] | None = None  # the server's own count
    failure: str = ""


@contextmanager
def server(*options: str) -> Iterator[str]:
    """A server in a process of its own; its host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "attune", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    address = f"127.0.0.1:{port}"
    try:
        _wait_for(lambda: requests.get(f"http://{address}/health/ready", timeout=10).ok)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def run(
    address: str, sound: np.ndarray, *, streams: int | None, seconds: float, music: bool
) -> dict[str, Any]:
    """Open streams at a server for a while.

    Parameters
    ----------
    address
        Host and port.
    sound
        What they send in turn, int16 at 16 kHz.
    streams
        How many; None: as many as the server takes, and more that must be refused.
    seconds
        How long each sends.
    music
        Whether music is listened to beside the voice.

    Returns
    -------
    figures
        Milliseconds, megabytes, and cores that server and clients took.
    """
    capacity = requests.get(f"http://{address}/v1/streams", timeout=60).json()["capacity"]
    server_s = _metric(address, "process_cpu_seconds_total")
    busy_s, begun_s = time.process_time(), time.perf_counter()
    found, refused, memory = asyncio.run(
        _all(
            f"ws://{address}/v1/stream?music={str(music).lower()}",
            sound,
            count=streams or capacity,
            more=0 if streams else _REFUSED,
            seconds=seconds,
            address=address,
        )
    )
    wall_s, client_s = time.perf_counter() - begun_s, time.process_time() - busy_s
    server_s = _metric(address, "process_cpu_seconds_total") - server_s
    latencies = [latency for one in found for latency in one.latencies_ms]
    due = sum(one.due for one in found)
    return {
        "streams": len(found),
        "capacity": capacity,
        "music": music,
        "seconds": round(seconds, 1),
        "windows": len(latencies),
        "lost": due - len(latencies),
        "failed_streams": [one.failure for one in found if one.failure],
        "refused_with_503": refused,
        "asked_share": round(sum(one.asked for one in found) / max(1, len(latencies)), 3),
        **_percentiles(latencies),
        "memory_mb": memory,
        "server_cores": round(server_s / wall_s, 2),
        "server_ms_per_window": round(1000.0 * server_s / max(1, len(latencies)), 1),
        "client_cores": round(client_s / wall_s, 2),
        **machine_record(),
    }


def emotion_request(address: str) -> dict[str, Any]:
    """What an answer to a 3 s clip takes over HTTP, and what the model alone takes for it, in turn."""
    window = decode(DEMO_FILE)[10 * SAMPLE_RATE_HZ :][:WINDOW_SAMPLES]
    file, recogniser = io.BytesIO(), load_recogniser()
    soundfile.write(file, window, SAMPLE_RATE_HZ, format="WAV")
    content = file.getvalue()
    http = requests.Session()

    def ask() -> None:
        answer = http.post(f"http://{address}/v1/emotion", files={"files": ("clip.wav", content)}, timeout=60)
        answer.raise_for_status()

    def infer() -> None:
        recogniser.answers(window[np.newaxis])

    both = [(_timed_ms(ask), _timed_ms(infer)) for _ in range(_CLIPS)]
    request_ms, model_ms = (statistics.median(times) for times in zip(*both, strict=True))
    return {
        "request_p50_ms": round(request_ms, 1),
        "model_p50_ms": round(model_ms, 1),
        "more_ms": round(request_ms - model_ms, 1),
        **machine_record(),
    }


async def _all(
    url: str, sound: np.ndarray, *, count: int, more: int, seconds: float, address: str
) -> tuple[list[StreamFigures], int, dict[str, Any]]:
    places = np.random.default_rng(1).random(count)
    memory: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch_memory(address, memory))
    tasks = [asyncio.create_task(_one(url, sound, place=float(place), seconds=seconds)) for place in places]
    await asyncio.sleep(min(5.0, seconds / 2))  # until then all have their place
    refused = [await _is_refused(url) for _ in range(more)]
    found = await asyncio.gather(*tasks)
    watching.cancel()
    return found, sum(refused), _memory_figures(memory)


async def _one(url: str, sound: np.ndarray, *, place: float, seconds: float) -> StreamFigures:
    figures = StreamFigures()
    blocks = round(seconds * SAMPLE_RATE_HZ / _BLOCK)
    figures.due = max(0, math.floor((blocks * _BLOCK - WINDOW_SAMPLES) / (_HOP_S * SAMPLE_RATE_HZ)) + 1)
    sent_s = [0.0] * blocks
    first = int(place * len(sound)) // _BLOCK
    try:
        await asyncio.sleep(2.0 * place)  # people do not begin together
        async with connect(url, compression=None, open_timeout=60) as stream:

            async def send() -> None:
                begun_s = time.perf_counter()
                for number in range(blocks):
                    await asyncio.sleep(max(0.0, begun_s + number * 0.1 - time.perf_counter()))
                    at = (first + number) * _BLOCK % (len(sound) - _BLOCK)
                    sent_s[number] = time.perf_counter()
                    await stream.send(sound[at : at + _BLOCK].tobytes())
                await stream.send('{"type": "end"}')

            sending = asyncio.create_task(send())
            async for message in stream:
                now_s, event = time.perf_counter(), json.loads(message)
                if event["type"] == "window":
                    last = round(event["time_s"] * SAMPLE_RATE_HZ) // _BLOCK - 1
                    figures.latencies_ms.append(1000.0 * (now_s - sent_s[last]))
                    figures.asked += event["probabilities"] is not None
                elif event["type"] == "end":
                    figures.end = event
            await sending
    except (ConnectionClosed, InvalidStatus, OSError) as error:
        figures.failure = str(error)
    return figures


async def _is_refused(url: str) -> bool:
    try:
        async with connect(url, compression=None, open_timeout=60):
            return False
    except InvalidStatus as error:
        return error.response.status_code == 503 and "Retry-After" in error.response.headers


async def _watch_memory(address: str, memory: list[tuple[float, float]]) -> None:
    begun_s = time.perf_counter()
    while True:
        held = await asyncio.to_thread(_metric, address, "process_resident_memory_bytes")
        memory.append((time.perf_counter() - begun_s, held / 1e6))
        await asyncio.sleep(_MEMORY_EVERY_S)


def _metric(address: str, name: str) -> float:
    text = requests.get(f"http://{address}/metrics", timeout=60).text
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"{name} is told on Linux alone"
    return float(found[1])


def _memory_figures(memory: list[tuple[float, float]]) -> dict[str, Any]:
    """At a third of the run and at its end, and the slope between."""
    settled = [(at_s, mb) for at_s, mb in memory if at_s >= memory[-1][0] / 3] if memory else []
    if len(settled) < 3:
        return {"last": round(memory[-1][1], 1)} if memory else {}
    times, values = zip(*settled, strict=True)
    slope = statistics.linear_regression(times, values).slope
    return {
        "after_a_third": round(values[0], 1),
        "last": round(values[-1], 1),
        "most": round(max(mb for _, mb in memory), 1),
        "growth_per_minute": round(60.0 * slope, 2),
    }


def _percentiles(latencies: list[float]) -> dict[str, float]:
    if not latencies:
        return {}
    return {
        "p50_ms": round(float(np.percentile(latencies, 50)), 1),
        "p95_ms": round(float(np.percentile(latencies, 95)), 1),
        "worst_ms": round(max(latencies), 1),
    }


def _timed_ms(call: Callable[[], None]) -> float:
    begun_s = time.perf_counter()
    call()
    return 1000.0 * (time.perf_counter() - begun_s)


def _wait_for(ready: Callable[[], bool]) -> None:
    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s:
        try:
            if ready():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"The server was not ready within {_READY_S:g} s.")


def main() -> None:
    """Run from the command line; prints one JSON object for each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--streams", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--no-music", action="store_true")
    parser.add_argument("--emotion", action="store_true")
    options = parser.parse_args()
    if options.emotion:
        with server() as address:
            print(json.dumps(emotion_request(address)))
        return
    sound = decode(options.file or DEMO_FILE)
    sound = sound if options.file else sound[: _SPEECH_S * SAMPLE_RATE_HZ]
    samples = (np.clip(sound, -1.0, 1.0) * 32_767.0).astype("<i2")
    seconds = 60.0 * options.minutes if options.minutes else options.seconds
    for streams in options.streams or [None]:
        with server(*(() if streams is None else ("--max-streams", str(streams)))) as address:
            figures = run(address, samples, streams=streams, seconds=seconds, music=not options.no_music)
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
