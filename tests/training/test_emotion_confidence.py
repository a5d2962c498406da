"""The confidence that knows when it is away from home."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import DataError
from models.training.emotion.confidence import (
    ConfidentModel,
    Density,
    Knobs,
    calibrated,
    fit_density,
    fit_knobs,
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
    return fit_density(embedding, truth, home[0], home[1])


def test_strangers_lie_further_from_home_than_home_speakers(density: Density) -> None:
    rng = np.random.default_rng(1)
    knobs = Knobs(0.0, 1.0, 0.0)
    near = log_temperature(knobs, density, *answers(rng, 300, right=0.9, away=0.0)[:2])
    far = log_temperature(knobs, density, *answers(rng, 300, right=0.9, away=2.0)[:2])
    assert np.median(far) > np.median(near) + 1.0


def test_one_fit_is_honest_at_home_and_away(density: Density) -> None:
    rng = np.random.default_rng(2)
    home = answers(rng, 1500, right=0.9, away=0.0)
    away = answers(rng, 1500, right=0.4, away=2.0)
    knobs = fit_knobs([(density, *home, 1.0), (density, *away, 1.0)])
    assert knobs.distance > 0
    for logits, embedding, truth in (home, away):
        probabilities = calibrated(knobs, density, logits, embedding)
        right = (probabilities.argmax(axis=1) == truth).mean()
        assert abs(probabilities.max(axis=1).mean() - right) < 0.12


def test_fit_lies_at_the_bottom(density: Density) -> None:
    rng = np.random.default_rng(6)
    groups = [(answers(rng, 800, right=0.9, away=0.0), 1.0), (answers(rng, 800, right=0.4, away=1.0), 0.5)]
    silent = answers(rng, 800, right=0.0, away=0.0)

    def loss(knobs: Knobs) -> float:
        return -sum(
            weight * np.log(calibrated(knobs, density, *said[:2])[np.arange(800), said[2]]).mean()
            for said, weight in groups
        )

    found = fit_knobs([*((density, *said, weight) for said, weight in groups), (density, *silent, 0.0)])
    for knob in ("base", "distance", "energy"):
        for step in (-0.05, 0.05):
            beside = replace(found, **{knob: max(0.0, getattr(found, knob) + step)})
            assert loss(found) <= loss(beside) + 1e-6, (knob, step)


def test_without_signals_it_is_one_temperature(density: Density) -> None:
    rng = np.random.default_rng(3)
    home = answers(rng, 800, right=0.7, away=0.0)
    knobs = fit_knobs([(density, *home, 1.0)], use_distance=False, use_energy=False)
    assert (knobs.distance, knobs.energy) == (0.0, 0.0)
    assert np.ptp(log_temperature(knobs, density, *home[:2])) == 0.0


def test_what_is_strange_never_makes_it_surer(density: Density) -> None:
    rng = np.random.default_rng(4)
    home = answers(rng, 800, right=0.5, away=0.0)
    away = answers(rng, 800, right=0.95, away=2.0)
    knobs = fit_knobs([(density, *home, 1.0), (density, *away, 1.0)])
    assert knobs.distance >= 0.0
    assert knobs.energy >= 0.0


@pytest.mark.parametrize("knobs", [Knobs(0.2, 0.5, 0.3), Knobs(1.0, 1.5, 0.0)])
def test_graph_gives_what_the_fit_saw(density: Density, knobs: Knobs) -> None:
    logits, embedding, _ = answers(np.random.default_rng(5), 50, right=0.8, away=1.0)

    class Fixed(nn.Module):
        def forward(self, _waveform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.from_numpy(logits), torch.from_numpy(embedding)

    calibrated, kept = ConfidentModel(Fixed(), density, knobs).eval()(torch.zeros(50, 1))
    heat = np.exp(log_temperature(knobs, density, logits, embedding))
    assert np.allclose(calibrated.numpy(), logits / heat[:, None], atol=1e-4)
    assert torch.equal(kept, torch.from_numpy(embedding))


def test_no_clips_are_refused() -> None:
    nothing = np.zeros((0, DIM), dtype=np.float32)
    with pytest.raises(DataError, match="no clips"):
        fit_density(nothing, np.zeros(0, dtype=np.int64), nothing, nothing)
