"""What the compact encoder loses against its teacher, where a corpus is left out.

    python -m training.whisper.gap --data speech

Mean and deviation over time of block 3, a regularised linear map to the emotions of all corpora but one, mean
class recall on that one: once on the teacher's states, once on the student's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.assets import PINNED_FILES
from training.data.cache import LABELS, Clip, SpeechCache, open_clips
from training.data.window import voice_window
from training.emotion.encoders import load_hybrid
from training.emotion.experiment import COMPACT_ENCODER
from training.emotion.leave_one_corpus_out import LEFT_OUT_CORPORA
from training.metrics import mean_recall
from training.whisper.student import student_states
from training.whisper.teacher import Teacher, level, read_encoder

_BATCH: Final = 24
_REGULARISATION: Final = 1e-3


def pooled(
    cache: SpeechCache, clips: list[Clip], teacher: Teacher, student: Any
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation over time of the last block by teacher and student, ``(clips, 2 * width)`` each."""
    found: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    for first in range(0, len(clips), _BATCH):
        batch = clips[first : first + _BATCH]
        windows = np.stack([voice_window(cache.audio(clip), clip.active) for clip in batch])
        with torch.inference_mode():
            mels = teacher.log_mel(level(torch.from_numpy(windows)))
            both = teacher.streams(mels)[-1], student_states(student, mels)[-1]
        of_both = [torch.cat([states.mean(1), states.std(1)], dim=1).numpy() for states in both]
        found.append((of_both[0], of_both[1]))
    return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])


def main() -> None:
    """Print mean class recall on each corpus left out, by teacher and student."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="manifest, or folder of prepared speech")
    parser.add_argument("--teacher", type=Path, help="Whisper base; by default the fetched one")
    parser.add_argument("--clips", type=int, default=600, help="of each corpus, at most")
    given = parser.parse_args()
    cache, rng = open_clips(given.data), np.random.default_rng(0)
    clips: list[Clip] = []
    for corpus in LEFT_OUT_CORPORA:
        members = [clip for clip in cache.clips if clip.corpus == corpus and clip.emotion in LABELS]
        clips += [members[row] for row in rng.permutation(len(members))[: given.clips]]
    student: Any = load_hybrid(COMPACT_ENCODER).encoder
    states = pooled(
        cache, clips, Teacher(read_encoder(given.teacher or PINNED_FILES["whisper"].path)), student
    )
    truth = np.array([LABELS.index(clip.emotion) for clip in clips])
    of = np.array([clip.corpus for clip in clips])
    for corpus in LEFT_OUT_CORPORA:
        out, recalls = of == corpus, []
        for values in states:
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=500)
            )
            model.fit(values[~out], truth[~out])
            recalls.append(100 * mean_recall(model.predict(values[out]), truth[out]))
        teacher, taught = recalls
        sys.stdout.write(f"{corpus}: teacher {teacher:.1f}, student {taught:.1f}, {taught - teacher:+.1f}\n")


if __name__ == "__main__":
    main()
