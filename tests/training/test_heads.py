"""Heads on cached features: they learn, go on after an interruption, and name bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError, WeightsError
from models.emotion.hybrid import HybridSettings
from training.emotion import heads
from training.emotion.features import Features
from training.emotion.heads import HeadSettings, fit_head, mixup, predict_head
from training.emotion.targets import Targets
from training.loop import CHECKPOINT_NAME
from training.metrics import softmax

LABELS = ("low", "middle", "high")
QUICK = HeadSettings(epochs=6, batch=16, labels=LABELS, threads=1, bf16=False)
TRAIN, WATCHED = list(range(48)), list(range(48, 60))
TRUTH = np.arange(60, dtype=np.int64) % 3
LIVELY = (np.arange(60) // 3) % 2
"""Of each clip, whether it is lively (1) or quiet, which has nothing to do with its class."""


def invented_features(seed: int = 0) -> Features:
    """Statistics, states and log-mels in which class and liveliness show in one place each."""
    rng = np.random.default_rng(seed)
    statistics = (5 + 0.1 * rng.standard_normal((2, 60, 32))).astype(np.float16)
    states = rng.standard_normal((2, 60, 3, 12, 8)).astype(np.float16)
    log_mel = (-10 + rng.standard_normal((2, 60, 16, 20))).astype(np.float16)
    for clip, label in enumerate(TRUTH):
        statistics[:, clip, label] += np.float16(0.4)
        states[:, clip, 1, :, label] += 3
        log_mel[:, clip, 4 * label : 4 * label + 4] += 4
        statistics[:, clip, 10:18] += np.float16(0.6 * LIVELY[clip])
        states[:, clip, 1, :, 6] += 3 * LIVELY[clip]
        log_mel[:, clip, 13:] += 4 * LIVELY[clip]
    paths = tuple(f"clip-{index}" for index in range(60))
    return Features(
        statistics=tuple(statistics),
        states=tuple(states),
        log_mel=tuple(log_mel),
        hidden_size=8,
        n_states=3,
        paths=paths,
        settings=HybridSettings(n_mels=16),
        identity=f"invented-{seed}",
    )


def targets(
    labels: np.ndarray = TRUTH, *, energy: np.ndarray | None = None, sure: np.ndarray | None = None
) -> Targets:
    """Of energy the label says whether it is lively; of pleasantness it says nothing."""
    axes = np.full((len(labels), 2), np.nan, dtype=np.float32)
    axes[:, 0] = LIVELY[: len(labels)] if energy is None else energy
    sure = np.ones(len(labels)) if sure is None else sure
    return Targets(labels, sure.astype(np.float32), axes)


FEATURES, TARGETS = invented_features(), targets()
ONE_BRANCH = {
    "all": {},
    "pooled": {"use_encoder": False, "use_spectrogram": False},
    "encoder": {"use_pooled": False, "use_spectrogram": False},
    "spectrogram": {"use_pooled": False, "use_encoder": False},
}


@pytest.mark.parametrize("branch", ONE_BRANCH)
def test_each_kind_of_head_learns(branch: str) -> None:
    settings = replace(QUICK, **ONE_BRANCH[branch], epochs=12, draws_per_clip=4)
    result = fit_head(FEATURES, TARGETS, TRAIN, WATCHED, settings)
    answers = predict_head(result, FEATURES, WATCHED)
    assert answers.logits.shape == (12, 3)
    assert answers.embedding.shape == (12, 128)
    assert answers.axes.shape == (12, 2)
    assert (answers.logits.argmax(axis=1) == TRUTH[WATCHED]).mean() > 0.9
    assert ((answers.axes[:, 0] > 0) == (LIVELY[WATCHED] == 1)).mean() > 0.9
    assert result.history[result.best_epoch - 1]["ua"] == max(seen["ua"] for seen in result.history)


def test_a_head_without_the_encoder_needs_none_of_what_it_says() -> None:
    mute = replace(FEATURES, statistics=(), states=(), hidden_size=0, n_states=0)
    settings = replace(QUICK, **ONE_BRANCH["spectrogram"])
    result = fit_head(mute, TARGETS, TRAIN, WATCHED, settings)
    told = predict_head(result, mute, WATCHED)
    heard = predict_head(fit_head(FEATURES, TARGETS, TRAIN, WATCHED, settings), FEATURES, WATCHED)
    assert np.array_equal(told.logits, heard.logits)


def test_answers_are_the_same_however_many_are_asked_for_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    result = fit_head(FEATURES, TARGETS, TRAIN, WATCHED, replace(QUICK, epochs=1))
    whole = predict_head(result, FEATURES, WATCHED)
    monkeypatch.setattr(heads, "_BATCH", 5)
    parts = predict_head(result, FEATURES, WATCHED)
    assert whole.logits == pytest.approx(parts.logits, abs=1e-5)
    assert whole.axes == pytest.approx(parts.axes, abs=1e-5)


def test_the_state_that_tells_most_gets_most_weight() -> None:
    settings = replace(QUICK, **ONE_BRANCH["encoder"], epochs=12, draws_per_clip=4, patience_stop=12)
    weights = torch.softmax(fit_head(FEATURES, TARGETS, TRAIN, WATCHED, settings).head.layer_weights, 0)
    assert int(weights.argmax()) == 1


def test_statistics_are_standardised_by_the_training_rows_alone() -> None:
    wild = [view.copy() for view in FEATURES.statistics]
    for view in wild:
        view[WATCHED] = 1_000  # what is watched has no say in it
    result = fit_head(replace(FEATURES, statistics=tuple(wild)), TARGETS, TRAIN, WATCHED, QUICK)
    seen = FEATURES.statistics[0][TRAIN].astype(np.float32)
    typical, spread = (result.head.state_dict()[name].numpy() for name in ("typical", "spread"))
    assert typical == pytest.approx(seen.mean(axis=0), abs=1e-3)
    assert spread == pytest.approx(seen.std(axis=0, ddof=1), abs=2e-3)


def axes_weights(result_targets: Targets, seed: int = 0) -> torch.Tensor:
    """Of the energy's unit after a fit without mixup, dropout and decay, so that nothing else moves it."""
    settings = replace(
        QUICK,
        epochs=2,
        mixup_alpha=0.0,
        dropout=0.0,
        dropout_pooled=0.0,
        weight_decay=0.0,
        label_smoothing=0.0,
        seed=seed,
    )
    return fit_head(FEATURES, result_targets, TRAIN, [], settings).head.axes.weight.detach()


