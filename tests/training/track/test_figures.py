"""Figures of tracks, and their draws, are those of scikit-learn and of hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.metrics import (  # noqa: E402
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    mean_absolute_error,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
)

from models.track.tasks import Task, TaskKind  # noqa: E402
from training.report.track_intervals import draw_weights, intervals, task_draws  # noqa: E402
from training.track.figures import curve_figures, task_figures  # noqa: E402
from training.track.music_scores import mirex_scores, tempo_hits  # noqa: E402

LABELS = ("calm", "dark", "epic", "never")
THRESHOLDS = (0.5, 0.4, 0.7, 0.9)
CLASSES = Task("genre", TaskKind.SINGLE_LABEL, ("ambient", "house", "polka", "rock"))
SEVERAL = Task("moods", TaskKind.MULTI_LABEL, LABELS)
PLANE = Task("va", TaskKind.REGRESSION, ("valence", "arousal"))
TEMPO = Task("bpm", TaskKind.REGRESSION, ("bpm",))
KEYS = Task("key", TaskKind.SINGLE_LABEL, ("C major", "G major", "A minor", "C minor"))
ENTRIES = 80


def classes(absent: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Classes as 0 and 1, one of which does not occur, and probabilities; two entries are unknown."""
    rng = np.random.default_rng(1)
    truth = rng.choice([place for place in range(4) if place != absent], ENTRIES)
    answers = rng.random((ENTRIES, 4)) + 0.4 * np.eye(4)[truth]
    targets = np.eye(4, dtype=np.float32)[truth]
    targets[[3, 9]] = np.nan
    return targets, (answers / answers.sum(axis=1, keepdims=True)).astype(np.float32)


def several() -> tuple[np.ndarray, np.ndarray]:
    """Labels, of which one never occurs, and probabilities; of three entries something is unknown."""
    rng = np.random.default_rng(2)
    targets = (rng.random((ENTRIES, 4)) < (0.5, 0.3, 0.1, 0.0)).astype(np.float32)
    answers = np.clip(0.6 * rng.random((ENTRIES, 4)) + 0.4 * targets, 0, 1).astype(np.float32)
    targets[[2, 30, 31], [0, 1, 1]] = np.nan
    return targets, answers


