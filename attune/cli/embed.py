"""`attune embed`: YAMNet's embedding of a track, as a NumPy file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from attune.cli import console
from core.errors import AudioDecodeError
from core.files import replace_atomically, writing
from core.settings import load_settings
from models.mood.tagger import configured_tagger

app = console.command_app()


@app.command(
    epilog="**Examples**: `attune embed song.mp3 --out song.npy` · "
    "`attune embed song.mp3 --timeline --out rows.npy`",
)
def embed(
    file: Annotated[Path, typer.Argument(help="A sound file.", readable=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, .npy.")],
    timeline: Annotated[
        bool, typer.Option("--timeline", help="A row for each 0.96 s instead of their mean.")
    ] = False,
) -> None:
    """Write YAMNet's embedding of a track, for other programs.

    It has 1024 numbers: the mean over its music, or one row each 0.96 s.
    """
    if out.suffix != ".npy":
        raise typer.BadParameter("it must end in .npy.", param_hint="--out")
    settings = load_settings()
    with console.interruptible():
        track = configured_tagger(settings).embed(file, max_minutes=settings.max_file_minutes)
    if track.mood.silent and not timeline:
        raise AudioDecodeError(f"{file} is silent, so it has no embedding: check the file, or its level.")
    rows = track.embeddings.astype(np.float32) if timeline else track.mean
    with writing(f"The embedding {out}"), replace_atomically(out) as part, part.open("wb") as stream:
        np.save(stream, rows)
    for notice in track.mood.file_notices:
        console.note(notice)
    if not track.mood.has_music and not track.mood.silent:
        console.note(f"{file} holds no music: the embedding is that of all that sounds.")
    console.say(f"{out}: {' x '.join(map(str, rows.shape))} numbers, float32.")
