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
from models.emotion.hybrid import (
    EmotionHybrid,
    FrozenFeatures,
    HeadEnsemble,
    HybridHead,
    HybridSettings,
    LogMel,
    Positions,
    mel_matrix,
)
from tests.training.tiny_recipe import TINY, keep_tiny_student, tiny_student
from training.emotion.encoders import (
    encoder_fingerprint,
    load_hybrid,
    load_trained,
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
    assert model.head.dense.training
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        said = model(waveform())
        sum(part.square().sum() for part in (said.logits, said.energy, said.pleasantness)).backward()
        optimiser.step()
    assert all(p.grad is None for p in model.encoder.parameters())
    for name, value in model.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, before[name]), name
    for part in ("layer_weights", "branch_1d.0.weight", "branch_2d.0.weight", "out.bias", "axes.bias"):
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
        said = cut.eval()(waveform())
        assert said.logits.shape == (2, 8)
        assert said.embedding.shape == (2, 128)
        assert said.embedding.min() >= 0
        assert said.energy.shape == said.pleasantness.shape == (2,)


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
    # 2 x 2 x 16 (mean and deviation of two layers) + 2 x 64 (of the 1D-CNN) + 128 (mean of the 2D-CNN)
    assert [shapes[f"dense.{index}.weight"] for index in (0, 3)] == [(256, 320), (128, 256)]
    assert shapes["out.weight"] == (8, 128)
    assert shapes["axes.weight"] == (2, 128)
    assert model.log_mel(waveform(1)).shape == (1, 64, 92)


def test_silence_and_any_level_give_numbers() -> None:
    model = random_hybrid(tiny_config()).eval()
    with torch.no_grad():
        for part in model(torch.zeros(1, 48_000)):
            assert torch.isfinite(part).all()
        for louder, part in zip(model(waveform() * 8), model(waveform()), strict=True):
            assert torch.allclose(louder, part, atol=1e-3)


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
        model.head.fit_scale(torch.randn(20, 64, generator=torch.Generator().manual_seed(0)))
    save_trained(model, path)
    assert not [name for name in load_file(path) if name.startswith("encoder.")]
    assert path.stat().st_size < 2_000_000
    again = load_trained(load_hybrid(checkpoint, HybridSettings(n_layers=2)), path)
    with torch.no_grad():
        for part, wanted in zip(again.eval()(waveform()), model.eval()(waveform()), strict=True):
            assert torch.equal(part, wanted)


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


