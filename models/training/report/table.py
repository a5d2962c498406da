"""Owns the tables across corpora: can it be believed, at home and among strangers, alone and live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.training.report.axes import AXES

__all__ = ["ALONE", "LIVE", "STRANGERS", "TEST_SPEAKERS", "UNSEEN_LANGUAGE", "belief_table", "plane_table"]

TEST_SPEAKERS: Final = "test speakers"
UNSEEN_LANGUAGE: Final = "unseen language"
STRANGERS: Final = "strangers"
"""A whole corpus, answered by a model that never heard it."""

ALONE: Final = "clip by clip"
LIVE: Final = "live"

_FIGURES: Final = ("ua", "accepted_accuracy", "coverage", "ece")
_AXIS_FIGURES: Final = ("auc", "accepted_accuracy", "coverage", "ece")


def belief_table(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw the rows of all corpora together: what is accepted of emotions.

    Parameters
    ----------
    report
        ``corpora`` and ``unseen_corpora``, ``live`` and ``unseen_live`` of `evaluate.evaluate_emotion`.

    Returns
    -------
    list of dict
        ``corpus``; ``who``: `TEST_SPEAKERS`, `UNSEEN_LANGUAGE` or `STRANGERS`; ``way``: `ALONE` or `LIVE`;
        ``n`` clips; ``classes`` of the corpus; ``eight_way`` (all eight answers allowed, as a user sees it)
        and ``masked`` (to the classes of the corpus), each with ``accepted`` clips, ``ua``,
        ``accepted_accuracy`` (None: nothing was accepted), ``coverage`` and ``ece``, and their 95 %
        ``interval`` over speakers, each (low, high) or None.
    """
    return [
        {
            **place,
            "n": of_way["n"],
            "classes": len(record["classes"]),
            "eight_way": _row(of_way["eight_way"], _FIGURES),
            "masked": _row(of_way["masked"], _FIGURES),
        }
        for place, record, of_way in _places(report)
    ]


def plane_table(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw the rows of all corpora together: what is accepted of energy and pleasantness.

    Parameters
    ----------
    report
        As in `belief_table`.

    Returns
    -------
    list of dict
        ``axis``; ``corpus``, ``who`` and ``way`` as in `belief_table`; ``n`` clips that have a side,
        ``threshold``, ``accepted`` clips, ``auc`` (None: one side does not occur), ``accepted_accuracy``,
        ``coverage``, ``ece`` and their ``interval``. Empty from a model that knows emotions alone.
    """
    return [
        {
            "axis": axis,
            **place,
            **{name: of_way["axes"][axis][name] for name in ("n", "threshold")},
            **_row(of_way["axes"][axis], _AXIS_FIGURES),
        }
        for axis in AXES
        for place, _, of_way in _places(report)
        if of_way["axes"] is not None and of_way["axes"][axis] is not None
    ]


def _places(
    report: Mapping[str, Any],
) -> Iterator[tuple[dict[str, str], Mapping[str, Any], Mapping[str, Any]]]:
    """Every corpus and way: where it is measured, its record, and its record by that way."""
    for part, live in (("corpora", "live"), ("unseen_corpora", "unseen_live")):
        for corpus, record in report[part].items():
            who = {"all": STRANGERS, "unseen_language": UNSEEN_LANGUAGE}.get(record["split"], TEST_SPEAKERS)
            for way, of_way in ((ALONE, record), (LIVE, (report[live] or {}).get(corpus))):
                if of_way is not None:
                    yield {"corpus": corpus, "who": who, "way": way}, record, of_way


def _row(record: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{name: record[name] for name in ("accepted", *names)},
        "interval": {name: record["interval"][name] for name in names},
    }
