"""`attune dashboard`: runs the dashboard's server from any folder."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from attune.cli import console
from attune.cli.streams import let_output_fail
from core.errors import AttuneError
from core.text import encodable

app = console.command_app()

_HOST: Final = "127.0.0.1"


@app.command(
    epilog="**Examples**: `attune dashboard` · `attune dashboard --port 8600` · "
    "`attune dashboard --no-browser`"
)
def dashboard(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the page; by default 8501, or the next free one."),
    ] = None,
    browser: Annotated[
        bool | None,
        typer.Option(
            "--browser/--no-browser",
            help="Open the page, or only print its address; by default with a screen.",
        ),
    ] = None,
) -> None:
    """Open the dashboard in a browser. Ctrl-C stops."""
    options = []
    if port is not None:
        _check_port(port)
        options.append(f"--server.port={port}")
    if browser is not None:
        options.append(f"--server.headless={'false' if browser else 'true'}")
    _check_folders()
    let_output_fail()  # the page is there all the same
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # Streamlit ends in order at SIGTERM and Ctrl-C, but does not know of terminals that are closed.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    # In this process, so that Ctrl-C and the exit code are the server's own.
    sys.argv = ["streamlit", "run", str(dashboard_script()), *options]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def dashboard_script() -> Path:
    """The script that Streamlit runs; its settings are in the folder `.streamlit` beside it."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "dashboard" / "server" / "app.py"
    return installed if installed.exists() else package.parent / "app.py"


def _check_folders() -> None:
    """Streamlit looks for settings in both, and ends with a traceback where a name is not UTF-8."""
    try:
        folders = Path.home(), Path.cwd()
    except (OSError, RuntimeError) as error:
        raise AttuneError(
            f"The dashboard cannot start, because the home or the working folder is not there ({error}): "
            "start it from another folder."
        ) from error
    for folder in folders:
        if encodable(str(folder)) != str(folder):
            raise AttuneError(
                f"The dashboard cannot start, because the name of the folder {folder} is not UTF-8: rename "
                "it, or start it from another folder. All other commands work here."
            )


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if os.name == "posix":  # a port whose last connections are still closing can be used
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise AttuneError(
                f"Port {port} cannot be used ({error.strerror}): name another with --port."
            ) from error
