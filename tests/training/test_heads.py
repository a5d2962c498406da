"""Heads on cached features: they learn, go on after an interruption, and name bad input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError, WeightsError
from models.emotion.hybrid import HybridSettings
from models.training.emotion.features import Features
from models.training.emotion.heads import CHECKPOINT_NAME, HeadSettings, fit_head, predict_head

LABELS = ("low", "middle", "high")
QUICK = HeadSettings(epochs=6, batch=16, labels=LABELS, threads=1, bf16=False)
TRAIN, WATCHED = list(range(48)), list(range(48, 60))
TRUTH = np.arange(60, dtype=np.int64) % 3


def invented_features(seed: int = 0) -> Features:
    """States and log-mels in which the class shows in one state and in one band."""
    rng = np.random.default_rng(seed)
    states = rng.standard_normal((2, 60, 3, 12, 8)).astype(np.float16)
    log_mel = (-10 + rng.standard_normal((2, 60, 16, 20))).astype(np.float16)
    for clip, label in enumerate(TRUTH):
        states[:, clip, 1, :, label] += 3
        log_mel[:, clip, 4 * label : 4 * label + 4] += 4
    paths = tuple(f"clip-{index}" for index in range(60))
    return Features(tuple(states), tuple(log_mel), paths, HybridSettings(n_mels=16), f"invented-{seed}")


FEATURES = invented_features()


@pytest.mark.parametrize(("encoder", "spectrogram"), [(True, True), (True, False), (False, True)])
def test_each_kind_of_head_learns(encoder: bool, spectrogram: bool) -> None:
    settings = replace(QUICK, use_encoder=encoder, use_spectrogram=spectrogram, epochs=12, draws_per_clip=4)
    result = fit_head(FEATURES, TRUTH, TRAIN, WATCHED, settings)
    logits, embedding = predict_head(result, FEATURES, WATCHED)
    assert logits.shape == (12, 3)
    assert embedding.shape == (12, 128)
    assert (logits.argmax(axis=1) == TRUTH[WATCHED]).mean() > 0.9
    assert result.history[result.best_epoch - 1]["ua"] == max(seen["ua"] for seen in result.history)


def test_the_state_that_tells_most_gets_most_weight() -> None:
    settings = replace(QUICK, use_spectrogram=False, epochs=12, draws_per_clip=4, patience_stop=12)
    weights = torch.softmax(fit_head(FEATURES, TRUTH, TRAIN, WATCHED, settings).head.layer_weights, 0)
    assert int(weights.argmax()) == 1


def test_same_seed_same_weights_and_torch_is_left_alone() -> None:
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    one, two = (fit_head(FEATURES, TRUTH, TRAIN, WATCHED, QUICK) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    other = fit_head(FEATURES, TRUTH, TRAIN, WATCHED, replace(QUICK, seed=1))
    assert torch.equal(one.head.out.weight, two.head.out.weight)
    assert not torch.equal(one.head.out.weight, other.head.out.weight)


def test_interrupted_and_resumed_gives_the_same_weights(tmp_path: Path) -> None:
    whole = fit_head(FEATURES, TRUTH, TRAIN, WATCHED, QUICK)

    def stop(epochs_done: int) -> None:
        if epochs_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_head(FEATURES, TRUTH, TRAIN, WATCHED, QUICK, run_dir=tmp_path, on_epoch=stop)
    resumed = fit_head(FEATURES, TRUTH, TRAIN, WATCHED, QUICK, run_dir=tmp_path, resume=True)
    for name, value in whole.head.state_dict().items():
        assert torch.equal(value, resumed.head.state_dict()[name]), name
    assert [seen["nll"] for seen in whole.history] == [seen["nll"] for seen in resumed.history]
    assert list((tmp_path / "tensorboard").iterdir())


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    quick = replace(QUICK, epochs=1)
    fit_head(FEATURES, TRUTH, TRAIN, WATCHED, quick, run_dir=tmp_path)
    for features, settings in ((FEATURES, replace(quick, rate=1e-4)), (invented_features(1), quick)):
        with pytest.raises(WeightsError, match="other settings or data"):
            fit_head(features, TRUTH, TRAIN, WATCHED, settings, run_dir=tmp_path, resume=True)
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"torn")
    with pytest.raises(WeightsError, match="damaged"):
        fit_head(FEATURES, TRUTH, TRAIN, WATCHED, quick, run_dir=tmp_path, resume=True)


def test_fit_stops_when_validation_gets_no_better() -> None:
    wrong = TRUTH.copy()
    wrong[WATCHED] = (wrong[WATCHED] + 1) % 3
    result = fit_head(FEATURES, wrong, TRAIN, WATCHED, replace(QUICK, epochs=50, patience_stop=3))
    assert len(result.history) == result.best_epoch + 3 < 50


def test_without_validation_the_last_epoch_is_kept() -> None:
    result = fit_head(FEATURES, TRUTH, TRAIN, [], QUICK)
    assert result.best_epoch == len(result.history) == QUICK.epochs


def test_classes_are_drawn_alike() -> None:
    rows = [index for index in TRAIN if TRUTH[index] != 2] + [2]  # one clip alone of the third class
    result = fit_head(FEATURES, TRUTH, rows, WATCHED, replace(QUICK, epochs=12, draws_per_clip=4))
    logits, _ = predict_head(result, FEATURES, WATCHED)
    assert (logits.argmax(axis=1)[TRUTH[WATCHED] == 2] == 2).mean() > 0.5


def test_senseless_data_are_named() -> None:
    with pytest.raises(DataError, match="no clips to train"):
        fit_head(FEATURES, TRUTH, [], WATCHED, QUICK)
    with pytest.raises(DataError, match="All clips to train on are 'low'"):
        fit_head(FEATURES, TRUTH, [0, 3, 6], [], QUICK)
    with pytest.raises(DataError, match="has the label 7"):
        fit_head(FEATURES, np.where(TRUTH == 2, 7, TRUTH), TRAIN, WATCHED, QUICK)
    with pytest.raises(DataError, match="has the label -1"):
        fit_head(FEATURES, np.where(TRUTH == 2, -1, TRUTH), TRAIN, WATCHED, QUICK)
    with pytest.raises(DataError, match="3 labels came for 60"):
        fit_head(FEATURES, TRUTH[:3], TRAIN, WATCHED, QUICK)
    with pytest.raises(DataError, match="hold no hidden states"):
        fit_head(replace(FEATURES, states=()), TRUTH, TRAIN, WATCHED, QUICK)


def test_a_loss_that_explodes_is_said() -> None:
    with pytest.raises(DataError, match="lower the rate"):
        fit_head(FEATURES, TRUTH, TRAIN, WATCHED, replace(QUICK, rate=1e30))
