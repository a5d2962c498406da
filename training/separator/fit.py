"""The separator's training: first on spectra, then also on what the emotion encoder makes of the voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.emotion.hybrid import EmotionHybrid
from models.emotion.spectra import HOP, LEAST_LEVEL, SIZE
from training.data.cache import Clip, SpeechCache
from training.loop import autocast, fit_cycles
from training.progress import StepProgress, no_progress
from training.separator.mixtures import Mixtures, MixtureSettings, mixtures
from training.separator.network import Separator, SeparatorShape, separate

_VALIDATION_WINDOWS: Final = 192
_POWER: Final = 0.3
"""Magnitudes are compared under this power: what is faint counts too (Wilson et al., ICASSP 2018)."""
_LEAST_VOICE: Final = 1e-6
_HISS: Final = 1e-4


@dataclass(frozen=True)
class FitSettings:
    """Settings of one training."""

    # Batches compared by spectra alone, and by spectra and the emotion encoder's states.
    spectral_steps: int = 1_500
    joint_steps: int = 2_500
    # Batches between two checkpoints, and windows in each, in the two parts.
    steps_per_epoch: int = 250
    batch: int = 24
    joint_batch: int = 16
    # Highest rates of AdamW in the two parts, each a cycle that ends at nothing.
    peak_rate: float = 2e-3
    joint_rate: float = 7e-4
    states_weight: float = 1.0  # of the distance of states beside that of spectra
    weight_decay: float = 1e-2  # of AdamW
    # Of everything random; of torch.
    seed: int = 0
    threads: int = 2
    # Of the network; of its input.
    shape: SeparatorShape = field(default_factory=SeparatorShape)
    heard: MixtureSettings = field(default_factory=MixtureSettings)


@dataclass(frozen=True)
class SeparationData:
    """What is trained and validated on."""

    cache: SpeechCache  # voices
    # To train on.
    clips: Sequence[Clip]
    songs: Sequence[NDArray[np.float32]]
    # Other people and songs, for the curves.
    validation_clips: Sequence[Clip]
    validation_songs: Sequence[NDArray[np.float32]]


def fit_separator(
    encoder: EmotionHybrid,
    data: SeparationData,
    run_dir: Path,
    settings: FitSettings,
    *,
    identity: str,
    on_step: StepProgress = no_progress,
) -> Separator:
    """Train the separator, or go on with it after the last whole epoch.

    The states of the frozen encoder for a voice alone are to be those for that voice out of the music.

    Raises
    ------
    DataError
        The loss left the finite numbers, or nothing can be written.
    """
    torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = Separator(settings.shape)
    validation = mixtures(
        np.random.default_rng([settings.seed, 1]),
        data.cache,
        data.validation_clips,
        data.validation_songs,
        _VALIDATION_WINDOWS,
        settings.heard,
    )

    def loss_of(step: int, rng: np.random.Generator) -> Tensor:
        joint = step >= settings.spectral_steps
        count = settings.joint_batch if joint else settings.batch
        batch = mixtures(rng, data.cache, data.clips, data.songs, count, settings.heard)
        return torch.stack(_distances(network.train(), encoder if joint else None, batch, settings)).sum()

    fit_cycles(
        loss_of,
        lambda: _validate(network, encoder, validation, settings),
        network,
        torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay),
        [(settings.spectral_steps, settings.peak_rate), (settings.joint_steps, settings.joint_rate)],
        run_dir,
        asdict(settings),
        name="separator",
        part="network",
        identity=identity,
        largest_norm=1.0,
        stream=(2,),
        on_step=on_step,
    )
    return network.eval()


def _distances(
    network: nn.Module, encoder: EmotionHybrid | None, batch: Mixtures, settings: FitSettings
) -> list[Tensor]:
    """Distance of the spectra and, with an encoder, of its states, each in units of what the voices vary."""
    mixture, voice = torch.from_numpy(batch.mixture), torch.from_numpy(batch.voice)
    with autocast():
        separated, magnitudes = separate(network, mixture)
    distances = [_spectral_distance(magnitudes, voice, mixture)]
    if encoder is not None:
        spoken = torch.from_numpy(np.flatnonzero(np.abs(batch.voice).max(axis=1) > _LEAST_VOICE))
        if len(spoken):
            states = _state_distance(encoder, separated[spoken], voice[spoken])
            distances.append(settings.states_weight * states)
    return distances


def _spectral_distance(magnitudes: Tensor, voice: Tensor, mixture: Tensor) -> Tensor:
    taper = torch.hann_window(SIZE)
    wanted, whole = (
        torch.stft(sound, SIZE, HOP, window=taper, center=True, pad_mode="constant", return_complex=True)
        .abs()
        .transpose(1, 2)
        for sound in (voice, mixture)
    )
    level = whole.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(LEAST_LEVEL)
    own, truth = (((part / level) + 1e-4).pow(_POWER) for part in (magnitudes.float(), wanted))
    return 10.0 * (own - truth).square().mean()


def _state_distance(encoder: EmotionHybrid, separated: Tensor, voice: Tensor) -> Tensor:
    """Mean square distance of all states and of the log-mels, in units of their variance over the batch."""
    # Digital silence, which no microphone gives, would stand out from everything else.
    hiss = _HISS * torch.randn_like(voice)
    separated, voice = separated + hiss, voice + hiss
    with autocast():
        with torch.no_grad():
            wanted = [*encoder.hidden_states(voice), encoder.spectrogram(voice).transpose(1, 2)]
        found = [*encoder.hidden_states(separated), encoder.spectrogram(separated).transpose(1, 2)]
    total = torch.zeros(())
    for own, truth in zip(found, wanted, strict=True):
        spread = truth.float().var(dim=(0, 1))
        unit = spread + 0.1 * spread.mean()
        total = total + ((own.float() - truth.float()).square() / unit).mean()
    return total / len(wanted)


def _validate(
    network: Separator, encoder: EmotionHybrid, windows: Mixtures, settings: FitSettings
) -> dict[str, float]:
    """Distances on people and songs that are not trained on."""
    network.eval()
    found: list[list[float]] = []
    with torch.no_grad():
        for first in range(0, len(windows.mixture), settings.batch):
            rows = slice(first, first + settings.batch)
            part = Mixtures(windows.mixture[rows], windows.voice[rows])
            found.append([float(distance) for distance in _distances(network, encoder, part, settings)])
    spectral, states = (np.mean([part[place] for part in found if len(part) > place]) for place in (0, 1))
    return {"spectral": float(spectral), "states": float(states)}
