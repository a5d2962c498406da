"""The confidence that falls with the distance from the training speakers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import DataError
from models.emotion.hybrid import HeadAnswer
from training.emotion.confidence import (
    AxisTemperatures,
    CalibratedModel,
    ConfidenceParameters,
    Density,
    calibrated,
    fit_axis_temperature,
    fit_density,
    fit_parameters,
    log_temperature,
)

CLASSES, DIM = 4, 16


def answers(rng: np.random.Generator, n: int, *, right: float, away: float):
    """Logits that are sure of themselves whether right or not, and embeddings that lie ``away`` from home."""
    truth = rng.integers(CLASSES, size=n)
    said = np.where(rng.random(n) < right, truth, (truth + 1 + rng.integers(CLASSES - 1, size=n)) % CLASSES)
    logits = rng.normal(0, 0.3, (n, CLASSES)) + 4.0 * np.eye(CLASSES)[said]
    centres = np.eye(CLASSES, DIM) * 6.0
    embedding = centres[said] + rng.normal(0, 1.0, (n, DIM)) + away * np.ones(DIM)
    return logits.astype(np.float32), embedding.astype(np.float32), truth


@pytest.fixture(scope="module")
def density() -> Density:
    rng = np.random.default_rng(0)
    _, embedding, truth = answers(rng, 2000, right=1.0, away=0.0)
    home = answers(rng, 400, right=0.9, away=0.0)
    return fit_density(embedding, truth, home[1])


def test_unseen_speakers_lie_further_away_than_in_domain_ones(density: Density) -> None:
    rng = np.random.default_rng(1)
    parameters = ConfidenceParameters(0.0, 1.0)
    near = log_temperature(parameters, density, answers(rng, 300, right=0.9, away=0.0)[1])
    far = log_temperature(parameters, density, answers(rng, 300, right=0.9, away=2.0)[1])
    assert np.median(far) > np.median(near) + 1.0


def test_one_fit_is_honest_in_domain_and_outside(density: Density) -> None:
    rng = np.random.default_rng(2)
    home = answers(rng, 1500, right=0.9, away=0.0)
    away = answers(rng, 1500, right=0.4, away=2.0)
    parameters = fit_parameters([(density, *home, 1.0), (density, *away, 1.0)])
    assert parameters.distance > 0
    for logits, embedding, truth in (home, away):
        probabilities = calibrated(parameters, density, logits, embedding)
        right = (probabilities.argmax(axis=1) == truth).mean()
        assert abs(probabilities.max(axis=1).mean() - right) < 0.12


def test_fit_lies_at_the_bottom(density: Density) -> None:
    rng = np.random.default_rng(6)
    groups = [(answers(rng, 800, right=0.9, away=0.0), 1.0), (answers(rng, 800, right=0.4, away=1.0), 0.5)]
    silent = answers(rng, 800, right=0.0, away=0.0)

    def loss(parameters: ConfidenceParameters) -> float:
        return -sum(
            weight * np.log(calibrated(parameters, density, *said[:2])[np.arange(800), said[2]]).mean()
            for said, weight in groups
        )

    found = fit_parameters([*((density, *said, weight) for said, weight in groups), (density, *silent, 0.0)])
    for name in ("base", "distance"):
        for step in (-0.05, 0.05):
            beside = replace(found, **{name: max(0.0, getattr(found, name) + step)})
            assert loss(found) <= loss(beside) + 1e-6, (name, step)


def test_without_signals_it_is_one_temperature(density: Density) -> None:
    rng = np.random.default_rng(3)
    home = answers(rng, 800, right=0.7, away=0.0)
    parameters = fit_parameters([(density, *home, 1.0)], use_distance=False)
    assert parameters.distance == 0.0
    assert np.ptp(log_temperature(parameters, density, home[1])) == 0.0


def test_what_is_strange_never_makes_it_surer(density: Density) -> None:
    rng = np.random.default_rng(4)
    home = answers(rng, 800, right=0.5, away=0.0)
    away = answers(rng, 800, right=0.95, away=2.0)
    parameters = fit_parameters([(density, *home, 1.0), (density, *away, 1.0)])
    assert parameters.distance >= 0.0


@pytest.mark.parametrize("parameters", [ConfidenceParameters(0.2, 0.5), ConfidenceParameters(1.0, 1.5)])
@pytest.mark.parametrize("temperatures", [None, AxisTemperatures(2.0, 0.5)])
def test_graph_gives_what_the_fit_saw(
    density: Density, parameters: ConfidenceParameters, temperatures: AxisTemperatures | None
) -> None:
    logits, embedding, _ = answers(np.random.default_rng(5), 50, right=0.8, away=1.0)
    energy, pleasantness = torch.linspace(-3, 3, 50), torch.linspace(1, -1, 50)

    class Fixed(nn.Module):
        def forward(self, _waveform: torch.Tensor) -> HeadAnswer:
            return HeadAnswer(torch.from_numpy(logits), torch.from_numpy(embedding), energy, pleasantness)

    said = CalibratedModel(Fixed(), density, parameters, temperatures).eval()(torch.zeros(50, 1))
    temperature = np.exp(log_temperature(parameters, density, embedding))
    assert np.allclose(said[0].numpy(), logits / temperature[:, None], atol=1e-4)
    assert torch.equal(said[1], torch.from_numpy(embedding))
    assert torch.allclose(said[2], energy / (2.0 if temperatures else 1.0))
    assert torch.allclose(said[3], pleasantness / (0.5 if temperatures else 1.0))


def sides(rng: np.random.Generator, n: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits of one axis that are ``temperature`` times too sure, and truths drawn by what they should be."""
    honest = rng.normal(0, 2, n)
    return honest * temperature, (rng.random(n) < 1 / (1 + np.exp(-honest))).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_of_an_axis_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(0)
    groups = [sides(rng, 4_000, temperature), sides(rng, 2_000, temperature)]
    assert fit_axis_temperature(groups) == pytest.approx(temperature, rel=0.08)


def test_corpora_of_any_size_have_the_same_say_in_the_temperature_of_an_axis() -> None:
    rng = np.random.default_rng(1)
    few, many = sides(rng, 500, 4.0), sides(rng, 500, 1.0)
    alike = fit_axis_temperature([few, many])
    often = tuple(np.tile(part, 20) for part in many)
    assert fit_axis_temperature([few, often]) == pytest.approx(alike, rel=1e-3)
    assert fit_axis_temperature([many]) < alike < fit_axis_temperature([few])


def test_labels_that_say_nothing_of_an_axis_have_no_say_in_its_temperature() -> None:
    logits, truth = sides(np.random.default_rng(2), 1_000, 2.0)
    noise = np.full(400, 9.0)
    for nothing in (0.5, np.nan):
        more = (np.concatenate([logits, noise]), np.concatenate([truth, np.full(400, nothing, np.float32)]))
        assert fit_axis_temperature([more, (noise, np.full(400, nothing))]) == fit_axis_temperature(
            [(logits, truth)]
        )


@pytest.mark.parametrize("groups", [[], [(np.ones(3), np.full(3, np.nan))], [(np.ones(0), np.ones(0))]])
def test_axis_without_a_label_is_refused(groups: list) -> None:
    with pytest.raises(DataError, match="No clip says anything of the axis"):
        fit_axis_temperature(groups)


def test_no_clips_are_refused() -> None:
    nothing = np.zeros((0, DIM), dtype=np.float32)
    with pytest.raises(DataError, match="no clips"):
        fit_density(nothing, np.zeros(0, dtype=np.int64), nothing)
