"""`attune serve`: the API for other programs, over HTTP and WebSockets."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from attune.cli import console
from attune.cli.streams import let_output_fail
from core.errors import AttuneError, ExtraMissingError
from core.extras import missing_library
from core.paths import log_file
from core.settings import load_settings
from core.text_files import read_text_file

if TYPE_CHECKING:
    from attune.api.access import ApiAccess

app = console.command_app()

TOKEN_VARIABLE: Final = "ATTUNE_API_TOKEN"  # noqa: S105 - its name

_SHORTEST_TOKEN: Final = 16


@app.command(
    epilog="**Examples**: `attune serve` · `attune serve --port 9000` · "
    "`attune serve --host 0.0.0.0 --token-file token.txt --allow-host music.example.org`"
)
def serve(
    host: Annotated[
        str,
        typer.Option(
            envvar="ATTUNE_API_HOST",
            help="Address to listen at; other machines reach any but `127.0.0.1`, which asks for a token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="ATTUNE_API_PORT", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="ATTUNE_API_TOKEN_FILE",
            help=f"File with the token that clients send, 16 characters or more; or set {TOKEN_VARIABLE}.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(envvar="ATTUNE_API_ALLOW_HOST", help="A further name of this machine; repeatable."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            envvar="ATTUNE_API_ALLOW_ORIGIN",
            help="Web pages of others that may use it, such as `https://example.org`; repeatable.",
        ),
    ] = None,
    max_upload_mb: Annotated[
        int, typer.Option(envvar="ATTUNE_API_MAX_UPLOAD_MB", min=1, max=2000, help="Largest upload, in MB.")
    ] = 200,
    max_streams: Annotated[
        int | None,
        typer.Option(
            envvar="ATTUNE_API_MAX_STREAMS",
            min=1,
            max=1000,
            help="Most streams at a time; by default as many as keep their pace here, which is measured.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            envvar="ATTUNE_API_WORKERS",
            min=1,
            max=64,
            help="Files analysed at a time; by default one a core.",
        ),
    ] = None,
) -> None:
    """Answer other programs over HTTP and WebSockets (needs the extra `api`). Ctrl-C stops."""
    token = read_token(token_file)
    try:
        from attune.api.access import ApiAccess, check_access  # noqa: PLC0415 - the extra `api`
        from attune.api.app import create_app  # noqa: PLC0415
        from attune.api.limits import server_limits  # noqa: PLC0415
        from attune.api.server import ApiServer, addresses, allow_open_files, listening_socket  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissingError(missing_library("api", error.name)) from error
    access = ApiAccess(token, tuple(allow_host or ()), tuple(allow_origin or ()))
    check_access(host, access)
    limits = server_limits(max_upload_mb, max_streams=max_streams, workers=workers)
    allow_open_files(limits)
    let_output_fail()  # programs are answered all the same
    with listening_socket(host, port) as sock:
        application = create_app(load_settings(), access=access, limits=limits)
        server = ApiServer(application, limits, on_ready=lambda: _say_ready(addresses(sock), access))
        try:
            server.run([sock])
        except SystemExit as end:  # how uvicorn ends where the application cannot be opened
            raise AttuneError(
                f"The server could not start: the program's log, {log_file()}, says why."
            ) from end
    if application.state.services.work.running:
        # An analysis cannot be interrupted, and everything that is kept has been written.
        sys.stdout.flush()
        os._exit(0)


def read_token(file: Path | None) -> str | None:
    """The token from a file, else from the environment; None where there is neither.

    Raises
    ------
    AttuneError
        The file cannot be read, or the token is too short or holds what a header cannot.
    """
    place = TOKEN_VARIABLE if file is None else str(file)
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE)
        if token is None:
            return None
    else:
        token = read_text_file(file, what="the token", error_type=AttuneError)
        if token is None:
            raise AttuneError(f"There is no file {file}: name the one with the token.")
    token = token.strip()
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or any(not sign.isprintable() for sign in token):
        raise AttuneError(
            f"The token in {place} cannot be used: it needs {_SHORTEST_TOKEN} or more plain characters; "
            "`openssl rand -hex 32` makes one."
        )
    return token


def _say_ready(addresses: Sequence[str], access: ApiAccess) -> None:
    asked = "asks for the token" if access.token else "needs no token, since only this machine reaches it"
    console.say(f"Attune answers at {' and '.join(addresses)}. It {asked}. Ctrl-C stops.")
    sys.stdout.flush()