def values(labels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    targets = rng.uniform(60, 180, (ENTRIES, labels)).astype(np.float32)
    answers = (targets * rng.choice([0.5, 1.0, 1.02, 1.3], (ENTRIES, labels))).astype(np.float32)
    targets[5] = np.nan
    return targets, answers


def test_figures_of_classes_are_those_of_scikit_learn() -> None:
    targets, answers = classes()
    found = task_figures(CLASSES, targets, answers)
    known = np.isfinite(targets).all(axis=1)
    truth, guess = targets[known].argmax(axis=1), answers[known].argmax(axis=1)
    present = [0, 1, 3]
    assert found["n"] == ENTRIES - 2
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess), abs=1e-4)
    f1 = f1_score(truth, guess, labels=present, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(f1, abs=1e-4)
    precision = precision_score(truth, guess, labels=present, average="macro", zero_division=0)
    assert found["macro_precision"] == pytest.approx(precision, abs=1e-4)
    areas = [roc_auc_score(truth == place, answers[known, place]) for place in present]
    assert found["macro_roc_auc"] == pytest.approx(np.mean(areas), abs=1e-4)
    assert set(found["by_label"]) == {"ambient", "house", "rock"}
    assert "mirex" not in found


@pytest.mark.parametrize("average", ["micro", "macro", "samples"])
def test_averages_of_labels_are_those_of_scikit_learn(average: str) -> None:
    targets, answers = several()
    found = task_figures(SEVERAL, targets, answers, THRESHOLDS)
    known = np.isfinite(targets).all(axis=1)
    truth, said = targets[known] > 0.5, answers[known] >= np.array(THRESHOLDS)
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        wanted = score(truth, said, average=average, zero_division=0)
        assert found[f"{average}_{name}"] == pytest.approx(wanted, abs=1e-4)
    assert found["hamming_loss"] == pytest.approx(hamming_loss(truth, said), abs=1e-4)
    assert found["exact_match"] == pytest.approx(accuracy_score(truth, said), abs=1e-4)
    areas = [average_precision_score(truth[:, place], answers[known, place]) for place in range(3)]
    assert found["macro_pr_auc"] == pytest.approx(np.mean(areas), abs=1e-4)
    assert found["by_label"]["never"]["roc_auc"] is None


def test_a_task_of_one_label_has_all_averages() -> None:
    targets, answers = several()
    one = Task("epic", TaskKind.MULTI_LABEL, ("epic",))
    found = task_figures(one, targets[:, 2:3], answers[:, 2:3], (0.7,))
    assert found["micro_f1"] == found["macro_f1"]
    assert 0 <= found["samples_f1"] <= 1


def test_figures_of_values_are_those_of_scikit_learn() -> None:
    targets, answers = values(2)
    found = task_figures(PLANE, targets, answers)
    known = np.isfinite(targets[:, 1])
    truth, given = targets[known, 1].astype(float), answers[known, 1].astype(float)
    assert found["arousal"]["mae"] == pytest.approx(mean_absolute_error(truth, given), abs=1e-4)
    assert found["arousal"]["r2"] == pytest.approx(r2_score(truth, given), abs=1e-4)
    shared = 2 * np.cov(truth, given, bias=True)[0, 1]
    apart = truth.var() + given.var() + (truth.mean() - given.mean()) ** 2
    assert found["arousal"]["ccc"] == pytest.approx(shared / apart, abs=1e-4)


def test_concordance_is_less_than_correlation_where_values_are_shifted() -> None:
    truth = np.array([[0.0], [1.0], [2.0]], dtype=np.float32)
    one = Task("energy", TaskKind.REGRESSION, ("energy",))
    assert task_figures(one, truth, truth)["energy"]["ccc"] == 1.0
    # By hand: 2 * 2/3 of the shared variance over 2/3 + 2/3 + 1.
    assert task_figures(one, truth, truth + 1)["energy"]["ccc"] == pytest.approx(4 / 7, abs=1e-4)
    same = np.ones_like(truth)
    assert (
        task_figures(one, same, same)["energy"]["ccc"]
        is task_figures(one, same, same)["energy"]["r2"]
        is None
    )


def test_tempo_may_be_an_octave_off_in_the_second_score() -> None:
    truth = np.full(7, 120.0)
    answers = np.array([120.0, 124.7, 125.0, 60.0, 240.0, 362.0, 90.0])
    exact, any_octave = tempo_hits(truth, answers)
    assert exact.tolist() == [True, True, False, False, False, False, False]
    assert any_octave.tolist() == [True, True, False, True, True, True, False]
    targets, given = truth[:, np.newaxis].astype(np.float32), answers[:, np.newaxis].astype(np.float32)
    found = task_figures(TEMPO, targets, given)["bpm"]
    assert (found["acc1"], found["acc2"]) == (pytest.approx(2 / 7, abs=1e-4), pytest.approx(5 / 7, abs=1e-4))


def test_keys_score_by_their_kinship() -> None:
    scores = mirex_scores(KEYS.labels)
    assert scores is not None
    # From C major: itself, its fifth, its relative, its parallel key.
    assert scores[0].tolist() == [1.0, 0.5, 0.3, 0.2]
    # From A minor: relative, nothing (its fifth's relative), itself, nothing.
    assert scores[2].tolist() == [0.3, 0.0, 1.0, 0.0]
    assert mirex_scores(("C", "D")) is None
    targets, answers = classes()
    assert 0 < task_figures(KEYS, targets, answers)["mirex"] < 1


@pytest.mark.parametrize(
    ("task", "data", "thresholds"),
    [
        (CLASSES, classes(), ()),
        (KEYS, classes(), ()),
        (SEVERAL, several(), THRESHOLDS),
        (PLANE, values(2), ()),
        (TEMPO, values(1), ()),
    ],
    ids=["classes", "keys", "several labels", "values", "tempo"],
)
def test_a_draw_of_every_entry_once_gives_the_figures(
    task: Task, data: tuple[np.ndarray, np.ndarray], thresholds: tuple[float, ...]
) -> None:
    figures = task_figures(task, *data, thresholds)
    drawn = task_draws(task, *data, thresholds, np.ones((1, ENTRIES)))
    flat = {}
    for name, value in figures.items():
        if name == "by_label" or name in task.labels:
            flat |= {
                (label, key): one
                for label, row in (value if name == "by_label" else {name: value}).items()
                for key, one in row.items()
            }
        else:
            flat["", name] = value
    wanted = {name: value for name, value in flat.items() if name[1] != "n" and value is not None}
    assert {name for name, value in drawn.items() if np.isfinite(value[0])} == set(wanted)
    for name, value in wanted.items():
        assert drawn[name][0] == pytest.approx(value, abs=6e-5), name


def test_entries_that_count_twice_are_there_twice() -> None:
    targets, answers = several()
    times = np.random.default_rng(0).integers(0, 3, ENTRIES)
    drawn = task_draws(SEVERAL, targets, answers, THRESHOLDS, times[np.newaxis].astype(float))
    again = task_figures(
        SEVERAL, np.repeat(targets, times, axis=0), np.repeat(answers, times, axis=0), THRESHOLDS
    )
    for name in ("hamming_loss", "micro_f1", "samples_recall", "macro_roc_auc", "macro_f1"):
        assert drawn["", name][0] == pytest.approx(again[name], abs=1e-4), name


def test_groups_are_drawn_whole_and_intervals_hold_the_figure() -> None:
    groups = [f"artist {place // 4}" for place in range(ENTRIES)]
    weights = draw_weights(groups, 200)
    assert np.array_equal(weights[:, ::4], weights[:, 3::4])
    targets, answers = classes()
    found = intervals(task_draws(CLASSES, targets, answers, (), weights))
    low, high = found["", "accuracy"] or (1.0, 0.0)
    assert low < task_figures(CLASSES, targets, answers)["accuracy"] < high


def test_a_draw_without_a_known_entry_is_left_out() -> None:
    targets, answers = values(1)
    weights = np.zeros((3, ENTRIES))
    weights[0, 5] = 1.0  # of this one nothing is known
    weights[1:] = 1.0
    drawn = task_draws(TEMPO, targets, answers, (), weights)
    assert np.isnan(drawn["bpm", "mae"][0])
    assert np.isfinite(drawn["bpm", "mae"][1:]).all()
    assert (
        task_draws(
            CLASSES,
            np.full((2, 4), np.nan, dtype=np.float32),
            np.ones((2, 4), dtype=np.float32),
            (),
            np.ones((1, 2)),
        )
        == {}
    )


def test_curves_over_the_epochs_have_the_usual_figures() -> None:
    targets, answers = several()
    found = curve_figures(SEVERAL, targets, answers)
    whole = task_figures(SEVERAL, targets, answers, [0.5] * 4)
    assert list(found) == ["f1", "precision", "recall", "auc"]
    assert found["auc"] == whole["macro_roc_auc"]
    assert found["f1"] == whole["macro_f1"]
    assert list(curve_figures(CLASSES, *classes())) == ["accuracy", "f1", "precision", "recall", "auc"]
    assert list(curve_figures(TEMPO, *values(1))) == ["mae"]
    one_side = curve_figures(SEVERAL, np.ones_like(targets), answers)
    assert "auc" not in one_side
