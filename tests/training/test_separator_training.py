"""The separator's training: what it hears, a fit that goes on, and its file from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attune.cli import main
from core.errors import DataError, WeightsError
from models.emotion.separator import load_separator
from models.emotion.spectra import spectra
from tests.training.invented_corpus import encoded_tone
from tests.training.invented_music import write_tar
from tests.training.running import attune
from tests.training.tiny_recipe import keep_tiny_student
from training.data.cache import load_cache
from training.data.splits import Split
from training.emotion.encoders import load_hybrid
from training.separator import fit, release
from training.separator.fit import FitSettings, SeparationData, fit_separator
from training.separator.mixtures import MixtureSettings, mixtures
from training.separator.network import Separator, SeparatorShape, separate
from training.separator.release import release_separator

SHAPE = SeparatorShape(channels=8, hidden=12, dilations=(1, 2))
QUICK = FitSettings(
    spectral_steps=2, joint_steps=1, steps_per_epoch=2, batch=2, joint_batch=2, threads=1, shape=SHAPE
)
SONGS = [(0.3 * np.random.default_rng(seed).standard_normal(64_000)).astype(np.float32) for seed in range(2)]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _few_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "_VALIDATION_WINDOWS", 3)
    monkeypatch.setattr(release, "_TEST_WINDOWS", 3)


@pytest.fixture(autouse=True)
def encoder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny one in the place of the project's own."""
    folder = tmp_path_factory.mktemp("encoder")
    keep_tiny_student(folder)
    monkeypatch.setattr(release, "COMPACT_ENCODER", folder)
    return folder


def sides(tmp: Path) -> Path:
    """Songs of each kind that there must be: learned from, watched, never heard."""
    names = [f"emotify/{number:03d}_pop.ogg" for number in range(1, 200)]
    kinds = (
        [name for name in names if release._is_training_song(name)][:2],
        [name for name in names if release._is_validation_song(name)][:1],
        [name for name in names if release.is_unheard(name)][:2],
    )
    sounds = {
        name: encoded_tone(300.0 + 10 * i, seconds=4.0) for i, name in enumerate(n for k in kinds for n in k)
    }
    return write_tar(tmp / "emotify.tar", sounds)


def test_a_mixture_is_its_voice_and_a_song_that_far_below(cache_path: Path) -> None:
    cache = load_cache(cache_path)
    knobs = MixtureSettings(
        under_db=(10.0, 10.0), alone_share=0.0, music_share=0.0, two_songs_share=0.0, noise_share=0.0
    )
    found = mixtures(np.random.default_rng(0), cache, cache.of(Split.TRAIN), SONGS, 8, knobs)
    assert found.mixture.shape == found.voice.shape == (8, 48_000)
    assert np.abs(found.mixture).max() <= 1.0
    for heard_, voice in zip(found.mixture, found.voice, strict=True):
        spoken = voice[np.abs(voice) > 1e-3 * np.abs(voice).max()]
        ratio = np.mean(spoken**2) / np.mean((heard_ - voice) ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(10.0, abs=0.5)


def test_there_are_voices_without_songs_and_songs_without_voices(cache_path: Path) -> None:
    cache = load_cache(cache_path)
    draw = (np.random.default_rng(0), cache, cache.of(Split.TRAIN), SONGS, 4)
    alone = mixtures(*draw, MixtureSettings(music_share=0.0, alone_share=1.0))
    np.testing.assert_array_equal(alone.mixture, alone.voice)
    only = mixtures(*draw, MixtureSettings(music_share=1.0))
    assert not only.voice.any()
    assert np.abs(only.mixture).max(axis=1).min() > 0.0


def test_torch_and_the_program_see_the_same_spectra() -> None:
    sound = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)
    voices, magnitudes = separate(torch.nn.Identity().requires_grad_(False), torch.from_numpy(sound[None]))
    assert voices.shape == (1, 48_000)
    shown = np.abs(spectra(sound))
    np.testing.assert_allclose(magnitudes[0].numpy(), shown * shown, rtol=1e-3, atol=1e-3)


