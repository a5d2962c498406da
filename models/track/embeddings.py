"""YAMNet's embeddings of a whole track over time, heard as the mood tagger hears it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.mood.backbone import EMBEDDING_SIZE, Backbone
from models.mood.patches import PATCH_S, hop_samples
from models.mood.tagger import PatchSource
from models.resample import Audio
from models.track.features import checked

Embeddings = npt.NDArray[np.float32]  # float32, shape (steps, 1024), 0 or more


def embed_audio(backbone: Backbone, audio: Audio, *, hop_s: float = PATCH_S) -> Embeddings:
    """Embedding of each patch of 0.96 s; their mean is the embedding of the track.

    Parameters
    ----------
    backbone
        As `models.mood.backbone.load_backbone` gives it.
    audio
        Mono float32, shape (samples,), 16 000 Hz, range [-1, 1], at least one sample.
    hop_s
        Time between two patches, in seconds.

    Raises
    ------
    ModelError
        The audio is empty, has another shape or is not finite, or the model cannot run.
    """
    patches = PatchSource([checked(audio)]).batches(hop_samples(hop_s))
    parts = [output.embedding for output in backbone.stream(patches)]
    embeddings: Embeddings = np.concatenate(parts).reshape(-1, EMBEDDING_SIZE)
    return embeddings
