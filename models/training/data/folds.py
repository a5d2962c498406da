"""Owns the reading of published fold files: which clip is tested in which fold."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from core.errors import DataError

__all__ = ["FOLDS_NAME", "read_fold_file"]

FOLDS_NAME: Final = "emobox_folds.csv"
"""The fold file beside a manifest: EmoBox's (Ma et al., Interspeech 2024)."""

_COLUMNS: Final = ("corpus", "clip", "test_fold")


def read_fold_file(folds_csv: Path) -> tuple[tuple[str, str, str], ...]:
    """Read a fold file.

    Parameters
    ----------
    folds_csv
        UTF-8 CSV with the columns corpus, clip and test_fold; a clip is named as `manifest.clip_name` does.

    Returns
    -------
    tuple of (corpus, clip, fold)
        In the order of the file.

    Raises
    ------
    DataError
        The file is missing, is no CSV in UTF-8, or lacks a column.
    """
    try:
        with folds_csv.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"The fold file {folds_csv} has no column {', '.join(missing)}: it needs corpus, clip, "
                    "test_fold."
                )
            return tuple((line["corpus"], line["clip"], line["test_fold"]) for line in reader)
    except OSError as error:
        raise DataError(
            f"The fold file {folds_csv} cannot be read ({error.strerror}): name it or its folder."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The fold file {folds_csv} is no CSV in UTF-8 ({error}): fetch it again.") from error
