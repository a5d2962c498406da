"""Owns the shipped file of the compact model and its machine-readable figures."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file

from core.errors import WeightsError
from models.training.emotion.network import EmotionCnn
from models.training.onnx_file import emotion_metadata, export_graph, write_atomically

__all__ = [
    "LICENCE",
    "NAME",
    "VERSION",
    "export_compact",
    "load_network",
    "read_json",
    "summary",
    "write_json",
]

NAME: Final = "emotion-compact"
VERSION: Final = "1.0.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
_FIRST_OF_STAGE: Final = re.compile(r"cnn\.blocks\.[02468]\.conv1\.weight")  # two blocks a stage


def load_network(weights: Path) -> EmotionCnn:
    """The network with trained weights, in evaluation mode; its widths are read off the weights.

    Raises
    ------
    WeightsError
        The file is missing, damaged or of another network.
    """
    try:
        state = load_file(weights)
        widths = [len(state[name]) for name in sorted(state) if _FIRST_OF_STAGE.fullmatch(name)]
        model = EmotionCnn(tuple(widths) or (1,))
        model.load_state_dict(state)
    except FileNotFoundError as error:
        raise WeightsError(f"There are no weights {weights}: run `fit` first.") from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"The weights {weights} are damaged ({error}): run `fit` again.") from error
    except RuntimeError as error:
        raise WeightsError(f"The weights {weights} are of another network: run `fit` again.") from error
    return model.eval()


def read_json(path: Path, made_by: str) -> dict[str, Any]:
    """Read a JSON object that an earlier command wrote.

    Raises
    ------
    WeightsError
        It is missing or damaged; the message names the command that makes it.
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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, readable, keys sorted, atomically."""
    write_atomically(path, (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def summary(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The few figures that travel inside the weight file, shares in [0, 1].

    Parameters
    ----------
    evaluation
        From `evaluate.evaluate`.

    Returns
    -------
    dict
        By corpus of unseen speakers: UA over all eight answers and over those the corpus has, calibration
        error, coverage and accuracy at the gate's threshold.
    """
    figures: dict[str, Any] = {}
    for split in ("test", "unseen_language"):
        for corpus, parts in evaluation[split].items():
            eight, masked = parts["eight_way"], parts["masked"]
            figures[corpus] = {
                "split": split,
                "n": eight["n"],
                "ua": eight["ua"],
                "ua_masked": masked["ua"],
                "ece": eight["ece"],
                "coverage_at_0.70": eight["coverage"],
                "accuracy_at_0.70": eight["accepted_accuracy"],
            }
    return figures


def export_compact(
    weights: Path,
    path: Path,
    *,
    temperature: float,
    corpora: Sequence[str],
    metrics: dict[str, Any],
    version: str = VERSION,
) -> None:
    """Write the compact model as one ONNX file.

    Parameters
    ----------
    weights
        safetensors file of `fit.fit`.
    path
        File to write.
    temperature, corpora, metrics, version
        For the metadata.

    Raises
    ------
    ModelError
        Graph and network differ by more than 1e-4.
    WeightsError
        The weights are missing, damaged or of another network.
    """
    model = load_network(weights)
    metadata = emotion_metadata(
        name=NAME, version=version, temperature=temperature, licence=LICENCE, corpora=corpora, metrics=metrics
    )
    export_graph(model, path, metadata)
