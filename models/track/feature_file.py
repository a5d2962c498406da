"""Files of features, `*_features.json`: 103 names and values, as preprocessing pipelines write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import DataError
from core.files import write_atomic
from models.track.features import FEATURE_NAMES, PITCH_CLASSES, FeatureVector

ENDING: Final = "_features.json"

_KEY: Final = "estimated_key"
_LARGEST: Final = float(np.finfo(np.float32).max)
_MOST_BYTES: Final = 1_000_000
_OTHER_NAMES: Final = {
    f"chroma_{number}_{kind}": f"chroma_{pitch}_{kind}"
    for number, pitch in enumerate(PITCH_CLASSES, start=1)
    for kind in ("mean", "std")
} | {f"zcr_{kind}": f"zero_crossing_rate_{kind}" for kind in ("mean", "std")}
"""What other pipelines call a feature."""


def features_to_dict(vector: FeatureVector) -> dict[str, Any]:
    """Names and values as such a file has them; the key by its name."""
    values: dict[str, Any] = dict(zip(FEATURE_NAMES, map(float, vector), strict=True))
    values[_KEY] = PITCH_CLASSES[int(values[_KEY])]
    return values


def features_from_dict(content: Mapping[str, Any]) -> FeatureVector:
    """The values in the order of `FEATURE_NAMES`; NaN where one is absent.

    Raises
    ------
    DataError
        A value is no finite number, or none of the features is there.
    """
    vector: FeatureVector = np.full(len(FEATURE_NAMES), np.nan, dtype=np.float32)
    for place, name in enumerate(FEATURE_NAMES):
        known = name if name in content else _OTHER_NAMES.get(name, "")
        if known in content:
            vector[place] = _number(known, content[known])
    if np.isnan(vector).all():
        raise DataError(f"none of the {len(FEATURE_NAMES)} features is in it, such as {FEATURE_NAMES[0]!r}")
    return vector


def _number(name: str, value: Any) -> float:
    if name == _KEY and value in PITCH_CLASSES:
        return float(PITCH_CLASSES.index(value))
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise DataError(f"its feature {name} is {value!r}, not a finite number")
    return float(value)


def read_features(path: Path) -> FeatureVector:
    """Read such a file; a feature that it lacks is NaN.

    Raises
    ------
    DataError
        It is missing, damaged or holds something else.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(
                f"The features file {path} is larger than {_MOST_BYTES:,} bytes: it is another file."
            )
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"There is no features file {path}: make it with `attune features extract`."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"The features file {path} is damaged ({error}): make it again.") from error
    if not isinstance(content, dict):
        raise DataError(f"The features file {path} holds no names and values: make it again.")
    try:
        return features_from_dict(content)
    except DataError as error:
        raise DataError(f"The features file {path} cannot be used, as {error}: make it again.") from error


def write_features(path: Path, vector: FeatureVector, about: Mapping[str, Any]) -> None:
    """Write such a file, whole or not at all.

    Parameters
    ----------
    path
        File to write.
    vector
        Float32, shape (103,).
    about
        What stands behind the features, such as the name of the sound file.

    Raises
    ------
    DataError
        It cannot be written.
    """
    text = json.dumps({**features_to_dict(vector), **about}, indent=2) + "\n"
    write_atomic(path, text, what=f"The features file {path}")