def test_an_axis_that_no_label_speaks_of_learns_nothing() -> None:
    fresh = axes_weights(targets(energy=np.full(60, np.nan)))
    taught = axes_weights(targets())
    assert torch.equal(fresh[1], taught[1])  # of pleasantness neither said a word
    assert not torch.equal(fresh[0], taught[0])


def test_clips_that_say_nothing_of_an_axis_do_not_pull_it() -> None:
    """Half of the clips say lively; were silence taken for quiet, the answer would lie at one half."""
    energy = np.where(np.arange(60) % 2 == 0, 1.0, np.nan)
    settings = replace(QUICK, epochs=12, draws_per_clip=4)
    result = fit_head(FEATURES, targets(energy=energy), TRAIN, [], settings)
    assert predict_head(result, FEATURES, WATCHED).axes[:, 0].min() > 1.0


def test_nothing_to_claim_lies_in_the_middle() -> None:
    settings = replace(QUICK, epochs=12, draws_per_clip=4)
    result = fit_head(FEATURES, targets(energy=np.full(60, 0.5)), TRAIN, [], settings)
    assert np.abs(predict_head(result, FEATURES, WATCHED).axes[:, 0]).max() < 0.5


def test_a_class_that_is_not_to_be_claimed_is_said_with_the_share_asked_for() -> None:
    half = np.where(TRUTH == 0, 0.5, 1.0)
    settings = replace(QUICK, epochs=20, draws_per_clip=4, label_smoothing=0.0, mixup_alpha=0.0)
    result = fit_head(FEATURES, targets(sure=half), TRAIN, [], settings)
    shares = softmax(predict_head(result, FEATURES, WATCHED).logits)
    assert shares[TRUTH[WATCHED] == 0, 0] == pytest.approx(0.5 + 0.5 / 3, abs=0.12)
    assert (shares[TRUTH[WATCHED] != 0].max(axis=1) > 0.8).mean() > 0.7


def test_mixup_blends_what_is_said_by_how_much_is_known() -> None:
    said, known = torch.tensor([[1.0], [0.0], [0.0]]), torch.tensor([[1.0], [1.0], [0.0]])
    rng = np.random.default_rng(0)
    for _ in range(20):
        blended, left = mixup(rng, 0.3, said * known, known)
        share = blended / left.clamp_min(1e-6)
        assert ((blended >= 0) & (blended <= left + 1e-6)).all()
        assert ((share >= 0) & (share <= 1 + 1e-5)).all()
    assert mixup(rng, 0.0, said) == (said,)


