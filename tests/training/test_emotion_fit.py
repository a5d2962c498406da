"""The fit: shapes, balance, resume, and the whole chain of commands on an invented corpus."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import DataError, WeightsError
from models.emotion.recogniser import load_recogniser
from models.training.checkpoint import load_checkpoint
from models.training.data.cache import load_cache
from models.training.emotion import __main__ as command
from models.training.emotion.export import load_network
from models.training.emotion.fit import CHECKPOINT_NAME, FitSettings, draw_probabilities, fit
from models.training.emotion.network import EmotionCnn, peak_normalise
from models.training.emotion.splits import Split

SMALL = ["--widths", "4", "4", "8", "8", "--threads", "1"]
TINY = FitSettings(epochs=2, draws_per_epoch=8, batch=4, widths=(4, 4, 8, 8), threads=1)


def test_network_gives_eight_logits_for_any_level() -> None:
    model = EmotionCnn((4, 4, 8, 8)).eval()
    waveform = torch.randn(3, 48_000) * 0.1
    with torch.no_grad():
        logits = model(waveform)
        assert logits.shape == (3, 8)
        assert torch.allclose(model(waveform * 4.0), logits, atol=1e-4)
        assert torch.isfinite(model(torch.zeros(1, 48_000))).all()


def test_full_network_has_the_stated_size() -> None:
    n_parameters = sum(p.numel() for p in EmotionCnn().parameters())
    assert 1.55e6 < n_parameters < 1.7e6


def test_near_silence_is_not_raised() -> None:
    assert peak_normalise(torch.full((1, 10), 1e-6)).max() < 0.01
    assert peak_normalise(torch.tensor([[0.2, -0.5]])).abs().max() == pytest.approx(1.0)


def test_draws_are_balanced_over_emotions(cache_path: Path) -> None:
    clips = load_cache(cache_path).of(Split.TRAIN)
    probabilities = draw_probabilities(clips)
    assert probabilities.sum() == pytest.approx(1.0)
    of_emotion: dict[str, float] = defaultdict(float)
    for clip, probability in zip(clips, probabilities, strict=True):
        of_emotion[clip.emotion] += probability
    assert set(np.round(list(of_emotion.values()), 9)) == {0.125}


def test_resumed_run_equals_an_uninterrupted_one(cache_path: Path, tmp_path: Path) -> None:
    cache = load_cache(cache_path)
    whole = load_file(fit(cache, tmp_path / "whole", TINY))
    fit(cache, tmp_path / "halves", TINY, stop_after=1)
    half = load_file(tmp_path / "halves" / "weights.safetensors")
    resumed = load_file(fit(cache, tmp_path / "halves", TINY, resume=True))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not all(torch.equal(half[name], resumed[name]) for name in half)
    state = load_checkpoint(tmp_path / "halves" / CHECKPOINT_NAME)
    assert state["epoch"] == 2
    assert state["identity"]["settings"]["seed"] == 0
    assert [entry["epoch"] for entry in state["history"]] == [1, 2]
    assert list((tmp_path / "whole" / "tensorboard").iterdir())


def test_checkpoint_of_other_settings_is_refused(cache_path: Path, tmp_path: Path) -> None:
    cache = load_cache(cache_path)
    fit(cache, tmp_path, TINY, stop_after=1)
    other = FitSettings(epochs=3, draws_per_epoch=8, batch=4, widths=(4, 4, 8, 8), threads=1)
    with pytest.raises(WeightsError, match="other settings or data"):
        fit(cache, tmp_path, other, resume=True)
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"PK, but no more")
    with pytest.raises(WeightsError, match="damaged"):
        fit(cache, tmp_path, TINY, resume=True)


def test_checkpoint_with_foreign_objects_is_not_unpickled(tmp_path: Path) -> None:
    class Foreign:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("should never be run",)

    torch.save({"model": Foreign()}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match="damaged"):
        load_checkpoint(tmp_path / "evil.pt")


def test_fit_without_clips_says_so(cache_path: Path, tmp_path: Path) -> None:
    cache = load_cache(cache_path)
    only_test = type(cache)(cache.of(Split.TEST), cache.waveforms, (), cache.fingerprint)
    with pytest.raises(DataError, match="0 training and 0 calibration clips"):
        fit(only_test, tmp_path, TINY)


def test_weights_of_another_network_are_refused(cache_path: Path, tmp_path: Path) -> None:
    weights = fit(load_cache(cache_path), tmp_path, TINY, stop_after=1)
    assert load_network(weights).cnn.widths == (4, 4, 8, 8)
    save_file({"something": torch.zeros(3)}, weights)
    with pytest.raises(WeightsError, match="another network"):
        load_network(weights)
    weights.write_bytes(b"not safetensors")
    with pytest.raises(WeightsError, match="damaged"):
        load_network(weights)
    with pytest.raises(WeightsError, match="run `fit` first"):
        load_network(tmp_path / "absent.safetensors")


def test_commands_lead_from_corpora_to_a_served_file(
    speech_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--cache", str(tmp_path / "speech"), "--run", str(tmp_path / "run")]
    out = tmp_path / "model.onnx"
    assert command.main(["prepare", "--cache", where[1], "--data", str(speech_dir)]) == 0
    assert command.main(["fit", *where, "--epochs", "1", "--draws", "64", *SMALL]) == 0
    assert command.main(["calibrate", *where]) == 0
    assert command.main(["evaluate", *where]) == 0
    assert command.main(["export", *where, "--out", str(out), "--version", "0.0.1"]) == 0
    shipped = tmp_path / "shipped.json"
    assert command.main(["evaluate", *where, "--onnx", str(out), "--json", str(shipped)]) == 0
    recogniser = load_recogniser(out)
    assert recogniser.info.version == "0.0.1"
    assert recogniser.info.corpora == ("crema_d", "ravdess_song", "ravdess_speech")
    probabilities = recogniser.probabilities(np.zeros((2, 48_000), dtype=np.float32))
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    card = json.loads(out.with_suffix(".json").read_text())
    again = json.loads(shipped.read_text())
    assert card["test"]["crema_d"]["speakers"] == ["1005"]
    assert again["test"]["crema_d"]["eight_way"]["n"] == card["test"]["crema_d"]["eight_way"]["n"] == 3
    assert again["test"]["ravdess_speech"]["eight_way"]["nll"] == pytest.approx(
        card["test"]["ravdess_speech"]["eight_way"]["nll"], abs=1e-3
    )
    assert recogniser.info.temperature == pytest.approx(card["temperature_fit"]["temperature"], rel=1e-4)
    assert "sounds without emotion" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["fit", "calibrate", "evaluate", "export"])
def test_commands_without_prepared_speech_say_what_to_run(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([name, "--cache", str(tmp_path), "--run", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert "prepare" in said
    assert "Traceback" not in said


def test_calibrate_before_fit_says_what_to_run(
    cache_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--cache", str(cache_path), "--run", str(tmp_path)]
    assert command.main(["calibrate", *where]) == 1
    assert "run `fit` first" in capsys.readouterr().err
    assert command.main(["evaluate", *where]) == 1
    assert "calibrate` first" in capsys.readouterr().err


def test_help_shows_the_whole_chain(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    for name in ("prepare", "fit", "calibrate", "evaluate", "export"):
        assert f"models.training.emotion {name}" in said
