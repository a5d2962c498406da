"""Owns the comparison that the compact encoder's front-end was chosen by: four encoders, trained alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn, set_num_threads

from core.errors import DataError
from models.training.data.cache import Clip
from models.training.data.splits import Split
from models.training.emotion.mels import MelFrames, Noises, mel_frames, plain_windows
from models.training.emotion.pretrain import PretrainSettings, predict, pretrain
from models.training.emotion.protocols import CLASSES, EncoderPlan, trainable
from models.training.emotion.runner import Workshop
from models.training.emotion.teacher import teacher_frames
from models.training.emotion.waveform import plain_waveforms, train_waveform
from models.training.metrics import mean_recall

__all__ = ["FRONT_ENDS", "FrontEnd", "FrontEndFigures", "Speech", "compare", "compared_speech"]

_PREDICTED_AT_ONCE: Final = 32


@dataclass(frozen=True)
class FrontEnd:
    """One row of the comparison.

    Attributes
    ----------
    name
        As it is shown and asked for.
    folder
        Of its checkpoint, within the workshop's.
    n_layers
        Of the transformer; 0 is the plain log-mel CNN.
    taught
        Whether it imitates the teacher while it is trained.
    on_waveform
        Whether it hears the waveform in place of log-mels.
    """

    name: str
    folder: str
    n_layers: int = 2
    taught: bool = False
    on_waveform: bool = False


FRONT_ENDS: Final = (
    FrontEnd("log-mel, 2 layers, teacher", "log_mel_taught", taught=True),
    FrontEnd("log-mel, 2 layers", "log_mel"),
    FrontEnd("log-mel, no layers (plain CNN)", "log_mel_no_layers", n_layers=0),
    FrontEnd("waveform, 2 layers", "waveform", on_waveform=True),
)


@dataclass(frozen=True)
class Speech:
    """Who is heard, and who judges.

    Attributes
    ----------
    train, judged
        Clips that are trained on, and those of the calibration speakers.
    """

    train: tuple[Clip, ...]
    judged: tuple[Clip, ...]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Indices into `CLASSES`, first of ``train``, then of ``judged``."""
        return np.array([CLASSES.index(clip.emotion) for clip in (*self.train, *self.judged)], dtype=np.int64)


@dataclass(frozen=True)
class FrontEndFigures:
    """What one row of the comparison is about.

    Attributes
    ----------
    name
        Of the `FrontEnd`.
    parameters
        Of encoder, pooling and output; what only answers the teacher is thrown away and not counted.
    draws
        Windows seen.
    windows_per_s
        In training, augmentation included, checkpoints and judging left out.
    ua
        Mean class recall on the judged clips, [0, 1], by the moving average after the last epoch.
    loss
        Mean cross-entropy of the last epoch's augmented windows, with label smoothing, nats.
    """

    name: str
    parameters: int
    draws: int
    windows_per_s: float
    ua: float
    loss: float


def compared_speech(workshop: Workshop, plan: EncoderPlan) -> Speech:
    """The clips that a plan may hear, and the calibration speakers of the same corpora.

    Raises
    ------
    DataError
        Either is empty, or somebody is on both sides.
    """
    clips = [clip for clip in workshop.cache.clips if trainable(clip)]
    train = tuple(clip for clip in clips if plan.hears(clip))
    corpora = {clip.corpus for clip in train}
    judged = tuple(clip for clip in clips if clip.corpus in corpora and clip.split is Split.CALIBRATION)
    if not train or not judged:
        raise DataError(
            f"The plan {plan.name!r} finds {len(train)} clips to hear and {len(judged)} of calibration "
            "speakers: prepare the whole manifest."
        )
    both = {(clip.corpus, clip.speaker) for clip in train} & {(clip.corpus, clip.speaker) for clip in judged}
    if both:
        raise DataError(
            f"The plan {plan.name!r} hears {sorted(both)[0]}, who is a calibration speaker: mend it."
        )
    return Speech(train, judged)


