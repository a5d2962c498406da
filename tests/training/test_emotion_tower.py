"""The tower beside the compact encoder: what it hears, what its projection keeps, and that it is served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from invented_yamnet import invented_layers
from onnx import TensorProto
from tiny_recipe import TINY

from core.errors import DataError, WeightsError
from models.emotion.hybrid import EmotionHybrid
from models.training.data.cache import load_cache
from models.training.emotion.encoders import load_hybrid, save_compact_encoder
from models.training.emotion.mel_encoder import make_encoder
from models.training.emotion.protocols import EncoderPlan
from models.training.emotion.runner import Workshop, open_workshop, train_encoder
from models.training.emotion.tower import Tower, fit_projection
from models.training.onnx_file import check_parity, emotion_metadata, export_graph, quantise_int8
from models.training.yamnet.distil import DistilSettings

PLANS = {
    "speech": EncoderPlan("speech", None, lambda clip: clip.corpus == "ravdess_speech"),
    "other": EncoderPlan("other", None, lambda clip: clip.corpus == "crema_d"),
}
WINDOW = 48_000


def noise(count: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    envelope = np.square(np.sin(np.arange(WINDOW) / rng.uniform(2e3, 9e3, size=(count, 1))))
    return torch.from_numpy((rng.standard_normal((count, WINDOW)) * envelope * 0.1).astype(np.float32))


@pytest.fixture(scope="module")
def tower() -> Tower:
    made = Tower(size=8)
    made.layers = invented_layers()
    with torch.no_grad():
        fit_projection(made, made.channels(noise(6), 19).flatten(0, 1))
    return made.requires_grad_(False).eval()


@pytest.fixture
def encoder(tower: Tower) -> torch.nn.Module:
    torch.manual_seed(0)
    made = make_encoder(replace(TINY.encoder, widths=(8, 8, 16), time_strides=(2, 1, 2)))
    made.add_module("tower", tower)
    return made


def test_frames_are_as_many_as_asked_for_at_any_level(tower: Tower) -> None:
    sound = noise(2, seed=1)
    loud, quiet = tower(sound, 19), tower(0.05 * sound, 19)
    assert loud.shape == (2, 19, 8)
    np.testing.assert_allclose(loud.numpy(), quiet.numpy(), atol=1e-2)


def test_a_sound_moves_the_frames_it_is_in(tower: Tower) -> None:
    silent = torch.zeros(1, WINDOW)
    clicked = silent.clone()
    clicked[0, 32_000:32_400] = noise(1)[0, 8_000:8_400]
    moved = (tower(clicked, 19) - tower(silent, 19)).abs().sum(dim=2)[0]
    assert abs(float((moved * torch.arange(19)).sum() / moved.sum()) - 32_200 / 2_560) < 1.5


def test_projection_keeps_principal_components_of_unit_variance(tower: Tower) -> None:
    said = tower(noise(6), 19).flatten(0, 1)
    variances = said.var(dim=0)
    assert float(variances.mean()) == pytest.approx(1.0, rel=0.1)
    assert (variances.diff() <= 1e-4).all()
    correlation = torch.corrcoef(said.T) - torch.eye(8)
    assert float(correlation.abs().max()) < 0.05


def test_encoder_with_a_tower_is_read_as_it_was_kept(encoder: torch.nn.Module, tmp_path: Path) -> None:
    settings = replace(TINY.encoder, widths=(8, 8, 16), time_strides=(2, 1, 2))
    save_compact_encoder(encoder, settings, tmp_path / "encoder", half=False)
    read = load_hybrid(tmp_path / "encoder")
    assert read.hidden_size == settings.hidden_size + 8
    with torch.no_grad():
        first, second = (model.eval().hidden_states(noise(1)) for model in (EmotionHybrid(encoder), read))
    for one, other in zip(first, second, strict=True):
        assert one.shape == (1, 19, settings.hidden_size + 8)
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-5)
        np.testing.assert_array_equal(one[..., -8:].numpy(), first[0][..., -8:].numpy())


def test_tower_is_part_of_the_served_graph(encoder: torch.nn.Module, tmp_path: Path) -> None:
    hybrid = EmotionHybrid(encoder).eval()
    metadata = emotion_metadata(
        name="tower", version="1", temperature=1.0, licence="MIT", corpora=[], metrics={}
    )
    export_graph(hybrid, tmp_path / "tower.onnx", metadata)
    assert check_parity(hybrid, tmp_path / "tower.onnx") < 1e-4
    quantise_int8(tmp_path / "tower.onnx", tmp_path / "int8.onnx")
    weights = {weight.name: weight for weight in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert any(weight.data_type == TensorProto.INT8 for weight in weights.values())
    spectra = [weight for name, weight in weights.items() if "log_mel" in name]
    assert spectra
    assert all(weight.data_type == TensorProto.FLOAT for weight in spectra)


def test_encoders_are_made_with_the_same_layers_and_their_own_projection(
    cache_path: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    sounds = tuple(rng.standard_normal(WINDOW).astype(np.float32) for _ in range(3))
    workshop = Workshop(
        load_cache(cache_path),
        sounds,
        tmp_path / "run",
        threads=1,
        teacher=invented_layers(),
        budget=16 / 48_000,
        recipe=TINY,
        tower=DistilSettings(steps=6_000, still_steps=3_000, batch=1, n_frames=32),
    )
    weights = {}
    for name in PLANS:
        hybrid = load_hybrid(train_encoder(workshop, PLANS, name))
        weights[name] = hybrid.encoder.tower.state_dict()  # type: ignore[union-attr, operator]
    one, other = weights.values()
    for name, value in one.items():
        assert torch.equal(value, other[name]) == name.startswith("layers"), name
    changed = replace(workshop, tower=DistilSettings(steps=9_000, still_steps=3_000, batch=1, n_frames=32))
    with pytest.raises(WeightsError, match="has another recipe"):
        train_encoder(changed, PLANS, "speech")


def test_teacher_without_noise_is_said_before_anything_is_trained(cache_path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give --noise"):
        open_workshop(cache_path, None, tmp_path / "run", teacher=tmp_path / "yamnet.npz")
    assert not (tmp_path / "run").exists()


def test_hybrid_holds_its_tower_once(encoder: torch.nn.Module) -> None:
    names = [name for name in EmotionHybrid(encoder).state_dict() if "tower" in name]
    assert names
    assert all(name.startswith("encoder.tower.") for name in names)
