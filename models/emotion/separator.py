"""The voice separator at run time: a window in, the voice in it out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from core.errors import ModelError, WeightsError
from models import assets
from models.emotion.recogniser import WINDOW_SAMPLES
from models.emotion.spectra import BINS, HOP, SIZE, spectra, waveform
from models.resample import Audio
from models.runtime import Session, load_session

EMBEDDED_SEPARATOR: Final = "voice-separator"


class VoiceSeparator:
    """Separates the voice in a window from music; safe to use from several threads.

    Parameters
    ----------
    session
        Graph with metadata, input `magnitudes` (n, frames, 513) and output `share`, a mask alike in
        [0, 1].

    Raises
    ------
    WeightsError
        The graph is made for other spectra.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        made_for = session.metadata.get("frame_samples"), session.metadata.get("hop_samples")
        if made_for != (str(SIZE), str(HOP)):
            raise WeightsError(
                f"The separator is made for frames of {made_for[0]} samples every {made_for[1]}: this "
                f"program needs {SIZE} every {HOP}; restore it from the repository."
            )

    def separate(self, window: Audio) -> Audio:
        """Remove everything but the voice; the shape stays.

        Parameters
        ----------
        window
            float32, shape (samples,), 16 kHz.

        Raises
        ------
        ModelError
            The graph cannot run, or its answer is not finite.
        """
        frames = spectra(window)
        (mask,) = self._session.run({"magnitudes": np.abs(frames)[np.newaxis]})
        if mask.shape != (1, len(frames), BINS) or not np.isfinite(mask).all():
            raise ModelError("The separator answered with NaN: its weights do not fit this machine.")
        return waveform(frames * mask[0], window.size)


def load_separator(path: Path | None = None, *, threads: int = 0) -> VoiceSeparator:
    """Load a separator and run it once.

    Parameters
    ----------
    path
        An ONNX file of this project; None takes the embedded one.
    threads
        Threads within an operator; 0 takes `models.runtime.default_threads()`.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no separator.
    """
    file = assets.locate(EMBEDDED_SEPARATOR) if path is None else path
    separator = VoiceSeparator(load_session(file, threads=threads))
    try:
        separator.separate(np.zeros(WINDOW_SAMPLES, dtype=np.float32))
    except ModelError as error:
        raise WeightsError(f"{file} is no separator that this program can use: {error}") from error
    return separator
