"""The built-in demo: synthetic voices, silence, typing and music, for machines without a microphone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from realtime.capture.file import FileSource
from realtime.capture.source import SourceKind

DEMO_FILE: Final = Path(__file__).with_name("demo.ogg")
"""Made by `scripts/make_demo_audio.py`; nothing in it was recorded from anybody."""


class DemoSource(FileSource):
    """The built-in demo: in a loop when paced, once when fast.

    Parameters
    ----------
    fast
        Deliver without pause and wait for the listener, instead of in real time.
    block_frames
        Length of a block, frames; None takes `block_ms`.
    block_ms
        Length of a block, ms.
    """

    def __init__(
        self, *, fast: bool = False, block_frames: int | None = None, block_ms: float = 20.0
    ) -> None:
        super().__init__(
            DEMO_FILE,
            fast=fast,
            block_frames=block_frames,
            block_ms=block_ms,
            kind=SourceKind.DEMO,
            name="Built-in demo",
            loop=not fast,
        )
