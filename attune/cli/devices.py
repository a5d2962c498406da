"""`attune devices`: the microphones and the system audio that can be listened to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from attune.cli import console
from core.settings import load_settings
from realtime.capture import list_devices

app = console.command_app()


class CaptureBackend(StrEnum):
    """Libraries that open the microphone."""

    SOUNDDEVICE = "sounddevice"
    PYAUDIO = "pyaudio"


BackendOption = Annotated[CaptureBackend | None, typer.Option(help="Library that opens the microphone.")]


@app.command(
    epilog="**Examples**: `attune devices` · `attune devices --backend pyaudio` · `attune devices --json`"
)
def devices(
    backend: BackendOption = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """List microphones and system audio, by name and host API."""
    settings = load_settings(backend=backend and backend.value)
    rows = [
        (
            str(device.kind),
            device.name,
            device.host_api,
            device.backend,
            device.rate_hz,
            device.channels,
            device.is_default,
        )
        for device in list_devices(backend=settings.backend)
    ]
    if not (rows or as_json or as_csv):
        console.say("No sound device was found. `attune listen --source demo` works without one.")
        return
    columns = ("kind", "name", "host API", "library", "rate, Hz", "channels", "default")
    fields = ("kind", "name", "host_api", "library", "rate_hz", "channels", "default")
    records = [dict(zip(fields, row, strict=True)) for row in rows]
    console.print_data(console.DataTable(columns, rows, fields, records), as_json=as_json, as_csv=as_csv)