def test_compact_encoder_is_kept_and_gives_its_own_states(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "encoder"
    student = keep_tiny_student(folder, half=False)
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    model = load_hybrid(folder)
    with torch.no_grad():
        features = student.feature_extractor(waveform()).transpose(1, 2)
        projected, _ = student.feature_projection(features)
        wanted = student.encoder(projected).last_hidden_state
        states = model.hidden_states(waveform())
        assert len(states) == model.n_states == 3
        assert states[-1].shape == (2, 150, 16)
        assert torch.allclose(states[-1], wanted, atol=1e-5)
        assert torch.allclose(model.hidden_states(8 * waveform())[-1], wanted, atol=1e-3)
    assert not model.settings.normalise_input


def test_compact_encoder_in_half_precision_takes_half_the_room(tmp_path: Path) -> None:
    student = keep_tiny_student(tmp_path / "half")
    keep_tiny_student(tmp_path / "full", half=False)
    kept = [load_file(tmp_path / name / "model.safetensors") for name in ("half", "full")]
    sizes = [sum(value.nbytes for value in weights.values()) for weights in kept]
    assert sizes[0] < 0.55 * sizes[1]
    assert kept[0]["encoder.layers.0.layer_norm.weight"].dtype == torch.float32
    assert kept[0]["encoder.pos_conv_embed.table"].dtype == torch.float16
    halves, whole = load_hybrid(tmp_path / "half"), load_hybrid(tmp_path / "full")
    assert all(value.dtype == torch.float32 for value in halves.encoder.state_dict().values())
    with torch.no_grad():
        gap = halves.hidden_states(waveform())[-1] - whole.hidden_states(waveform())[-1]
    assert 0 < gap.abs().max() < 0.02
    assert encoder_fingerprint(halves) != encoder_fingerprint(whole)
    assert encoder_fingerprint(halves) == encoder_fingerprint(load_hybrid(tmp_path / "half"))
    assert all(value.dtype == torch.float32 for value in student.state_dict().values())  # left as it is


def test_making_a_hybrid_leaves_copies_of_its_encoder_whole(checkpoint: Path) -> None:
    encoder: Any = Wav2Vec2Model.from_pretrained(checkpoint)
    twin = copy.deepcopy(encoder).eval()
    EmotionHybrid(encoder)
    with torch.no_grad():
        assert torch.isfinite(twin(waveform()).last_hidden_state).all()
    assert torch.nn.utils.parametrize.is_parametrized(twin.encoder.pos_conv_embed.conv, "weight")


def test_damaged_compact_encoders_are_named(tmp_path: Path) -> None:
    keep_tiny_student(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change, said in (
        ({"hidden_size": 24}, "do not fit its config"),
        ({"n_layers": 3}, "do not fit its config"),
        ({"n_heads": 3}, "does not say its shape"),
        ({"stem": 0}, "does not say its shape"),
        ({"colour": "red"}, "does not say its shape"),
    ):
        changed = {**config, "attune_compact_encoder": {**config["attune_compact_encoder"], **change}}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(WeightsError, match=said):
            load_hybrid(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:700])
    with pytest.raises(WeightsError, match="damaged"):
        load_hybrid(tmp_path)
    weights.unlink()
    with pytest.raises(WeightsError, match=r"no readable model\.safetensors"):
        load_hybrid(tmp_path)


def test_compact_encoder_has_no_more_layers_than_it_has(tmp_path: Path) -> None:
    keep_tiny_student(tmp_path)
    assert load_hybrid(tmp_path, HybridSettings(n_layers=1)).n_states == 2
    with pytest.raises(ModelError, match=r"3 layers .* it has 2"):
        load_hybrid(tmp_path, HybridSettings(n_layers=3))


def test_sound_beyond_the_places_of_a_table_is_refused() -> None:
    model = EmotionHybrid(tiny_student(), HybridSettings(normalise_input=False))
    with pytest.raises(ModelError, match="has 151 frames, the encoder knows 150: give it at most 3 s"):
        model.hidden_states(torch.zeros(1, 48_320))
    assert list(Positions(torch.zeros(TINY.hidden_size, 4)).state_dict()) == ["table"]


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
        fine, coarse = whole.frozen_features(waveform()), pooled.frozen_features(waveform())
    assert fine.states.shape == (2, 4, 149, 16)
    assert coarse.states.shape == (2, 4, 37, 16)
    assert torch.allclose(coarse.states[:, :, 0], fine.states[:, :, :4].mean(dim=2), atol=1e-5)
    assert torch.equal(coarse.statistics, fine.statistics)  # of all frames in any case


def test_statistics_are_mean_and_deviation_of_every_layer() -> None:
    model = random_hybrid(tiny_config())
    with torch.no_grad():
        states = model.hidden_states(waveform())[1:]
        statistics = model.frozen_features(waveform()).statistics
    wanted = [part for state in states for part in (state.mean(dim=1), state.std(dim=1, unbiased=False))]
    assert torch.allclose(statistics, torch.cat(wanted, dim=1), atol=1e-3)


def test_statistics_are_seen_at_mean_nothing_and_deviation_one_and_never_far_out() -> None:
    head = HybridHead(16, 3, HybridSettings())
    seen = 3.0 + 5.0 * torch.randn(400, 64, generator=torch.Generator().manual_seed(0))
    seen[:, 0] = 2.0  # never moves
    head.fit_scale(seen)
    standard = head.standardise(seen)
    assert standard.mean(dim=0).abs().max() < 1e-5
    assert (standard[:, 1:].std(dim=0) - 1.0).abs().max() < 1e-2
    assert torch.equal(standard[:, 0], torch.zeros(400))
    assert head.standardise(seen + 1e6).unique().tolist() == [6.0]
    assert head.standardise(seen - 1e6).unique().tolist() == [-6.0]


@pytest.mark.parametrize(("layers", "heard"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_only_the_last_layers_are_pooled(layers: int, heard: int) -> None:
    settings = HybridSettings(pooled_layers=layers, use_encoder=False, use_spectrogram=False)
    model = random_hybrid(tiny_config(), settings).eval()
    with torch.no_grad():
        frozen = model.frozen_features(waveform())
        assert frozen.statistics.shape == (2, 2 * 3 * 16)  # all are kept, for heads of any kind
        model.head.fit_scale(torch.cat([frozen.statistics, frozen.statistics + 1.0]))
        used = 2 * heard * 16
        assert model.head.standardise(frozen.statistics).shape == (2, used)
        said, changed = model(waveform()), frozen.statistics.clone()
        changed[:, :-used] = 9.0
        assert torch.equal(model.head(frozen._replace(statistics=changed)).logits, said.logits)
        changed[:, -used:] = 9.0
        assert not torch.equal(model.head(frozen._replace(statistics=changed)).logits, said.logits)


@pytest.mark.parametrize(
    ("pooled", "encoder", "spectrogram", "width"),
    [(True, False, False, 64), (False, True, False, 128), (False, False, True, 128)],
)
def test_one_branch_alone_answers(pooled: bool, encoder: bool, spectrogram: bool, width: int) -> None:
    settings = HybridSettings(
        use_pooled=pooled, use_encoder=encoder, use_spectrogram=spectrogram, labels=("a", "b", "c")
    )
    heard = Wav2Vec2Model(tiny_config()) if settings.uses_encoder else None
    model = EmotionHybrid(heard, settings).eval()
    assert model.head.dense[0].in_features == width
    with torch.no_grad():
        said, frozen = model(waveform()), model.frozen_features(waveform())
    assert said.logits.shape == (2, 3)
    assert said.energy.shape == (2,)
    assert (frozen.statistics is None, frozen.states is None) == (not pooled, not encoder)


def test_a_head_without_the_encoder_asks_for_none(tmp_path: Path) -> None:
    settings = HybridSettings(use_pooled=False, use_encoder=False)
    model = load_hybrid(tmp_path / "absent", settings).eval()
    assert (model.encoder, model.n_states, model.hidden_states(waveform())) == (None, 0, [])
    with torch.no_grad():
        assert model(waveform()).logits.shape == (2, 8)


def test_senseless_hybrids_are_refused() -> None:
    nothing = HybridSettings(use_pooled=False, use_encoder=False, use_spectrogram=False)
    with pytest.raises(ModelError, match="neither encoder nor spectrogram"):
        HybridHead(16, 3, nothing)
    for pooled in (True, False):
        with pytest.raises(ModelError, match="has no encoder"):
            EmotionHybrid(None, HybridSettings(use_pooled=pooled, use_encoder=not pooled))
    with pytest.raises(ModelError, match="1 classes"):
        HybridHead(16, 3, HybridSettings(labels=("only",)))
    with pytest.raises(ModelError, match="0 layers are to be pooled"):
        HybridHead(16, 3, HybridSettings(pooled_layers=0))
    with pytest.raises(ModelError, match="0 frames"):
        random_hybrid(tiny_config(), HybridSettings(frame_pool=0))


def test_heads_that_answer_together_give_the_mean_and_all_embeddings() -> None:
    torch.manual_seed(0)
    heads = [HybridHead(16, 3, HybridSettings(n_mels=16)).eval() for _ in range(3)]
    frozen = FrozenFeatures(torch.randn(2, 64), torch.randn(2, 3, 10, 16), torch.randn(2, 16, 20))
    together = HeadEnsemble(heads).eval()
    with torch.no_grad():
        said, alone = together(frozen), [head(frozen) for head in heads]
    assert torch.allclose(said.logits, torch.stack([one.logits for one in alone]).mean(dim=0), atol=1e-6)
    assert torch.allclose(said.energy, torch.stack([one.energy for one in alone]).mean(dim=0), atol=1e-6)
    assert torch.allclose(
        said.pleasantness, torch.stack([one.pleasantness for one in alone]).mean(dim=0), atol=1e-6
    )
    assert torch.equal(said.embedding, torch.cat([one.embedding for one in alone], dim=1))
    assert together.embedding_size == 3 * heads[0].embedding_size == 384


def test_states_are_mixed_by_weights_that_sum_to_one() -> None:
    head = HybridHead(16, 3, HybridSettings())
    torch.nn.init.normal_(head.layer_weights)
    states, weights = torch.randn(2, 3, 10, 16), torch.softmax(head.layer_weights, dim=0)
    wanted = sum(weights[place] * states[:, place] for place in range(3))
    assert torch.allclose(head.mix(states), wanted, atol=1e-6)
    assert torch.allclose(head.mix(torch.ones(1, 3, 4, 16)), torch.ones(1, 4, 16), atol=1e-6)


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
