"""The shipped file, made end to end on an invented corpus with a tiny recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from invented_corpus import corpus_row, encoded_tone, write_corpus
from tiny_recipe import TINY

from core.errors import DataError, WeightsError
from models.emotion.recogniser import load_recogniser
from models.training.data.cache import prepare
from models.training.emotion import ship as shipping
from models.training.emotion.confidence import fit_density
from models.training.emotion.encoders import load_hybrid
from models.training.emotion.runner import Workshop
from models.training.emotion.shipped import Answered, HomeModel
from models.training.emotion.splits import shipped_splits
from models.training.records import write_json

PEOPLE = {
    "ravdess_speech": (("Actor_01", "Actor_02", "Actor_23"), ("neutral", "calm", "happy", "angry")),
    "crema_d": (("1001", "1002", "1003", "1005"), ("neutral", "happy", "angry")),
    "emodb": (("03", "08"), ("sad", "angry")),
    "nemo": (("EB0", "X"), ("happy", "sad")),
}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    place = tmp_path_factory.mktemp("ship")
    rows, sounds = [], {}
    for corpus, (speakers, emotions) in PEOPLE.items():
        for speaker in speakers:
            for emotion in emotions:
                path = f"{corpus}/{speaker}/{speaker}-{emotion}"
                rows.append(corpus_row(path, emotion))
                sounds[path] = encoded_tone(200 + 20 * len(rows))
    data = write_corpus(place / "data", rows, sounds)
    folds = data / "emobox_folds.csv"
    cache = prepare(data, place / "cache", assign=shipped_splits(folds), split_files=(folds,))
    return Workshop(cache, (), place / "run", threads=1, budget=16 / 48_000, recipe=TINY)


@pytest.fixture(scope="module")
def fold_of(workshop: Workshop) -> dict[tuple[str, str], str]:
    named = [(clip, clip.path.rsplit("/", 1)[-1]) for clip in workshop.cache.clips]
    return {
        (clip.corpus, name): "1" if clip.speaker == "Actor_01" else "2"
        for clip, name in named
        if clip.corpus == "ravdess_speech"
    }


def test_file_and_figures_are_made_and_served(
    workshop: Workshop, fold_of, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(shipping, "_LEAST_HOME_COVERAGE", 0.0)  # a network of tones is sure of nothing
    write_json(workshop.folder / "protocols.json", {"ravdess_6fold": {"hybrid": {"ua": 0.6312}}})
    path = tmp_path / "tiny.onnx"
    record = shipping.ship(workshop, fold_of, path)
    served = load_recogniser(path, threads=1)
    assert (served.info.name, served.info.temperature) == ("tiny", 1.0)
    answers = served.answers(np.random.default_rng(0).standard_normal((2, 48_000)).astype(np.float32) * 0.1)
    assert answers.embedding.shape == (2, 128)
    assert json.loads(path.with_suffix(".json").read_text())["ravdess_6fold_ua"] == 63.1
    assert load_hybrid(tmp_path / "tiny-encoder").hidden_size == 16
    assert record["held_out_speakers"] == ["crema_d/1005", "ravdess_speech/Actor_01"]
    assert len(record["trade"]) == 4 * 7
    assert set(record["strangers"]) == set(PEOPLE)
    assert {"held_out_ece", "gate_accuracy", "gate_coverage"} <= record.keys()
    assert served.info.metrics["crema_d"]["split"] == "test"
    assert {row.name for row in (workshop.folder / "shipped").glob("*.onnx")} == {
        f"without-{corpus}.onnx" for corpus in PEOPLE
    }


def test_missing_corpus_is_named_before_anything_is_trained(
    workshop: Workshop, fold_of, tmp_path: Path
) -> None:
    clips = tuple(clip for clip in workshop.cache.clips if clip.corpus != "nemo")
    fewer = replace(workshop, cache=replace(workshop.cache, clips=clips), folder=tmp_path / "run")
    with pytest.raises(DataError, match="'nemo'"):
        shipping.ship(fewer, fold_of, tmp_path / "x.onnx")
    assert not (tmp_path / "run").exists()


def sure(rng: np.random.Generator, right: float, away: float, n: int = 400) -> Answered:
    truth = rng.integers(8, size=n)
    said = np.where(rng.random(n) < right, truth, (truth + 1 + rng.integers(7, size=n)) % 8)
    logits = rng.normal(0, 0.3, (n, 8)) + 4.0 * np.eye(8)[said]
    embedding = 6.0 * np.eye(8, 16)[said] + rng.normal(0, 1, (n, 16)) + away
    spared = np.arange(n) >= n - n // 4  # the last quarter stands for test speakers
    return Answered(logits.astype(np.float32), embedding.astype(np.float32), truth, spared)


def home_model(rng: np.random.Generator, strangers: dict[str, Answered]) -> HomeModel:
    trained = sure(rng, 1.0, 0.0, 2000)
    home = sure(rng, 0.9, 0.0)
    density = fit_density(trained.embedding, trained.truth, home.logits, home.embedding)
    return HomeModel(None, density, {"crema_d": home}, strangers)  # type: ignore[arg-type]


def test_confidence_is_lowered_where_strangers_are_answered_wrongly() -> None:
    rng = np.random.default_rng(0)
    home = home_model(rng, {})
    away = {name: home_model(rng, {name: sure(rng, 0.3, 2.0)}) for name in ("emodb", "nemo")}
    chosen = shipping.choose_confidence(home, away)
    plain = next(
        row for row in chosen.trade if row["signals"] == "temperature alone" and not row["stranger_weight"]
    )
    assert "distance" in chosen.signals
    assert chosen.knobs.distance > 0
    assert plain["strangers"]["nemo"]["coverage"] > 0.5
    taken = [row for row in chosen.trade if row["signals"] == chosen.signals]
    assert min(row["strangers"]["nemo"]["coverage"] for row in taken) < 0.2


def test_test_speakers_have_no_say_in_the_confidence() -> None:
    rng = np.random.default_rng(2)
    home = home_model(rng, {})
    away = {name: home_model(rng, {name: sure(rng, 0.3, 2.0)}) for name in ("emodb", "nemo")}

    def lied_to(model: HomeModel, name: str) -> HomeModel:
        part = model.strangers[name]
        truth = np.where(part.spared, (part.truth + 1) % 8, part.truth)
        return replace(model, strangers={name: replace(part, truth=truth)})

    honest = shipping.choose_confidence(home, away)
    lied = shipping.choose_confidence(home, {name: lied_to(model, name) for name, model in away.items()})
    assert (lied.knobs, lied.signals, lied.stranger_weight) == (
        honest.knobs,
        honest.signals,
        honest.stranger_weight,
    )
    assert lied.strangers != honest.strangers


def test_blind_knobs_never_saw_their_corpus() -> None:
    rng = np.random.default_rng(3)
    home = home_model(rng, {})
    away = {name: home_model(rng, {name: sure(rng, 0.3, 2.0)}) for name in ("emodb", "nemo")}
    other = {**away, "nemo": replace(away["nemo"], strangers={"nemo": sure(rng, 0.9, 0.0)})}
    first, second = (shipping.choose_confidence(home, models) for models in (away, other))
    if (first.signals, first.stranger_weight) == (second.signals, second.stranger_weight):
        assert first.blind["nemo"] == second.blind["nemo"]
    assert first.trade != second.trade


def test_model_that_is_sure_of_nothing_is_not_shipped() -> None:
    rng = np.random.default_rng(1)
    home = home_model(rng, {})
    wrong = replace(home, home={"crema_d": sure(rng, 0.13, 0.0)})
    away = {name: home_model(rng, {name: sure(rng, 0.13, 0.0)}) for name in ("emodb", "nemo")}
    with pytest.raises(WeightsError, match="train for longer"):
        shipping.choose_confidence(wrong, away)
