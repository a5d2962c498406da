"""The narrowing: each linear map of the student solved from the teacher's, with no gradient.

The student's stream is the teacher's on its principal components. Each map is a ridge regression from the
student's own inputs, so that it corrects what those before it lost. Heads keep the directions in which their
queries meet their keys, and the feed-forward network the neurons that matter most.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from training.whisper.student import StudentSettings, make_student, student_states
from training.whisper.teacher import HEADS, BlockParts, Teacher, level

_LOG = logging.getLogger(__name__)
_RIDGE: Final = 1e-4
_BATCH: Final = 24
_SCALED_ON: Final = 30
"""Batches by which channels, heads and neurons are weighed."""
Pairs = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Basis:
    """Where the student's stream lies in the teacher's."""

    # Orthonormal columns, ``(teacher's width, student's width)``. They span the leading principal components,
    # turned so that what the student's norms take off (the mean of the channels) is the least of those.
    directions: Tensor
    mean: Tensor  # of the teacher's streams, ``(teacher's width,)``
    # Standard deviation of each principal component over all blocks, ``(student's width,)``, largest first.
    spread: Tensor
    turn: Tensor  # from the student's channels to those components, ``(student's width, student's width)``

    def project(self, stream: Tensor) -> Tensor:
        """The teacher's stream ``(..., width)`` as the student is to have it, ``(..., narrow width)``."""
        return stream @ self.directions

    def widen(self, stream: Tensor) -> Tensor:
        """The student's stream ``(..., narrow width)`` in the teacher's channels, ``(..., width)``."""
        missing = self.mean - (self.mean @ self.directions) @ self.directions.T
        return stream @ self.directions.T + missing


