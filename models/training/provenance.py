"""Owns where figures come from: the command, the model, the data and the libraries behind them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from models.training.data.cache import SpeechCache

__all__ = ["library_versions", "provenance", "training_provenance"]

_LIBRARIES: Final = (
    "attune-listener",
    "numpy",
    "onnxruntime",
    "soundfile",
    "soxr",
    "scipy",
    "scikit-learn",
    "matplotlib",
)
_TRAINING_LIBRARIES: Final = ("torch", "transformers", "onnx")


def provenance(
    *,
    command: str,
    model: Mapping[str, Any],
    cache: SpeechCache,
    report: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything needed to get the figures again.

    Parameters
    ----------
    command
        The command line.
    model
        From `served.model_record`.
    cache
        What was judged on.
    report
        From `evaluate.evaluate_emotion`.
    settings
        Of the live path; empty where it was left out.

    Returns
    -------
    dict
        ``command``, ``made_at`` (UTC), ``model``, ``libraries``, ``data`` (``clips``, ``speakers``,
        ``fingerprint``) and ``settings``.
    """
    corpora = report["corpora"].values()
    return {
        "command": command,
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "model": dict(model),
        "libraries": library_versions(),
        "data": {
            "clips": sum(record["n"] for record in corpora),
            "speakers": sum(len(record["speakers"]) for record in corpora),
            "fingerprint": cache.fingerprint,
        },
        "settings": dict(settings),
    }


def training_provenance(
    *, command: str, fingerprint: str, encoder: str, views: int, members: int, head: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything needed to train and measure again what a figure is about.

    Parameters
    ----------
    command
        The command line; empty where a program asked.
    fingerprint
        Of the decoded clips, see `SpeechCache`.
    encoder
        SHA-256 of the frozen encoder.
    views
        Windows of each clip.
    members
        Heads that answer together.
    head
        Recipe of the head, without how many threads it ran on.

    Returns
    -------
    dict
        ``command``, ``data`` (``fingerprint``), ``encoder``, ``views``, ``members``, ``head``, ``libraries``.
    """
    return {
        "command": command,
        "data": {"fingerprint": fingerprint},
        "encoder": encoder,
        "views": views,
        "members": members,
        "head": {key: value for key, value in head.items() if key != "threads"},
        "libraries": library_versions(*_TRAINING_LIBRARIES),
    }


def library_versions(*others: str) -> dict[str, str]:
    """Versions of Python and of every library that the figures pass through, and of the others named."""
    versions = {"python": platform.python_version()}
    for name in (*_LIBRARIES, *others):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
