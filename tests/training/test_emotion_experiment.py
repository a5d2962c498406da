"""Trainings of heads on one frozen encoder: what they hear, folds, and what earlier calls left."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import DataError, WeightsError
from tests.training.invented_talk import write_talk
from tests.training.running import broken_off
from tests.training.tiny_recipe import keep_tiny_student
from training.data.cache import load_cache
from training.data.ordinary import CORPUS, ORDINARY
from training.data.window import voice_window
from training.emotion import experiment as experiments
from training.emotion.experiment import Experiment, FoldResult, fit_clips, fit_fold, open_experiment
from training.emotion.heads import HeadSettings, predict_head
from training.emotion.protocols import Fold
from training.emotion.tables import _protocol_table

QUICK = HeadSettings(epochs=2, batch=4, threads=1, bf16=False)
BRANCHES = ("hybrid", "pooled", "encoder", "spectrogram")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    keep_tiny_student(folder)
    return folder


@pytest.fixture(scope="module")
def shared(cache_path: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """With its features made; tests that write go on in a folder of their own."""
    hum = np.sin(np.arange(16_000 * 6) / 7).astype(np.float32)
    folder = tmp_path_factory.mktemp("run")
    made = Experiment(
        cache=load_cache(cache_path),
        talk=None,
        noise=(hum,),
        folder=folder,
        encoder=encoder,
        views=2,
        members=2,
        threads=1,
        head=QUICK,
    )
    assert made.features.n_views == 2
    return made


@pytest.fixture
def experiment(shared: Experiment, tmp_path: Path) -> Experiment:
    shutil.copytree(shared.folder, tmp_path / "run")
    return replace(shared, folder=tmp_path / "run")


def crema_d(experiment: Experiment) -> Fold:
    clips = [clip for clip in experiment.clips if clip.corpus == "crema_d"]
    train = tuple(clip for clip in clips if clip.speaker != "1005")
    test = tuple(clip for clip in clips if clip.speaker == "1005")
    return Fold("crema_d_speakers", "5 of 5", ("neutral", "happy", "angry"), train, test)


def test_features_are_of_every_clip_that_heads_may_learn(shared: Experiment) -> None:
    assert {clip.corpus for clip in shared.clips} == {"ravdess_speech", "ravdess_song", "crema_d"}
    assert shared.features.paths == tuple(clip.path for clip in shared.clips)
    assert [shared.rows([clip])[0] for clip in shared.clips] == list(range(len(shared.clips)))
    assert (shared.features.n_states, shared.features.hidden_size) == (3, 16)
    assert shared.features.states[0].shape[2] == 150 // 4  # frames of 80 ms


def test_features_that_are_there_are_opened(experiment: Experiment, monkeypatch) -> None:
    monkeypatch.setattr(type(experiment.cache), "audio", lambda *_: pytest.fail("a clip was heard again"))
    assert experiment.features.n_views == 2


def test_heads_answer_the_test_clips_of_their_fold(experiment: Experiment) -> None:
    fold = crema_d(experiment)
    results = {branch: fit_fold(experiment, fold, branch, QUICK) for branch in BRANCHES}
    for result in results.values():
        assert result.probabilities.shape == (3, 3)
        assert np.allclose(result.probabilities.sum(axis=1), 1.0)
        assert result.speakers == ("1005",) * 3
        assert sorted(result.truth) == [0, 1, 2]
    answers = [result.probabilities for result in results.values()]
    assert not any(np.array_equal(answers[0], other) for other in answers[1:])
    table = _protocol_table(list(results.values()))
    assert set(table["crema_d_speakers"]) == set(BRANCHES)
    assert table["crema_d_speakers"]["hybrid"]["n"] == 3


def test_a_fold_is_fitted_once(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = crema_d(experiment)
    first = fit_fold(experiment, fold, "pooled", QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(experiments, "fit_head", lambda *_, **__: pytest.fail("fitted again"))
        again = fit_fold(experiment, fold, "pooled", replace(QUICK, threads=2))  # no other recipe
        for other in (
            lambda: fit_fold(experiment, fold, "pooled", replace(QUICK, rate=1e-4)),
            lambda: fit_fold(experiment, replace(fold, train=fold.train[1:]), "pooled", QUICK),
            lambda: fit_fold(replace(experiment, members=3), fold, "pooled", QUICK),
        ):
            with pytest.raises(pytest.fail.Exception, match="fitted again"):
                other()
    assert np.array_equal(again.probabilities, first.probabilities)


def test_kept_answers_that_are_torn_are_made_anew(experiment: Experiment) -> None:
    fold = crema_d(experiment)
    first = fit_fold(experiment, fold, "pooled", QUICK)
    kept = experiment.folder / "folds" / "crema_d_speakers-5_of_5-pooled.npz"
    kept.write_bytes(b"torn")
    assert np.allclose(fit_fold(experiment, fold, "pooled", QUICK).probabilities, first.probabilities)
    with np.load(kept) as whole:
        assert np.array_equal(whole["probabilities"], first.probabilities)


def test_answers_that_cannot_be_kept_say_so(experiment: Experiment) -> None:
    (experiment.folder / "folds").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot be written"):
        fit_fold(experiment, crema_d(experiment), "pooled", QUICK)


def test_heads_of_other_seeds_answer_together(experiment: Experiment) -> None:
    fold = crema_d(experiment)
    rows = experiment.rows(fold.test)
    together = predict_head(fit_clips(experiment, fold.train, QUICK), experiment.features, rows)
    alone = [
        predict_head(
            fit_clips(replace(experiment, members=1), fold.train, replace(QUICK, seed=seed)),
            experiment.features,
            rows,
        )
        for seed in (0, 1)
    ]
    assert not np.allclose(alone[0].logits, alone[1].logits)
    assert together.logits == pytest.approx(np.mean([one.logits for one in alone], axis=0), abs=1e-5)
    assert together.axes == pytest.approx(np.mean([one.axes for one in alone], axis=0), abs=1e-5)
    assert together.embedding == pytest.approx(np.hstack([one.embedding for one in alone]), abs=1e-5)
    assert together.embedding.shape == (3, 256)


def test_matrices_of_heads_are_those_that_float16_holds(experiment: Experiment) -> None:
    fitted = fit_clips(experiment, crema_d(experiment).train, QUICK)
    matrices = [value for value in fitted.head.parameters() if value.ndim > 1]
    assert len(matrices) > 10
    assert all(torch.equal(value, value.half().float()) for value in matrices)


def test_an_interrupted_fit_goes_on_to_the_same_weights(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = crema_d(experiment).train
    whole = fit_clips(experiment, train, QUICK, run_dir=tmp_path / "whole")
    for _ in range(3):  # within the first head, between the two, within the second
        with broken_off(monkeypatch):
            fit_clips(experiment, train, QUICK, run_dir=tmp_path / "again")
    assert (tmp_path / "again" / "head-1" / "checkpoint.pt").is_file()
    resumed = fit_clips(experiment, train, QUICK, run_dir=tmp_path / "again")
    for name, value in whole.head.state_dict().items():
        assert torch.equal(value, resumed.head.state_dict()[name]), name
    with pytest.raises(WeightsError, match="other settings or data"):
        fit_clips(experiment, train[1:], QUICK, run_dir=tmp_path / "again")


def test_a_head_without_the_encoder_needs_no_encoder(experiment: Experiment, tmp_path: Path) -> None:
    plain = replace(QUICK, use_pooled=False, use_encoder=False)
    alone = replace(experiment, encoder=tmp_path / "absent").hybrid(plain)
    assert (alone.encoder, alone.n_states) == (None, 0)
    fitted = fit_clips(experiment, crema_d(experiment).train, plain)
    alone.head = fitted.head
    clip = crema_d(experiment).test[0]
    window = voice_window(experiment.audio(clip), clip.active)
    wanted = predict_head(fitted, experiment.features, experiment.rows([clip])).logits
    with torch.no_grad():
        said = alone.eval()(torch.from_numpy(window)[None]).logits
    assert said.numpy() == pytest.approx(wanted, abs=1e-2)


def test_features_serve_every_branch_whatever_the_head_is_made_of(experiment: Experiment) -> None:
    pooled = replace(QUICK, use_encoder=False, use_spectrogram=False)
    narrow = replace(experiment, head=pooled)
    assert narrow.features.identity == experiment.features.identity
    assert narrow.encoder_sha256 == experiment.encoder_sha256
    assert fit_fold(narrow, crema_d(narrow), "hybrid", pooled).probabilities.shape == (3, 3)


def test_an_encoder_that_is_not_there_is_named(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent' is not on this machine"):
        _ = replace(experiment, encoder=tmp_path / "absent").features


def test_another_encoder_gives_other_features(experiment: Experiment, tmp_path: Path) -> None:
    keep_tiny_student(tmp_path / "other", seed=4)
    other = replace(experiment, encoder=tmp_path / "other")
    assert other.encoder_sha256 != experiment.encoder_sha256
    assert other.features.identity != experiment.features.identity


@pytest.fixture(scope="module")
def talkative(speech_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, with two people who talk of nothing beside it."""
    folder = tmp_path_factory.mktemp("talkative") / "data"
    shutil.copytree(speech_dir, folder)
    write_talk(folder / f"{CORPUS}.tar", {"1034-1-0000": 4.0, "1081-1-0000": 3.0})
    return folder


