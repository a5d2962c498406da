"""Owns where figures come from: the command, the model, the data and the libraries behind them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from models.training.report.clips import SpeechCache

__all__ = ["library_versions", "provenance"]

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


def library_versions() -> dict[str, str]:
    """Versions of Python and of every library that the figures pass through."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
