"""The torch hybrid: frozen means frozen, cut means cut, and bad checkpoints are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, Wav2Vec2Config, Wav2Vec2Model

from core.errors import ModelError, WeightsError
from models.emotion.hybrid import (
    EmotionHybrid,
    HybridSettings,
    LogMel,
    load_hybrid,
    load_trained,
    mel_matrix,
    random_hybrid,
    save_trained,
)


def tiny_config(**changes: Any) -> Wav2Vec2Config:
    settings: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "conv_dim": (8,) * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
    }
    return Wav2Vec2Config(**{**settings, **changes})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(1)
    Wav2Vec2Model(tiny_config()).save_pretrained(folder)
    return folder


def waveform(batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 48_000, generator=torch.Generator().manual_seed(0)) * 0.1


def test_frozen_means_frozen() -> None:
    model = random_hybrid(tiny_config())
    model.train()
    assert not any(module.training for module in model.encoder.modules())
    assert model.dense.training
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(waveform()).square().sum().backward()
        optimiser.step()
    assert all(p.grad is None for p in model.encoder.parameters())
    for name, value in model.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, before[name]), name
    for name in ("layer_weights", "branch_1d.0.weight", "branch_2d.0.weight", "dense.6.bias"):
        assert not torch.equal(model.state_dict()[name], before[name]), name


@pytest.mark.parametrize("stable", [False, True])
def test_hidden_states_are_those_of_transformers(stable: bool) -> None:
    config = tiny_config(do_stable_layer_norm=stable, feat_extract_norm="layer" if stable else "group")
    torch.manual_seed(0)
    reference = Wav2Vec2Model(config).eval()
    raw = waveform()
    normalised = (raw - raw.mean(1, keepdim=True)) / (raw.var(1, unbiased=False, keepdim=True) + 1e-7).sqrt()
    with torch.no_grad():
        expected = reference(normalised, output_hidden_states=True)
        model = random_hybrid(config, seed=0)
        states = model.hidden_states(raw)
        assert len(states) == 4
        for state, wanted in zip(states[:-1], expected.hidden_states[:-1], strict=True):
            assert torch.allclose(state, wanted, atol=1e-5)
        assert torch.allclose(states[-1], expected.last_hidden_state, atol=1e-5)


def test_layers_are_cut_from_the_top() -> None:
    whole = random_hybrid(tiny_config())
    cut = random_hybrid(tiny_config(), HybridSettings(n_layers=2))
    assert len(cut.encoder.encoder.layers) == 2
    assert cut.layer_weights.shape == (3,)
    with torch.no_grad():
        for short, long in zip(cut.hidden_states(waveform()), whole.hidden_states(waveform()), strict=False):
            assert torch.equal(short, long)
        assert cut.eval()(waveform()).shape == (2, 8)


@pytest.mark.parametrize("n_layers", [0, 4, -1])
def test_impossible_cuts_are_refused(n_layers: int) -> None:
    with pytest.raises(ModelError, match=f"{n_layers} layers .* it has 3"):
        random_hybrid(tiny_config(), HybridSettings(n_layers=n_layers))


def test_shape_is_that_of_the_design() -> None:
    model = random_hybrid(tiny_config())
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if not name.startswith("encoder.")}
    assert shapes["branch_1d.0.weight"][:2] == (128, 16)
    assert shapes["branch_1d.4.weight"][:2] == (64, 128)
    assert [shapes[f"branch_2d.{index}.weight"][0] for index in (0, 4, 8)] == [32, 64, 128]
    assert [shapes[f"dense.{index}.weight"] for index in (0, 3, 6)] == [(256, 192), (128, 256), (8, 128)]
    assert model.log_mel(waveform(1)).shape == (1, 64, 92)


def test_silence_and_any_level_give_numbers() -> None:
    model = random_hybrid(tiny_config()).eval()
    with torch.no_grad():
        assert torch.isfinite(model(torch.zeros(1, 48_000))).all()
        assert torch.allclose(model(waveform() * 8), model(waveform()), atol=1e-3)


def test_random_weights_are_repeatable_and_leave_torch_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, two = random_hybrid(tiny_config(), seed=3), random_hybrid(tiny_config(), seed=3)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_saved_without_the_encoder_and_loaded_again(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "trained.safetensors"
    model = load_hybrid(checkpoint, HybridSettings(n_layers=2))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    save_trained(model, path)
    assert not [name for name in load_file(path) if name.startswith("encoder.")]
    assert path.stat().st_size < 1_500_000
    again = load_trained(load_hybrid(checkpoint, HybridSettings(n_layers=2)), path)
    with torch.no_grad():
        assert torch.equal(again.eval()(waveform()), model.eval()(waveform()))


def test_trained_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trained.safetensors"
    save_trained(random_hybrid(tiny_config()), path)
    with pytest.raises(WeightsError, match="hidden_size 16, this encoder has 32"):
        load_trained(random_hybrid(tiny_config(hidden_size=32)), path)
    with pytest.raises(WeightsError, match="n_layers 3, this encoder has 2"):
        load_trained(random_hybrid(tiny_config(), HybridSettings(n_layers=2)), path)
    with pytest.raises(WeightsError, match="n_mels 64, this encoder has 32"):
        load_trained(random_hybrid(tiny_config(), HybridSettings(n_mels=32)), path)


def test_bad_trained_weights_are_named(tmp_path: Path) -> None:
    model = random_hybrid(tiny_config())
    with pytest.raises(WeightsError, match="There are no trained weights"):
        load_trained(model, tmp_path / "absent.safetensors")
    torn = tmp_path / "torn.safetensors"
    save_trained(model, torn)
    torn.write_bytes(torn.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged"):
        load_trained(model, torn)


def test_checkpoint_folder_is_read(checkpoint: Path) -> None:
    model = load_hybrid(checkpoint)
    assert model.n_layers == 3
    assert model.settings.normalise_input
    stored = load_file(checkpoint / "model.safetensors")
    name = "feature_projection.projection.weight"
    assert torch.equal(model.encoder.state_dict()[name], stored[name])


def test_checkpoint_says_whether_its_input_is_normalised(checkpoint: Path, tmp_path: Path) -> None:
    folder = copied(checkpoint, tmp_path)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    assert not load_hybrid(folder).settings.normalise_input


def copied(checkpoint: Path, to: Path) -> Path:
    for file in checkpoint.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_absent_checkpoint_offline_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"'nobody/no-such-encoder' is not on this machine.*download=True"):
        load_hybrid("nobody/no-such-encoder")
    with pytest.raises(WeightsError, match=r"holds no readable config\.json"):
        load_hybrid(tmp_path)


def test_other_kinds_of_encoder_are_refused(tmp_path: Path) -> None:
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=20
    )
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"'bert'.*needs 'wav2vec2'"):
        load_hybrid(tmp_path)
    with pytest.raises(ModelError, match="'bert'"):
        EmotionHybrid(BertModel(config))


def test_damaged_checkpoints_are_named(checkpoint: Path, tmp_path: Path) -> None:
    folder = copied(checkpoint, tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(WeightsError, match="damaged"):
        load_hybrid(folder)
    weights.unlink()
    with pytest.raises(WeightsError, match="Pickled weights are not read"):
        load_hybrid(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json"):
        load_hybrid(folder)


def test_mel_filters_cover_the_band_without_holes() -> None:
    for n_fft in (512, 1024):
        filters = mel_matrix(64, n_fft, 50.0, 7600.0)
        assert filters.shape == (n_fft // 2 + 1, 64)
        assert (filters.max(axis=0) > 0.4).all()
        bins_hz = np.arange(n_fft // 2 + 1) * 16_000 / n_fft
        assert filters[(bins_hz < 50) | (bins_hz > 7600)].max() == 0.0


@pytest.mark.parametrize("frequency_hz", [250.0, 1000.0, 3000.0])
def test_log_mel_of_a_tone_is_its_power_in_its_band(frequency_hz: float) -> None:
    tone = torch.sin(2 * torch.pi * frequency_hz * torch.arange(16_000) / 16_000)[None]
    log_mel = LogMel(64, 1024, 1024, 512)(tone)[0]
    filters = mel_matrix(64, 1024, 50.0, 7600.0)
    peak_bin = round(frequency_hz * 1024 / 16_000)
    band = int(log_mel.mean(dim=1).argmax())
    assert filters[peak_bin, band] > 0
    assert log_mel[band].mean().item() == pytest.approx(np.log(0.25 * filters[peak_bin, band]), abs=1.0)


def test_log_mel_agrees_with_a_fourier_transform() -> None:
    audio = waveform(1)
    power = (
        torch.stft(audio, 512, 160, 400, torch.hann_window(400) / 200.0, center=False, return_complex=True)
        .abs()
        .square()
    )
    # torch.stft pads the window to the middle of the frame: 56 samples before it.
    wanted = torch.log(torch.from_numpy(mel_matrix(64, 512, 50.0, 7600.0)).T @ power + 1e-8)
    ours = LogMel(64, 512, 400, 160)(audio[:, 56:])
    assert torch.allclose(ours[:, :, : wanted.shape[2]], wanted, atol=1e-3)


def test_digital_silence_is_the_floor() -> None:
    assert LogMel(floor=1e-6)(torch.zeros(1, 4_096)).unique().item() == pytest.approx(np.log(1e-6))
