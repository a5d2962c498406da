"""The JSON files that trainings and evaluations leave for each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import WeightsError
from core.files import write_atomic


def read_json(path: Path, made_by: str) -> dict[str, Any]:
    """Read a JSON object that an earlier command wrote.

    Raises
    ------
    WeightsError
        It is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"There is no {path}: run `{made_by}` first.") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"The file {path} is damaged ({error}): run `{made_by}` again.") from error
    if not isinstance(content, dict):
        raise WeightsError(f"The file {path} holds no JSON object: run `{made_by}` again.")
    return content


def json_text(content: Mapping[str, Any]) -> str:
    """A JSON object as text, readable, keys sorted."""
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, readable, keys sorted, whole or not at all.

    Raises
    ------
    DataError
        It cannot be written, as on a full disk; the old file stays.
    """
    write_atomic(path, json_text(content), what=f"The file {path}")
