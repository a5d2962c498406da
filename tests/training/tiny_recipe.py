"""A compact encoder that is as small as can be, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.emotion.encoders import save_compact_encoder
from training.whisper.student import StudentSettings, make_student

__all__ = ["TINY", "keep_tiny_student", "tiny_student"]

TINY = StudentSettings(stem=8, stem_out=16, hidden_size=16, n_layers=2, n_heads=8, intermediate_size=32)


def tiny_student(seed: int = 3, settings: StudentSettings = TINY) -> Any:
    """A student whose places differ, too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student: Any = make_student(settings)
        torch.nn.init.normal_(student.encoder.pos_conv_embed.table, std=0.1)
    return student.eval()


def keep_tiny_student(folder: Path, seed: int = 3, *, half: bool = True) -> Any:
    """The same, kept in a folder that the hybrid opens."""
    student = tiny_student(seed)
    save_compact_encoder(student, folder, half=half)
    return student
