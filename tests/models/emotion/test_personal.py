"""One user's adaptation: it helps a shifted speaker, stays near the model, and says what is wrong."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import VoiceError
from models.emotion.personal import (
    PersonalVoice,
    VoiceClips,
    apply_personal,
    fit_and_validate,
    fit_personal,
    load_voice,
    save_voice,
    summarise_clip,
    usable_corrections,
)
from models.emotion.recogniser import Answers, ModelInfo, load_recogniser, softmax

SIZE = 32
MODEL = ModelInfo("emotion-test", "1.0", "MIT", (), 1.0, (), {}, "cpu", 1, sha256="ab" * 32)
_RNG = np.random.default_rng(0)
READOUT = _RNG.normal(size=(SIZE, 8))


def speaker(clips: int, *, shift: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips of somebody whose every embedding is moved by the same vector: logits, embeddings, labels."""
    rng = np.random.default_rng(seed)
    offset = shift * rng.normal(size=SIZE)
    labels = np.tile(np.arange(8), clips)
    embedding = 0.5 * READOUT[:, labels].T + 0.7 * rng.normal(size=(len(labels), SIZE)) + offset
    return 0.3 * embedding @ READOUT, embedding, labels


def answers(logits: np.ndarray, embedding: np.ndarray) -> Answers:
    return Answers(softmax(logits), logits, embedding)


def test_a_shifted_speaker_is_read_better_on_clips_that_were_not_fitted() -> None:
    logits, embedding, labels = speaker(23, shift=1.0)
    mine, others = slice(0, 24), slice(24, None)
    trial = fit_and_validate(logits[mine], embedding[mine], labels[mine], model=MODEL)
    before = (logits[others].argmax(axis=1) == labels[others]).mean()
    adapted = apply_personal(trial.voice, answers(logits[others], embedding[others]))
    right = adapted.argmax(axis=1) == labels[others]
    assert right.mean() > before + 0.10
    assert trial.better
    assert trial.after.log_loss < trial.rescaled.log_loss <= trial.before.log_loss + 0.05
    assert "is better than the model as it is" in trial.verdict
    assert trial.after.recall == pytest.approx(right.mean(), abs=0.25)
    assert adapted.max(axis=1).mean() < right.mean() + 0.10, "it claims more than it can"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), clips=st.integers(2, 4), shift=st.floats(0.0, 3.0))
def test_endless_strength_gives_the_models_own_answers(seed: int, clips: int, shift: float) -> None:
    logits, embedding, labels = speaker(clips, shift=shift, seed=seed)
    voice = fit_personal(logits, embedding, labels, strength=1e9)
    assert apply_personal(voice, answers(logits, embedding)) == pytest.approx(softmax(logits), abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), strength=st.sampled_from([0.1, 1.0, 30.0]))
def test_probabilities_are_probabilities_and_the_fit_is_the_same_every_time(
    seed: int, strength: float
) -> None:
    logits, embedding, labels = speaker(2, shift=2.0, seed=seed)
    voice = fit_personal(logits, embedding, labels, strength=strength)
    again = fit_personal(logits, embedding, labels, strength=strength)
    assert np.array_equal(voice.weights, again.weights)
    adapted = apply_personal(voice, answers(logits, embedding))
    assert np.isfinite(adapted).all()
    assert adapted.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_fit_is_where_the_gradient_vanishes() -> None:
    logits, embedding, labels = speaker(3, shift=1.0)
    strength = 0.1
    voice = fit_personal(logits, embedding, labels, strength=strength)
    features = (embedding - voice.mean) / voice.scale
    error = apply_personal(voice, answers(logits, embedding)) - np.eye(8)[labels]
    assert features.T @ error + strength * voice.weights == pytest.approx(0.0, abs=1e-3)
    assert error.sum(axis=0) + strength * voice.bias == pytest.approx(0.0, abs=1e-3)


