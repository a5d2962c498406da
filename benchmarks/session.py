"""Half an hour in a room: the music is to change once for each real change of emotion, and else not.

    python -m benchmarks.session --speech SPEECH --music emotify.tar [--under-db 10] [--seed 1]
    python -m benchmarks.session --speech SPEECH --music emotify.tar --sure
    python -m benchmarks.session --speech SPEECH --music emotify.tar --choose

Twelve times somebody of the test speakers is of one emotion for a minute; between, songs that no network of
this project has heard, and silence. Everything goes through the live path, as fast as possible, and on to
the autopilot with its own defaults, by the sample clock. A switch is right if it is for the emotion that is
spoken at that time, or for a direction that contains it, once for each change; every other is false, unless
it only tells the direction of before more closely. With --sure people say only sentences of
which the emotion model is rightly sure by themselves: that measures the way from emotions to music, not
the model. With --choose it is calibration speakers,
for a table by which the settings of `realtime.sustained_emotion` are chosen.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.false_alarms import hear
from benchmarks.over_music import level, mixed, songs_never_heard
from core.directions import Feeling
from core.emotions import EMOTIONS, Emotion
from models.emotion.recogniser import WINDOW_SAMPLES, EmotionRecogniser, load_recogniser
from models.resample import SAMPLE_RATE_HZ, Audio
from playback.autopilot.attribution import PlayerObservation
from playback.autopilot.context import Context
from playback.autopilot.events import (
    Event,
    FeelingDecided,
    ListeningChanged,
    PlayerObserved,
    Switch,
    SwitchEnded,
)
from playback.autopilot.policy import step
from playback.autopilot.state import AutopilotState
from playback.mapping.feelings import FEELINGS, contains, continues
from playback.mapping.styles import Strategy
from playback.player import Outcome, OutcomeKind, Playlist
from playback.preferences.preferences import AutopilotSettings, Mode
from realtime.clip_summary import ClipEmotion
from realtime.response import feeling_to_follow
from realtime.sustained_emotion import SustainedEmotionConfig, SustainedEmotionState
from realtime.sustained_emotion import step as add_up
from training.data.cache import open_speech
from training.data.splits import Split
from training.data.window import cut

_CHANGES: Final = (
    *(Emotion.HAPPY, Emotion.SAD, Emotion.ANGRY, Emotion.FEARFUL, Emotion.NEUTRAL, Emotion.DISGUST),
    *(Emotion.ANGRY, Emotion.HAPPY, Emotion.FEARFUL, Emotion.SAD, Emotion.DISGUST, Emotion.ANGRY),
)
_SPOKEN_S: Final = 60.0
_SONG_S: Final = 45.0
_SILENCE_S: Final = 45.0
_PAUSE_S: Final = 0.6
_GRACE_S: Final = 8.0  # after somebody has stopped: so long smoothing, dwell and gaps may reach
_BEGIN_S: Final = 1_000_000.0
_TWO: Final = 2
_HALF_HOURS: Final = 4
_SURE: Final = 0.7
_CORPORA: Final = ("crema_d", "ravdess_speech")
_MEMORY_S: Final = (10.0, 15.0, 20.0, 30.0)
_WEIGHT: Final = (1.0, 1.5, 2.0, 3.0)
_ENTER: Final = (0.7, 0.8, 0.9)
_LEAST_S: Final = (4.0, 6.0, 8.0)


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """When somebody is of an emotion, s."""

    start_s: float
    stop_s: float
    emotion: Emotion


@dataclass(frozen=True, slots=True)
class Switched:
    """When the music was changed, s, and for what."""

    at_s: float
    feeling: Feeling


def switches(
    heard: ClipEmotion,
    sustained: SustainedEmotionConfig | None = None,
) -> tuple[Switched, ...]:
    """What the autopilot makes of a recording with two playlists for each feeling, fed as by the engine."""
    context = Context(
        replace(AutopilotSettings(), mode=Mode.AUTO),
        {e: tuple(Playlist(f"local:{e}-{n}", f"{e} {n}") for n in range(_TWO)) for e in FEELINGS},
        dict.fromkeys(FEELINGS, Strategy.MATCH),
    )
    state, found = AutopilotState(), []

    def feed(event: Event) -> None:
        nonlocal state
        state, commands = step(state, event, context)
        for command in commands:
            if isinstance(command, Switch):
                found.append(Switched(event.at_s - _BEGIN_S, command.feeling))
                feed(SwitchEnded(event.at_s, command.playlist.uri, Outcome(OutcomeKind.DONE)))
                feed(
                    PlayerObserved(
                        event.at_s, True, PlayerObservation(event.at_s, True, command.playlist, "a track")
                    )
                )

    feed(PlayerObserved(_BEGIN_S, True, PlayerObservation(_BEGIN_S, False, None, "")))
    feed(ListeningChanged(_BEGIN_S, True))
    so_far, config = SustainedEmotionState(), sustained or SustainedEmotionConfig()
    for window in heard.windows:
        so_far, talk = add_up(so_far, window.reading, config)
        at_s = _BEGIN_S + window.reading.clock / SAMPLE_RATE_HZ
        feed(FeelingDecided(at_s, feeling_to_follow(window.decision, talk)))
    return tuple(found)


def count_switches(found: Sequence[Switched], parts: Sequence[SpokenPart]) -> dict[str, Any]:
    """Changes of emotion that the music followed, and switches that were for none."""
    right: dict[int, float] = {}
    followed: dict[int, Feeling] = {}
    false = []
    for switch in found:
        spoken = [
            place
            for place, part in enumerate(parts)
            if part.start_s <= switch.at_s <= part.stop_s + _GRACE_S
            and continues(part.emotion, switch.feeling)
        ]
        if spoken and spoken[0] not in right:
            right[spoken[0]] = round(switch.at_s - parts[spoken[0]].start_s, 1)
        elif not spoken or not contains(followed[spoken[0]], switch.feeling):
            false.append({"at_s": round(switch.at_s, 1), "feeling": switch.feeling})
        if spoken:
            followed[spoken[0]] = switch.feeling
    missed = [str(part.emotion) for place, part in enumerate(parts) if place not in right]
    return {
        "changes": len(parts),
        "right_switches": len(right),
        "false_switches": len(false),
        "missed": missed,
        "false": false,
        "median_delay_s": float(np.median(list(right.values()))) if right else None,
    }


def run(
    speech: Path, music: Path, *, under_db: float | None, seed: int, sure: bool = False
) -> dict[str, Any]:
    """Make the half hour, hear it, and judge what the autopilot did.

    The songs are so many dB under the speech too; None: there are none under it.
    """
    rng = np.random.default_rng(seed)
    songs = songs_never_heard(music)
    audio, parts = _half_hour(rng, speech, "test", songs, sure=sure)
    if under_db is not None:
        audio = mixed(audio, songs, under_db)
    return {
        "minutes": round(audio.size / SAMPLE_RATE_HZ / 60, 1),
        **count_switches(switches(hear(audio)), parts),
    }


def choices(speech: Path, music: Path) -> list[dict[str, Any]]:
    """What each setting of the sustained emotion makes of half hours of calibration speakers, best first."""
    songs = songs_never_heard(music)
    heard = []
    for seed in range(_HALF_HOURS):
        audio, parts = _half_hour(np.random.default_rng(seed), speech, "calibration", songs)
        heard.append((hear(audio), parts))
    grid = itertools.product(_MEMORY_S, _WEIGHT, _ENTER, _LEAST_S)
    rows = [_row(heard, SustainedEmotionConfig(m, 60.0, w, e, e - 0.15, least)) for m, w, e, least in grid]
    return sorted(rows, key=lambda row: (row["false"] - row["right"], row["median_delay_s"]))


def _row(
    heard: Iterable[tuple[ClipEmotion, Sequence[SpokenPart]]], config: SustainedEmotionConfig
) -> dict[str, Any]:
    found = [count_switches(switches(clip, sustained=config), parts) for clip, parts in heard]
    return {
        "memory_s": config.memory_s,
        "weight": config.weight,
        "enter": config.enter,
        "least_s": config.least_s,
        "right": sum(one["right_switches"] for one in found),
        "false": sum(one["false_switches"] for one in found),
        "median_delay_s": float(np.median([one["median_delay_s"] or _SPOKEN_S for one in found])),
    }


def _half_hour(
    rng: np.random.Generator, speech: Path, split: str, songs: Sequence[Audio], *, sure: bool = False
) -> tuple[Audio, tuple[SpokenPart, ...]]:
    pieces, parts, at = [], [], 0
    silence = np.zeros(round(_SILENCE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    for emotion, spoken in zip(_CHANGES, _voices(rng, speech, split, sure=sure), strict=True):
        song = songs[int(rng.integers(len(songs)))]
        between = [level(np.resize(song, round(_SONG_S * SAMPLE_RATE_HZ))), silence]
        at += sum(piece.size for piece in between)
        parts.append(SpokenPart(at / SAMPLE_RATE_HZ, (at + spoken.size) / SAMPLE_RATE_HZ, emotion))
        pieces += [*between, spoken]
        at += spoken.size
    return np.concatenate([*pieces, silence]), tuple(parts)


def _voices(rng: np.random.Generator, speech: Path, split: str, *, sure: bool) -> list[Audio]:
    """For each change, somebody else as far as people reach: a minute of that emotion, clip after clip."""
    cache = open_speech(speech)
    clips = [clip for clip in cache.of(Split(split)) if clip.corpus in _CORPORA]
    if sure:
        recogniser = load_recogniser()
        clips = [clip for clip in clips if _is_sure(recogniser, cache.audio(clip), clip.emotion)]
    order = list(rng.permutation(sorted({clip.speaker for clip in clips}))) * len(_CHANGES)
    people = []
    for emotion in _CHANGES:
        able = {clip.speaker for clip in clips if clip.emotion == emotion}
        people.append(order.pop(next(place for place, who in enumerate(order) if who in able)))
    pause = np.zeros(round(_PAUSE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    voices = []
    for person, emotion in zip(people, _CHANGES, strict=True):
        said = [clip for clip in clips if clip.speaker == person and clip.emotion == emotion]
        spoken: list[Audio] = []
        while sum(piece.size for piece in spoken) < _SPOKEN_S * SAMPLE_RATE_HZ:
            clip = said[int(rng.integers(len(said)))]
            spoken += [level(cache.audio(clip)), pause]
        voices.append(np.concatenate(spoken))
    return voices


def _is_sure(recogniser: EmotionRecogniser, audio: Audio, emotion: str) -> bool:
    window = cut(audio, max(0, (audio.size - WINDOW_SAMPLES) // 2), WINDOW_SAMPLES)
    answer = recogniser.probabilities(window[np.newaxis])[0]
    return bool(answer.max() >= _SURE and EMOTIONS[int(answer.argmax())] == emotion)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--under-db", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sure", action="store_true")
    parser.add_argument("--choose", action="store_true")
    given = parser.parse_args()
    if given.choose:
        figures: Any = choices(given.speech, given.music)
    else:
        figures = run(given.speech, given.music, under_db=given.under_db, seed=given.seed, sure=given.sure)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
