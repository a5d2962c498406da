"""Trainings behind the tables on an invented corpus: encoders by plan, resumed, and heads by fold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from running import broken_off
from safetensors.torch import load_file
from tiny_recipe import TINY

from core.errors import DataError, WeightsError
from models.training.data.cache import load_cache
from models.training.emotion import pretrain as pretraining
from models.training.emotion.heads import HeadSettings
from models.training.emotion.pretrain import draw_probabilities
from models.training.emotion.protocols import EncoderPlan, Fold
from models.training.emotion.runner import (
    FoldResult,
    Workshop,
    corpus_features,
    fit_fold,
    train_encoder,
)
from models.training.emotion.tables import protocol_table

PLANS = {
    "speech": EncoderPlan("speech", None, lambda clip: clip.corpus == "ravdess_speech"),
    "all": EncoderPlan("all", "speech", lambda clip: clip.corpus != "ravdess_song"),
    "bad": EncoderPlan("bad", "speech", lambda clip: clip.corpus == "crema_d"),
    "nobody": EncoderPlan("nobody", None, lambda _: False),
}


@pytest.fixture
def workshop(cache_path: Path, tmp_path: Path) -> Workshop:
    hum = np.sin(np.arange(16_000 * 6) / 7).astype(np.float32)
    return Workshop(
        load_cache(cache_path), (hum,), tmp_path / "run", threads=1, budget=32 / 48_000, recipe=TINY
    )


def test_encoder_starts_from_its_base_and_is_made_once(workshop: Workshop) -> None:
    folder = train_encoder(workshop, PLANS, "all")
    weights = load_file(folder / "model.safetensors")
    assert (workshop.folder / "encoders" / "speech" / "checkpoint.pt").exists()
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert train_encoder(workshop, PLANS, "all") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert all(torch.isfinite(value.float()).all() for value in weights.values())


def test_interrupted_training_goes_on_to_the_same_weights(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_file(train_encoder(workshop, PLANS, "speech") / "model.safetensors")
    again = replace(workshop, folder=tmp_path / "again")
    with broken_off(monkeypatch, pretraining):
        train_encoder(again, PLANS, "speech")
    resumed = load_file(train_encoder(again, PLANS, "speech") / "model.safetensors")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_checkpoint_of_another_recipe_is_refused(workshop: Workshop) -> None:
    train_encoder(workshop, PLANS, "speech")
    other = replace(workshop, recipe=replace(TINY, label_smoothing=0.2))
    with pytest.raises(WeightsError, match="has another recipe"):
        train_encoder(other, PLANS, "speech")
    mended = {"speech": replace(PLANS["speech"], hears=lambda clip: clip.corpus == "crema_d")}
    with pytest.raises(WeightsError, match="heard other clips"):
        train_encoder(workshop, mended, "speech")
    (workshop.encoder_folder("speech") / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="other settings or data"):
        train_encoder(other, PLANS, "speech")


def test_frames_that_cannot_be_kept_say_so(workshop: Workshop) -> None:
    workshop.folder.parent.mkdir(parents=True, exist_ok=True)
    workshop.folder.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot be written"):
        train_encoder(workshop, PLANS, "speech")


def test_base_that_heard_too_much_is_refused(workshop: Workshop) -> None:
    with pytest.raises(DataError, match="may not"):
        train_encoder(workshop, PLANS, "bad")
    with pytest.raises(DataError, match="No clip is left"):
        train_encoder(workshop, PLANS, "nobody")


def test_small_cells_are_heard_more_often_than_their_share() -> None:
    odds = draw_probabilities([0] * 90 + [1] * 10, ["a"] * 90 + ["b"] * 10)
    assert odds.sum() == pytest.approx(1.0)
    assert 0.1 < odds[90:].sum() < 0.5
    assert odds[90] > odds[0]


def test_heads_answer_the_test_clips_of_their_fold(workshop: Workshop) -> None:
    encoder = train_encoder(workshop, PLANS, "all")
    clips = [clip for clip in workshop.cache.clips if clip.corpus == "crema_d"]
    train = tuple(clip for clip in clips if clip.speaker != "1005")
    test = tuple(clip for clip in clips if clip.speaker == "1005")
    fold = Fold("crema_d_speakers", "1", "all", ("neutral", "happy", "angry"), train, test)
    _, features = corpus_features(workshop, encoder, clips, views=2)
    settings = HeadSettings(epochs=2, batch=4, bf16=False)
    results = [
        fit_fold(workshop, fold, features, clips, branch, settings)
        for branch in ("hybrid", "encoder", "spectrogram")
    ]
    for result in results:
        assert result.probabilities.shape == (3, 3)
        assert np.allclose(result.probabilities.sum(axis=1), 1.0)
        assert result.speakers == ("1005",) * 3
    again = fit_fold(workshop, fold, features, clips, "encoder", settings)
    assert np.array_equal(again.probabilities, results[1].probabilities)
    (workshop.folder / "folds" / "crema_d_speakers-1-encoder.npz").write_bytes(b"torn")
    anew = fit_fold(workshop, fold, features, clips, "encoder", settings)
    assert np.allclose(anew.probabilities, results[1].probabilities)
    table = protocol_table(results)
    assert set(table["crema_d_speakers"]) == {"hybrid", "encoder", "spectrogram"}
    assert table["crema_d_speakers"]["hybrid"]["n"] == 3


def test_table_means_folds_and_pools_clips() -> None:
    fold = Fold("emodb_5fold", "1", "e", ("sad", "angry"), (), ())
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    right = FoldResult(fold, "hybrid", sure, np.array([0, 1]), ("a", "a"))
    wrong = FoldResult(
        replace(fold, name="2"), "hybrid", np.tile(sure, (2, 1)), np.array([1, 0, 0, 0]), ("b",) * 4
    )
    row = protocol_table([right, wrong])["emodb_5fold"]["hybrid"]
    assert row["ua_by_fold"] == {"1": 1.0, "2": pytest.approx(1 / 6, abs=1e-4)}
    assert row["ua"] == pytest.approx((1.0 + 1 / 6) / 2, abs=1e-4)
    assert (row["n"], row["speakers"]) == (6, 2)
