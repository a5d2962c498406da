"""Each kind of speech encoder under the hybrid: states as in transformers, graphs as in torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    HubertConfig,
    HubertModel,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperModel,
)

from core.errors import ModelError, WeightsError
from models.emotion.hybrid import EmotionHybrid, HybridSettings, WhisperLogMel
from models.runtime import load_session
from training.emotion.encoders import encoder_fingerprint, load_hybrid, random_hybrid
from training.int8 import compare_int8, quantise_int8
from training.onnx_file import check_parity, emotion_metadata, export_graph, probe_windows, write_graph

N_LAYERS = 2
pytestmark = pytest.mark.timeout(300)  # exports take long on a busy machine


def wave_shape(**changes: Any) -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "num_hidden_layers": N_LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "conv_dim": (8,) * 7,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 4,
        **changes,
    }


LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
"""What the large ones of each kind have otherwise than the base ones."""


def whisper_shape(**changes: Any) -> WhisperConfig:
    return WhisperConfig(
        **{
            "d_model": 32,
            "encoder_layers": N_LAYERS,
            "encoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_layers": 1,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 32,
            "vocab_size": 20,
            "pad_token_id": 1,
            "bos_token_id": 1,
            "eos_token_id": 1,
            "decoder_start_token_id": 1,
            "max_source_positions": 1500,
            **changes,
        }
    )


KINDS: dict[str, Callable[[], Any]] = {
    "hubert base": lambda: HubertConfig(**wave_shape()),
    "hubert large": lambda: HubertConfig(**wave_shape(**LARGE)),
    "hubert with batch norm": lambda: HubertConfig(**wave_shape(conv_pos_batch_norm=True)),
    "hubert without projection norm": lambda: HubertConfig(**wave_shape(feat_proj_layer_norm=False)),
    "wavlm base": lambda: WavLMConfig(**wave_shape(num_buckets=40, max_bucket_distance=80)),
    "wavlm large": lambda: WavLMConfig(**wave_shape(**LARGE)),
    "whisper": whisper_shape,
    "whisper of 128 bands": lambda: whisper_shape(num_mel_bins=128),
}
WAVES = [name for name in KINDS if not name.startswith("whisper")]
MODELS = {"hubert": HubertModel, "wavlm": WavLMModel, "whisper": WhisperModel}


def made(name: str) -> Any:
    """A model of transformers with random weights; what begins at 0 or 1 is moved, so that it counts."""
    config = KINDS[name]()
    torch.manual_seed(7)
    model: Any = MODELS[config.model_type](config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
        for key, values in model.named_buffers():
            if "running" in key:
                values.uniform_(0.5, 2.0)
    return model


def sound(batch: int = 2) -> torch.Tensor:
    """A tone that fades in noise, 3 s."""
    rng = torch.Generator().manual_seed(0)
    times = torch.arange(48_000) / 16_000
    tone = torch.sin(2 * torch.pi * 220.0 * times) * torch.exp(-times)
    return 0.3 * tone + 0.02 * torch.randn(batch, 48_000, generator=rng)


def whisper_states(model: Any, waveform: torch.Tensor) -> list[torch.Tensor]:
    """What transformers' own feature extractor and encoder give for 3 s, each frame's position its own."""
    config = model.config
    extractor = WhisperFeatureExtractor(feature_size=config.num_mel_bins, chunk_length=3)
    mels = extractor(list(waveform.numpy()), sampling_rate=16_000, return_tensors="pt").input_features
    assert mels.shape[2] == 300
    short = whisper_shape(num_mel_bins=config.num_mel_bins, max_source_positions=150)
    reference = WhisperModel(short).eval().encoder
    weights = model.encoder.state_dict()
    weights["embed_positions.weight"] = weights["embed_positions.weight"][:150]
    reference.load_state_dict(weights)
    with torch.no_grad():
        answer = reference(mels, output_hidden_states=True)
    return [*answer.hidden_states[:-1], answer.last_hidden_state]


def wave_states(model: Any, waveform: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        answer = model(waveform, output_hidden_states=True)
    return [*answer.hidden_states[:-1], answer.last_hidden_state]


@pytest.mark.parametrize("name", WAVES)
def test_states_of_wave_encoders_are_those_of_transformers(name: str) -> None:
    raw = sound()
    wanted = wave_states(made(name), raw)
    hybrid = EmotionHybrid(made(name), HybridSettings(normalise_input=False))
    with torch.no_grad():
        states = hybrid.hidden_states(raw)
    assert len(states) == hybrid.n_states == N_LAYERS + 1
    assert states[0].shape == (2, 149, 32)
    for state, expected in zip(states, wanted, strict=True):
        assert torch.allclose(state, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["whisper", "whisper of 128 bands"])
def test_states_of_whisper_are_those_of_transformers_from_the_waveform_on(name: str) -> None:
    raw = sound()
    wanted = whisper_states(made(name), raw)
    hybrid = EmotionHybrid(made(name), HybridSettings(normalise_input=False))
    with torch.no_grad():
        states = hybrid.hidden_states(raw)
    assert len(states) == hybrid.n_states == N_LAYERS + 1
    assert states[0].shape == (2, 150, 32)
    for state, expected in zip(states, wanted, strict=True):
        assert torch.allclose(state, expected, atol=1e-3)


@pytest.mark.parametrize("name", KINDS)
def test_cut_encoders_give_the_states_before_the_last_norm(name: str) -> None:
    """The norm behind the last block belongs to the whole stack: states in between are untouched by it."""
    settings = HybridSettings(n_layers=1, normalise_input=False)
    whole = EmotionHybrid(made(name), HybridSettings(normalise_input=False))
    cut = EmotionHybrid(made(name), settings)
    with torch.no_grad():
        states, longer = cut.hidden_states(sound()), whole.hidden_states(sound())
    assert len(states) == 2
    for state, expected in zip(states, longer, strict=False):
        assert torch.equal(state, expected)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_log_mels_are_those_of_whispers_feature_extractor(n_mels: int) -> None:
    """For speech-like sound, noise, a click, a full-scale tone and silence."""
    times = np.arange(48_000) / 16_000
    click = np.zeros(48_000)
    click[24_000] = 1.0
    waves = [
        sound(1)[0].numpy(),
        np.random.default_rng(0).standard_normal(48_000) * 0.1,
        click,
        np.sin(2 * np.pi * 3000.0 * times),
        np.zeros(48_000),
    ]
    waveform = np.stack(waves).astype(np.float32)
    extractor = WhisperFeatureExtractor(feature_size=n_mels, chunk_length=3)
    wanted = extractor(list(waveform), sampling_rate=16_000, return_tensors="pt").input_features
    log_mel = WhisperLogMel(n_mels)(torch.from_numpy(waveform))
    assert log_mel.shape == (5, n_mels, 300)
    assert torch.allclose(log_mel, wanted, atol=1e-3)
    odd = WhisperLogMel(n_mels)(torch.from_numpy(waveform[:, :16_123]))
    assert odd.shape == (5, n_mels, 100)


def test_whisper_hears_every_level_alike_unless_told_otherwise() -> None:
    raw = sound()
    levelled = EmotionHybrid(made("whisper"))
    as_it_comes = EmotionHybrid(made("whisper"), HybridSettings(normalise_input=False))
    with torch.no_grad():
        quiet, loud = levelled.hidden_states(0.05 * raw)[-1], levelled.hidden_states(3.0 * raw)[-1]
        half = as_it_comes.hidden_states(raw * 0.5 / raw.abs().amax(dim=1, keepdim=True))[-1]
        assert torch.allclose(quiet, loud, atol=1e-3)
        assert torch.allclose(quiet, half, atol=1e-3)
        assert not torch.allclose(as_it_comes.hidden_states(0.05 * raw)[-1], half, atol=1e-2)
        assert torch.isfinite(levelled.hidden_states(torch.zeros(1, 48_000))[-1]).all()


def test_sound_beyond_whispers_positions_is_refused() -> None:
    model = EmotionHybrid(WhisperModel(whisper_shape(max_source_positions=100)))
    with torch.no_grad():
        assert model.hidden_states(torch.zeros(1, 32_000))[0].shape[1] == 100
        with pytest.raises(ModelError, match="has 150 frames, the encoder knows 100: give it at most 2 s"):
            model.hidden_states(sound())


class States(torch.nn.Module):
    """All states, as one tensor: heads would hide small differences."""

    def __init__(self, hybrid: EmotionHybrid) -> None:
        super().__init__()
        self.hybrid = hybrid

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        return torch.stack(self.hybrid.hidden_states(waveform), dim=1)


@pytest.mark.parametrize(
    ("name", "n_layers"),
    [("hubert base", None), ("hubert large", 1), ("wavlm base", 1), ("wavlm large", None), ("whisper", 1)],
)
def test_states_of_the_graph_are_those_of_torch(name: str, n_layers: int | None, tmp_path: Path) -> None:
    model = States(EmotionHybrid(made(name), HybridSettings(n_layers=n_layers))).eval()
    path, probes = tmp_path / "states.onnx", sound(3).numpy()
    write_graph(model, path, {}, probes, name="states", takes="waveform", gives=["states"])
    with torch.no_grad():
        wanted = model(torch.from_numpy(probes)).numpy()
    (states,) = load_session(path, threads=1).run({"waveform": probes})
    assert np.abs(states - wanted).max() < 1e-3


@pytest.mark.parametrize("name", ["hubert base", "wavlm base", "whisper of 128 bands"])
def test_hybrid_on_each_kind_is_exported_and_quantised(name: str, tmp_path: Path) -> None:
    model = EmotionHybrid(made(name), HybridSettings(frame_pool=4))
    path, twin = tmp_path / "emotion.onnx", tmp_path / "emotion-int8.onnx"
    metadata = emotion_metadata(
        name="t", version="1", temperature=1.0, licence="MIT", corpora=["none"], metrics={}
    )
    export_graph(model, path, metadata)
    assert check_parity(model, path, probe_windows()) < 1e-4
    quantise_int8(path, twin)
    windows = [window.numpy() for window in sound(4)]
    assert compare_int8(path, twin, windows, 1.0).argmax == 1.0


@pytest.mark.parametrize("name", KINDS)
def test_checkpoint_folder_of_each_kind_is_read(name: str, tmp_path: Path) -> None:
    model = made(name)
    model.save_pretrained(tmp_path)
    hybrid = load_hybrid(tmp_path, HybridSettings(n_layers=1))
    assert (hybrid.n_layers, hybrid.hidden_size) == (1, 32)
    with torch.no_grad():
        expected = EmotionHybrid(model, HybridSettings(n_layers=1)).hidden_states(sound())
        assert torch.allclose(hybrid.hidden_states(sound())[-1], expected[-1], atol=1e-4)
    assert not any(parameter.requires_grad for parameter in hybrid.encoder.parameters())  # type: ignore[union-attr]
    with pytest.raises(ModelError, match=r"3 layers .* it has 2"):
        load_hybrid(tmp_path, HybridSettings(n_layers=3))


def test_whole_whisper_of_another_use_and_in_half_precision_is_read(tmp_path: Path) -> None:
    torch.manual_seed(7)
    model = WhisperForConditionalGeneration(whisper_shape()).half()
    model.save_pretrained(tmp_path)
    encoder: Any = load_hybrid(tmp_path).encoder
    weight = encoder.feature_extractor.conv1.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, model.model.encoder.conv1.weight.float())
    assert not [name for name, _ in encoder.named_parameters() if "decoder" in name]


def test_whisper_may_lack_parts_of_its_decoder_but_not_of_its_encoder(tmp_path: Path) -> None:
    made("whisper").save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    weights = load_file(file)
    kept = {name: values for name, values in weights.items() if not name.startswith("decoder.")}
    save_file(kept, file, metadata={"format": "pt"})
    assert load_hybrid(tmp_path).n_layers == N_LAYERS
    del kept["encoder.layers.0.fc1.weight"]
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"is incomplete: 1 tensors .* encoder\.layers\.0\.fc1\.weight"):
        load_hybrid(tmp_path)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(WeightsError, match="damaged"):
        load_hybrid(tmp_path)


def test_fingerprint_tells_encoders_apart_by_what_their_states_depend_on() -> None:
    seen = [encoder_fingerprint(EmotionHybrid(made(name))) for name in KINDS]
    near = random_hybrid(WavLMConfig(**wave_shape(max_bucket_distance=80)))
    far = random_hybrid(WavLMConfig(**wave_shape(max_bucket_distance=800)))
    relu = random_hybrid(whisper_shape(activation_function="relu"))
    seen += [encoder_fingerprint(model) for model in (near, far, relu, random_hybrid(whisper_shape()))]
    assert len(set(seen)) == len(seen)
    levelled, raw = (
        EmotionHybrid(made("whisper"), HybridSettings(normalise_input=flag)) for flag in (True, False)
    )
    assert encoder_fingerprint(levelled) != encoder_fingerprint(raw)