def test_same_seed_same_weights_and_torch_is_left_alone() -> None:
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    one, two = (fit_head(FEATURES, TARGETS, TRAIN, WATCHED, QUICK) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    other = fit_head(FEATURES, TARGETS, TRAIN, WATCHED, replace(QUICK, seed=1))
    assert torch.equal(one.head.out.weight, two.head.out.weight)
    assert not torch.equal(one.head.out.weight, other.head.out.weight)


@pytest.mark.parametrize("watched", [WATCHED, []], ids=["watched", "for a fixed number of epochs"])
def test_interrupted_and_resumed_gives_the_same_weights(tmp_path: Path, watched: list[int]) -> None:
    whole = fit_head(FEATURES, TARGETS, TRAIN, watched, QUICK)

    def stop(epochs_done: int) -> None:
        if epochs_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_head(FEATURES, TARGETS, TRAIN, watched, QUICK, run_dir=tmp_path, on_epoch=stop)
    resumed = fit_head(FEATURES, TARGETS, TRAIN, watched, QUICK, run_dir=tmp_path, resume=True)
    for name, value in whole.head.state_dict().items():
        assert torch.equal(value, resumed.head.state_dict()[name]), name
    for name in ("loss", "rate", *(("nll",) if watched else ())):
        assert [seen[name] for seen in whole.history] == [seen[name] for seen in resumed.history]
    assert list((tmp_path / "tensorboard").iterdir())


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    quick = replace(QUICK, epochs=1)
    fit_head(FEATURES, TARGETS, TRAIN, WATCHED, quick, run_dir=tmp_path)
    flipped = targets(energy=1 - LIVELY)
    for features, wanted, settings in (
        (FEATURES, TARGETS, replace(quick, rate=1e-4)),
        (invented_features(1), TARGETS, quick),
        (FEATURES, flipped, quick),
        (FEATURES, targets(sure=np.full(60, 0.5)), quick),
    ):
        with pytest.raises(WeightsError, match="other settings or data"):
            fit_head(features, wanted, TRAIN, WATCHED, settings, run_dir=tmp_path, resume=True)
    fit_head(FEATURES, TARGETS, TRAIN, WATCHED, replace(quick, threads=2), run_dir=tmp_path, resume=True)
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"torn")
    with pytest.raises(WeightsError, match="damaged"):
        fit_head(FEATURES, TARGETS, TRAIN, WATCHED, quick, run_dir=tmp_path, resume=True)


def test_fit_stops_when_validation_gets_no_better() -> None:
    wrong = TRUTH.copy()
    wrong[WATCHED] = (wrong[WATCHED] + 1) % 3
    result = fit_head(FEATURES, targets(wrong), TRAIN, WATCHED, replace(QUICK, epochs=50, patience_stop=3))
    assert len(result.history) == result.best_epoch + 3 < 50


def test_without_validation_the_last_epoch_is_kept() -> None:
    result = fit_head(FEATURES, TARGETS, TRAIN, [], QUICK)
    assert result.best_epoch == len(result.history) == QUICK.epochs


def test_classes_are_drawn_alike() -> None:
    rows = [index for index in TRAIN if TRUTH[index] != 2] + [2]  # one clip alone of the third class
    result = fit_head(FEATURES, TARGETS, rows, WATCHED, replace(QUICK, epochs=12, draws_per_clip=4))
    logits = predict_head(result, FEATURES, WATCHED).logits
    assert (logits.argmax(axis=1)[TRUTH[WATCHED] == 2] == 2).mean() > 0.5


def test_senseless_data_are_named() -> None:
    with pytest.raises(DataError, match="no clips to train"):
        fit_head(FEATURES, TARGETS, [], WATCHED, QUICK)
    with pytest.raises(DataError, match="All clips to train on are 'low'"):
        fit_head(FEATURES, TARGETS, [0, 3, 6], [], QUICK)
    with pytest.raises(DataError, match="has the label 7"):
        fit_head(FEATURES, targets(np.where(TRUTH == 2, 7, TRUTH)), TRAIN, WATCHED, QUICK)
    with pytest.raises(DataError, match="has the label -1"):
        fit_head(FEATURES, targets(np.where(TRUTH == 2, -1, TRUTH)), TRAIN, WATCHED, QUICK)
    with pytest.raises(DataError, match="3 labels came for 60"):
        fit_head(FEATURES, targets(TRUTH[:3]), TRAIN, WATCHED, QUICK)
    for lacking in ("states", "statistics"):
        with pytest.raises(DataError, match="hold no hidden states"):
            fit_head(replace(FEATURES, **{lacking: ()}), TARGETS, TRAIN, WATCHED, QUICK)


def test_a_loss_that_explodes_is_said() -> None:
    with pytest.raises(DataError, match="lower the rate"):
        fit_head(FEATURES, TARGETS, TRAIN, WATCHED, replace(QUICK, rate=1e30))
