"""What the compact encoder is to hear: log-mels or the waveform, with and without transformer and teacher.

    python -m benchmarks.front_ends --data SPEECH --noise MUSIC --teacher YAMNET.npz --run FOLDER
        [--draws 24000] [--threads 1] [--only NAME] [--json]

Four small encoders are trained on the clips that the plan "base" may hear (CREMA-D without test and
calibration speakers), with the same number of draws, batch, seed and rate, and judged by their mean class
recall (UA) on CREMA-D's calibration speakers after the last epoch; test speakers are not touched.
Checkpoints stay in FOLDER: interrupted, the same command goes on after the last whole epoch.

The row of the waveform is no exact twin of the others. Its augmentation is what can be done cheaply on a
waveform: another 3 s each time, recorded noise in three windows of ten, a little mixup. The log-mel rows
have these and tempo, pitch, microphone responses, rooms, telephone band and masks. Rate and
schedule were chosen on log-mels.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import load_average, processor_name
from core.errors import AttuneError, ModelError, SettingsError

__all__ = ["run"]

_COLUMNS: Final = ("front-end", "parameters", "windows a second", "UA, %", "loss")


def run(
    data: Path,
    noise: Path,
    teacher: Path,
    folder: Path,
    *,
    draws: int = 24_000,
    threads: int = 1,
    only: str | None = None,
    on_row: Callable[[Mapping[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Train and judge the encoders.

    Parameters
    ----------
    data
        A bundle of speech with ``manifest.csv`` and ``emobox_folds.csv``.
    noise
        Folder of ``esc10.tar`` and ``emotify.tar``.
    teacher
        YAMNet's weights, an npz.
    folder
        Of the checkpoints.
    draws
        Windows that each encoder is to see, at least one batch; an epoch has at most 8 000, and
        what does not fill the last one is left out.
    threads
        Of torch, at least 1.
    only
        Name of one row; None: all four.
    on_row
        Called with each row as soon as it is known.

    Returns
    -------
    figures
        ``rows``, each with ``name``, ``parameters``, ``draws``, ``windows_per_s`` in training, ``ua`` in
        [0, 1] and ``loss`` (nats, last epoch); how many clips and speakers were heard and judged by; batch,
        seed, rate, threads, processor and load.

    Raises
    ------
    SettingsError
        Draws, threads or name are out of range.
    ModelError
        A library is missing.
    DataError, WeightsError
        Speech, noise, teacher or a checkpoint is not what it should be.
    """
    try:
        from models.training.emotion import front_ends, pretrain, protocols, runner  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(
            f"The library {error.name!r} is missing: run `pip install -e '.[train]' -c constraints.txt`."
        ) from error
    usual = pretrain.PretrainSettings()
    names = [front_end.name for front_end in front_ends.FRONT_ENDS]
    if draws < usual.batch or threads < 1:
        raise SettingsError(
            f"{draws} draws and {threads} threads are asked for: it takes at least {usual.batch} and 1."
        )
    if only is not None and only not in names:
        raise SettingsError(f"There is no front-end {only!r}: name one of {'; '.join(names)}.")
    recipe = replace(
        usual,
        draws=draws,
        draws_per_epoch=min(draws, usual.draws_per_epoch),
        peak_rate=runner.RATE_FRESH,
    )
    workshop = replace(
        runner.open_workshop(data, noise, folder, teacher=teacher, threads=threads), recipe=recipe
    )
    plans = protocols.encoder_plans(workshop.cache.clips, protocols.read_folds(data))
    speech = front_ends.compared_speech(workshop, plans["base"])
    rows = []
    for figures in front_ends.compare(
        workshop, speech, [front_end for front_end in front_ends.FRONT_ENDS if only in (None, front_end.name)]
    ):
        rows.append(asdict(figures))
        if on_row is not None:
            on_row(rows[-1])
    return {
        "rows": rows,
        "train_clips": len(speech.train),
        "train_speakers": len({clip.speaker for clip in speech.train}),
        "judged_clips": len(speech.judged),
        "judged_speakers": len({clip.speaker for clip in speech.judged}),
        "batch": recipe.batch,
        "seed": recipe.seed,
        "peak_rate": recipe.peak_rate,
        "threads": threads,
        "cpu": processor_name(),
        "load_average": load_average(),
    }


def _table_row(row: Mapping[str, Any]) -> str:
    cells = (
        row["name"],
        f"{row['parameters'] / 1e6:.2f} M",
        f"{row['windows_per_s']:.0f}",
        f"{100 * row['ua']:.1f}",
        f"{row['loss']:.3f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=24_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("tensorboard").setLevel(logging.WARNING)  # which tells of every file that it looks for
    if not given.json:
        print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}", flush=True)
    try:
        figures = run(
            given.data,
            given.noise,
            given.teacher,
            given.run,
            draws=given.draws,
            threads=given.threads,
            only=given.only,
            on_row=None if given.json else lambda row: print(_table_row(row), flush=True),
        )
    except AttuneError as error:
        sys.exit(str(error))
    if given.json:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
