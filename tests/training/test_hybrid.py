"""The torch hybrid: frozen means frozen, cut means cut, and bad checkpoints are named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, Wav2Vec2Config, Wav2Vec2Model

from core.errors import ModelError, WeightsError
from models.emotion.hybrid import EmotionHybrid, HybridHead, HybridSettings, LogMel, mel_matrix
from models.training.emotion.encoders import (
    encoder_fingerprint,
    is_compact,
    load_hybrid,
    load_trained,
    random_hybrid,
    save_compact_encoder,
    save_trained,
)
from models.training.emotion.mel_encoder import EncoderSettings, make_encoder


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
    assert model.head.dense.training
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(waveform())[0].square().sum().backward()
        optimiser.step()
    assert all(p.grad is None for p in model.encoder.parameters())
    for name, value in model.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, before[name]), name
    for part in ("layer_weights", "branch_1d.0.weight", "branch_2d.0.weight", "out.bias"):
        assert not torch.equal(model.state_dict()[f"head.{part}"], before[f"head.{part}"]), part


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
    assert cut.head.layer_weights.shape == (3,)
    with torch.no_grad():
        for short, long in zip(cut.hidden_states(waveform()), whole.hidden_states(waveform()), strict=False):
            assert torch.equal(short, long)
        logits, embedding = cut.eval()(waveform())
        assert logits.shape == (2, 8)
        assert embedding.shape == (2, 128)
        assert embedding.min() >= 0


@pytest.mark.parametrize("n_layers", [0, 4, -1])
def test_impossible_cuts_are_refused(n_layers: int) -> None:
    with pytest.raises(ModelError, match=f"{n_layers} layers .* it has 3"):
        random_hybrid(tiny_config(), HybridSettings(n_layers=n_layers))


def test_shape_is_that_of_the_design() -> None:
    model = random_hybrid(tiny_config())
    shapes = {name: tuple(p.shape) for name, p in model.head.named_parameters()}
    assert shapes["branch_1d.0.weight"][:2] == (128, 16)
    assert shapes["branch_1d.4.weight"][:2] == (64, 128)
    assert [shapes[f"branch_2d.{index}.weight"][0] for index in (0, 3, 6)] == [32, 64, 128]
    # 2 x 64 (mean and deviation of the encoder's branch) + 128 (mean of the spectrogram's)
    assert [shapes[f"dense.{index}.weight"] for index in (0, 3)] == [(256, 256), (128, 256)]
    assert shapes["out.weight"] == (8, 128)
    assert model.log_mel(waveform(1)).shape == (1, 64, 92)


def test_silence_and_any_level_give_numbers() -> None:
    model = random_hybrid(tiny_config()).eval()
    with torch.no_grad():
        assert torch.isfinite(model(torch.zeros(1, 48_000))[0]).all()
        assert torch.allclose(model(waveform() * 8)[0], model(waveform())[0], atol=1e-3)


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
    assert path.stat().st_size < 2_000_000
    again = load_trained(load_hybrid(checkpoint, HybridSettings(n_layers=2)), path)
    with torch.no_grad():
        assert torch.equal(again.eval()(waveform())[0], model.eval()(waveform())[0])


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
    with pytest.raises(WeightsError, match=r"'nobody/no-such-encoder' is not on this machine.*--download"):
        load_hybrid("nobody/no-such-encoder")
    with pytest.raises(WeightsError, match=r"holds no readable config\.json"):
        load_hybrid(tmp_path)


def test_other_kinds_of_encoder_are_refused(tmp_path: Path) -> None:
    config = BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=20
    )
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="'bert': the hybrid needs Wav2Vec2, HuBERT, WavLM or Whisper's enc"):
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


SMALL = EncoderSettings(
    stem=4, widths=(6, 8), time_strides=(2, 2), hidden_size=16, n_layers=2, n_heads=2, intermediate_size=24
)


def compact(folder: Path, *, half: bool = True) -> Any:
    """A compact encoder with random weights and statistics, kept in a folder."""
    torch.manual_seed(3)
    encoder: Any = make_encoder(SMALL)
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    save_compact_encoder(encoder, SMALL, folder, half=half)
    return encoder.eval()


def test_compact_encoder_is_kept_and_gives_its_own_states(tmp_path: Path) -> None:
    encoder = compact(tmp_path / "new" / "encoder", half=False)
    assert is_compact(tmp_path / "new" / "encoder")
    model = load_hybrid(tmp_path / "new" / "encoder")
    with torch.no_grad():
        features = encoder.feature_extractor(waveform()).transpose(1, 2)
        projected, _ = encoder.feature_projection(features)
        wanted = encoder.encoder(projected).last_hidden_state
        states = model.hidden_states(waveform())
        assert len(states) == model.n_states == 3
        assert torch.allclose(states[-1], wanted, atol=1e-5)
        assert torch.allclose(model.hidden_states(8 * waveform())[-1], wanted, atol=1e-3)
    assert not model.settings.normalise_input


def test_compact_encoder_in_half_precision_takes_half_the_room(tmp_path: Path) -> None:
    encoder = compact(tmp_path / "half")
    compact(tmp_path / "full", half=False)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.8 * sizes[1]
    stored = load_file(tmp_path / "half" / "model.safetensors")
    assert stored["feature_extractor.stem.1.running_var"].dtype == torch.float32
    halves, whole = load_hybrid(tmp_path / "half"), load_hybrid(tmp_path / "full")
    with torch.no_grad():
        gap = halves.hidden_states(waveform())[-1] - whole.hidden_states(waveform())[-1]
    assert gap.abs().max() < 0.02
    assert encoder_fingerprint(halves) != encoder_fingerprint(whole)
    assert encoder_fingerprint(halves) == encoder_fingerprint(load_hybrid(tmp_path / "half"))
    assert torch.nn.utils.parametrize.is_parametrized(encoder.encoder.pos_conv_embed.conv, "weight")


def test_making_a_hybrid_leaves_copies_of_its_encoder_whole() -> None:
    encoder: Any = make_encoder(SMALL)
    twin = copy.deepcopy(encoder).eval()
    EmotionHybrid(encoder)
    with torch.no_grad():
        projected, _ = twin.feature_projection(twin.feature_extractor(waveform()).transpose(1, 2))
        assert torch.isfinite(twin.encoder(projected).last_hidden_state).all()


def test_damaged_compact_encoders_are_named(tmp_path: Path) -> None:
    compact(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change in ({"widths": [6, 12]}, {"colour": "red"}):
        changed = {**config, "attune_front_end": {**config["attune_front_end"], **change}}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(WeightsError, match="damaged"):
            load_hybrid(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:700])
    with pytest.raises(WeightsError, match="damaged"):
        load_hybrid(tmp_path)
    weights.unlink()
    with pytest.raises(WeightsError, match=r"no readable model\.safetensors"):
        load_hybrid(tmp_path)


def test_fingerprint_is_about_what_the_states_depend_on(checkpoint: Path) -> None:
    seen = {
        encoder_fingerprint(load_hybrid(checkpoint, settings))
        for settings in (HybridSettings(), HybridSettings(n_layers=2), HybridSettings(frame_pool=4))
    }
    assert len(seen) == 3
    assert encoder_fingerprint(load_hybrid(checkpoint, HybridSettings(dropout=0.9))) in seen


def test_frames_are_averaged_in_groups() -> None:
    whole, pooled = random_hybrid(tiny_config()), random_hybrid(tiny_config(), HybridSettings(frame_pool=4))
    with torch.no_grad():
        fine, coarse = whole.hidden_states(waveform())[1], pooled.hidden_states(waveform())[1]
    assert coarse.shape[1] == fine.shape[1] // 4
    assert torch.allclose(coarse[:, 0], fine[:, :4].mean(dim=1), atol=1e-5)


@pytest.mark.parametrize(("encoder", "spectrogram", "width"), [(True, False, 128), (False, True, 128)])
def test_one_branch_alone_answers(encoder: bool, spectrogram: bool, width: int) -> None:
    settings = HybridSettings(use_encoder=encoder, use_spectrogram=spectrogram, labels=("a", "b", "c"))
    model = EmotionHybrid(Wav2Vec2Model(tiny_config()) if encoder else None, settings).eval()
    assert model.head.dense[0].in_features == width
    with torch.no_grad():
        assert model(waveform())[0].shape == (2, 3)


def test_senseless_hybrids_are_refused() -> None:
    with pytest.raises(ModelError, match="neither encoder nor spectrogram"):
        HybridHead(16, 3, HybridSettings(use_encoder=False, use_spectrogram=False))
    with pytest.raises(ModelError, match="has no encoder"):
        EmotionHybrid(None)
    with pytest.raises(ModelError, match="1 classes"):
        HybridHead(16, 3, HybridSettings(labels=("only",)))
    with pytest.raises(ModelError, match="0 frames"):
        random_hybrid(tiny_config(), HybridSettings(frame_pool=0))


def test_mixing_stacked_states_is_mixing_them_one_by_one() -> None:
    head = HybridHead(16, 3, HybridSettings())
    torch.nn.init.normal_(head.layer_weights)
    states = torch.randn(2, 3, 10, 16)
    assert torch.allclose(head.mix(states), head.mix(list(states.unbind(1))), atol=1e-6)


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