@torch.no_grad()
def fit_basis(teacher: Teacher, batches: Sequence[Tensor], width: int) -> Basis:
    """The leading principal components of the streams after all blocks, of ``(windows, samples)``."""
    size, count = teacher.width, 0
    total, squares = torch.zeros(size, dtype=torch.float64), torch.zeros(size, size, dtype=torch.float64)
    for batch in batches:
        for state in teacher(batch)[1:]:
            flat = state.flatten(0, 1)
            total += flat.sum(0, dtype=torch.float64)
            squares += (flat.T @ flat).double()
            count += len(flat)
    mean = total / count
    variances, vectors = torch.linalg.eigh(squares / count - mean[:, None] * mean)
    components = vectors.flip(1)[:, :width]
    # An orthogonal matrix whose last row is constant: the last component lies along the mean of the channels.
    start = torch.randn(width, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start[:, 0] = 1.0
    turn = torch.linalg.qr(start)[0].roll(-1, dims=1).T  # (components, channels)
    spread = variances.flip(0)[:width].clamp_min(1e-12).sqrt()
    return Basis((components @ turn).float(), mean.float(), spread.float(), turn.T.float().contiguous())


@torch.no_grad()
def narrow(teacher: Teacher, basis: Basis, windows: Tensor, settings: StudentSettings) -> nn.Module:
    """Solve the student, as `student.make_student` shapes it.

    Waveforms, ``(windows, samples)``, some thousand, are held in memory with both streams in float16. The
    student has as many heads as the teacher, and as many blocks or fewer.
    """
    student: Any = make_student(settings)
    mels = [teacher.log_mel(level(batch)).half() for batch in torch.split(windows, _BATCH)]
    _LOG.info("solving: stem")
    _solve_stem(teacher, basis, student, mels)
    wide = [teacher.stem(batch.float()).half() for batch in mels]
    slim = [student_states(student, batch.float())[0] for batch in mels]
    for n in range(settings.n_layers):
        _LOG.info("solving: block %d", n + 1)
        wide, slim = _solve_block(teacher, basis, student, n, wide, slim)
    return student.eval()  # type: ignore[no-any-return]


@torch.no_grad()
def explained_variance(teacher: Teacher, basis: Basis, student: nn.Module, windows: Tensor) -> list[float]:
    """Share of the variance of the teacher's streams that the student's explain, before and after each block.

    Windows, ``(windows, samples)``, are of sounds that the student was not trained on.
    """
    missed, total = [0.0] * (teacher.n_blocks + 1), [0.0] * (teacher.n_blocks + 1)
    mean, means = [torch.zeros(teacher.width)] * len(total), 0
    for first in (True, False):  # the mean first, then the deviations from it
        for batch in torch.split(windows, _BATCH):
            mels = teacher.log_mel(level(batch))
            states = teacher.streams(mels)
            if first:
                mean = [old + state.sum((0, 1)) for old, state in zip(mean, states, strict=True)]
                means += states[0].shape[0] * states[0].shape[1]
                continue
            for n, (state, own) in enumerate(zip(states, student_states(student, mels), strict=True)):
                missed[n] += float((state - basis.widen(own)).square().sum(dtype=torch.float64))
                total[n] += float((state - mean[n] / means).square().sum(dtype=torch.float64))
    return [1.0 - one / whole for one, whole in zip(missed, total, strict=True)]


def _ridge(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Ridge regression over batches of rows: weight ``(out, in)`` and bias ``(out,)``."""
    gram: Tensor | None = None
    cross: Tensor | None = None
    for inputs, targets in pairs:
        with_one = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1)
        one, other = (with_one.T @ with_one).double(), (with_one.T @ targets).double()
        gram = one if gram is None else gram + one
        cross = other if cross is None else cross + other
    assert gram is not None
    assert cross is not None
    penalty = torch.eye(len(gram), dtype=torch.float64) * (_RIDGE * gram.diagonal()[:-1].mean())
    penalty[-1, -1] = 0.0
    both = torch.linalg.solve(gram + penalty, cross).float()
    return both[:-1].T.contiguous(), both[-1].contiguous()


def _flat(frames: Tensor) -> Tensor:
    return frames.float().flatten(0, 1)


def _norm(stream: Tensor) -> Tensor:
    return nn.functional.layer_norm(stream, (stream.shape[-1],))


def _set(layer: Any, weight: Tensor, bias: Tensor) -> None:
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)


def _solve_stem(teacher: Teacher, basis: Basis, student: Any, mels: Sequence[Tensor]) -> None:
    """The channels of the first convolution that matter most; the second solved from those."""
    front = student.feature_extractor
    energy = torch.stack(
        [teacher.first_conv(batch.float()).square().mean((0, 2)) for batch in mels[:_SCALED_ON]]
    ).sum(0)
    weight = teacher.array("conv2/weight")
    kept = (energy * weight.square().sum((0, 2))).argsort(descending=True)[: front.conv1.out_channels]
    _set(front.conv1, teacher.array("conv1/weight")[kept], teacher.array("conv1/bias")[kept])
    outputs = [
        nn.functional.gelu(teacher.second_conv(teacher.first_conv(batch.float()))).square().mean((0, 2))
        for batch in mels[:_SCALED_ON]
    ]
    loud = torch.stack(outputs).sum(0).argsort(descending=True)[: front.conv2.out_channels]

    def pairs() -> Pairs:
        for batch in mels:
            whole = teacher.first_conv(batch.float())
            frames = nn.functional.pad(whole[:, kept], (1, 1)).unfold(2, 3, 2)  # (batch, channels, frames, 3)
            yield (
                frames.permute(0, 2, 1, 3).flatten(2).flatten(0, 1),
                _flat(teacher.second_conv(whole)[:, loud].transpose(1, 2)),
            )

    solved, bias = _ridge(pairs())
    _set(front.conv2, solved.reshape(len(solved), len(kept), 3), bias)
    student.encoder.pos_conv_embed.table.copy_(
        basis.project(teacher.positions(student.encoder.pos_conv_embed.table.shape[0]))
    )

    def projected() -> Pairs:
        for batch in mels:
            stem = teacher.stem(batch.float()) - teacher.positions(batch.shape[2] // 2)
            yield _flat(front.features(batch.float()).transpose(1, 2)), _flat(basis.project(stem))

    _set(student.feature_projection.projection, *_ridge(projected()))


def _solve_block(
    teacher: Teacher, basis: Basis, student: Any, n: int, wide: list[Tensor], slim: list[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """One block; gives both streams after it."""
    layer = student.encoder.layers[n]
    used = teacher.array(f"layer_{n}/ffn/linear_1/weight").square().sum(0)
    parts = [BlockParts(*(part.half() for part in teacher.block(stream.float(), n))) for stream in wide]
    energy = [nn.functional.gelu(part.hidden.float()).square().mean((0, 1)) for part in parts[:_SCALED_ON]]
    kept = (torch.stack(energy).sum(0) * used).argsort(descending=True)
    kept = kept[: layer.feed_forward.intermediate_dense.out_features]

    qkv = _ridge((_flat(_norm(s)), _flat(part.qkv)) for part, s in zip(parts, slim, strict=True))
    _set_heads(layer.attention, qkv, teacher.array(f"layer_{n}/self_attention/linear_1/weight"), slim)
    contexts = [_context(layer.attention, _norm(s)) for s in slim]
    attended = (
        (_flat(c), _flat(basis.project(part.attended.float()) - s))
        for part, s, c in zip(parts, slim, contexts, strict=True)
    )
    _set(layer.attention.out_proj, *_ridge(attended))
    slim = [s + layer.attention.out_proj(c) for s, c in zip(slim, contexts, strict=True)]

    hidden = ((_flat(_norm(s)), _flat(part.hidden[..., kept])) for part, s in zip(parts, slim, strict=True))
    _set(layer.feed_forward.intermediate_dense, *_ridge(hidden))
    active = [nn.functional.gelu(layer.feed_forward.intermediate_dense(_norm(s))).half() for s in slim]
    after = (
        (_flat(a), _flat(basis.project(part.stream.float()) - s))
        for part, s, a in zip(parts, slim, active, strict=True)
    )
    _set(layer.feed_forward.output_dense, *_ridge(after))
    slim = [s + layer.feed_forward.output_dense(a.float()) for s, a in zip(slim, active, strict=True)]
    return [part.stream for part in parts], slim


def _root(moment: Tensor) -> tuple[Tensor, Tensor]:
    """Square root of a second moment, and its inverse."""
    values, vectors = torch.linalg.eigh(moment)
    values = values.clamp_min(1e-9 * float(values.max()))
    return (vectors * values.sqrt()) @ vectors.T, (vectors / values.sqrt()) @ vectors.T


def _set_heads(attention: Any, qkv: tuple[Tensor, Tensor], out: Tensor, slim: Sequence[Tensor]) -> None:
    """Narrow each head: queries and keys to where they meet, values to what the layer behind uses of them."""
    weight, bias = qkv
    wide = len(weight) // 3 // HEADS
    size = attention.q_proj.out_features // HEADS
    frames = torch.cat([_flat(_norm(s)) for s in slim[:_SCALED_ON]])
    answers = frames @ weight.T + bias
    for head in range(HEADS):
        rows = [
            slice(part * HEADS * wide + head * wide, part * HEADS * wide + (head + 1) * wide)
            for part in range(3)
        ]
        moments = [(answers[:, r].T @ answers[:, r] / len(answers)).double() for r in rows]
        (root_q, back_q), (root_k, back_k), (root_v, back_v) = (_root(moment) for moment in moments)
        left, values, right = torch.linalg.svd(root_q @ root_k)
        scale = values[:size].sqrt()
        # Wav2Vec2 divides by the root of its own head size, the teacher by that of a wider one.
        to_q = (back_q @ left[:, :size] * scale).float() * (size / wide) ** 0.5
        to_k = (back_k @ right.T[:, :size] * scale).float()
        behind = out[:, head * wide : (head + 1) * wide].double()
        to_v = (back_v @ torch.linalg.svd(root_v @ behind.T)[0][:, :size]).float()
        place = slice(head * size, (head + 1) * size)
        for layer, to, r in zip(
            (attention.q_proj, attention.k_proj, attention.v_proj), (to_q, to_k, to_v), rows, strict=True
        ):
            layer.weight[place] = to.T @ weight[r]
            layer.bias[place] = to.T @ bias[r]


def _context(attention: Any, inputs: Tensor) -> Tensor:
    """What the heads bring together, before the projection behind them."""
    heads = [
        layer(inputs).reshape(*inputs.shape[:2], HEADS, -1).transpose(1, 2)
        for layer in (attention.q_proj, attention.k_proj, attention.v_proj)
    ]
    mixed = nn.functional.scaled_dot_product_attention(*heads)
    return mixed.transpose(1, 2).flatten(2)
