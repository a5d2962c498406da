"""`attune export`: a trained emotion model as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.cli import console
from attune.cli.training_options import require_training

app = console.command_app()


@app.command(
    epilog="**Examples**: `attune export run --out emotion.onnx` · "
    "`attune export run --out emotion-int8.onnx --int8`",
)
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    int8: Annotated[bool, typer.Option("--int8", help="Matrices in 8 bits, if it answers alike.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write it even if it answers otherwise.")] = False,
    download: Annotated[bool, typer.Option("--download", help="The encoder may be fetched again.")] = False,
) -> None:
    """Write a trained emotion model as one ONNX file, from waveform to logits."""
    require_training()
    from training.emotion.train import export_run  # noqa: PLC0415 - no door starts with training

    agreement = export_run(run, out, int8=int8, force=force, download=download)
    sentence = f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB)"
    if agreement is not None:
        sentence += (
            f"; the same emotion on {agreement.argmax:.1%} and the same gate output on {agreement.gate:.1%} "
            f"of {agreement.windows} windows"
        )
    console.say(sentence + ".")
