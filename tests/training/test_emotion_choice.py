"""The choice of the confidence: its order, its trade, and figures of corpora that had no say in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, WeightsError
from models.training.emotion import choice
from models.training.emotion.choice import Confidence, GateFigures, choose_confidence
from models.training.emotion.confidence import Knobs, fit_density
from models.training.emotion.shipped import Answered, HomeModel
from models.training.emotion.trade import draw_trade


def sure(rng: np.random.Generator, right: float, away: float, n: int = 400) -> Answered:
    truth = rng.integers(8, size=n)
    said = np.where(rng.random(n) < right, truth, (truth + 1 + rng.integers(7, size=n)) % 8)
    logits = rng.normal(0, 0.3, (n, 8)) + 4.0 * np.eye(8)[said]
    embedding = 6.0 * np.eye(8, 16)[said] + rng.normal(0, 1, (n, 16)) + away
    spared = np.arange(n) >= n - n // 4  # the last quarter stands for test speakers
    speakers = tuple(f"speaker {row % 10}" for row in range(len(truth)))
    return Answered(logits.astype(np.float32), embedding.astype(np.float32), truth, spared, speakers)


def home_model(rng: np.random.Generator, strangers: dict[str, Answered], *others: str) -> HomeModel:
    trained = sure(rng, 1.0, 0.0, 2000)
    home = {name: sure(rng, 0.9, 0.0) for name in ("crema_d", *others)}
    density = fit_density(trained.embedding, trained.truth, home["crema_d"].logits, home["crema_d"].embedding)
    return HomeModel(None, density, home, strangers)  # type: ignore[arg-type]


def away_models(rng: np.random.Generator) -> dict[str, HomeModel]:
    """Three corpora, each answered by a model that is at home in the others."""
    names = ("emodb", "nemo", "ravdess_speech")
    return {
        name: home_model(rng, {name: sure(rng, 0.3, 2.0)}, *(other for other in names if other != name))
        for name in names
    }


def with_other_answers(away: dict[str, HomeModel], corpus: str, seed: int = 9) -> dict[str, HomeModel]:
    """The same models, but everything that is said of one corpus is another story, at home too."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, model in away.items():
        home = {place: sure(rng, 0.2, 1.0) if place == corpus else part for place, part in model.home.items()}
        strangers = {
            place: sure(rng, 0.95, 0.0) if place == corpus else part
            for place, part in model.strangers.items()
        }
        changed[name] = replace(model, home=home, strangers=strangers)
    return changed


@pytest.fixture(scope="module")
def models() -> tuple[HomeModel, dict[str, HomeModel]]:
    rng = np.random.default_rng(0)
    return home_model(rng, {}), away_models(rng)


@pytest.fixture(scope="module")
def chosen(models) -> Confidence:
    return choose_confidence(*models)


def test_confidence_is_lowered_where_strangers_are_answered_wrongly(chosen: Confidence) -> None:
    plain = next(
        row for row in chosen.trade if row["signals"] == "temperature alone" and not row["stranger_weight"]
    )
    assert "distance" in chosen.signals
    assert chosen.knobs.distance > 0
    assert plain["strangers"]["nemo"]["coverage"] > 0.5
    taken = [row for row in chosen.trade if row["signals"] == chosen.signals]
    assert min(row["strangers"]["nemo"]["coverage"] for row in taken) < 0.2


def test_test_speakers_have_no_say_in_the_confidence(models, chosen: Confidence) -> None:
    home, away = models

    def lied_to(model: HomeModel, name: str) -> HomeModel:
        part = model.strangers[name]
        truth = np.where(part.spared, (part.truth + 1) % 8, part.truth)
        return replace(model, strangers={name: replace(part, truth=truth)})

    lied = choose_confidence(home, {name: lied_to(model, name) for name, model in away.items()})
    assert (lied.knobs, lied.blind, lied.trade) == (chosen.knobs, chosen.blind, chosen.trade)
    assert lied.strangers != chosen.strangers


def test_a_corpus_has_no_say_in_the_choice_its_figures_are_stated_for(models, chosen: Confidence) -> None:
    home, away = models
    other = choose_confidence(home, with_other_answers(away, "nemo"))
    assert other.trade != chosen.trade
    ours, theirs = (result.strangers["nemo"]["nested"] for result in (chosen, other))
    assert theirs["confidence"] == ours["confidence"]
    assert theirs["gate"] != ours["gate"]


def test_stated_figures_carry_counts_and_an_interval(chosen: Confidence) -> None:
    for corpus, stated in chosen.strangers.items():
        gate = stated["gate"]
        assert gate["n"] == 400, corpus
        assert gate["coverage"] == pytest.approx(stated["masked"]["coverage"], abs=1e-4)
        assert gate["ece"] == stated["masked"]["ece"]
        assert (
            Knobs(*(stated["confidence"][knob] for knob in ("base", "distance", "energy")))
            == (chosen.blind[corpus])
        )
        if gate["accepted"]:
            low, high = gate["accepted_accuracy_95"]
            assert low <= gate["accepted_accuracy"] <= high
        assert "speakers" in gate["interval"]