def compare(
    workshop: Workshop, speech: Speech, front_ends: Sequence[FrontEnd] = FRONT_ENDS
) -> Iterator[FrontEndFigures]:
    """Train each encoder, or go on with it, and judge it.

    Parameters
    ----------
    workshop
        Sound, noise, teacher, folder, threads; ``recipe`` is followed by all alike.
    speech
        From `compared_speech`.
    front_ends
        Some of `FRONT_ENDS`.

    Yields
    ------
    FrontEndFigures
        In the order asked for, each as soon as it is known.

    Raises
    ------
    DataError
        A teacher is asked for and there is none, or a loss left the finite numbers.
    WeightsError
        A checkpoint is damaged or belongs to other settings or data.
    """
    if workshop.teacher is None and any(front_end.taught for front_end in front_ends):
        raise DataError("One of the encoders imitates a teacher and there is none: give YAMNet's weights.")
    set_num_threads(workshop.threads)
    frames: MelFrames | None = None
    for front_end in front_ends:
        if front_end.on_waveform:
            net, windows = _on_waveform(workshop, speech, front_end)
        else:
            frames = frames or _frames(workshop, speech)
            net, windows = _on_mels(workshop, speech, frames, front_end)
        guess = predict(net, windows, _PREDICTED_AT_ONCE).argmax(axis=1)
        yield _figures(workshop, front_end, net, mean_recall(guess, speech.classes[len(speech.train) :]))


def _recipe(workshop: Workshop, front_end: FrontEnd) -> PretrainSettings:
    recipe = workshop.recipe
    return replace(
        recipe, threads=workshop.threads, encoder=replace(recipe.encoder, n_layers=front_end.n_layers)
    )


def _run_dir(workshop: Workshop, front_end: FrontEnd) -> Path:
    return workshop.folder / "front_ends" / front_end.folder


def _frames(workshop: Workshop, speech: Speech) -> MelFrames:
    clips = (*speech.train, *speech.judged)
    active = [(clip.active_start, clip.active_stop) for clip in clips]
    return mel_frames([workshop.cache.audio(clip) for clip in clips], active)


def _on_mels(
    workshop: Workshop, speech: Speech, frames: MelFrames, front_end: FrontEnd
) -> tuple[nn.Module, Tensor]:
    """The trained network, and its inputs for the judged clips."""
    cache, heard = workshop.cache, len(speech.train)
    teacher = None
    if front_end.taught and workshop.teacher is not None:
        teacher = teacher_frames([cache.audio(clip) for clip in speech.train], workshop.teacher)
    said = "\n".join([cache.fingerprint, *(clip.path for clip in speech.train)])
    net = pretrain(
        frames,
        range(heard),
        [],  # judged once, at the end: the seconds of an epoch are those of its training
        speech.classes,
        [clip.corpus for clip in (*speech.train, *speech.judged)],
        Noises(mel_frames(workshop.noise).frames) if workshop.noise else None,
        teacher,
        _run_dir(workshop, front_end),
        _recipe(workshop, front_end),
        identity=hashlib.sha256(said.encode()).hexdigest(),
        n_classes=len(CLASSES),
    )
    return net, plain_windows(frames, range(heard, heard + len(speech.judged)))


def _on_waveform(workshop: Workshop, speech: Speech, front_end: FrontEnd) -> tuple[nn.Module, Tensor]:
    """The trained network, and its inputs for the judged clips."""
    net = train_waveform(
        workshop.cache,
        speech.train,
        speech.classes[: len(speech.train)],
        workshop.noise,
        _run_dir(workshop, front_end),
        _recipe(workshop, front_end),
        n_classes=len(CLASSES),
    )
    return net, plain_waveforms(workshop.cache, speech.judged)


def _figures(workshop: Workshop, front_end: FrontEnd, net: nn.Module, ua: float) -> FrontEndFigures:
    """With loss and seconds as the training wrote them down, also where it was interrupted."""
    from tensorboard.backend.event_processing import event_accumulator  # type: ignore[import-untyped] # noqa: PLC0415 - slow to import

    events = event_accumulator.EventAccumulator(str(_run_dir(workshop, front_end) / "tensorboard"))
    events.Reload()
    seconds = [event.value for event in events.Scalars("encoder/seconds")]
    recipe = workshop.recipe
    draws = len(seconds) * (recipe.draws_per_epoch // recipe.batch) * recipe.batch
    return FrontEndFigures(
        name=front_end.name,
        parameters=sum(p.numel() for name, p in net.named_parameters() if not name.startswith("imitate.")),
        draws=draws,
        windows_per_s=draws / sum(seconds),
        ua=ua,
        loss=events.Scalars("encoder/loss")[-1].value,
    )