def test_emotions_that_were_not_recorded_are_not_talked_down() -> None:
    logits, embedding, labels = speaker(4, shift=1.0)
    few = labels < 3
    voice = fit_personal(logits[few], embedding[few], labels[few])
    assert np.all(voice.weights[:, 3:] == 0.0)
    assert np.all(voice.bias[3:] == 0.0)
    assert np.abs(voice.weights[:, :3]).max() > 0


def test_neutral_alone_moves_the_bias_alone_and_not_far() -> None:
    logits, embedding, labels = speaker(40, shift=1.5)
    neutral = labels == 0
    trial = fit_and_validate(logits[neutral][:6], embedding[neutral][:6], labels[neutral][:6])
    voice = trial.voice
    assert np.all(voice.weights == 0.0)
    assert voice.slope == 1.0
    assert 0.0 < voice.bias[0] <= 1.0
    assert trial.after.log_loss < trial.before.log_loss
    more = fit_personal(logits[neutral], embedding[neutral], labels[neutral])
    assert more.bias[0] <= 1.0, "more neutral clips must not pull without end"


def test_noise_is_not_kept() -> None:
    rng = np.random.default_rng(4)
    logits, embedding, labels = speaker(3, shift=0.0)
    trial = fit_and_validate(logits * 3, rng.normal(size=embedding.shape), labels)
    assert trial.after.log_loss < trial.before.log_loss + 0.2
    few = fit_and_validate(
        np.eye(8)[labels] * 3.0, rng.normal(size=embedding.shape), labels, strengths=(0.1,)
    )
    assert few.voice.temperature >= 1.0
    worse = replace(trial, after=replace(trial.before, log_loss=trial.before.log_loss + 0.1))
    assert not worse.better


