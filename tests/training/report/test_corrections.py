"""What corrections gain, on invented people whose every answer is bent the same way."""

from __future__ import annotations

import json

import numpy as np
import pytest

from attune.cli import evaluation_tables
from core.errors import DataError
from tests.training.report.test_personal import people
from training.data.cache import truth_of
from training.report import corrections
from training.report.corrections import CorrectionPlan, correction_gain, mistake, split_heard

PLAN = CorrectionPlan(clips_per_emotion=2, repeats=2)


def test_right_corrections_help_and_wrong_ones_do_less() -> None:
    plan = CorrectionPlan(2, 2, wrong=1.0)
    entry = correction_gain(*people([[12] * 8] * 4, shift=1.0), plan)["emotions"]
    assert (entry["users"], entry["takes"], entry["scored"]) == (4, 16.0, 40.0)
    assert 0.0 < entry["corrections"] <= 12.0
    assert entry["before"]["ua"] < entry["calibrated"]["ua"] < entry["corrected"]["ua"]
    assert entry["some_wrong"]["ua"] < entry["corrected"]["ua"]
    gained = entry["difference"]["ua"]["value"]
    assert gained == pytest.approx(entry["corrected"]["ua"] - entry["calibrated"]["ua"], abs=1e-4)


def test_where_nothing_is_wrong_nothing_is_corrected() -> None:
    _, embedding, clips = people([[8] * 8] * 2, shift=0.0)
    entry = correction_gain(8.0 * np.eye(8)[truth_of(clips)], embedding, clips, PLAN)["emotions"]
    assert entry["corrections"] == 0.0
    assert entry["before"] == entry["calibrated"] == entry["corrected"] == entry["some_wrong"]


def test_what_is_corrected_is_neither_a_take_nor_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, embedding, clips = people([[12] * 8], shift=1.0)
    fitted: list[set[float]] = []
    scored: list[set[float]] = []
    fit, score = corrections.fit_and_validate, corrections.answers_of

    def fitting(one, two, three, *, corrections=None):  # type: ignore[no-untyped-def]
        fitted.append({*two[:, 0], *(() if corrections is None else corrections.embedding[:, 0])})
        return fit(one, two, three, corrections=corrections)

    def scoring(one, two):  # type: ignore[no-untyped-def]
        scored.append(set(two[:, 0]))
        return score(one, two)

    monkeypatch.setattr(corrections, "fit_and_validate", fitting)
    monkeypatch.setattr(corrections, "answers_of", scoring)
    correction_gain(logits, embedding, clips, CorrectionPlan(2, 1))
    takes, with_right, with_wrong = fitted
    heard, *rest = scored
    assert takes < with_right == with_wrong
    assert with_right - takes <= heard
    assert all(one == rest[0] for one in rest)
    assert not rest[0] & (heard | takes)


@pytest.mark.parametrize("seed", range(5))
def test_half_is_heard_and_half_is_scored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 8, size=60)
    rest = rng.permutation(60)[:40]
    heard, scored = split_heard(labels, rest, rng)
    assert sorted([*heard, *scored]) == sorted(rest)
    assert set(labels[heard]) <= set(labels[scored])
    assert len(heard) <= len(scored) <= len(heard) + 8


@pytest.mark.parametrize(("share", "wrong"), [(0.0, 0), (0.3, 3), (1.0, 10)])
def test_so_many_corrections_are_wrong_as_asked(share: float, wrong: int) -> None:
    labels = np.repeat([0, 3], 5)
    given = mistake(labels, np.array([0, 3, 5]), share, np.random.default_rng(0))
    assert (given != labels).sum() == wrong
    assert set(given) <= {0, 3, 5}


@pytest.mark.parametrize("plan", [{"most": 0}, {"wrong": 1.5}, {"clips_per_emotion": 1}])
def test_a_plan_that_measures_nothing_is_refused(plan: dict[str, float]) -> None:
    with pytest.raises(DataError, match="measure nothing"):
        CorrectionPlan(**plan)  # type: ignore[arg-type]


def test_the_figures_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    record = correction_gain(*people([[6] * 8] * 2, shift=1.0), PLAN)
    few = correction_gain(*people([[2] * 8], shift=1.0), PLAN)
    report = {
        "plan": vars(PLAN),
        "corpora": {"acted": record, "few": few},
        "unseen_corpora": {"nemo": record},
    }
    json.dumps(report, allow_nan=False)
    evaluation_tables.print_corrections(report)
    out = capsys.readouterr().out
    assert "UA, 30\xa0% wrong" in out
    assert "nemo, never heard" in out
    assert "too few clips" in out
    evaluation_tables.print_corrections_csv(report)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("part,corpus,takes,users,corrections,scored,ua_before,ua_calibrated,ua_corrected")
    assert [row.split(",")[1] for row in rows] == ["acted", "nemo"]
