"""All that is told of a track: tempo, key, loudness, genre, instruments, feelings and mood, of one pass."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import ExtraMissingError, ModelError, WeightsError
from core.settings import Settings, load_settings
from models import assets
from models.decoders.track import Sound
from models.mood.backbone import EMBEDDING_SIZE
from models.mood.embedded_track import EmbeddedTrack
from models.mood.result import Floats, MoodResult
from models.mood.tagger import MoodTagger, OnProgress, load_tagger
from models.track.features import LEAST_S
from models.track.heads import (
    GEMS_HEAD,
    GENRE_HEAD,
    INSTRUMENT_HEAD,
    TRACK_HEADS,
    VA_HEAD,
    EmbeddingHead,
    load_track_head,
)
from models.track.key import KeyEstimate, estimate_key
from models.track.loudness import integrated_loudness
from models.track.rhythm import Rhythm, analyse_rhythm
from models.track.tasks import TaskKind

AUDIO_S: Final = 1_200.0
"""How much of a sound loudness, tempo, beats and key are of, in seconds: more would fill the memory."""

VERSION: Final = "1"
"""Raised whenever the same models give another profile, so that what was kept is computed again."""

_VALENCE: Final = "valence"
_AROUSAL: Final = "arousal"


@dataclass(frozen=True, slots=True, eq=False)
class LabelProbabilities:
    """What a head says of its labels."""

    labels: tuple[str, ...]
    probabilities: Floats = field(repr=False)  # float32, shape (labels,), in [0, 1]
    # float32, shape (labels,): from which each counts as present; empty where one of them is.
    thresholds: Floats = field(repr=False)

    def top(self, top_k: int) -> list[tuple[str, float]]:
        """The likeliest labels and their probabilities, the likeliest first."""
        order = np.argsort(-self.probabilities, kind="stable")[:top_k]
        return [(self.labels[index], float(self.probabilities[index])) for index in order]

    def present(self, top_k: int) -> list[str]:
        """Those of the likeliest that reach their thresholds, at least the first."""
        needed = dict(zip(self.labels, self.thresholds, strict=True)) if len(self.thresholds) else {}
        found = enumerate(self.top(top_k))
        return [name for rank, (name, value) in found if not rank or value >= needed.get(name, 1.0)]


@dataclass(frozen=True, slots=True, eq=False)
class TrackProfile:
    """What a track is; what is None, or empty, is not known, and a notice says why."""

    mood: MoodResult  # theme, moods and their timeline, music share; also the name and the duration
    loudness_lufs: float | None  # integrated loudness (ITU-R BS.1770); None where it is silent
    rhythm: Rhythm | None  # tempo, its half and double, beats
    key: KeyEstimate | None
    genres: LabelProbabilities | None
    instruments: LabelProbabilities | None
    emotions: LabelProbabilities | None  # the nine of the Geneva Emotional Music Scale
    # Place on the plane, -1 to 1: how pleasant, how lively.
    valence: float | None
    arousal: float | None
    # float32, shape (n, 2): valence and arousal of the music in the 5 s around each patch; NaN without music.
    places: Floats = field(repr=False)
    embedding: Floats = field(repr=False)  # float32, shape (1024,): of its music, else of what sounds
    processing_s: float = 0.0  # from the file to the profile
    notices: tuple[str, ...] = ()  # one sentence each: what is wrong, and what is not known

    def __str__(self) -> str:
        """Such as "song.mp3: 120 BPM, A minor, -12.3 LUFS; rock, pop; sad"."""
        facts = [
            f"{self.tempo_bpm:.0f} BPM" if self.tempo_bpm else "",
            self.key_name,
            "" if self.loudness_lufs is None else f"{self.loudness_lufs:.1f} LUFS",
        ]
        genres = "" if self.genres is None else ", ".join(self.genres.present(3))
        parts = (", ".join(filter(None, facts)), genres, self.mood.mood or self.mood.no_mood)
        return f"{self.name}: {'; '.join(filter(None, parts))}"

    @property
    def name(self) -> str:
        """The file's, for people."""
        return self.mood.name

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.mood.duration_s

    @property
    def tempo_bpm(self) -> float | None:
        """Beats a minute; None where there is no pulse, or where that is not known."""
        if self.rhythm is None or self.rhythm.tempo_bpm is None:
            return None
        return float(self.rhythm.tempo_bpm)

    @property
    def key_name(self) -> str:
        """Such as "C# minor"; empty where it is not known."""
        return "" if self.key is None else f"{self.key.tonic} {self.key.mode}"


