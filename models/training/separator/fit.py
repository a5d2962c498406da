"""Owns the separator's training: first to give the voice's spectra, then what the emotion encoder hears."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import DataError
from models.emotion.hybrid import EmotionHybrid
from models.emotion.spectra import HOP, LEAST_LEVEL, SIZE
from models.training.board import open_board
from models.training.checkpoint import resume, save_checkpoint
from models.training.data.cache import Clip, SpeechCache
from models.training.processor import has_fast_bf16
from models.training.separator.mixtures import Mixtures, MixtureSettings, mixtures
from models.training.separator.network import Separator, SeparatorShape, separate

__all__ = ["FitSettings", "Material", "fit_separator"]

_LOG = logging.getLogger(__name__)
_CHECKPOINT: Final = "checkpoint.pt"
_WATCHED: Final = 192
_POWER: Final = 0.3
"""Magnitudes are compared under this power: what is faint counts too (Wilson et al., ICASSP 2018)."""
_WARM_UP: Final = 0.05
_LEAST_VOICE: Final = 1e-6
_HISS: Final = 1e-4


@dataclass(frozen=True)
class FitSettings:
    """Every knob of one training.

    Attributes
    ----------
    spectral_steps, joint_steps
        Batches judged by spectra alone, and by spectra and the emotion encoder's states.
    steps_per_epoch, batch, joint_batch
        Batches between two checkpoints, and windows in each, in the two parts.
    peak_rate, joint_rate
        Highest rates of AdamW in the two parts, each a cycle that ends at nothing.
    states_weight
        Of the distance of states beside that of spectra.
    weight_decay
        Of AdamW.
    seed, threads
        Of everything random; of torch.
    shape, heard
        Of the network; what it hears.
    """

    spectral_steps: int = 1_500
    joint_steps: int = 2_500
    steps_per_epoch: int = 250
    batch: int = 24
    joint_batch: int = 16
    peak_rate: float = 2e-3
    joint_rate: float = 7e-4
    states_weight: float = 1.0
    weight_decay: float = 1e-2
    seed: int = 0
    threads: int = 2
    shape: SeparatorShape = field(default_factory=SeparatorShape)
    heard: MixtureSettings = field(default_factory=MixtureSettings)


@dataclass(frozen=True)
class Material:
    """What is learned from, and what is watched.

    Attributes
    ----------
    cache
        Voices.
    clips, songs
        What is learned from.
    watched_clips, watched_songs
        Other people and songs, for the curves.
    """

    cache: SpeechCache
    clips: Sequence[Clip]
    songs: Sequence[NDArray[np.float32]]
    watched_clips: Sequence[Clip]
    watched_songs: Sequence[NDArray[np.float32]]


def fit_separator(
    encoder: EmotionHybrid,
    material: Material,
    run_dir: Path,
    settings: FitSettings,
    *,
    identity: str,
    on_step: Callable[[int, int], None] = lambda _done, _total: None,
) -> Separator:
    """Train the separator, or go on with it after the last whole epoch.

    Parameters
    ----------
    encoder
        Frozen; what it says of a voice alone it is to say of that voice out of the music.
    material
        Voices and songs.
    run_dir
        Folder of checkpoint and TensorBoard events.
    settings
        The recipe.
    identity
        Of the material and the encoder: a checkpoint of others is refused.
    on_step
        Called with the steps done and in all.

    Raises
    ------
    DataError
        The loss left the finite numbers, or nothing can be written.
    WeightsError
        The checkpoint is damaged or of another training.
    """
    torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = Separator(settings.shape)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser}
    marks = {"settings": _plain(asdict(settings)), "identity": identity}
    total = settings.spectral_steps + settings.joint_steps
    epoch = resume(run_dir / _CHECKPOINT, marks, parts)
    watched = mixtures(
        np.random.default_rng([settings.seed, 1]),
        material.cache,
        material.watched_clips,
        material.watched_songs,
        _WATCHED,
        settings.heard,
    )
    show = open_board(run_dir / "tensorboard", first_step=epoch)
    while epoch * settings.steps_per_epoch < total:
        started = time.monotonic()
        first = epoch * settings.steps_per_epoch
        last = min(total, first + settings.steps_per_epoch)
        rng = np.random.default_rng([settings.seed, 2, epoch])
        losses = []
        torch.manual_seed(settings.seed * 10_007 + epoch)
        for step in range(first, last):
            joint = step >= settings.spectral_steps
            for group in optimiser.param_groups:
                group["lr"] = _rate(step, settings)
            batch = mixtures(
                rng,
                material.cache,
                material.clips,
                material.songs,
                settings.joint_batch if joint else settings.batch,
                settings.heard,
            )
            loss = sum(_distances(network.train(), encoder if joint else None, batch, settings))
            assert isinstance(loss, Tensor)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
            on_step(step + 1, total)
        if not np.isfinite(losses).all():
            raise DataError(f"The loss became {sum(losses)} in epoch {epoch + 1}: lower the rate.")
        seen = {"loss": float(np.mean(losses)), **_watch(network, encoder, watched, settings)}
        seen["seconds"] = time.monotonic() - started
        told = ", ".join(f"{name} {value:.4f}" for name, value in seen.items())
        _LOG.info("epoch %d, step %d of %d: %s", epoch + 1, last, total, told)
        show({f"separator/{name}": value for name, value in seen.items()}, epoch)
        epoch += 1
        states = {name: part.state_dict() for name, part in parts.items()}
        save_checkpoint(run_dir / _CHECKPOINT, {"marks": marks, "epoch": epoch, **states})
    return network.eval()


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint holds of the settings; the number of threads makes no other training."""
    return {name: repr(value) for name, value in settings.items() if name != "threads"}


