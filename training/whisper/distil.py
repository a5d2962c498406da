"""The distillation of the compact encoder: narrowed map by map, then trained block by block."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from core.errors import DataError
from training.data.recordings import sounds_digest
from training.loop import autocast, fit_epochs, gradient_step, load_checkpoint, save_checkpoint
from training.whisper.narrow import Basis, explained_variance, fit_basis, narrow
from training.whisper.sounds import UnlabelledSounds, draw_windows
from training.whisper.student import StudentSettings, make_student, student_states
from training.whisper.teacher import Teacher, level

_LOG = logging.getLogger(__name__)
_NARROWED: Final = "narrowed.pt"
_VALIDATION_WINDOWS: Final = 64


@dataclass(frozen=True)
class EncoderDistilSettings:
    """Settings of the distillation."""

    student: StudentSettings = field(default_factory=StudentSettings)  # shape of the encoder
    narrowed_windows: int = 1_500  # windows that the maps are solved on
    # Of the training with gradients; a checkpoint is written every epoch.
    steps: int = 1_500
    batch: int = 16
    steps_per_epoch: int = 100
    # Largest and last learning rate of AdamW (Loshchilov and Hutter, ICLR 2019), and the steps until the
    # largest is reached; between them half a cosine.
    rate: float = 6e-5
    last_rate: float = 4e-6
    warmup: int = 30
    weight_decay: float = 1e-3  # decoupled
    # Weights of the distances before the first block and after each; what stands behind them depends on the
    # last ones most.
    hints: tuple[float, ...] = (0.1, 0.3, 0.8, 1.5)
    pooled: float = 0.3  # weight of the distance of mean and deviation over time beside that of the frames
    # Of everything random; of torch.
    seed: int = 0
    threads: int = 2


@dataclass(frozen=True)
class Distilled:
    """A trained encoder."""

    student: nn.Module  # ``transformers.Wav2Vec2Model``, in evaluation mode
    basis: Basis  # where its stream lies in the teacher's
    # Share of the variance of the teacher's streams on held-out windows before the first block and after
    # each, after the narrowing alone.
    narrowed: tuple[float, ...]


def distil_encoder(
    teacher: Teacher,
    sounds: UnlabelledSounds,
    held_out: Tensor,
    run_dir: Path,
    settings: EncoderDistilSettings | None = None,
) -> Distilled:
    """Narrow the teacher, then train the student, or go on with it.

    Each frame of each block is compared on the teacher's principal components, each divided by the square
    root of its standard deviation: between errors as they are (few loud components count alone) and whitened
    ones (noise counts as much as voice). Beside the frames, mean and deviation over time are compared, which
    is what heads look at first. Hints at every block: Romero et al., "FitNets", ICLR 2015. The curves are
    about the windows held out, ``(windows, samples)``.

    Raises
    ------
    DataError
        A recording is not finite, or the loss left the finite numbers.
    """
    settings = settings or EncoderDistilSettings()
    torch.set_num_threads(settings.threads)
    weight = teacher.array("conv1/weight").numpy()
    identity = sounds_digest([*sounds.speech, *sounds.music, *sounds.sounds, weight])
    student, basis, narrowed = _narrowed(teacher, sounds, held_out, run_dir, settings, identity)
    student.requires_grad_(True)
    student.encoder.pos_conv_embed.table.requires_grad_(False)
    optimiser = torch.optim.AdamW(
        [value for value in student.parameters() if value.requires_grad],
        lr=settings.rate,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.98),
    )
    scheduler = LambdaLR(optimiser, lambda step: _rate(step, settings))
    scale = basis.spread.sqrt() * basis.spread.sqrt().square().mean().sqrt()
    to_components = basis.turn / scale

    def run_epoch(epoch: int) -> dict[str, float]:
        rng, losses = np.random.default_rng([settings.seed, 1, epoch]), []
        student.train()
        for _ in range(settings.steps_per_epoch):
            windows = torch.from_numpy(draw_windows(sounds, rng, settings.batch))
            loss = _loss(teacher, basis, student, windows, to_components, settings)
            losses.append(gradient_step(loss, optimiser, student, largest_norm=1.0, epoch=epoch))
            scheduler.step()
        student.eval()
        shares = explained_variance(teacher, basis, student, held_out[:_VALIDATION_WINDOWS])
        return {
            "loss": float(np.mean(losses)),
            **{f"variance_{block}": share for block, share in enumerate(shares)},
        }

    fit_epochs(
        run_epoch,
        -(-settings.steps // settings.steps_per_epoch),
        {"student": student, "optimiser": optimiser, "scheduler": scheduler},
        name="encoder",
        seed=settings.seed,
        settings=asdict(settings),
        identity=identity,
        run_dir=run_dir,
    )
    student.eval().requires_grad_(False)
    return Distilled(student, basis, narrowed)


def _narrowed(
    teacher: Teacher,
    sounds: UnlabelledSounds,
    held_out: Tensor,
    run_dir: Path,
    settings: EncoderDistilSettings,
    identity: str,
) -> tuple[Any, Basis, tuple[float, ...]]:
    """The narrowed student, solved or as it was kept."""
    path = run_dir / _NARROWED
    made_from = {
        "student": settings.student.record(),
        "windows": settings.narrowed_windows,
        "seed": settings.seed,
        "identity": identity,
    }
    student: Any = make_student(settings.student)
    if path.exists():
        state = load_checkpoint(path)
        if state.get("made_from") == made_from:
            student.load_state_dict(state["student"])
            return student.eval(), Basis(**state["basis"]), tuple(state["shares"])
    rng = np.random.default_rng([settings.seed, 0])
    windows = torch.from_numpy(draw_windows(sounds, rng, settings.narrowed_windows))
    if not torch.isfinite(windows).all():
        raise DataError("A recording of the material holds values that are not finite: take it out.")
    basis = fit_basis(teacher, torch.split(windows[: len(windows) // 2], 24), settings.student.hidden_size)
    student = narrow(teacher, basis, windows, settings.student)
    shares = explained_variance(teacher, basis, student, held_out)
    _LOG.info("narrowed: %s", [round(share, 4) for share in shares])
    state = {"student": student.state_dict(), "basis": vars(basis), "shares": shares}
    save_checkpoint(path, {"made_from": made_from, **state})
    return student, basis, tuple(shares)


def _loss(
    teacher: Teacher,
    basis: Basis,
    student: Any,
    windows: Tensor,
    to_components: Tensor,
    settings: EncoderDistilSettings,
) -> Tensor:
    with torch.no_grad():
        mels = teacher.log_mel(level(windows))
        with autocast():
            streams = teacher.streams(mels)
        wanted = [basis.project(stream.float()) for stream in streams]
    with autocast():
        found = student_states(student, mels)
    loss = torch.zeros(())
    for truth, own, weight in zip(wanted, found, settings.hints, strict=True):
        missed = (truth - own.float()) @ to_components
        deviations = [(frames.float() @ to_components).std(dim=1) for frames in (truth, own)]
        over_time = missed.mean(dim=1).square().mean() + (deviations[0] - deviations[1]).square().mean()
        loss = loss + weight * (missed.square().mean() + settings.pooled * over_time)
    return loss


def _rate(step: int, settings: EncoderDistilSettings) -> float:
    """Share of the largest rate."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    done = min(1.0, (step - settings.warmup) / max(1, settings.steps - settings.warmup))
    least = settings.last_rate / settings.rate
    return float(least + (1 - least) * 0.5 * (1 + np.cos(np.pi * done)))
