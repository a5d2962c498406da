"""A training of tracks from end to end, and a fit that goes on as if it had never been broken off."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError, WeightsError
from models.track.answers import task_answers
from models.track.multi_task import FUSED, MultiTaskModel
from models.track.tasks import InputKind, TaskKind
from tests.training.invented_tracks import FRAMES, invented_tracks
from tests.training.running import broken_off
from training.track.config import TrainConfig
from training.track.figures import task_figures
from training.track.fit import fit_tracks, network_answers
from training.track.prepare import prepare_tracks
from training.track.thresholds import label_thresholds
from training.track.train import CONFIG_NAME, train_tracks

VECTORS = (InputKind.EMBEDDING, InputKind.FEATURES)


def test_a_training_writes_a_model_with_all_that_is_needed_to_use_it(tmp_path: Path) -> None:
    config = TrainConfig(
        use_features=True,
        use_spectrograms=True,
        epochs=5,
        output_dir=tmp_path,
        experiment_name="mine",
    )
    dataset = invented_tracks(80)
    record = train_tracks(dataset, config, command="attune train track")
    run = tmp_path / "mine"
    assert {"mine.onnx", "mine.json", "checkpoint.pt", "tensorboard", CONFIG_NAME} <= {
        path.name for path in run.iterdir()
    }
    assert record["metrics"]["validation"]["genre"]["accuracy"] > 0.8
    assert record["metrics"]["test"]["bpm"]["bpm"]["n"] > 0
    assert json.loads((run / "mine.json").read_text())["sides"] == record["sides"]
    assert sum(map(len, record["sides"].values())) == 80
    model = MultiTaskModel.load(run / "mine.onnx")
    info = model.info
    assert info.inputs == {InputKind.FEATURES: (103,), InputKind.SPECTROGRAM: (128, FRAMES)}
    assert info.segment_s == pytest.approx(FRAMES * 0.032)
    assert info.metrics == record["metrics"]
    assert len(info.history) == len(record["history"])
    answers = model.predict({kind: dataset.inputs[kind] for kind in info.inputs})
    assert answers[FUSED].shape == (80, 256)
    genre, moods, tempo = info.tasks
    assert genre.task.kind is TaskKind.SINGLE_LABEL
    assert len(moods.thresholds) == 3
    assert tempo.bounds == ((90.0, 120.0),)
    (answer,) = task_answers(tempo, answers["bpm"][0])
    assert answer.interval is not None
    assert answer.interval[0] < answer.interval[1]
    longer = {kind: values[:2] for kind, values in dataset.inputs.items() if kind in info.inputs}
    longer[InputKind.SPECTROGRAM] = np.tile(longer[InputKind.SPECTROGRAM], (1, 1, 3))
    assert model.predict(longer)["genre"].shape == (2, 3)
    with pytest.raises(DataError, match="holds a training: go on with --resume"):
        train_tracks(dataset, config)


@pytest.mark.parametrize("model_type", ["cnn", "cnn-gru"])
def test_a_fit_that_was_broken_off_goes_on_to_the_same_weights(
    model_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"model_type": model_type, "epochs": 4, "mixup": 0.2, "threads": 1, "batch_size": 16}
    prepared = prepare_tracks(invented_tracks(40), TrainConfig(**options))
    whole = fit_tracks(prepared, TrainConfig(**options))
    with broken_off(monkeypatch):
        fit_tracks(prepared, TrainConfig(**options), tmp_path)
    resumed = fit_tracks(prepared, TrainConfig(**options, resume=tmp_path), tmp_path)
    assert resumed.best_epoch == whole.best_epoch
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(resumed.net.state_dict()[name], value, rtol=0, atol=0)
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert {**one, "seconds": 0.0} == {**other, "seconds": 0.0}


def test_a_checkpoint_of_another_network_or_none_is_refused(tmp_path: Path) -> None:
    prepared = prepare_tracks(invented_tracks(40, kinds=VECTORS), TrainConfig())
    fit_tracks(prepared, TrainConfig(epochs=1), tmp_path)
    for other in ({"dropout": 0.1}, {"model_type": "rnn"}):
        with pytest.raises(WeightsError, match="was made with other settings or data"):
            fit_tracks(prepared, TrainConfig(epochs=1, resume=tmp_path, **other), tmp_path)
    others = prepare_tracks(invented_tracks(40, kinds=VECTORS, seed=1), TrainConfig())
    with pytest.raises(WeightsError, match="was made with other settings or data"):
        fit_tracks(others, TrainConfig(epochs=1, resume=tmp_path), tmp_path)
    foreign = tmp_path / "checkpoint_epoch_25.pth"
    foreign.write_bytes(b"another")
    with pytest.raises(WeightsError, match=r"There is no checkpoint checkpoint\.pt at .*epoch_25\.pth"):
        train_tracks(invented_tracks(40, kinds=VECTORS), TrainConfig(resume=foreign))
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match="is damaged"):
        fit_tracks(prepared, TrainConfig(epochs=1, resume=tmp_path), tmp_path)


def test_more_epochs_go_on_from_what_was_trained(tmp_path: Path) -> None:
    prepared = prepare_tracks(invented_tracks(40, kinds=VECTORS), TrainConfig())
    fit_tracks(prepared, TrainConfig(epochs=2, threads=1), tmp_path)
    more = fit_tracks(prepared, TrainConfig(epochs=4, threads=1, resume=tmp_path), tmp_path)
    whole = fit_tracks(prepared, TrainConfig(epochs=4, threads=1))
    assert [one["loss"] for one in more.history] == [one["loss"] for one in whole.history]


def test_it_stops_early_and_halves_the_rate(tmp_path: Path) -> None:
    prepared = prepare_tracks(invented_tracks(40, kinds=VECTORS), TrainConfig())
    config = TrainConfig(epochs=60, patience=3, rate_patience=1, learning_rate=0.02, balance="weights")
    fit = fit_tracks(prepared, config, tmp_path)
    assert len(fit.history) == fit.best_epoch + 3 < 60
    assert fit.history[-1]["learning_rate"] < 0.02
    best = min(one["validation_loss"] for one in fit.history)
    assert fit.history[fit.best_epoch - 1]["validation_loss"] == best


def test_figures_and_thresholds_speak_of_what_is_known() -> None:
    prepared = prepare_tracks(invented_tracks(60, kinds=VECTORS), TrainConfig())
    fit = fit_tracks(prepared, TrainConfig(epochs=3))
    side = prepared.train
    answers = network_answers(fit.net, side)
    genre, moods, tempo = prepared.tasks
    unknown = int(np.isnan(side.targets["genre"]).any(axis=1).sum())
    assert task_figures(genre, side.targets["genre"], answers["genre"])["n"] == len(side.names) - unknown
    thresholds = label_thresholds(answers["moods"], side.targets["moods"])
    figures = task_figures(moods, side.targets["moods"], answers["moods"], thresholds)
    half = task_figures(moods, side.targets["moods"], answers["moods"], (0.5,) * 3)
    assert figures["macro_f1"] >= half["macro_f1"]
    assert figures["hamming_loss"] <= 1.0
    nothing = np.full((2, 1), np.nan, dtype=np.float32)
    assert task_figures(tempo, nothing, nothing)["bpm"] == {"n": 0}