class TrackProfiler:
    """Profiles whole sounds; safe to use from several threads.

    Parameters
    ----------
    tagger
        Its backbone passes over the sound once, for all heads.
    heads
        By their names, of `TRACK_HEADS`.
    problems
        One sentence for each head that is missing.

    Raises
    ------
    WeightsError
        The head of valence and arousal answers something else.
    """

    def __init__(
        self, tagger: MoodTagger, heads: Mapping[str, EmbeddingHead], problems: Sequence[str] = ()
    ) -> None:
        self.tagger, self._heads, self._problems = tagger, heads, tuple(problems)
        if (head := heads.get(VA_HEAD)) is not None and not {_VALENCE, _AROUSAL} <= set(head.info.labels):
            raise WeightsError(
                f"The head {head.info.name!r} answers {', '.join(head.info.labels)}: one of {_VALENCE} and "
                f"{_AROUSAL} is needed."
            )

    def profile(
        self,
        source: Path | bytes,
        *,
        name: str = "",
        max_minutes: float = 240.0,
        on_progress: OnProgress | None = None,
        on_sound: Callable[[Sound], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> TrackProfile:
        """Profile a file of any length.

        Without the extra `analysis` tempo, beats and key are not known. Of what holds no music nothing
        musical is claimed. Both are told in a notice.

        Parameters
        ----------
        source, name, max_minutes, on_progress, on_sound, cancelled
            As in `MoodTagger.analyse`.

        Raises
        ------
        AudioDecodeError, AnalysisCancelledError, ModelError
            As in `MoodTagger.analyse`.
        """
        started_s = time.monotonic()
        track = self.tagger.embed(
            source,
            name=name,
            max_minutes=max_minutes,
            audio_s=AUDIO_S,
            on_progress=on_progress,
            on_sound=on_sound,
            cancelled=cancelled,
        )
        found = self._of_music(track) if track.mood.has_music else _without_music(track.mood)
        return replace(
            found,
            loudness_lufs=integrated_loudness(track.audio),
            embedding=track.mean,
            processing_s=time.monotonic() - started_s,
        )

    def _of_music(self, track: EmbeddedTrack) -> TrackProfile:
        mood, notices = track.mood, [*track.mood.notices, *self._problems]
        rhythm = key = None
        try:
            rhythm, key = analyse_rhythm(track.audio), estimate_key(track.audio)
        except ExtraMissingError as error:
            notices.append(str(error))
        if mood.duration_s < LEAST_S:
            notices.append(f"{mood.name} is too short for a tempo and a key: {LEAST_S:g} s are needed.")
        elif rhythm is not None and rhythm.tempo_bpm is None:
            notices.append(f"{mood.name} has no pulse that can be counted, so no tempo is given.")
        if mood.duration_s > AUDIO_S:
            notices.append(
                f"{mood.name} lasts {mood.duration_s / 60.0:.0f} minutes: loudness, tempo, beats and key are "
                f"those of the first {AUDIO_S / 60.0:.0f}."
            )
        mean = track.mean[np.newaxis]
        valence, arousal = self._places(mean)[0].tolist()
        return TrackProfile(
            mood=mood,
            loudness_lufs=None,
            rhythm=rhythm,
            key=key,
            genres=self.labels(GENRE_HEAD, mean),
            instruments=self.labels(INSTRUMENT_HEAD, mean),
            emotions=self.labels(GEMS_HEAD, mean),
            valence=None if np.isnan(valence) else valence,
            arousal=None if np.isnan(arousal) else arousal,
            places=self._places(track.centred()),
            embedding=mean[0],
            notices=tuple(notices),
        )

    def labels(self, name: str, mean: Floats) -> LabelProbabilities | None:
        """What a head says of an embedding; None where it is missing.

        Parameters
        ----------
        name
            Of the head, one of `TRACK_HEADS` that answers labels.
        mean
            float32, shape (1, 1024): the mean of the patches.

        Raises
        ------
        ModelError
            The shape is another, or the head cannot run.
        """
        head = self._heads.get(name)
        if head is None:
            return None
        thresholds = np.array(head.info.thresholds, dtype=np.float32)
        return LabelProbabilities(head.info.labels, head.predict(mean)[0], thresholds)

    def _places(self, embeddings: Floats) -> Floats:
        """Valence and arousal, -1 to 1, shape (n, 2); NaN for rows of zeros, and without the head."""
        places = np.full((len(embeddings), 2), np.nan, dtype=np.float32)
        head = self._heads.get(VA_HEAD)
        musical = embeddings.any(axis=1)
        if head is not None and musical.any():
            columns = [head.info.labels.index(axis) for axis in (_VALENCE, _AROUSAL)]
            answers = head.predict(embeddings[musical])[:, columns]
            # Of a head that gives the probability of the high side, one half is the middle.
            values = answers if head.info.kind is TaskKind.REGRESSION else 2.0 * answers - 1.0
            places[musical] = np.clip(values, -1.0, 1.0)
        return places


def _without_music(mood: MoodResult) -> TrackProfile:
    silence = f"{mood.name} is silent" if mood.silent else f"{mood.name} holds no music"
    return TrackProfile(
        mood=mood,
        loudness_lufs=None,
        rhythm=None,
        key=None,
        genres=None,
        instruments=None,
        emotions=None,
        valence=None,
        arousal=None,
        places=np.full((len(mood.timeline), 2), np.nan, dtype=np.float32),
        embedding=np.zeros(EMBEDDING_SIZE, dtype=np.float32),
        notices=(
            *mood.notices,
            f"{silence}: nothing is said of tempo, key, genre, instruments and feelings.",
        ),
    )


def load_profiler(tagger: MoodTagger) -> TrackProfiler:
    """Load the embedded heads; one that is missing or damaged is left out, and every profile says so.

    Parameters
    ----------
    tagger
        As in `TrackProfiler`.

    Raises
    ------
    WeightsError
        The head of valence and arousal answers something else.
    """
    heads: dict[str, EmbeddingHead] = {}
    problems: list[str] = []
    for name in TRACK_HEADS:
        try:
            heads[name] = load_track_head(name)
        except (WeightsError, ModelError) as error:
            problems.append(str(error))
    return TrackProfiler(tagger, heads, problems)


def profile_fingerprint() -> str:
    """Text that changes whenever the same sound gets another profile: other heads, or librosa added."""
    listed = {asset.name: asset.sha256 for asset in assets.assets()}
    heads = " ".join(listed.get(name, "") for name in TRACK_HEADS)
    return f"{VERSION} {heads} {importlib.util.find_spec('librosa') is not None}"


def profile(path: str | Path, *, settings: Settings | None = None) -> TrackProfile:
    """Profile a file of any length; the models stay loaded for the next call.

    Parameters
    ----------
    path
        The file.
    settings
        By default those of `settings.toml` and the environment.

    Raises
    ------
    AudioDecodeError
        See `models.audio.open_stream`.
    ModelError
        A model cannot be used.
    SettingsError
        The settings cannot be read.

    Examples
    --------
    >>> print(profile("song.mp3"))
    song.mp3: 120 BPM, A minor, -12.3 LUFS; rock, pop; sad
    """
    settings = settings or load_settings()
    profiler = _loaded(settings.mood_backbone, settings.mood_head, settings.threads, settings.provider)
    return profiler.profile(Path(path), max_minutes=settings.max_file_minutes)


@lru_cache(maxsize=2)
def _loaded(backbone: Path | None, head: Path | None, threads: int, provider: str) -> TrackProfiler:
    return load_profiler(load_tagger(backbone=backbone, head=head, threads=threads, provider=provider))
