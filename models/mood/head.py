"""The mood head at run time: embeddings to the probabilities of 59 tags."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from core.errors import WeightsError
from core.mood_tags import TAGS
from models import assets
from models.mood.mood_scale import read_scale
from models.runtime import Session, parsing_metadata
from models.track.heads import EmbeddingHead

EMBEDDED_HEAD: Final = "mood-head"


class Head(EmbeddingHead):
    """The mood head; its labels are `TAGS`.

    Attributes
    ----------
    moods
        Scale of its eight moods (see `mood_weights`); None where its file has none.

    Raises
    ------
    WeightsError
        The graph lacks metadata, or is made for other tags.
    """

    what: ClassVar = "mood head"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        with parsing_metadata(self.what):
            scale = session.metadata.get("moods")
            self.moods = None if scale is None else read_scale(scale)
        if self.info.labels != TAGS:
            raise WeightsError(
                f"The mood head {self.info.name!r} knows {len(self.info.labels)} tags, "
                f"{', '.join(self.info.labels[:3])}...: this program needs the {len(TAGS)} of MTG-Jamendo in "
                "their public order."
            )


def load_head(path: Path | None = None) -> Head:
    """Load a mood head and run it once.

    Parameters
    ----------
    path
        An ONNX file with the metadata of this project; None takes the embedded head.

    Raises
    ------
    WeightsError
        The file is missing, damaged or no mood head.
    """
    if path is None:
        return Head.load(assets.locate(EMBEDDED_HEAD))
    return Head.load(path, named_by="the setting `mood_head`")
