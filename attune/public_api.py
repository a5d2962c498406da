"""The functions of `import attune`: recordings, music and live sound in one call each."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal, overload

from attune.engine.engine import Engine
from attune.engine.events import events_until_end
from attune.engine.recent_events import Event
from core.errors import AttuneError
from core.settings import Settings, load_settings
from models.audio import open_stream
from models.mood.result import MoodResult
from models.mood.tagger import configured_tagger
from models.track.profile import TrackProfile
from models.track.profile import profile as profile_of
from realtime.capture import SourceKind, SourceSpec
from realtime.clip_summary import ClipEmotion
from realtime.notices import Notice
from realtime.snapshot import ListenerState, WindowResult


def recognise(path: str | Path, *, settings: Settings | None = None) -> ClipEmotion:
    """Recognise emotion, energy and pleasantness in a recording.

    Models are loaded for each call. For many recordings keep an `Engine` and call its `recognise`.

    Parameters
    ----------
    path
        The recording. One shorter than 3 s is padded with silence.
    settings
        By default those of `settings.toml` and the environment.

    Returns
    -------
    ClipEmotion
        The answer for the whole recording; `windows` has that for each window.

    Raises
    ------
    AttuneError
        The recording cannot be read (`AudioDecodeError`), or a model cannot be used (`ModelError`).

    Examples
    --------
    >>> import attune
    >>> clip = attune.recognise(attune.DEMO)
    >>> clip.emotion in attune.Emotion, len(clip.windows)
    (True, 137)

    `print(clip)` writes, for example, "neutral 38 % (unsure), lively 65 % (unsure), unpleasant 73 %".
    """
    settings = settings or load_settings()
    with open_stream(Path(path), max_minutes=settings.max_file_minutes):
        pass  # a bad file is named before models are loaded
    with closing(Engine(settings)) as engine:
        return engine.recognise(Path(path))


def tag_mood(path: str | Path, *, settings: Settings | None = None) -> MoodResult:
    """Tag the mood of music, as a whole and over time.

    Parameters
    ----------
    path
        The file.
    settings
        By default those of `settings.toml` and the environment.

    Returns
    -------
    MoodResult
        Probabilities of the 59 tags and weights of the eight moods; all zero where `has_music` is false.

    Raises
    ------
    AttuneError
        The file cannot be read (`AudioDecodeError`), or a model cannot be used (`ModelError`).

    Examples
    --------
    >>> import attune
    >>> result = attune.tag_mood(attune.DEMO)
    >>> result.theme.shape, round(result.duration_s)
    ((59,), 71)

    `print(result)` writes, for example, "song.mp3: happy; happy 31 %, summer 17 %, love 12 %".
    """
    settings = settings or load_settings()
    tagger = configured_tagger(settings)
    return tagger.analyse(Path(path), max_minutes=settings.max_file_minutes)


def profile(path: str | Path, *, settings: Settings | None = None) -> TrackProfile:
    """Tell all that can be told of a track; models stay loaded for the next call.

    Parameters
    ----------
    path
        The file.
    settings
        By default those of `settings.toml` and the environment.

    Returns
    -------
    TrackProfile
        Tempo, beats, key, loudness, genres, instruments, valence and arousal, nine emotions, mood. What is
        not known is None, and `notices` says why: nothing musical is claimed of what holds no music, and
        tempo, beats and key need the extra `analysis`.

    Raises
    ------
    AttuneError
        The file cannot be read (`AudioDecodeError`), or a model cannot be used (`ModelError`).

    Examples
    --------
    >>> import attune
    >>> found = attune.profile(attune.DEMO)
    >>> found.embedding.shape, round(found.duration_s)
    ((1024,), 71)

    `print(found)` writes, for example, "song.mp3: 120 BPM, A minor, -12.3 LUFS; rock, pop; sad".
    """
    return profile_of(path, settings=settings)


@overload
def listen(
    source: str | Path | SourceSpec = "mic",
    *,
    settings: Settings | None = None,
    notices: Literal[False] = False,
) -> Iterator[WindowResult]: ...
@overload
def listen(
    source: str | Path | SourceSpec = "mic", *, settings: Settings | None = None, notices: Literal[True]
) -> Iterator[WindowResult | Notice]: ...
def listen(
    source: str | Path | SourceSpec = "mic", *, settings: Settings | None = None, notices: bool = False
) -> Iterator[WindowResult | Notice]:
    """Listen to a source, and give each window as soon as it is decided.

    The source is opened when the first window is asked for. It is closed at the end of the loop, or when
    the iterator is closed.

    Parameters
    ----------
    source
        "mic", "system", "demo", a file, or a `realtime.capture.SourceSpec`. A file and the demo are replayed
        as fast as possible, unless a `SourceSpec` says otherwise.
    settings
        By default those of `settings.toml` and the environment, without a journal.
    notices
        Also give what is said in words between the windows, such as that a microphone was unplugged.

    Yields
    ------
    WindowResult
        Twice a second of sound: the reading of the model and the decision of the gate.
    Notice
        Each notice once, in order, where they are asked for.

    Raises
    ------
    AttuneError
        The source cannot be opened or breaks off (`AudioDeviceError`, `AudioDecodeError`), or a model cannot
        be used (`ModelError`).

    Examples
    --------
    >>> import attune
    >>> for window in attune.listen("demo"):
    ...     print(window.reading.clock / 16_000)
    ...     break
    3.0
    """
    settings = settings or load_settings(journal=False)
    recorded = source not in (SourceKind.MICROPHONE, SourceKind.SYSTEM)
    spec = source if isinstance(source, SourceSpec) else source_spec(source, settings, fast=recorded)
    wanted = (WindowResult, Notice) if notices else WindowResult
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with closing(Engine(settings, on_event=events.put)) as engine:
        engine.start(spec)
        for event in events_until_end(engine, events):
            if isinstance(event, wanted):
                yield event
        end = engine.snapshot()
    if end.state is ListenerState.FAILED:
        raise AttuneError(end.message)


def source_spec(
    source: str | Path,
    settings: Settings,
    *,
    device: str | None = None,
    host_api: str | None = None,
    fast: bool = False,
) -> SourceSpec:
    """What to open for the name of a source.

    Parameters
    ----------
    source
        "mic", "system", "demo" or a file.
    settings
        Say which microphone is opened by default, and how.
    device, host_api
        Which device instead.
    fast
        Replay as fast as possible.
    """
    match source:
        case "mic":
            return SourceSpec(
                SourceKind.MICROPHONE,
                device=device or settings.device,
                host_api=host_api,
                backend=settings.backend,
                fast=fast,
            )
        case "system" | "demo":
            return SourceSpec(SourceKind(source), device=device, host_api=host_api, fast=fast)
        case _:
            return SourceSpec(SourceKind.FILE, device=device, host_api=host_api, path=Path(source), fast=fast)