def test_level_does_not_matter() -> None:
    network = Separator(SHAPE).eval()
    sound = torch.from_numpy(np.abs(spectra(SONGS[0]))[None])
    with torch.no_grad():
        torch.testing.assert_close(network(sound), network(0.01 * sound), atol=1e-5, rtol=1e-4)


def test_what_reaches_the_emotion_model_can_be_learned_from(cache_path: Path, encoder: Path) -> None:
    """Its states have a gradient everywhere in the sound, in digital silence too, and stand still."""
    cache, frozen = load_cache(cache_path), load_hybrid(encoder)
    knobs = MixtureSettings(alone_share=0.0, music_share=0.0)
    batch = mixtures(np.random.default_rng(0), cache, cache.of(Split.TRAIN), SONGS, 2, knobs)
    voice = torch.from_numpy(batch.voice)
    separated = torch.from_numpy(batch.mixture).requires_grad_(True)
    torch.manual_seed(0)
    fit._state_distance(frozen, separated, voice).backward()
    assert torch.isfinite(separated.grad).all()
    assert (separated.grad.abs().amax(dim=1) > 0).all()
    silent = torch.zeros_like(voice, requires_grad=True)
    fit._state_distance(frozen, silent, voice).backward()
    assert torch.isfinite(silent.grad).all()
    assert all(value.grad is None for value in frozen.encoder.parameters())
    same = fit._state_distance(frozen, voice, voice)
    assert float(same) < float(fit._state_distance(frozen, separated.detach(), voice))


def test_a_fit_that_was_broken_off_ends_as_one_that_was_not(
    cache_path: Path, encoder: Path, tmp_path: Path
) -> None:
    cache = load_cache(cache_path)
    material = SeparationData(cache, cache.of(Split.TRAIN), SONGS, cache.of(Split.CALIBRATION), SONGS[:1])
    frozen = load_hybrid(encoder)
    whole = fit_separator(frozen, material, tmp_path / "whole", QUICK, identity="a")

    class BrokenOffError(Exception):
        pass

    def break_off(done: int, _total: int) -> None:
        if done == 3:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        fit_separator(frozen, material, tmp_path / "two", QUICK, identity="a", on_step=break_off)
    gone_on = fit_separator(frozen, material, tmp_path / "two", QUICK, identity="a")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(gone_on.state_dict()[name], value)
    with pytest.raises(WeightsError, match="other settings or data"):
        fit_separator(frozen, material, tmp_path / "two", QUICK, identity="b")


def test_from_archive_to_file(
    speech_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(main, "start_logging", lambda: None)
    monkeypatch.setattr(release, "SETTINGS", QUICK)
    out = tmp_path / "made" / "voice.onnx"
    music = sides(tmp_path)
    command = ["train", "separator", "--data", speech_dir, "--music", music, "--run", tmp_path / "run"]
    assert attune(monkeypatch, *command, "--threads", "1", "--out", out) == 0
    assert "stand out by" in capsys.readouterr().out
    record = json.loads(out.with_suffix(".json").read_text())
    assert set(record["test"]) == {"0 dB", "5 dB", "10 dB", "15 dB"}
    assert record["heard"]["songs"] == 2
    assert str(tmp_path) not in out.with_suffix(".json").read_text()
    voice = load_separator(out).separate(SONGS[0][:48_000])
    assert np.isfinite(voice).all()
    assert not (out.parent / "manifest.toml").exists()


def test_music_that_is_not_there_is_said(speech_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No recordings lie in .*absent\.tar"):
        release_separator(
            speech_dir,
            tmp_path / "absent.tar",
            tmp_path / "run",
            tmp_path / "voice.onnx",
            settings=replace(QUICK),
        )
