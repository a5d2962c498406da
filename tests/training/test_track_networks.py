"""Networks of several tasks: any length of time, standardised inputs, losses of what is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.track.multi_task import SIZES
from models.track.tasks import InputKind
from tests.training.invented_tracks import GENRE, MOODS, TEMPO
from training.track.config import RegressionLoss
from training.track.losses import task_loss
from training.track.networks import FUSED_SIZE, ModelType, TrackNet

TASKS = (GENRE, MOODS, TEMPO)


def inputs_of(frames: int, steps: int, count: int = 3) -> dict[InputKind, torch.Tensor]:
    torch.manual_seed(0)
    return {
        InputKind.EMBEDDING: torch.rand(count, 1024),
        InputKind.EMBEDDINGS: torch.rand(count, steps, 1024),
        InputKind.FEATURES: torch.randn(count, 103),
        InputKind.SPECTROGRAM: torch.randn(count, 128, frames),
    }


@pytest.mark.parametrize("model_type", ModelType)
@pytest.mark.parametrize("kind", [*InputKind, None])
def test_a_network_answers_every_task_whatever_the_length(
    model_type: ModelType, kind: InputKind | None
) -> None:
    sizes = dict(SIZES) if kind is None else {kind: SIZES[kind]}
    net = TrackNet(sizes, TASKS, model_type).eval()
    for frames, steps in ((16, 1), (937, 31)):
        given = inputs_of(frames, steps)
        genre, moods, bpm, fused = net(*(given[one] for one in sizes))
        assert (genre.shape, moods.shape, bpm.shape) == ((3, 3), (3, 3), (3, 1))
        assert fused.shape == (3, FUSED_SIZE)
        torch.testing.assert_close(genre.sum(dim=1), torch.ones(3))


def test_inputs_are_standardised_and_what_never_differs_is_left_out() -> None:
    features = np.random.default_rng(0).normal(5e6, 3e3, (50, 103)).astype(np.float32)
    features[:, 7] = 3.0
    net = TrackNet({InputKind.FEATURES: 103}, (TEMPO,), ModelType.CNN).eval()
    bpm = np.random.default_rng(1).normal(120, 30, (50, 1)).astype(np.float32)
    bpm[0] = np.nan
    net.standardise_on({InputKind.FEATURES: features}, {"bpm": bpm})
    prepared = net.prepare[0](torch.from_numpy(features))
    assert prepared.mean(dim=0).abs().max() < 0.05
    np.testing.assert_allclose(prepared.std(dim=0).numpy()[:7], 1.0, atol=0.05)
    assert prepared[:, 7].abs().max() == 0.0
    with torch.no_grad():
        answers, _ = net(torch.from_numpy(features))
        features[:, 7] = 1e9
        again, _ = net(torch.from_numpy(features))
    torch.testing.assert_close(answers, again)
    assert 60 < float(answers.mean()) < 180  # values come in their own units


def test_what_is_unknown_has_no_part_in_a_loss() -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    known = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    for task in TASKS[:2]:
        half = torch.cat([known, torch.full((2, 3), torch.nan)])
        loss = task_loss(task, logits, half, None, RegressionLoss.MSE)
        alone = task_loss(task, logits[:2], known, None, RegressionLoss.MSE)
        torch.testing.assert_close(loss, alone)
        loss.backward()
        assert logits.grad is not None
        assert logits.grad[2:].abs().max() == 0
        logits.grad = None
    nothing = task_loss(GENRE, logits, torch.full((4, 3), torch.nan), None, RegressionLoss.MSE)
    assert float(nothing.detach()) == 0.0


def test_losses_of_values() -> None:
    given, wanted = torch.tensor([[3.0], [0.5]]), torch.tensor([[0.0], [0.0]])
    assert float(task_loss(TEMPO, given, wanted, None, RegressionLoss.MSE)) == pytest.approx(4.625)
    assert float(task_loss(TEMPO, given, wanted, None, RegressionLoss.SMOOTH_L1)) == pytest.approx(1.3125)