def _rate(step: int, settings: FitSettings) -> float:
    """Rises for a twentieth of a part, and falls along half a cosine."""
    joint = step >= settings.spectral_steps
    peak = settings.joint_rate if joint else settings.peak_rate
    done = (
        (step - settings.spectral_steps) / max(1, settings.joint_steps)
        if joint
        else step / max(1, settings.spectral_steps)
    )
    return peak * min((done + 1e-3) / _WARM_UP, 0.5 * (1.0 + math.cos(math.pi * done)))


def _distances(
    network: nn.Module, encoder: EmotionHybrid | None, batch: Mixtures, settings: FitSettings
) -> tuple[Tensor, ...]:
    """Distance of the spectra and, with an encoder, of its states, each in units of what the voices vary."""
    heard, voice = torch.from_numpy(batch.heard), torch.from_numpy(batch.voice)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        separated, magnitudes = separate(network, heard)
    distances = [_spectral(magnitudes, voice, heard)]
    if encoder is not None:
        spoken = torch.from_numpy(np.flatnonzero(np.abs(batch.voice).max(axis=1) > _LEAST_VOICE))
        if len(spoken):
            states = _state_distance(encoder, separated[spoken], voice[spoken])
            distances.append(settings.states_weight * states)
    return tuple(distances)


def _spectral(magnitudes: Tensor, voice: Tensor, heard: Tensor) -> Tensor:
    taper = torch.hann_window(SIZE)
    wanted, whole = (
        torch.stft(sound, SIZE, HOP, window=taper, center=True, pad_mode="constant", return_complex=True)
        .abs()
        .transpose(1, 2)
        for sound in (voice, heard)
    )
    level = whole.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(LEAST_LEVEL)
    said, truth = (((part / level) + 1e-4).pow(_POWER) for part in (magnitudes.float(), wanted))
    return 10.0 * (said - truth).square().mean()


def _state_distance(encoder: EmotionHybrid, separated: Tensor, voice: Tensor) -> Tensor:
    """Mean square distance of all states and of the log-mels, in units of their variance over the batch."""
    # Digital silence, which no microphone gives, would stand out from everything else.
    hiss = _HISS * torch.randn_like(voice)
    separated, voice = separated + hiss, voice + hiss
    with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
        with torch.no_grad():
            wanted = [*encoder.hidden_states(voice), encoder.spectrogram(voice).transpose(1, 2)]
        said = [*encoder.hidden_states(separated), encoder.spectrogram(separated).transpose(1, 2)]
    total = torch.zeros(())
    for own, truth in zip(said, wanted, strict=True):
        spread = truth.float().var(dim=(0, 1))
        unit = spread + 0.1 * spread.mean()
        total = total + ((own.float() - truth.float()).square() / unit).mean()
    return total / len(wanted)


def _watch(
    network: Separator, encoder: EmotionHybrid, watched: Mixtures, settings: FitSettings
) -> dict[str, float]:
    """Distances on people and songs that are not learned from."""
    network.eval()
    found: list[list[float]] = []
    with torch.no_grad():
        for first in range(0, len(watched.heard), settings.batch):
            rows = slice(first, first + settings.batch)
            part = Mixtures(watched.heard[rows], watched.voice[rows])
            found.append([float(distance) for distance in _distances(network, encoder, part, settings)])
    spectral, states = (np.mean([part[place] for part in found if len(part) > place]) for place in (0, 1))
    return {"spectral": float(spectral), "states": float(states)}