def test_trade_has_every_candidate_and_marks_the_chosen(chosen: Confidence) -> None:
    assert len(chosen.trade) == 4 * 7
    (mark,) = [row for row in chosen.trade if row["chosen"]]
    assert (mark["signals"], mark["stranger_weight"]) == (chosen.signals, chosen.stranger_weight)
    assert mark["home_coverage"] == mark["all_home"]["coverage"] >= 0.25


def test_model_that_is_sure_of_nothing_is_not_shipped(models) -> None:
    home, away = models
    wrong = replace(home, home={"crema_d": sure(np.random.default_rng(1), 0.13, 0.0)})
    with pytest.raises(WeightsError, match=r"accepts 25% .* train for longer"):
        choose_confidence(wrong, away)


def test_only_the_claimed_corpora_are_judged_at_home(models) -> None:
    home, away = models
    claimed = next(iter(home.home))
    chosen = choose_confidence(home, away, claimed=[claimed])
    for row in chosen.trade:
        assert row["all_home"] == row["home"][claimed]


def test_one_corpus_of_strangers_is_too_few(models) -> None:
    home, away = models
    with pytest.raises(DataError, match="1 corpora of strangers are too few"):
        choose_confidence(home, {"nemo": away["nemo"]})


def candidate(
    *,
    coverage: float,
    accuracy: float,
    ece: float,
    strangers: tuple[float, ...] = (0.6, 0.7),
    heard: int = 100,
) -> choice._Candidate:
    accepted = round(1000 * coverage)
    return choice._Candidate(
        signals="distance",
        stranger_weight=1.0,
        knobs=Knobs(0.0),
        home={},
        all_home=GateFigures(1000, accepted, round(accepted * accuracy), ece),
        strangers={
            str(index): GateFigures(500, heard, round(heard * share), 0.1)
            for index, share in enumerate(strangers)
        },
        blind={},
    )


def test_candidates_stand_in_the_order_that_is_written_down() -> None:
    best_first = [
        candidate(coverage=0.35, accuracy=0.90, ece=0.04),
        candidate(coverage=0.30, accuracy=0.90, ece=0.04),
        candidate(coverage=0.50, accuracy=0.90, ece=0.08),  # not calibrated
        candidate(coverage=0.60, accuracy=0.80, ece=0.02),  # not accurate
        candidate(coverage=0.70, accuracy=0.80, ece=0.09),  # neither
        candidate(coverage=0.26, accuracy=0.95, ece=0.01, strangers=(0.52, 0.9)),  # one is not believed
        candidate(coverage=0.90, accuracy=0.95, ece=0.01, strangers=(0.50, 0.9)),
        candidate(coverage=0.50, accuracy=0.95, ece=0.01, strangers=(0.50, 0.9)),
        candidate(coverage=0.90, accuracy=0.95, ece=0.09, strangers=(0.54, 0.9)),
        candidate(coverage=0.90, accuracy=0.80, ece=0.01, strangers=(0.54, 0.9)),
        candidate(coverage=0.90, accuracy=0.99, ece=0.01, strangers=(0.54, 0.5)),  # none is believed
        candidate(coverage=0.24, accuracy=0.99, ece=0.01),  # hardly ever speaks at home
        candidate(coverage=0.10, accuracy=0.99, ece=0.01),
    ]
    shuffled = best_first[5:] + best_first[:5]
    assert sorted(shuffled, key=choice._Candidate.rank, reverse=True) == best_first


def test_few_accepted_strangers_pass_as_just_good_enough() -> None:
    assert candidate(coverage=0.3, accuracy=0.9, ece=0.0, strangers=(0.0,), heard=19).worst == 0.55
    assert candidate(coverage=0.3, accuracy=0.9, ece=0.0, strangers=(0.0,), heard=20).worst == 0.0


def test_where_nothing_is_accepted_there_is_no_accuracy() -> None:
    nothing = GateFigures(50, 0, 0, 0.1)
    assert (nothing.accuracy, nothing.coverage) == (None, 0.0)
    assert nothing.record()["accepted_accuracy"] is None


def test_trade_is_a_light_picture_even_where_nothing_is_accepted(chosen: Confidence, tmp_path: Path) -> None:
    trade = [dict(row) for row in chosen.trade]
    nothing = GateFigures(400, 0, 0, 0.1).record()
    trade[-1] = {
        **trade[-1],
        "all_home": nothing,
        "strangers": dict.fromkeys(trade[-1]["strangers"], nothing),
    }
    for name in ("trade.png", "again.png"):
        draw_trade(trade, tmp_path / "shipped" / name)
    picture = (tmp_path / "shipped" / "trade.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert 5_000 < len(picture) < 100_000
    assert (tmp_path / "shipped" / "again.png").read_bytes() == picture


def test_picture_that_cannot_be_written_is_one_sentence(chosen: Confidence, tmp_path: Path) -> None:
    (tmp_path / "shipped").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"trade\.png cannot be written"):
        draw_trade(chosen.trade, tmp_path / "shipped" / "trade.png")