@pytest.mark.parametrize("seed", range(3))
def test_another_confidence_alone_is_no_reason_to_keep_a_voice(seed: int) -> None:
    """A model that reads this user like everybody, but is half as sure as it may be."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(8), 3)
    logits = 2.0 * np.eye(8)[labels] + rng.normal(size=(len(labels), 8))
    trial = fit_and_validate(0.5 * logits, rng.normal(size=(len(labels), SIZE)), labels)
    assert trial.after.log_loss < trial.before.log_loss
    assert trial.rescaled.log_loss < trial.before.log_loss
    assert trial.rescaled.right == trial.before.right
    assert not trial.better
    assert "better calibrated, but recognises no more" in trial.verdict


def test_the_rescaled_answers_of_a_take_are_fitted_without_it() -> None:
    logits, embedding, labels = speaker(3, shift=0.0)
    surely_wrong = logits.copy()
    surely_wrong[0] = 50.0 * np.eye(8)[(labels[0] + 1) % 8]
    trial = fit_and_validate(surely_wrong, embedding, labels)
    # One divisor for all takes, this one among them, loses 40 nats at best; the others ask to be sharper.
    assert trial.rescaled.log_loss * len(labels) > 100.0


def test_a_voice_that_reads_worse_is_called_no_better() -> None:
    trial = fit_and_validate(*speaker(3, shift=1.0))
    worse = replace(trial, after=replace(trial.before, log_loss=trial.before.log_loss + 0.1))
    assert not worse.better
    assert worse.verdict.endswith("is no better than the model as it is")


def test_few_clips_are_allowed_less_confidence_than_many() -> None:
    few, many = (fit_and_validate(*speaker(clips, shift=0.0), strengths=(0.01,)).voice for clips in (2, 12))
    assert few.temperature >= many.temperature >= 1.0


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "no take of your voice yet"),
        ([4, 4, 4], "All takes are angry"),
        ([0, 0], "only 2 neutral takes"),
        ([0, 0, 2, 2, 4], "only one take of angry"),
    ],
)
def test_too_few_clips_are_one_sentence(labels: list[int], words: str) -> None:
    zeros = np.zeros((len(labels), 8))
    with pytest.raises(VoiceError, match=words):
        fit_and_validate(zeros, zeros, labels)


@pytest.fixture
def voice() -> PersonalVoice:
    return fit_and_validate(*speaker(3, shift=1.0), model=MODEL).voice


def same(one: PersonalVoice, other: PersonalVoice) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in PersonalVoice.__dataclass_fields__.keys() - {"takes"}
    )


def test_what_is_saved_comes_back_and_is_the_owners_alone(voice: PersonalVoice, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "voice.json"
    save_voice(voice, path)
    back = load_voice(path, MODEL)
    assert back is not None
    assert same(back, voice)
    assert [file.name for file in path.parent.iterdir()] == ["voice.json"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_voice(tmp_path / "none.json", MODEL) is None


def test_a_voice_of_another_model_is_refused(voice: PersonalVoice, tmp_path: Path) -> None:
    save_voice(voice, tmp_path / "voice.json")
    with pytest.raises(
        VoiceError, match=r"for the model emotion-test 1\.0, but emotion-test 1\.1 with other"
    ):
        load_voice(tmp_path / "voice.json", replace(MODEL, version="1.1", sha256="cd" * 32))


@pytest.mark.parametrize("damage", ["cut", "shape", "nan", "scale", "key", "list", "format", "bytes"])
def test_a_damaged_file_is_one_sentence(voice: PersonalVoice, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "voice.json"
    save_voice(voice, path)
    content = json.loads(path.read_text())
    match damage:
        case "shape":
            content["weights"] = content["weights"][:-1]
        case "nan":
            content["bias"][0] = float("nan")
        case "scale":
            content["scale"][0] = 0
        case "key":
            content["surprise"] = 1
        case "list":
            content = [content]
        case "format":
            content["format"] = 99
    path.write_text(json.dumps(content))
    if damage == "cut":
        path.write_text(path.read_text()[:500])
    if damage == "bytes":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VoiceError, match=r"voice\.json, .*delete it and record again"):
        load_voice(path, MODEL)


def test_a_folder_that_cannot_be_made_is_one_sentence(voice: PersonalVoice, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VoiceError, match="cannot be written"):
        save_voice(voice, tmp_path / "file" / "voice.json")


def test_an_embedding_of_another_size_is_one_sentence(voice: PersonalVoice) -> None:
    with pytest.raises(VoiceError, match="fitted to 32 features, but the model has 8"):
        apply_personal(voice, answers(np.zeros((1, 8)), np.zeros((1, 8))))


def test_the_served_model_gives_what_is_fitted_to() -> None:
    recogniser = load_recogniser(threads=1)
    windows = np.random.default_rng(0).normal(0, 0.1, (2, 48_000)).astype(np.float32)
    given_ = recogniser.answers(windows)
    assert given_.probabilities == pytest.approx(recogniser.probabilities(windows))
    assert given_.probabilities == pytest.approx(softmax(given_.logits), abs=1e-6)
    assert given_.embedding.shape[0] == 2
    assert len(recogniser.info.sha256) == 64
    logits, embedding = summarise_clip(given_)
    assert logits.shape == (8,)
    assert embedding.shape == given_.embedding.shape[1:]


def test_what_is_far_from_the_takes_is_not_surer_than_what_is_near() -> None:
    logits, embedding, labels = speaker(5, shift=1.0)
    voice = fit_personal(logits, embedding, labels)
    away = np.random.default_rng(6).normal(size=(200, embedding.shape[1])) * voice.scale
    flat = np.zeros((200, 8), dtype=np.float32)
    mean_confidence = [
        apply_personal(voice, Answers(flat, flat, (voice.mean + reach * away).astype(np.float32)))
        .max(axis=1)
        .mean()
        for reach in (2.0, 8.0, 32.0)
    ]
    assert mean_confidence[2] <= mean_confidence[0] + 1e-6


# Corrections


def clips(logits: np.ndarray, embedding: np.ndarray, labels: np.ndarray, *chosen: int) -> VoiceClips:
    places = np.array(chosen, dtype=np.int64)
    return VoiceClips(logits[places], embedding[places], labels[places])


def test_corrections_help_on_what_was_not_fitted_and_are_scored_nowhere() -> None:
    logits, embedding, labels = speaker(20, shift=1.0)
    mine, others = slice(0, 16), slice(80, None)
    first = fit_and_validate(logits[mine], embedding[mine], labels[mine], model=MODEL)
    heard = apply_personal(first.voice, answers(logits[16:80], embedding[16:80]))
    wrong = 16 + np.flatnonzero(heard.argmax(axis=1) != labels[16:80])
    corrections = clips(logits, embedding, labels, *wrong)
    second = fit_and_validate(
        logits[mine], embedding[mine], labels[mine], model=MODEL, corrections=corrections
    )
    assert second.voice.corrections == len(wrong) > 3
    assert second.voice.clips == first.voice.clips
    assert second.before == first.before
    assert second.after.clips == 16

    def right(voice: PersonalVoice) -> float:
        adapted = apply_personal(voice, answers(logits[others], embedding[others]))
        return float((adapted.argmax(axis=1) == labels[others]).mean())

    assert right(second.voice) >= right(first.voice)


def test_corrections_to_emotions_without_a_take_and_very_old_ones_are_left_out() -> None:
    logits, embedding, labels = speaker(40, shift=1.0)
    few = labels[:32] < 2
    takes = VoiceClips(logits[:32][few], embedding[:32][few], labels[:32][few])
    corrections = VoiceClips(logits[32:], embedding[32:], labels[32:])
    usable = usable_corrections(takes, corrections)
    assert set(corrections.labels[usable]) == {0, 1}
    voice = fit_personal(takes.logits, takes.embedding, takes.labels, corrections=corrections)
    assert voice.corrections == len(usable) == 72
    assert np.all(voice.bias[2:] == 0.0)
    many = VoiceClips(np.tile(logits, (2, 1)), np.tile(embedding, (2, 1)), np.tile(labels, 2))
    assert usable_corrections(many, many).tolist() == list(range(540, 640))
    assert usable_corrections(takes, None).size == 0


def test_neutral_corrections_beside_neutral_takes_move_the_bias_no_further() -> None:
    logits, embedding, labels = speaker(40, shift=1.5)
    places = np.flatnonzero(labels == 0)
    given, more = places[:3], places[3:]
    corrections = clips(logits, embedding, labels, *more)
    voice = fit_personal(logits[given], embedding[given], labels[given], corrections=corrections)
    assert np.all(voice.weights == 0.0)
    assert 0.0 < voice.bias[0] <= 1.0


def test_takes_are_kept_for_another_fit_and_damaged_ones_are_named(
    voice: PersonalVoice, tmp_path: Path
) -> None:
    path = tmp_path / "voice.json"
    save_voice(voice, path)
    back = load_voice(path, MODEL)
    assert back is not None
    assert back.takes is not None
    assert voice.takes is not None
    for name in ("logits", "embedding", "labels"):
        assert np.array_equal(getattr(back.takes, name), getattr(voice.takes, name))
    again = fit_personal(back.takes.logits, back.takes.embedding, back.takes.labels, strength=back.strength)
    assert np.array_equal(again.weights, voice.weights)
    content = json.loads(path.read_text(encoding="utf-8"))
    for damage in ({"labels": [99] * len(back.takes.labels)}, {"logits": [[1.0]]}, {"embedding": None}):
        damaged = content | {"takes": content["takes"] | damage}
        path.write_text(json.dumps(damaged), encoding="utf-8")
        with pytest.raises(VoiceError, match="is damaged"):
            load_voice(path, MODEL)


def test_a_voice_from_before_there_were_corrections_is_read(voice: PersonalVoice, tmp_path: Path) -> None:
    path = tmp_path / "voice.json"
    save_voice(voice, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["takes"], content["corrections"]
    path.write_text(json.dumps(content | {"format": 1}), encoding="utf-8")
    back = load_voice(path, MODEL)
    assert back is not None
    assert (back.takes, back.corrections) == (None, 0)
    assert np.array_equal(back.weights, voice.weights)
