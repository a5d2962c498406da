"""Music must not steer itself, nor drown people: songs alone, and speech over music beside speech alone.

    python -m benchmarks.over_music --speech SPEECH --music emotify.tar [--clips 300] [--under-db 10]
    python -m benchmarks.over_music --speech SPEECH --music emotify.tar --choose

Speech is a manifest or folder of clips (`attune data`), music an archive or folder. Test speakers and
music that no network of this project has heard go through the live path, as fast as possible. With --choose
it is training speakers and music, for a table by which the two settings of music rejection are chosen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.false_alarms import count, hear
from core.emotions import EMOTIONS, Emotion
from core.settings import load_settings
from models.emotion.recogniser import WINDOW_SAMPLES
from models.mood.audio_classes import AudioClassScores
from models.mood.backbone import load_backbone
from models.mood.head import load_head
from models.resample import SAMPLE_RATE_HZ, Audio
from realtime.clip_summary import ClipEmotion
from realtime.live_mood_tagger import LiveMoodTagger
from realtime.music_rejection import MusicRejectionConfig, only_music
from realtime.snapshot import DecisionKind
from realtime.voice_activity import VoiceActivity, load_voice_activity_session
from training.channel import sounding_rms
from training.data.cache import open_clips
from training.data.recordings import read_recordings
from training.yamnet.recordings import is_held_out, is_unheard

_GAP_S: Final = 4.0  # between clips: longer than a window, so that none hears two of them
_GRACE_S: Final = 2.0  # after a clip's end, in which its windows may still be decided
_SPEECH_RMS: Final = 0.05
_FADE_S: Final = 1.0
_LIMIT_S: Final = 86_400.0
_MUSIC_FROM: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_MARGINS: Final = (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2)


@dataclass(frozen=True)
class Spoken:
    """Where one clip lies in a script, samples, and what it should be heard as."""

    start: int
    stop: int
    emotion: Emotion


def script(clips: Sequence[tuple[Audio, Emotion]]) -> tuple[Audio, tuple[Spoken, ...]]:
    """Clips one after the other, alike in level, with gaps; 16 kHz."""
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE_HZ), dtype=np.float32)
    parts, spoken, at = [gap], [], gap.size
    for audio, emotion in clips:
        parts += [level(audio), gap]
        spoken.append(Spoken(at, at + audio.size, emotion))
        at += audio.size + gap.size
    return np.clip(np.concatenate(parts), -1.0, 1.0), tuple(spoken)


def level(audio: Audio) -> Audio:
    """Sound as loud as all speech here."""
    loud: Audio = np.clip(audio * np.float32(_SPEECH_RMS / sounding_rms(audio)), -1.0, 1.0)
    return loud


def songs_never_heard(music: Path) -> list[Audio]:
    """Songs of an archive that no network of this project has heard."""
    return _songs(music, trained_on=False)


def mixed(speech: Audio, songs: Sequence[Audio], under_db: float) -> Audio:
    """Speech of `script` with songs in a row so many dB below it, all through, also between clips."""
    gain = _SPEECH_RMS * 10.0 ** (-under_db / 20.0)
    levelled = np.concatenate([song * np.float32(gain / sounding_rms(song)) for song in songs])
    return np.clip(speech + np.resize(levelled, speech.size), -1.0, 1.0)


def concert(songs: Sequence[Audio]) -> Audio:
    """Songs one after the other, faded in and out, with gaps; 16 kHz."""
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE_HZ), dtype=np.float32)
    ramp = np.linspace(0.0, 1.0, round(_FADE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    parts = [gap]
    for song in songs:
        faded = song.copy()
        faded[: ramp.size] *= ramp
        faded[-ramp.size :] *= ramp[::-1]
        parts += [faded, gap]
    return np.concatenate(parts)


def recognised(heard_as: ClipEmotion, spoken: Sequence[Spoken]) -> dict[str, int]:
    """Of how many clips an emotion was accepted, or else a direction, and of how many the right emotion."""
    grace = round(_GRACE_S * SAMPLE_RATE_HZ)
    during = [
        [w.decision for w in heard_as.windows if clip.start < w.reading.clock <= clip.stop + grace]
        for clip in spoken
    ]
    emotions = [{d.emotion for d in clip if d.kind is DecisionKind.ACCEPTED} for clip in during]
    return {
        "clips": len(spoken),
        "accepted": sum(map(bool, emotions)),
        "right": sum(clip.emotion in found for clip, found in zip(spoken, emotions, strict=True)),
        "accepted_or_direction": sum(
            bool(found) or any(d.direction is not None for d in clip)
            for clip, found in zip(during, emotions, strict=True)
        ),
    }


def run(speech: Path, music: Path, *, clips: int, under_db: float) -> dict[str, Any]:
    """Songs alone; speech of test speakers drawn by chance; both, the music so many dB below."""
    songs = songs_never_heard(music)
    alone, spoken = script(_clips(speech, "test", clips))
    return {
        "songs": count(hear(concert(songs))),
        "speech": recognised(hear(alone), spoken),
        f"over music {under_db:g} dB below": recognised(hear(mixed(alone, songs, under_db)), spoken),
    }


def choices(speech: Path, music: Path, *, clips: int, under_db: float) -> list[dict[str, float]]:
    """What each pair of the settings of music rejection holds back on training speakers and music.

    Returns
    -------
    rows
        ``music_from``, ``voice_over_music``, and the share of the windows with speech enough that is held
        back: of speech alone, of speech over music, of music.
    """
    songs = _songs(music, trained_on=True)
    alone, _ = script(_clips(speech, "train", clips))
    sounds = {
        "speech": _window_scores(alone),
        "speech over music": _window_scores(mixed(alone, songs, under_db)),
        "music": _window_scores(concert(songs[:clips])),
    }
    rows = []
    for music_from in _MUSIC_FROM:
        for margin in _MARGINS:
            config = MusicRejectionConfig(music_from=music_from, margin=margin, beside_from=0.0)
            row = {"music_from": music_from, "voice_over_music": margin}
            for name, windows in sounds.items():
                row[name] = round(float(np.mean([only_music(shares, config) for shares in windows])), 3)
            rows.append(row)
    return rows


def _window_scores(audio: Audio) -> list[tuple[AudioClassScores, ...]]:
    """What music rejection is shown of each window with enough speech, of a stream at 16 kHz."""
    settings = load_settings()
    tagger = LiveMoodTagger(load_backbone(settings.mood_backbone), load_head(settings.mood_head))
    session = load_voice_activity_session()
    voice = VoiceActivity(session, window_samples=WINDOW_SAMPLES, threshold=settings.speech_threshold)
    hop = round(settings.hop_s * SAMPLE_RATE_HZ)
    found = []
    for end in range(hop, audio.size + 1, hop):
        voice.feed(audio[end - hop : end])
        if end >= WINDOW_SAMPLES:
            reading = tagger.tag(audio[end - WINDOW_SAMPLES : end], end)
            if voice.share >= settings.min_speech_share:
                found.append(reading.class_scores)
    return found


def _songs(music: Path, *, trained_on: bool) -> list[Audio]:
    wanted = (lambda name: not is_held_out(name)) if trained_on else is_unheard
    return read_recordings(music, limit_s=_LIMIT_S, wanted=wanted)


def _clips(speech: Path, split: str, count_: int) -> list[tuple[Audio, Emotion]]:
    cache = open_clips(speech)
    rows = [clip for clip in cache.clips if clip.split == split and clip.emotion in EMOTIONS]
    order = np.random.default_rng(0).permutation(len(rows))[:count_]
    return [(cache.audio(rows[row]), Emotion(rows[row].emotion)) for row in order]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--under-db", type=float, default=10.0)
    parser.add_argument("--choose", action="store_true")
    given = parser.parse_args()
    measure = choices if given.choose else run
    print(
        json.dumps(measure(given.speech, given.music, clips=given.clips, under_db=given.under_db), indent=2)
    )


if __name__ == "__main__":
    main()
