"""The comparison of front-ends on an invented corpus: four rows, resumed; what the waveform's rival hears."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from invented_yamnet import invented_layers
from running import broken_off
from tiny_recipe import TINY

from benchmarks.front_ends import run
from core.errors import DataError, SettingsError, WeightsError
from models.training.data.cache import Clip, load_cache
from models.training.data.splits import Split
from models.training.emotion import waveform
from models.training.emotion.front_ends import FRONT_ENDS, Speech, compare, compared_speech
from models.training.emotion.mels import MelAugment
from models.training.emotion.protocols import EncoderPlan
from models.training.emotion.runner import Workshop
from models.training.emotion.waveform import augmented_waveforms, plain_waveforms, train_waveform

PLAN = EncoderPlan("base", None, lambda clip: clip.corpus == "crema_d" and clip.split is Split.TRAIN)
RECIPE = replace(TINY, draws=16, draws_per_epoch=8)
RIVAL = [front_end for front_end in FRONT_ENDS if front_end.on_waveform]


@pytest.fixture
def workshop(cache_path: Path, tmp_path: Path) -> Workshop:
    hum = np.sin(np.arange(16_000 * 6) / 7).astype(np.float32)
    return Workshop(load_cache(cache_path), (hum,), tmp_path / "run", threads=1, recipe=RECIPE)


@pytest.fixture
def speech(workshop: Workshop) -> Speech:
    return compared_speech(workshop, PLAN)


class OneSound:
    """A cache of one sound for every clip."""

    def __init__(self, audio: np.ndarray) -> None:
        self._audio = audio.astype(np.float32)

    def audio(self, _clip: Clip) -> np.ndarray:
        return self._audio

    def clip(self, start: int, stop: int) -> Clip:
        return Clip("a", "c", "s", "sad", "en", "", Split.TRAIN, 0, self._audio.size, start, stop)


def test_each_front_end_is_trained_alike_and_judged_by_strangers(workshop: Workshop, speech: Speech) -> None:
    assert {clip.speaker for clip in speech.train} == {"1001"}
    assert {clip.speaker for clip in speech.judged} == {"1003"}
    taught_workshop = replace(workshop, teacher=invented_layers())
    rows = list(compare(taught_workshop, speech))
    assert [row.name for row in rows] == [front_end.name for front_end in FRONT_ENDS]
    taught, alone, plain, _ = rows
    assert plain.parameters < alone.parameters == taught.parameters
    assert taught.loss != alone.loss
    for row in rows:
        assert row.draws == 16
        assert 0.0 <= row.ua <= 1.0
        assert row.windows_per_s > 0
        assert np.isfinite(row.loss)
    assert list(compare(taught_workshop, speech)) == rows  # whole already: nothing is trained again


def test_teacher_that_is_not_there_is_said_before_anything_is_trained(
    workshop: Workshop, speech: Speech
) -> None:
    with pytest.raises(DataError, match="there is none: give YAMNet's weights"):
        next(compare(workshop, speech, FRONT_ENDS))
    assert not workshop.folder.exists()


def test_interrupted_waveform_training_goes_on_to_the_same_weights(
    workshop: Workshop, speech: Speech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = compare(workshop, speech, RIVAL)
    again = replace(workshop, folder=tmp_path / "again")
    with broken_off(monkeypatch, waveform):
        list(compare(again, speech, RIVAL))
    (resumed,) = compare(again, speech, RIVAL)
    assert (resumed.loss, resumed.ua, resumed.draws) == (whole.loss, whole.ua, whole.draws)
    first, second = (
        torch.load(place.folder / "front_ends" / "waveform" / "checkpoint.pt", weights_only=True)["average"]
        for place in (workshop, again)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_checkpoint_of_another_recipe_is_refused(workshop: Workshop, speech: Speech) -> None:
    list(compare(workshop, speech, RIVAL))
    other = replace(workshop, recipe=replace(RECIPE, peak_rate=2e-3))
    with pytest.raises(WeightsError, match="other settings or data"):
        list(compare(other, speech, RIVAL))


def test_plan_that_leaves_nobody_to_judge_or_hears_the_judges_is_refused(workshop: Workshop) -> None:
    with pytest.raises(DataError, match="finds 0 clips"):
        compared_speech(workshop, EncoderPlan("nobody", None, lambda _: False))
    with pytest.raises(DataError, match="1003"):
        compared_speech(workshop, EncoderPlan("all", None, lambda clip: clip.corpus == "crema_d"))


def test_noise_shorter_than_a_window_is_refused(workshop: Workshop, speech: Speech) -> None:
    short = (np.ones(16_000, dtype=np.float32),)
    classes = speech.classes[: len(speech.train)]
    with pytest.raises(DataError, match=r"lasts 1\.0 s"):
        train_waveform(workshop.cache, speech.train, classes, short, workshop.folder, RECIPE, n_classes=9)


@pytest.mark.parametrize("seconds", [0.5, 3.0, 7.0])
def test_window_holds_the_voice_or_lies_within_it(seconds: float) -> None:
    samples = round(seconds * 16_000)
    source = OneSound(np.full(samples, 0.01))
    windows = augmented_waveforms(
        np.random.default_rng(0),
        source,
        [source.clip(0, samples)] * 20,
        np.zeros(0, np.float32),
        MelAugment(),
    )
    heard = (windows > 0).sum(dim=1)
    assert windows.shape == (20, 48_000)
    assert torch.all(heard == min(samples, 48_000))
    assert windows.max() == pytest.approx(1.0)


def test_noise_lies_as_far_under_the_voice_as_asked() -> None:
    voice = np.sin(np.arange(48_000) * 0.3) * 0.2
    noise = np.random.default_rng(1).standard_normal(96_000).astype(np.float32) * 0.003
    source = OneSound(voice)
    knobs = MelAugment(noise_share=1.0, noise_db=(20.0, 20.0))
    clips = [source.clip(0, 48_000)]
    noisy = augmented_waveforms(np.random.default_rng(0), source, clips, noise, knobs)
    clean = augmented_waveforms(np.random.default_rng(0), source, clips, noise[:0], knobs)
    ratio = clean.square().mean() / (noisy - clean).square().mean()
    assert 10 * np.log10(float(ratio)) == pytest.approx(20.5, abs=0.6)  # its loudest 50 ms are above its mean


def test_silence_stays_silence() -> None:
    source = OneSound(np.zeros(8_000))
    silence = np.zeros(48_000, dtype=np.float32)
    knobs = MelAugment(noise_share=1.0)
    windows = augmented_waveforms(np.random.default_rng(0), source, [source.clip(0, 8_000)], silence, knobs)
    assert not windows.any()
    assert not plain_waveforms(source, [source.clip(0, 8_000)]).any()


def test_benchmark_says_what_it_cannot_do(tmp_path: Path) -> None:
    places = (tmp_path, tmp_path, tmp_path / "yamnet.npz", tmp_path / "run")
    with pytest.raises(SettingsError, match="8 draws"):
        run(*places, draws=8)
    with pytest.raises(SettingsError, match=r"no front-end 'wav'.*waveform, 2 layers"):
        run(*places, only="wav")
    with pytest.raises(DataError):
        run(*places)