def test_ordinary_talk_beside_the_corpora_is_heard_last(
    talkative: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.paths.cache_dir", lambda: tmp_path / "cache")
    opened = open_experiment(talkative, None, tmp_path / "run", encoder=encoder, threads=1)
    windows = [clip for clip in opened.clips if clip.corpus == CORPUS]
    assert len(windows) == 3
    assert opened.clips[-3:] == tuple(windows)
    assert all(clip.emotion == ORDINARY for clip in windows)
    assert opened.audio(windows[0]).shape == (48_000,)
    assert opened.audio(opened.clips[0]).shape == (16_000,)
    (talkative / f"{CORPUS}.tar").rename(talkative / "elsewhere.tar")
    without = open_experiment(talkative, None, tmp_path / "run", encoder=encoder, threads=1)
    assert without.talk is None
    assert without.clips == opened.clips[:-3]
    assert without.fingerprint != opened.fingerprint
    (talkative / "elsewhere.tar").rename(talkative / f"{CORPUS}.tar")


def test_heads_learn_that_there_is_nothing_to_claim_in_ordinary_talk(
    talkative: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.paths.cache_dir", lambda: tmp_path / "cache")
    opened = replace(
        open_experiment(talkative, None, tmp_path / "run", encoder=encoder, threads=1),
        views=1,
        members=1,
    )
    train = [clip for clip in opened.clips if clip.emotion in {"angry", ORDINARY}]
    pooled = replace(QUICK, use_encoder=False, use_spectrogram=False, epochs=30, batch=8, draws_per_clip=4)
    result = fit_clips(opened, train, pooled)
    talk, angry = (
        opened.rows([clip for clip in train if clip.emotion == emotion]) for emotion in (ORDINARY, "angry")
    )
    said, shouted = (predict_head(result, opened.features, rows) for rows in (talk, angry))
    assert (said.logits.argmax(axis=1) == result.settings.labels.index("neutral")).all()
    assert (np.abs(said.axes) < np.abs(shouted.axes).min(axis=0)).all()
    assert (shouted.axes[:, 0] > 0).all()


def test_without_an_encoder_named_it_is_the_projects_own(cache_path: Path, tmp_path: Path) -> None:
    opened = open_experiment(cache_path, None, tmp_path)
    assert opened.encoder.parts[-3:] == ("models", "weights", "emotion-compact-encoder")
    assert opened.noise == ()


def test_table_means_folds_and_pools_clips() -> None:
    fold = Fold("emodb_5fold", "1", ("sad", "angry"), (), ())
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    right = FoldResult(fold, "hybrid", sure, np.array([0, 1]), ("a", "a"))
    wrong = FoldResult(
        replace(fold, name="2"), "hybrid", np.tile(sure, (2, 1)), np.array([1, 0, 0, 0]), ("b",) * 4
    )
    row = _protocol_table([right, wrong])["emodb_5fold"]["hybrid"]
    assert row["ua_by_fold"] == {"1": 1.0, "2": pytest.approx(1 / 6, abs=1e-4)}
    assert row["ua"] == pytest.approx((1.0 + 1 / 6) / 2, abs=1e-4)
    assert (row["n"], row["speakers"]) == (6, 2)
