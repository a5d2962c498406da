"""Owns the one table: can an accepted emotion be believed, at home and among strangers, alone and live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ALONE", "LIVE", "STRANGERS", "TEST_SPEAKERS", "UNSEEN_LANGUAGE", "belief_table"]

TEST_SPEAKERS: Final = "test speakers"
UNSEEN_LANGUAGE: Final = "unseen language"
STRANGERS: Final = "strangers"
"""A whole corpus, answered by a model that never heard it."""

ALONE: Final = "clip by clip"
LIVE: Final = "live"

_FIGURES: Final = ("ua", "accepted_accuracy", "coverage", "ece")


def belief_table(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw the rows of all corpora together, masked to the classes that each corpus has.

    Parameters
    ----------
    report
        ``corpora`` and ``unseen_corpora``, ``live`` and ``unseen_live`` of `evaluate.evaluate_emotion`.

    Returns
    -------
    list of dict
        ``corpus``; ``who``: `TEST_SPEAKERS`, `UNSEEN_LANGUAGE` or `STRANGERS`; ``way``: `ALONE` or `LIVE`;
        ``n`` and ``accepted`` clips; ``ua``, ``accepted_accuracy`` (None: nothing was accepted),
        ``coverage`` and ``ece``, and their 95 % ``interval`` over speakers, each (low, high) or None.
    """
    rows = []
    for part, live in (("corpora", "live"), ("unseen_corpora", "unseen_live")):
        for corpus, record in report[part].items():
            who = {"all": STRANGERS, "unseen_language": UNSEEN_LANGUAGE}.get(record["split"], TEST_SPEAKERS)
            ways = {ALONE: record, LIVE: (report[live] or {}).get(corpus)}
            rows += [
                {"corpus": corpus, "who": who, "way": way, **_row(of_way["masked"])}
                for way, of_way in ways.items()
                if of_way is not None
            ]
    return rows


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: record[name] for name in ("n", "accepted", *_FIGURES)},
        "interval": {name: record["interval"][name] for name in _FIGURES},
    }
