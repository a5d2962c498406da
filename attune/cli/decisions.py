"""How readings and decisions of the gate are written: options, words and columns of `listen`, `emotion`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from rich.text import Text

from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from core.text import percent
from realtime.snapshot import AxisStatement, DecisionKind, statement_words

ThresholdOption = Annotated[
    float | None, typer.Option(min=0.3, max=0.99, help="Confidence from which an emotion is accepted.")
]
EnergyThresholdOption = Annotated[
    float | None,
    typer.Option(min=0.55, max=0.99, help="Confidence from which a voice is accepted as lively or quiet."),
]
PleasantnessThresholdOption = Annotated[
    float | None,
    typer.Option(
        min=0.55, max=0.99, help="Confidence from which a voice is accepted as pleasant or unpleasant."
    ),
]

STYLES: Final = {
    DecisionKind.ACCEPTED: "bold green",
    DecisionKind.UNSURE: "yellow",
    DecisionKind.NO_SPEECH: "dim",
}


STATEMENT_COLUMNS: Final = (
    *("kind", "emotion", "leading", "confidence", "speech_share", "energy", "pleasantness"),
    *("accepted_energy", "accepted_pleasantness", "direction", *(f"p_{emotion}" for emotion in EMOTIONS)),
)
"""As the journal names them: `emotion` is accepted, `leading` the likeliest; shares from 0 to 1."""


def axis_text(statement: AxisStatement | None, words: tuple[str, str], *, short: bool = False) -> Text:
    """Such as "lively 84 %" or "quiet 61 % (unsure)", short "quiet? 61 %"; empty where there is none."""
    if statement is None:
        return Text()
    if statement.accepted is not None:
        return Text(statement_words(statement, words), style=STYLES[DecisionKind.ACCEPTED])
    word = words[0] if statement.high else words[1]
    unsure = f"{word}? {percent(statement.confidence)}" if short else statement_words(statement, words)
    return Text(unsure, style=STYLES[DecisionKind.UNSURE])


def flat_statements(plain: dict[str, Any]) -> list[Any]:
    """A window or a clip, as JSON has it, as the values of `STATEMENT_COLUMNS`."""
    energy, pleasantness = plain["energy"] or {}, plain["pleasantness"] or {}
    values = {
        **plain,
        "energy": energy.get(f"p_{ENERGY_WORDS[0]}"),
        "pleasantness": pleasantness.get(f"p_{PLEASANTNESS_WORDS[0]}"),
        "accepted_energy": energy.get("accepted"),
        "accepted_pleasantness": pleasantness.get("accepted"),
        **{f"p_{name}": value for name, value in (plain["probabilities"] or {}).items()},
    }
    return [values.get(name) for name in STATEMENT_COLUMNS]
