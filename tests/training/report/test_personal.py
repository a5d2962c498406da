"""What calibration gains, on invented people whose every answer is bent the same way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from attune.cli.evaluate import app as evaluate_app
from core.errors import DataError, ModelError
from training.data.cache import LABELS, Clip, SpeechCache, truth_of
from training.data.splits import Split
from training.report import model_under_test, personal
from training.report.new_users import PersonalPlan, draw_clips
from training.report.personal import evaluate_personal, personal_gain

SIZE = 16
READOUT = np.random.default_rng(0).normal(size=(SIZE, 8))
PLAN = PersonalPlan(repeats=2)


def people(
    counts: Sequence[Sequence[int]], *, shift: float, corpus: str = "acted", split: Split = Split.TEST
) -> tuple[np.ndarray, np.ndarray, list[Clip]]:
    """Logits, embeddings and clips of as many people as `counts` has rows: clips of each emotion."""
    rng = np.random.default_rng(1)
    embedding, clips = [], []
    for person, row in enumerate(counts):
        offset = shift * rng.normal(size=SIZE)
        for label, count in enumerate(row):
            for _ in range(count):
                embedding.append(0.5 * READOUT[:, label] + 0.7 * rng.normal(size=SIZE) + offset)
                clips.append(clip(f"{corpus}/{person}/{len(clips)}", corpus, str(person), label, split))
    rows = np.array(embedding)
    return 0.3 * rows @ READOUT, rows, clips


def clip(path: str, corpus: str, speaker: str, label: int, split: Split) -> Clip:
    return Clip(path, corpus, speaker, LABELS[label], "en", "CC0", split, 0, 1, 0, 1)


def test_a_shift_that_is_the_same_in_every_clip_is_learned() -> None:
    record = personal_gain(*people([[8] * 8] * 5, shift=1.0), PLAN)
    entry = record["emotions"]
    assert (entry["users"], entry["takes"], entry["scored"]) == (5, 24.0, 40.0)
    assert entry["after"]["ua"] > entry["before"]["ua"] + 0.10
    gained = entry["difference"]["ua"]
    assert gained["value"] == pytest.approx(entry["after"]["ua"] - entry["before"]["ua"], abs=1e-4)
    low, high = gained["interval"]
    assert 0.0 < low < gained["value"] < high
    assert np.mean([row["after"] for row in entry["by_speaker"].values()]) == pytest.approx(
        entry["after"]["ua"], abs=1e-3
    )


def test_who_is_like_everybody_else_neither_gains_nor_loses_much() -> None:
    entry = personal_gain(*people([[8] * 8] * 5, shift=0.0), PLAN)["emotions"]
    assert abs(entry["difference"]["ua"]["value"]) < 0.08


def test_what_would_not_be_kept_counts_as_it_was() -> None:
    _, embedding, clips = people([[8] * 8] * 3, shift=0.0)
    surely_right = 4.0 * np.eye(8)[truth_of(clips)]
    chance = np.random.default_rng(2).normal(size=embedding.shape)
    entry = personal_gain(surely_right, chance, clips, PLAN)["emotions"]
    assert entry["before"]["ua"] == entry["after"]["ua"] == 1.0


def test_every_figure_is_the_one_by_hand() -> None:
    """Two people, neutral or sad, and a model that says sad of everything, at 0.8."""
    _, embedding, clips = people([[4, 0, 0, 6], [4, 0, 0, 2]], shift=0.0)
    logits = np.full((len(clips), 8), np.log(0.2 / 7))
    logits[:, LABELS.index("sad")] = np.log(0.8)
    entry = personal_gain(logits, embedding, clips, PLAN)["emotions"]
    assert entry["users"] == 1  # the other has too few sad clips to spare, and so one emotion only
    assert entry["skipped"] == ["1"]
    assert entry["before"] == {
        "ua": 0.5,
        "ua_pooled": 0.5,
        "wa": 0.75,
        "ece": 0.05,
        "coverage": 1.0,
        "accepted_accuracy": 0.75,
    }
    neutral = personal_gain(logits, embedding, clips, PLAN)["neutral"]
    assert neutral["users"] == 2
    assert neutral["before"]["ua_pooled"] == 0.5
    assert neutral["before"]["wa"] == pytest.approx((3 + 2) / (3 + 1 + 2 + 1), abs=0.05)


def test_one_speaker_has_figures_but_no_interval() -> None:
    entry = personal_gain(*people([[8] * 8], shift=1.0), PLAN)["emotions"]
    assert entry["users"] == 1
    assert {name: one["interval"] for name, one in entry["difference"].items()} == dict.fromkeys(
        entry["difference"]
    )


@pytest.mark.parametrize("counts", [[[3] * 8], [[0, 9]], [[2, 9]]])
def test_too_few_clips_make_no_user(counts: list[list[int]]) -> None:
    record = personal_gain(*people(counts, shift=1.0), PLAN)
    assert record["emotions"] is record["neutral"] is None
    assert record["speakers"] == ["0"]


def test_nothing_accepted_has_no_accuracy() -> None:
    _, embedding, clips = people([[8] * 8], shift=0.0)
    entry = personal_gain(np.zeros((len(clips), 8)), embedding, clips, PLAN)["neutral"]
    assert entry["before"]["coverage"] == 0.0
    assert entry["before"]["accepted_accuracy"] is None
    assert entry["difference"]["accepted_accuracy"] == {"value": None, "interval": None}


@pytest.mark.parametrize("takes", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_takes_are_never_scored(takes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(8), rng.integers(0, 9, size=8)))
    draw = draw_clips(labels, PersonalPlan(takes), rng)
    used = np.concatenate([draw.emotions, draw.neutral])
    assert not set(used) & set(draw.scored)
    assert set(used) | set(draw.scored) == set(range(len(labels)))
    counts = np.bincount(labels[draw.emotions], minlength=8)
    assert set(counts) <= {0, takes}
    assert set(labels[draw.emotions]) <= set(labels[draw.scored])
    assert set(labels[draw.neutral]) <= {0}


def test_clips_that_are_no_takes_are_not_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, embedding, clips = people([[5] * 8], shift=1.0)
    fitted: list[set[float]] = []
    scored: list[set[float]] = []
    fit, apply = personal.fit_and_validate, personal.apply_personal
    monkeypatch.setattr(
        personal,
        "fit_and_validate",
        lambda one, two, three: fitted.append(set(two[:, 0])) or fit(one, two, three),
    )
    monkeypatch.setattr(
        personal,
        "apply_personal",
        lambda voice, given: scored.append(set(given.embedding[:, 0])) or apply(voice, given),
    )
    personal_gain(logits, np.float32(embedding).astype(np.float64), clips, PLAN)
    assert len(fitted) == len(scored) == 4
    assert all(not one & other for one, other in zip(fitted, scored, strict=True))


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    given = people([[6] * 8] * 2, shift=1.0)
    first, second, other = (personal_gain(*given, PersonalPlan(repeats=2, seed=seed)) for seed in (3, 3, 4))
    assert first == second != other


@pytest.mark.parametrize("plan", [(1, 5), (3, 0)])
def test_a_plan_that_measures_nothing_is_refused(plan: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="measure nothing"):
        PersonalPlan(*plan)


Predictor = Callable[[Sequence[np.ndarray]], model_under_test.Predictions]


@pytest.fixture
def corpus() -> tuple[SpeechCache, Predictor]:
    """Two corpora, and a model that knows a clip by the one sample it has; no answer is asked for twice."""
    parts = [
        people([[5] * 8] * 2, shift=1.0),
        people([[5] * 8] * 2, shift=1.0, corpus="train", split=Split.TRAIN),
    ]
    logits, embedding = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
    clips = [one for part in parts for one in part[2]]
    placed = tuple(
        Clip(**{**vars(one), "start": position, "n_samples": 1}) for position, one in enumerate(clips)
    )
    cache = SpeechCache(placed, np.arange(1, len(clips) + 1, dtype=np.int16), (), "invented")
    asked: set[int] = set()

    def predict(windows: Sequence[np.ndarray]) -> model_under_test.Predictions:
        which = np.array([round(float(window.max()) * 32768) - 1 for window in windows])
        assert not asked & set(which.tolist())
        asked.update(which.tolist())
        powers = np.exp(logits[which])
        return model_under_test.Predictions(powers / powers.sum(axis=1, keepdims=True), embedding[which])

    return cache, predict


def test_test_speakers_and_whole_unseen_corpora_are_new_users(corpus: tuple[SpeechCache, Predictor]) -> None:
    cache, predict = corpus
    told: list[tuple[str, int, int]] = []
    report = evaluate_personal(
        predict,
        cache,
        leave_one_out={"train": predict},
        plan=PLAN,
        on_progress=lambda *what: told.append(what),
    )
    assert list(report["corpora"]) == ["acted"]
    assert report["corpora"]["acted"]["split"] == "test"
    assert report["unseen_corpora"]["train"]["split"] == "all"
    assert report["unseen_corpora"]["train"]["emotions"]["difference"]["ua"]["value"] > 0.05
    assert ("clips of acted", 80, 80) in told
    assert json.loads(json.dumps(report, allow_nan=False))["plan"]["clips_per_emotion"] == 3
    expected = personal_gain(*people([[5] * 8] * 2, shift=1.0), PLAN)["emotions"]["before"]
    assert report["corpora"]["acted"]["emotions"]["before"] == expected


def test_nobody_to_measure_on_is_one_sentence(corpus: tuple[SpeechCache, Predictor]) -> None:
    cache, predict = corpus
    known = tuple(one for one in cache.clips if one.split is Split.TRAIN)
    with pytest.raises(DataError, match="holds no test speakers"):
        evaluate_personal(predict, SpeechCache(known, cache.waveforms, (), ""))
    with pytest.raises(DataError, match="no corpus 'nemo': name one of acted, train"):
        evaluate_personal(predict, cache, leave_one_out={"nemo": predict})


@pytest.fixture
def served_corpus(corpus: tuple[SpeechCache, Predictor], monkeypatch: pytest.MonkeyPatch) -> None:
    cache, predict = corpus
    record = {"name": "invented", "sha256": "0" * 64, "trained_on": ["acted"]}
    monkeypatch.setattr(model_under_test, "open_model", lambda _path, **_how: (predict, record))
    monkeypatch.setattr("training.data.cache.open_clips", lambda _place, **_how: cache)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("served_corpus")
def test_the_command_prints_a_table_and_writes_the_figures(tmp_path: Path) -> None:
    out = tmp_path / "figures" / "personal.json"
    options = ["--data", str(tmp_path), "--corpus", "train=other.onnx", "--repeats", "2", "--out", str(out)]
    result = CliRunner().invoke(evaluate_app, ["personal", *options])
    assert result.exit_code == 0, result.output
    assert "train, never heard" in result.stdout
    assert "24, all emotions" in result.stdout
    report = json.loads(out.read_text())
    assert report["provenance"]["data"]["clips"] == 160
    assert report["provenance"]["other_models"] == {"train": report["provenance"]["model"]}


@pytest.mark.usefixtures("served_corpus")
def test_the_command_prints_json_and_refuses_a_corpus_without_a_model(tmp_path: Path) -> None:
    options = ["personal", "--data", str(tmp_path), "--repeats", "1"]
    result = CliRunner().invoke(evaluate_app, [*options, "--json"])
    assert list(json.loads(result.stdout)["corpora"]) == ["acted"]
    refused = CliRunner().invoke(evaluate_app, [*options, "--corpus", "train"])
    assert refused.exit_code == 2
    assert "NAME=MODEL.onnx" in refused.output


@pytest.mark.usefixtures("served_corpus")
def test_a_model_that_heard_the_corpus_is_refused() -> None:
    with pytest.raises(
        ModelError, match=r"other\.onnx was trained on 'acted', so its people are no strangers"
    ):
        model_under_test.open_leave_one_out_models({"acted": Path("other.onnx")})
