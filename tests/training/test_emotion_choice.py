"""The choice of the confidence: its order, its trade, and figures of corpora that had no say in it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, WeightsError
from training.emotion import choice
from training.emotion.choice import ConfidenceChoice, _GateFigures, choose_confidence
from training.emotion.confidence import ConfidenceParameters, fit_density
from training.emotion.leave_one_corpus_out import CorpusAnswers, FittedModel, fit_axis_temperatures
from training.emotion.tradeoff_plot import plot_tradeoff


def sure(rng: np.random.Generator, right: float, away: float, n: int = 400) -> CorpusAnswers:
    truth = rng.integers(8, size=n)
    said = np.where(rng.random(n) < right, truth, (truth + 1 + rng.integers(7, size=n)) % 8)
    logits = rng.normal(0, 0.3, (n, 8)) + 4.0 * np.eye(8)[said]
    embedding = 6.0 * np.eye(8, 16)[said] + rng.normal(0, 1, (n, 16)) + away
    is_test = np.arange(n) >= n - n // 4  # the last quarter stands for test speakers
    speakers = tuple(f"speaker {row % 10}" for row in range(len(truth)))
    lively = (truth % 2).astype(np.float32)
    axes = np.stack([3 * lively - 1.5, 0 * lively], axis=1) + rng.normal(0, 1.5, (n, 2))
    axis_truth = np.stack([lively, np.full(n, np.nan)], axis=1).astype(np.float32)
    return CorpusAnswers(
        logits=logits.astype(np.float32),
        embedding=embedding.astype(np.float32),
        axes=axes.astype(np.float32),
        truth=truth,
        axis_truth=axis_truth,
        is_test=is_test,
        speakers=speakers,
    )


def half_in_domain(rng: np.random.Generator) -> CorpusAnswers:
    """A corpus of which half sounds as home does and is answered as well; the other half neither."""
    near, far = sure(rng, 0.9, 0.0, 200), sure(rng, 0.1, 2.0, 200)
    parts = {field.name: (getattr(near, field.name), getattr(far, field.name)) for field in fields(near)}
    speakers = parts.pop("speakers")
    joined = {name: np.concatenate(both) for name, both in parts.items()}
    return CorpusAnswers(**joined, speakers=(*speakers[0], *speakers[1]))


def fitted_model(rng: np.random.Generator, unseen: CorpusAnswers | None, *others: str) -> FittedModel:
    trained = sure(rng, 1.0, 0.0, 2000)
    in_domain = {name: sure(rng, 0.9, 0.0) for name in ("crema_d", *others)}
    density = fit_density(trained.embedding, trained.truth, in_domain["crema_d"].embedding)
    return FittedModel(None, density, in_domain, unseen)  # type: ignore[arg-type]


def left_out_models(rng: np.random.Generator) -> dict[str, FittedModel]:
    """Three corpora, each answered by a model that is at home in the others."""
    names = ("emodb", "nemo", "ravdess_speech")
    return {
        name: fitted_model(rng, half_in_domain(rng), *(other for other in names if other != name))
        for name in names
    }


def with_other_answers(
    left_out: dict[str, FittedModel], corpus: str, seed: int = 9
) -> dict[str, FittedModel]:
    """The same models, but everything that is said of one corpus is another story, at home too."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, model in left_out.items():
        in_domain = {
            place: sure(rng, 0.2, 1.0) if place == corpus else part for place, part in model.in_domain.items()
        }
        unseen = sure(rng, 0.95, 0.0) if name == corpus else model.unseen
        changed[name] = replace(model, in_domain=in_domain, unseen_corpus=unseen)
    return changed


@pytest.fixture(scope="module")
def models() -> tuple[FittedModel, dict[str, FittedModel]]:
    rng = np.random.default_rng(0)
    return fitted_model(rng, None), left_out_models(rng)


@pytest.fixture(scope="module")
def chosen(models) -> ConfidenceChoice:
    return choose_confidence(*models)


def test_confidence_is_lowered_where_unseen_corpora_are_answered_wrongly(chosen: ConfidenceChoice) -> None:
    plain = next(
        row
        for row in chosen.candidates
        if row["signals"] == "temperature alone" and not row["stranger_weight"]
    )
    assert "distance" in chosen.signals
    assert chosen.parameters.distance > 0
    (taken,) = [row for row in chosen.candidates if row["chosen"]]
    for corpus in ("emodb", "nemo", "ravdess_speech"):
        sure_of_all, careful = plain["strangers"][corpus], taken["strangers"][corpus]
        assert sure_of_all["coverage"] > 0.8
        assert sure_of_all["accepted_accuracy"] < 0.6
        assert 0.3 < careful["coverage"] < 0.6
        assert careful["accepted_accuracy"] > 0.7


