"""The loss of each task; what is unknown takes no part."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from models.track.tasks import Task, TaskKind
from training.track.config import RegressionLoss


def task_loss(
    task: Task, logits: Tensor, targets: Tensor, weights: Tensor | None, regression_loss: RegressionLoss
) -> Tensor:
    """Mean loss over what is known; 0 where nothing is.

    Parameters
    ----------
    logits
        ``(entries, labels)``; of a regression the standardised values.
    targets
        The same shape, NaN where unknown; of a regression standardised.
    weights
        Of the labels, see `balance.label_weights`.
    """
    known = targets.isfinite()
    if not known.any():
        return logits.sum() * 0.0
    if task.kind is TaskKind.SINGLE_LABEL:
        rows = known.all(dim=1)
        return functional.cross_entropy(logits[rows], targets[rows], weight=weights)
    given, wanted = logits[known], targets[known]
    if task.kind is TaskKind.MULTI_LABEL:
        positive = None if weights is None else weights.expand_as(logits)[known]
        return functional.binary_cross_entropy_with_logits(given, wanted, pos_weight=positive)
    if regression_loss is RegressionLoss.MSE:
        return functional.mse_loss(given, wanted)
    return functional.smooth_l1_loss(given, wanted)
