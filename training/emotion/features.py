"""Cached features: the frozen encoder's output for every clip, computed once and kept on disk."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import DataError
from core.files import writing
from models.emotion.hybrid import EmotionHybrid, FrozenFeatures, HybridSettings
from training.data.cache import Clip
from training.data.recordings import sounds_digest
from training.data.window import voice_window
from training.emotion.effects import EffectSettings, augmented_window, view_rng
from training.emotion.encoders import encoder_fingerprint
from training.progress import StepProgress, no_progress

_FORMAT: Final = "attune-features-2"
_STATISTICS: Final = "statistics.npy"
_STATES: Final = "states.npy"
_LOG_MEL: Final = "log_mel.npy"
_PROGRESS: Final = "progress.json"
_HALF_MAX: Final = float(np.finfo(np.float16).max)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class _ClipAudio(Protocol):
    """Where the waveforms of clips come from; the fingerprint changes whenever a waveform may have."""

    @property
    def fingerprint(self) -> str: ...
    def audio(self, clip: Any, /) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Features:
    """What a frozen encoder and the log-mel front-end say of clips, memory-mapped."""

    # For each view float16, ``(clips, 2 * layers * hidden)``; empty without the pooled branch.
    statistics: tuple[NDArray[np.float16], ...]
    # For each view float16, ``(clips, n_states, frames, hidden)``; empty without the encoder's branch.
    states: tuple[NDArray[np.float16], ...]
    # For each view float16, ``(clips, bands, frames)``, of the same windows.
    log_mel: tuple[NDArray[np.float16], ...]
    # Width of a hidden state, and how many there are; 0 without an encoder.
    hidden_size: int
    n_states: int
    paths: tuple[str, ...]  # names of the clips, in order
    settings: HybridSettings  # of the hybrid they come from
    identity: str  # SHA-256 of everything they depend on

    @property
    def n_views(self) -> int:
        """Windows kept of each clip; the first is the plain one."""
        return len(self.log_mel)

    def gather(self, rows: NDArray[np.int64], views: NDArray[np.int64]) -> FrozenFeatures:
        """What is kept of clips, each in one of its views, float32.

        Rows and views are indices of clips and of their windows, ``(batch,)`` each.
        """

        def pick(kept: tuple[NDArray[np.float16], ...]) -> Tensor:
            out = np.empty((len(rows), *kept[0].shape[1:]), dtype=np.float16)
            for view in np.unique(views):
                of_view = np.flatnonzero(views == view)
                out[of_view] = kept[view][rows[of_view]]
            return torch.from_numpy(out).float()

        return FrozenFeatures(
            pick(self.statistics) if self.statistics else None,
            pick(self.states) if self.states else None,
            pick(self.log_mel),
        )


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def cache_features(
    hybrid: EmotionHybrid,
    source: _ClipAudio,
    clips: Sequence[Clip],
    folder: Path,
    *,
    views: int = 4,
    effects: EffectSettings | None = None,
    noise: Sequence[NDArray[np.float32]] = (),
    seed: int = 0,
    batch: int = 32,
    on_progress: StepProgress = no_progress,
) -> Features:
    """Run the frozen encoder over all clips, or open what an earlier call left.

    View 0 is the plain window around the voice, every other view an augmented one, so that what is trained on
    frozen features knows other rooms all the same. Views are kept one by one under a key of encoder (its
    content), layers, preprocessing and clips; asking for more views later computes only those. An interrupted
    call goes on where it stopped. Without encoder only log-mels are kept.

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

            def window(clip: Clip, view: int = view) -> NDArray[np.float32]:
                audio = source.audio(clip)
                if view == 0:
                    return voice_window(audio, clip.active)
                return augmented_window(view_rng(seed, view, clip.path), audio, clip.active, noise, effects)

            def progress(done: int, view: int = view) -> None:
                on_progress(view * len(clips) + done, views * len(clips))

            _make_view(hybrid, window, clips, place, batch=batch, on_progress=progress)
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


def _make_view(
    hybrid: EmotionHybrid,
    window: Callable[[Clip], NDArray[np.float32]],
    clips: Sequence[Clip],
    place: Path,
    *,
    batch: int,
    on_progress: Callable[[int], None],
) -> None:
    """Compute one view into ``place.part``, going on after the rows that are whole; then rename it."""
    making = place.with_name(place.name + ".part")
    done, total = 0, len(clips)
    with writing(f"The features {place}"):
        try:
            making.mkdir(parents=True, exist_ok=True)
            done = _rows_done(making)
            for first in range(done, total, batch):
                last = min(first + batch, total)
                part = clips[first:last]
                windows = np.stack([window(clip) for clip in part])
                for name, rows in _answers(hybrid, windows, [clip.path for clip in part]):
                    _append(making / name, rows, first, total)
                written = making / f"{_PROGRESS}.new"
                written.write_text(json.dumps({"rows": last}), encoding="utf-8")
                written.replace(making / _PROGRESS)
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
    """What the heads' branches take of a few windows, in float16, by file name."""
    with torch.no_grad():
        statistics, states, log_mel = hybrid.frozen_features(torch.from_numpy(windows))
    for name, answer in ((_LOG_MEL, log_mel), (_STATISTICS, statistics), (_STATES, states)):
        if answer is None:
            continue
        finite = torch.isfinite(answer).flatten(1).all(dim=1)
        if not bool(finite.all()):
            odd = paths[int((~finite).nonzero()[0])]
            raise DataError(f"The encoder's answer to {odd} is not finite: take the clip out.")
        yield name, answer.clamp(-_HALF_MAX, _HALF_MAX).half().numpy()


def _rows_done(making: Path) -> int:
    """0 where nothing is done, and where the note was torn: then the view is begun again."""
    try:
        return int(json.loads((making / _PROGRESS).read_text(encoding="utf-8"))["rows"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0


def _append(path: Path, rows: NDArray[np.float16], first: int, total: int) -> None:
    """Write rows at their place into an array file of ``total`` rows; what was torn behind them goes."""
    with path.open("r+b" if first else "wb") as handle:
        if first:
            np.lib.format.read_magic(handle)
            np.lib.format.read_array_header_1_0(handle)
        else:
            shape = (total, *rows.shape[1:])
            description = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(handle, description)
        handle.seek(handle.tell() + first * rows[0].nbytes)
        handle.truncate()
        handle.write(np.ascontiguousarray(rows).data)
        handle.flush()
        os.fsync(handle.fileno())


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