def test_test_speakers_have_no_say_in_the_confidence(models, chosen: ConfidenceChoice) -> None:
    home, away = models

    def lied_to(model: FittedModel) -> FittedModel:
        part = model.unseen
        truth = np.where(part.is_test, (part.truth + 1) % 8, part.truth)
        axis_truth = np.where(part.is_test[:, None], 1 - part.axis_truth, part.axis_truth)
        return replace(model, unseen_corpus=replace(part, truth=truth, axis_truth=axis_truth))

    liars = {name: lied_to(model) for name, model in away.items()}
    lied = choose_confidence(home, liars)
    assert (lied.parameters, lied.leave_one_out, lied.candidates) == (
        chosen.parameters,
        chosen.leave_one_out,
        chosen.candidates,
    )
    assert lied.unseen != chosen.unseen
    with pytest.raises(DataError, match="No clip says anything of the axis"):  # of pleasantness
        fit_axis_temperatures(away)
    spoken = {name: with_pleasantness(model) for name, model in away.items()}
    assert fit_axis_temperatures(spoken) == fit_axis_temperatures(
        {name: lied_to(model) for name, model in spoken.items()}
    )


def with_pleasantness(model: FittedModel) -> FittedModel:
    """As the model, its strangers as pleasant as they are lively."""
    part = model.unseen
    both = np.repeat(part.axis_truth[:, :1], 2, axis=1)
    return replace(model, unseen_corpus=replace(part, axis_truth=both))


def test_axes_are_calibrated_on_unseen_corpora(models) -> None:
    home, away = models
    spoken = {name: with_pleasantness(model) for name, model in away.items()}
    temperatures = fit_axis_temperatures(
        {"shipped": home, **spoken}
    )  # who heard everybody says nothing of strangers
    assert temperatures == fit_axis_temperatures(spoken)
    assert temperatures.energy == pytest.approx(0.75, rel=0.25)  # 3 apart, 1.5 wide: 4/3 x is honest
    assert temperatures.pleasantness > 5  # what says nothing is not believed


def test_a_corpus_has_no_say_in_the_choice_its_figures_are_stated_for(
    models, chosen: ConfidenceChoice
) -> None:
    home, away = models
    other = choose_confidence(home, with_other_answers(away, "nemo"))
    assert other.candidates != chosen.candidates
    ours, theirs = (result.unseen["nemo"]["nested"] for result in (chosen, other))
    assert theirs["confidence"] == ours["confidence"]
    assert theirs["gate"] != ours["gate"]


def test_stated_figures_carry_counts_and_an_interval(chosen: ConfidenceChoice) -> None:
    for corpus, stated in chosen.unseen.items():
        gate = stated["gate"]
        assert gate["n"] == 400, corpus
        assert gate["coverage"] == pytest.approx(stated["eight_way"]["coverage"], abs=1e-4)
        assert gate["ece"] == stated["eight_way"]["ece"]
        assert (
            ConfidenceParameters(*(stated["confidence"][knob] for knob in ("base", "distance")))
            == chosen.leave_one_out[corpus]
        )
        if gate["accepted"]:
            low, high = gate["accepted_accuracy_95"]
            assert low <= gate["accepted_accuracy"] <= high
        assert "speakers" in gate["interval"]


def test_every_candidate_is_recorded_and_the_chosen_marked(chosen: ConfidenceChoice) -> None:
    assert len(chosen.candidates) == len(choice._SIGNALS) * len(choice._WEIGHTS)
    (mark,) = [row for row in chosen.candidates if row["chosen"]]
    assert (mark["signals"], mark["stranger_weight"]) == (chosen.signals, chosen.unseen_weight)
    assert mark["home_coverage"] == mark["all_home"]["coverage"] >= 0.25


def test_model_that_is_sure_of_nothing_is_not_released(models) -> None:
    home, away = models
    wrong = replace(home, in_domain={"crema_d": sure(np.random.default_rng(1), 0.13, 0.0)})
    with pytest.raises(WeightsError, match=r"accepts 25% .* train for longer"):
        choose_confidence(wrong, away)


def test_only_the_claimed_corpora_count_in_domain(models) -> None:
    home, away = models
    claimed = next(iter(home.in_domain))
    chosen = choose_confidence(home, away, claimed=[claimed])
    for row in chosen.candidates:
        assert row["all_home"] == row["home"][claimed]


