"""The compact encoder from end to end: narrowed map by map, then taught block by block with gradients."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from core.errors import DataError
from models.training.board import open_board
from models.training.checkpoint import load_checkpoint, resume, save_checkpoint
from models.training.processor import has_fast_bf16
from models.training.whisper.material import UnlabelledSounds, draw_windows
from models.training.whisper.narrow import Basis, explained_variance, fit_basis, narrow
from models.training.whisper.student import StudentSettings, make_student, student_states
from models.training.whisper.teacher import Teacher, level

__all__ = ["Distilled", "EncoderDistilSettings", "distil_encoder"]

_LOG = logging.getLogger(__name__)
_NARROWED: Final = "narrowed.pt"
_CHECKPOINT: Final = "checkpoint.pt"
_WATCHED: Final = 64


@dataclass(frozen=True)
class EncoderDistilSettings:
    """Every knob of the distillation.

    Attributes
    ----------
    student
        Shape of the encoder.
    narrowed_windows
        Windows that the maps are solved on.
    steps, batch, steps_per_epoch
        Of the training with gradients; a checkpoint is written every epoch.
    rate, last_rate, warmup
        Largest and last learning rate of AdamW (Loshchilov and Hutter, ICLR 2019), and the steps until the
        largest is reached; between them half a cosine.
    weight_decay
        Decoupled.
    hints
        Weights of the distances before the first block and after each; what stands behind them hears the
        last ones most.
    pooled
        Weight of the distance of mean and deviation over time beside that of the frames.
    seed, threads
        Of everything random; of torch.
    """

    student: StudentSettings = field(default_factory=StudentSettings)
    narrowed_windows: int = 1_500
    steps: int = 1_500
    batch: int = 16
    steps_per_epoch: int = 100
    rate: float = 6e-5
    last_rate: float = 4e-6
    warmup: int = 30
    weight_decay: float = 1e-3
    hints: tuple[float, ...] = (0.1, 0.3, 0.8, 1.5)
    pooled: float = 0.3
    seed: int = 0
    threads: int = 2


@dataclass(frozen=True)
class Distilled:
    """A taught encoder.

    Attributes
    ----------
    student
        ``transformers.Wav2Vec2Model``, in evaluation mode.
    basis
        Where its stream lies in the teacher's.
    narrowed, taught
        Share of the variance of the teacher's streams on kept-out windows before the first block and after
        each, after the narrowing alone and at the end.
    """

    student: nn.Module
    basis: Basis
    narrowed: tuple[float, ...]
    taught: tuple[float, ...]


def distil_encoder(
    teacher: Teacher,
    material: UnlabelledSounds,
    kept_out: Tensor,
    run_dir: Path,
    settings: EncoderDistilSettings | None = None,
) -> Distilled:
    """Narrow the teacher, then teach the student, or go on with it.

    Each frame of each block is compared on the teacher's principal components, each divided by the square
    root of its standard deviation: between errors as they are (few loud components count alone) and whitened
    ones (noise counts as much as voice). Beside the frames, mean and deviation over time are compared, which
    is what heads look at first. Hints at every block: Romero et al., "FitNets", ICLR 2015.

    Parameters
    ----------
    teacher
        As many blocks as the student has.
    material
        What is heard.
    kept_out
        Windows that are not, ``(windows, samples)``: the curves are about those.
    run_dir
        Folder of checkpoints and TensorBoard events.
    settings
        The recipe.

    Raises
    ------
    DataError
        A recording is not finite, or the loss left the finite numbers.
    WeightsError
        A checkpoint is damaged or belongs to another recipe or material.
    """
    settings = settings or EncoderDistilSettings()
    torch.set_num_threads(settings.threads)
    marks = {"settings": {**asdict(settings), "threads": None}, "identity": _identity(teacher, material)}
    student, basis, narrowed = _narrowed(teacher, material, kept_out, run_dir, settings, marks)
    student.requires_grad_(True)
    student.encoder.pos_conv_embed.table.requires_grad_(False)
    optimiser = torch.optim.AdamW(
        [value for value in student.parameters() if value.requires_grad],
        lr=settings.rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.98),
    )
    scheduler = LambdaLR(optimiser, lambda step: _rate(step, settings))
    parts = {"student": student, "optimiser": optimiser, "scheduler": scheduler}
    epochs = -(-settings.steps // settings.steps_per_epoch)
    first = resume(run_dir / _CHECKPOINT, marks, parts)
    show = open_board(run_dir / "tensorboard", first_step=first)
    scale = basis.spread.sqrt() * basis.spread.sqrt().square().mean().sqrt()
    to_components = basis.turn / scale
    for epoch in range(first, epochs):
        started, losses = time.monotonic(), []
        rng = np.random.default_rng([settings.seed, 1, epoch])
        student.train()
        for _ in range(settings.steps_per_epoch):
            windows = torch.from_numpy(draw_windows(material, rng, settings.batch))
            loss = _step(teacher, basis, student, optimiser, windows, to_components, settings)
            scheduler.step()
            losses.append(loss)
            if not np.isfinite(loss):
                raise DataError(f"The loss became {loss} in epoch {epoch + 1}: lower the rate.")
        student.eval()
        seen = {"loss": float(np.mean(losses)), "seconds": time.monotonic() - started}
        shares = explained_variance(teacher, basis, student, kept_out[:_WATCHED])
        seen |= {f"variance_{n}": share for n, share in enumerate(shares)}
        _LOG.info("epoch %d of %d: %s", epoch + 1, epochs, {k: round(v, 4) for k, v in seen.items()})
        show({f"encoder/{name}": value for name, value in seen.items()}, epoch)
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(run_dir / _CHECKPOINT, {"marks": marks, "epoch": epoch + 1, **states})
    student.eval().requires_grad_(False)
    taught = explained_variance(teacher, basis, student, kept_out)
    return Distilled(student, basis, narrowed, tuple(taught))


def _narrowed(
    teacher: Teacher,
    material: UnlabelledSounds,
    kept_out: Tensor,
    run_dir: Path,
    settings: EncoderDistilSettings,
    marks: dict[str, Any],
) -> tuple[Any, Basis, tuple[float, ...]]:
    """The narrowed student, solved or as it was kept."""
    path = run_dir / _NARROWED
    narrowing = {
        "student": settings.student.record(),
        "windows": settings.narrowed_windows,
        "seed": settings.seed,
        "identity": marks["identity"],
    }
    student: Any = make_student(settings.student)
    if path.exists():
        state = load_checkpoint(path)
        if state.get("marks") == narrowing:
            student.load_state_dict(state["student"])
            return student.eval(), Basis(**state["basis"]), tuple(state["shares"])
    rng = np.random.default_rng([settings.seed, 0])
    windows = torch.from_numpy(draw_windows(material, rng, settings.narrowed_windows))
    if not torch.isfinite(windows).all():
        raise DataError("A recording of the material holds values that are not finite: take it out.")
    basis = fit_basis(teacher, torch.split(windows[: len(windows) // 2], 24), settings.student.hidden_size)
    student = narrow(
        teacher, basis, windows, settings.student, on_progress=lambda what: _LOG.info("solving: %s", what)
    )
    shares = explained_variance(teacher, basis, student, kept_out)
    _LOG.info("narrowed: %s", [round(share, 4) for share in shares])
    state = {"marks": narrowing, "student": student.state_dict(), "basis": vars(basis), "shares": shares}
    save_checkpoint(path, state)
    return student, basis, tuple(shares)


def _step(
    teacher: Teacher,
    basis: Basis,
    student: Any,
    optimiser: torch.optim.Optimizer,
    windows: Tensor,
    to_components: Tensor,
    settings: EncoderDistilSettings,
) -> float:
    with torch.no_grad():
        mels = teacher.log_mel(level(windows))
        with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
            streams = [teacher.stem(mels)]
            for n in range(teacher.n_blocks):
                streams.append(teacher.block(streams[-1], n).stream)
        wanted = [basis.project(stream.float()) for stream in streams]
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        said = student_states(student, mels)
    loss = torch.zeros(())
    for want, say, weight in zip(wanted, said, settings.hints, strict=True):
        missed = (want - say.float()) @ to_components
        deviations = [(frames.float() @ to_components).std(dim=1) for frames in (want, say)]
        over_time = missed.mean(dim=1).square().mean() + (deviations[0] - deviations[1]).square().mean()
        loss = loss + weight * (missed.square().mean() + settings.pooled * over_time)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _rate(step: int, settings: EncoderDistilSettings) -> float:
    """Share of the largest rate."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = min(1.0, (step - settings.warmup) / max(1, settings.steps - settings.warmup))
    least = settings.last_rate / settings.rate
    return float(least + (1 - least) * 0.5 * (1 + np.cos(np.pi * done)))


def _identity(teacher: Teacher, material: UnlabelledSounds) -> str:
    digest = hashlib.sha256()
    for sounds in (material.speech, material.music, material.sounds):
        for sound in sounds:
            digest.update(np.ascontiguousarray(sound).data)
    digest.update(teacher.array("conv1/weight").numpy().data)
    return digest.hexdigest()
