"""From what share of music on a sound has a mood: how many recordings reach it, archive by archive.

    python -m benchmarks.music_share emotify.tar SPEECH.tar... [--backbone yamnet.onnx] [--level-db -40]

Each archive or folder gives two lines of JSON. The threshold was chosen by the recordings that a student of
YAMNet may be trained on; the others were heard by none, and nothing was chosen by them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.mood.music_share import MUSIC_FROM
from models.mood.tagger import MoodTagger, load_tagger
from models.resample import Audio
from training.data.recordings import read_recordings
from training.yamnet.recordings import is_held_out

_THRESHOLDS: Final = (0.1, 0.15, 0.2, 0.25, 0.3)
_QUANTILES: Final = (0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0)


def run(tagger: MoodTagger, recordings: Sequence[Audio], level_db: float = 0.0) -> dict[str, Any]:
    """How many of some recordings reach a share of music, and quantiles of their shares.

    Parameters
    ----------
    tagger
        Its backbone gives the shares.
    recordings
        float32 at 16 kHz.
    level_db
        How much louder they are played, rounded to 16 bits as in a file.
    """
    gain = 2.0**15 * 10.0 ** (level_db / 20.0)
    sounds = [(np.rint(audio * gain) / 2.0**15).astype(np.float32) for audio in recordings]
    shares = np.array([tagger.analyse_audio(sound).music_share for sound in sounds])
    return {
        "recordings": len(shares),
        "music": round(float(np.mean(shares >= MUSIC_FROM)), 4),
        "at": {str(threshold): round(float(np.mean(shares >= threshold)), 4) for threshold in _THRESHOLDS},
        "quantiles": np.quantile(shares, _QUANTILES).round(3).tolist(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archives", type=Path, nargs="+")
    parser.add_argument("--backbone", type=Path)
    parser.add_argument("--level-db", type=float, default=0.0)
    parser.add_argument("--hours", type=float, default=1.0, help="the most sound of each side of an archive")
    given = parser.parse_args(arguments)
    tagger = load_tagger(backbone=given.backbone)
    for archive in given.archives:
        for unheard, wanted in ((False, lambda name: not is_held_out(name)), (True, is_held_out)):
            found = read_recordings(archive, limit_s=3600.0 * given.hours, wanted=wanted)
            side = {"archive": archive.name, "unheard": unheard}
            print(json.dumps(side | run(tagger, found, given.level_db)), flush=True)


if __name__ == "__main__":
    main()