def test_one_unseen_corpus_is_too_few(models) -> None:
    home, away = models
    with pytest.raises(DataError, match="1 unseen corpora are too few"):
        choose_confidence(home, {"nemo": away["nemo"]})


def candidate(
    *,
    coverage: float,
    accuracy: float,
    ece: float,
    unseen: tuple[float, ...] = (0.8, 0.9),
    share: float = 0.1,
) -> choice._Candidate:
    accepted, heard = round(1000 * coverage), round(500 * share)
    return choice._Candidate(
        signals="distance",
        unseen_weight=1.0,
        parameters=ConfidenceParameters(0.0),
        in_domain={},
        all_in_domain=_GateFigures(1000, accepted, round(accepted * accuracy), ece),
        unseen={
            str(index): _GateFigures(500, heard, round(heard * right), 0.1)
            for index, right in enumerate(unseen)
        },
        leave_one_out={},
    )


def test_candidates_stand_in_the_order_that_is_written_down() -> None:
    best_first = [
        candidate(coverage=0.50, accuracy=0.95, ece=0.01, unseen=(0.9, 0.9)),  # all seven demands
        candidate(coverage=0.60, accuracy=0.95, ece=0.01),  # all seven, a worse corpus
        candidate(coverage=0.45, accuracy=0.95, ece=0.01),  # the same, less often
        candidate(coverage=0.40, accuracy=0.95, ece=0.01, unseen=(0.9, 0.9)),  # too seldom at home
        candidate(coverage=0.60, accuracy=0.95, ece=0.08),  # not calibrated
        candidate(coverage=0.60, accuracy=0.85, ece=0.08, unseen=(0.9, 0.9)),  # two are missed at home
        candidate(coverage=0.50, accuracy=0.95, ece=0.01, unseen=(0.9, 0.9), share=0.06),  # too seldom
        candidate(coverage=0.50, accuracy=0.95, ece=0.01, unseen=(0.68, 0.9)),  # one is not believed
        candidate(coverage=0.50, accuracy=0.95, ece=0.01, unseen=(0.5, 0.5)),  # none is believed
        candidate(coverage=0.26, accuracy=0.8, ece=0.2, unseen=(0.5, 0.5), share=0.0),  # none is met
        candidate(coverage=0.24, accuracy=0.99, ece=0.01),  # hardly ever speaks at home
        candidate(coverage=0.10, accuracy=0.99, ece=0.01),
    ]
    shuffled = best_first[5:] + best_first[:5]
    assert sorted(shuffled, key=choice._Candidate.rank, reverse=True) == best_first


def test_demands_are_counted_in_domain_and_on_every_corpus() -> None:
    assert candidate(coverage=0.42, accuracy=0.9, ece=0.07, unseen=(0.7, 0.7), share=0.08).met == 7
    assert candidate(coverage=0.41, accuracy=0.89, ece=0.071, unseen=(0.6, 0.6), share=0.07).met == 0


def test_a_corpus_of_which_nothing_is_accepted_counts_as_wrong() -> None:
    silent = candidate(coverage=0.5, accuracy=0.95, ece=0.0, share=0.0)
    assert (silent.worst, silent.met) == (0.0, 3)


def test_where_nothing_is_accepted_there_is_no_accuracy() -> None:
    nothing = _GateFigures(50, 0, 0, 0.1)
    assert (nothing.accuracy, nothing.coverage) == (None, 0.0)
    assert nothing.record()["accepted_accuracy"] is None


def test_trade_is_a_light_picture_even_where_nothing_is_accepted(
    chosen: ConfidenceChoice, tmp_path: Path
) -> None:
    trade = [dict(row) for row in chosen.candidates]
    nothing = _GateFigures(400, 0, 0, 0.1).record()
    trade[-1] = {
        **trade[-1],
        "all_home": nothing,
        "strangers": dict.fromkeys(trade[-1]["strangers"], nothing),
    }
    for name in ("trade.png", "again.png"):
        plot_tradeoff(trade, tmp_path / "shipped" / name)
    picture = (tmp_path / "shipped" / "trade.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert 5_000 < len(picture) < 100_000
    assert (tmp_path / "shipped" / "again.png").read_bytes() == picture


def test_picture_that_cannot_be_written_is_one_sentence(chosen: ConfidenceChoice, tmp_path: Path) -> None:
    (tmp_path / "shipped").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"trade\.png cannot be written"):
        plot_tradeoff(chosen.candidates, tmp_path / "shipped" / "trade.png")
