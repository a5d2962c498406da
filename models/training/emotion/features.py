"""Owns what a frozen encoder says of every clip, kept on disk: computed once, whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import DataError
from models.emotion.hybrid import EmotionHybrid, Frozen, HybridSettings
from models.training.data.recordings import sounds_digest
from models.training.data.window import voice_window
from models.training.emotion.effects import EffectSettings, augmented_window, view_rng
from models.training.emotion.encoders import encoder_fingerprint
from models.writing import writing

__all__ = ["ClipLike", "Features", "SpeechSource", "cache_features"]

_FORMAT: Final = "attune-features-2"
_STATISTICS: Final = "statistics.npy"
_STATES: Final = "states.npy"
_LOG_MEL: Final = "log_mel.npy"
_PROGRESS: Final = "progress.json"
_HALF_MAX: Final = float(np.finfo(np.float16).max)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ClipLike(Protocol):
    """A clip: its name, and where in it the voice is (samples)."""

    @property
    def path(self) -> str:
        """Name, unique among the clips."""

    @property
    def active_start(self) -> int:
        """First sample of the voice."""

    @property
    def active_stop(self) -> int:
        """Sample behind the voice."""


class SpeechSource(Protocol):
    """Where the waveforms of clips come from."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever a waveform may have."""

    def audio(self, clip: Any, /) -> NDArray[np.float32]:
        """Samples of one clip, float32 at 16 kHz."""


@dataclass(frozen=True)
class Features:
    """What a frozen encoder and the log-mel front-end say of clips, memory-mapped.

    Attributes
    ----------
    statistics
        For each view float16, ``(clips, 2 * layers * hidden)``; empty without the pooled branch.
    states
        For each view float16, ``(clips, n_states, frames, hidden)``; empty without the encoder's branch.
    log_mel
        For each view float16, ``(clips, bands, frames)``, of the same windows.
    hidden_size, n_states
        Width of a hidden state, and how many there are; 0 without an encoder.
    paths
        Names of the clips, in order.
    settings
        Of the hybrid they come from.
    identity
        SHA-256 of everything they depend on.
    """

    statistics: tuple[NDArray[np.float16], ...]
    states: tuple[NDArray[np.float16], ...]
    log_mel: tuple[NDArray[np.float16], ...]
    hidden_size: int
    n_states: int
    paths: tuple[str, ...]
    settings: HybridSettings
    identity: str

    @property
    def n_views(self) -> int:
        """Windows kept of each clip; the first is the plain one."""
        return len(self.log_mel)

    def gather(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> Frozen:
        """What is kept of clips, each in one of its views, float32.

        Parameters
        ----------
        rows, views
            Index of the clip, and which of its windows, both ``(batch,)``.
        """

        def pick(kept: tuple[NDArray[np.float16], ...]) -> Tensor:
            out = np.empty((len(rows), *kept[0].shape[1:]), dtype=np.float16)
            for view in np.unique(views):
                of_view = np.flatnonzero(views == view)
                out[of_view] = kept[view][rows[of_view]]
            return torch.from_numpy(out).float()

        return Frozen(
            pick(self.statistics) if self.statistics else None,
            pick(self.states) if self.states else None,
            pick(self.log_mel),
        )


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def cache_features(
    hybrid: EmotionHybrid,
    source: SpeechSource,
    clips: Sequence[ClipLike],
    folder: Path,
    *,
    views: int = 4,
    effects: EffectSettings | None = None,
    noise: Sequence[NDArray[np.float32]] = (),
    seed: int = 0,
    batch: int = 32,
    on_progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Run the frozen encoder over all clips, or open what an earlier call left.

    View 0 is the plain window around the voice, every other view an augmented one, so that what is
    trained on frozen features hears other rooms all the same. Views are kept one by one under a key
    of encoder (its content), layers, preprocessing and clips; asking for more views later computes
    only those. An interrupted call goes on where it stopped.

    Parameters
    ----------
    hybrid
        Whose encoder and log-mel front-end are asked; without encoder only log-mels are kept.
    source, clips
        The waveforms, and which clips, in the order of the result.
    folder
        Where everything is kept; made if absent.
    views
        Windows of each clip, at least 1.
    effects, noise, seed
        Knobs of the augmented views, recordings heard in them, and their seed.
    batch
        Windows at a time.
    on_progress
        Called with windows done and windows in all.

    Raises
    ------
    DataError
        There are no clips, the disk is full, kept features are damaged, or the encoder's answer is
        not finite. What was computed before stays.
    """
    if not clips or views < 1:
        raise DataError(f"{len(clips)} clips in {views} views are to be cached: both must be at least 1.")
    effects = effects or EffectSettings()
    hybrid = hybrid.eval()
    shape = hybrid.settings
    paths = tuple(clip.path for clip in clips)
    identity = _digest(
        _FORMAT,
        encoder_fingerprint(hybrid),
        [shape.n_mels, shape.n_fft, shape.hop_samples, shape.use_pooled, shape.use_encoder],
        source.fingerprint,
        paths,
    )
    augmentation = _digest(asdict(effects), seed, sounds_digest(noise)) if views > 1 else ""
    kept: list[dict[str, NDArray[np.float16]]] = []
    for view in range(views):
        name = f"view-{view}" if view == 0 else f"view-{view}-{augmentation[:12]}"
        place = folder / identity[:16] / name
        if not place.is_dir():

            def windows(first: int, last: int, view: int = view) -> NDArray[np.float32]:
                return np.stack(
                    [_window(source, clip, view, effects, noise, seed) for clip in clips[first:last]]
                )

            def progress(done: int, view: int = view) -> None:
                if on_progress is not None:
                    on_progress(view * len(clips) + done, views * len(clips))

            _make_view(hybrid, windows, paths, place, batch=batch, on_progress=progress)
        names = [_LOG_MEL]
        names += [_STATISTICS] * shape.use_pooled + [_STATES] * shape.use_encoder
        kept.append(_open_view(place, len(clips), names))
    return Features(
        statistics=tuple(part[_STATISTICS] for part in kept if _STATISTICS in part),
        states=tuple(part[_STATES] for part in kept if _STATES in part),
        log_mel=tuple(part[_LOG_MEL] for part in kept),
        hidden_size=hybrid.hidden_size,
        n_states=hybrid.n_states,
        paths=paths,
        settings=shape,
        identity=_digest(identity, augmentation, views),
    )


def _window(
    source: SpeechSource,
    clip: ClipLike,
    view: int,
    effects: EffectSettings,
    noise: Sequence[NDArray[np.float32]],
    seed: int,
) -> NDArray[np.float32]:
    audio, active = source.audio(clip), (clip.active_start, clip.active_stop)
    if view == 0:
        return voice_window(audio, active)
    return augmented_window(view_rng(seed, view, clip.path), audio, active, noise, effects)


def _make_view(
    hybrid: EmotionHybrid,
    windows: Callable[[int, int], NDArray[np.float32]],
    paths: Sequence[str],
    place: Path,
    *,
    batch: int,
    on_progress: Callable[[int], None],
) -> None:
    """Compute one view into ``place.part``, going on after the rows that are whole; then rename it."""
    making = place.with_name(place.name + ".part")
    done, total = 0, len(paths)
    with writing(f"The features {place}"):
        try:
            making.mkdir(parents=True, exist_ok=True)
            done = _rows_done(making)
            for first in range(done, total, batch):
                last = min(first + batch, total)
                for name, rows in _answers(hybrid, windows(first, last), paths[first:last]):
                    _append(making / name, rows, first, total)
                _note(making / _PROGRESS, last)
                done = last
                on_progress(done)
            (making / _PROGRESS).unlink(missing_ok=True)
            making.replace(place)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise DataError(  # what is half done elsewhere goes; this is hours of work
                f"The disk that holds {place.parent} is full: {done} of {total} windows of this view are "
                "kept; make room and run again, it goes on from there."
            ) from error


def _answers(
    hybrid: EmotionHybrid, windows: NDArray[np.float32], paths: Sequence[str]
) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """All that heads look at of a few windows in float16, by file name."""
    with torch.no_grad():
        statistics, states, log_mel = hybrid.frozen(torch.from_numpy(windows))
    for name, answer in ((_LOG_MEL, log_mel), (_STATISTICS, statistics), (_STATES, states)):
        if answer is None:
            continue
        finite = torch.isfinite(answer).flatten(1).all(dim=1)
        if not bool(finite.all()):
            odd = paths[int((~finite).nonzero()[0])]
            raise DataError(f"The encoder's answer to {odd} is not finite: take the clip out.")
        yield name, answer.clamp(-_HALF_MAX, _HALF_MAX).half().numpy()


def _rows_done(making: Path) -> int:
    try:
        return int(json.loads((making / _PROGRESS).read_text(encoding="utf-8"))["rows"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError):
        return 0  # torn while written: the view is begun again


def _note(path: Path, rows: int) -> None:
    written = path.with_suffix(".new")
    written.write_text(json.dumps({"rows": rows}), encoding="utf-8")
    written.replace(path)


def _append(path: Path, rows: NDArray[np.float16], first: int, total: int) -> None:
    """Write rows at their place into an array file of ``total`` rows; what was torn behind them goes."""
    with path.open("r+b" if first else "wb") as handle:
        start = _header(handle, (total, *rows.shape[1:])) if first == 0 else _data_start(handle)
        handle.seek(start + first * rows[0].nbytes)
        handle.truncate()
        handle.write(np.ascontiguousarray(rows).data)
        handle.flush()
        os.fsync(handle.fileno())


def _header(handle: BinaryIO, shape: tuple[int, ...]) -> int:
    description = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(handle, description)
    return handle.tell()


def _data_start(handle: BinaryIO) -> int:
    np.lib.format.read_magic(handle)
    np.lib.format.read_array_header_1_0(handle)
    return handle.tell()


def _open_view(place: Path, n_clips: int, names: Sequence[str]) -> dict[str, NDArray[np.float16]]:
    parts: dict[str, NDArray[np.float16]] = {}
    for name in names:
        try:
            parts[name] = np.load(place / name, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"The kept features {place / name} are damaged: delete {place}.") from error
        if len(parts[name]) != n_clips or parts[name].dtype != np.float16:
            raise DataError(f"The kept features {place / name} are of other clips: delete {place}.")
    return parts
