"""`attune emotion`: what recordings say, window by window and as a whole."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from attune.cli import console
from attune.cli.decisions import (
    STATEMENT_COLUMNS,
    STYLES,
    EnergyThresholdOption,
    PleasantnessThresholdOption,
    ThresholdOption,
    axis_text,
    flat_statements,
)
from attune.cli.sound_inputs import FilesArgument, SoundInput, sound_inputs
from attune.engine.engine import Engine
from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.errors import AttuneError
from core.settings import load_settings
from core.text import percent
from models.resample import SAMPLE_RATE_HZ
from realtime.clip_summary import ClipEmotion
from realtime.emotion_answer import EmotionAnswer, emotion_answer
from realtime.plain_values import plain_clip
from realtime.snapshot import DecisionKind

app = console.command_app()

_AXES = {"energy": ENERGY_WORDS, "pleasantness": PLEASANTNESS_WORDS}


_WINDOW_S = 3.0
_ANSWER_COLUMNS = ("music_mood", "status", "warning")
_CSV_COLUMNS = ("file", "part", "start_s", "end_s", *STATEMENT_COLUMNS, *_ANSWER_COLUMNS)
"""One row a window, then one for the whole; `part` is `window` or `clip`. The last three are of the whole."""


@app.command(
    epilog="**Examples**: `attune emotion talk.wav` · `attune emotion --json clips/ > clips.jsonl` · "
    "`attune emotion --csv clips/*.wav` · `ffmpeg -i film.mkv -f wav - | attune emotion -`"
)
def emotion(
    files: FilesArgument,
    threshold: ThresholdOption = None,
    energy_threshold: EnergyThresholdOption = None,
    pleasantness_threshold: PleasantnessThresholdOption = None,
    as_json: console.JsonFlag = False,
    as_csv: console.CsvFlag = False,
) -> None:
    """Recognise emotion, energy and pleasantness in recordings: per window and for each whole clip."""
    settings = load_settings(
        threshold=threshold,
        energy_threshold=energy_threshold,
        pleasantness_threshold=pleasantness_threshold,
        journal=False,
    )
    failed = False
    if as_csv:
        console.print_csv([_CSV_COLUMNS])
    with console.interruptible(), closing(Engine(settings)) as engine:
        inputs = list(sound_inputs(files))
        for number, sound in enumerate(inputs, start=1):
            try:
                if isinstance(sound, AttuneError):
                    raise sound
                prefix = f"{number}/{len(inputs)} " if len(inputs) > 1 else ""
                clip = _recognise(engine, sound, prefix)
            except AttuneError as error:
                failed = True
                console.say_error(str(error))
                continue
            answer = emotion_answer(clip, settings.threshold)
            if as_json:
                console.print_json(plain_clip(sound.name, clip, answer))
            elif as_csv:
                console.print_csv(_csv_rows(plain_clip(sound.name, clip, answer)))
            else:
                _print_clip(sound.name, clip, answer)
            if clip.notice:
                console.note(clip.notice)
        if problem := engine.snapshot().mood_error:
            console.note(problem)
    if failed:
        raise typer.Exit(1)


def _recognise(engine: Engine, sound: SoundInput, prefix: str) -> ClipEmotion:
    content = sound.content if isinstance(sound.content, bytes) else None
    with console.sound_progress(f"{prefix}{Path(sound.name).name}") as report:
        return engine.recognise(Path(sound.name), content=content, on_progress=report)


def _print_clip(name: str, clip: ClipEmotion, answer: EmotionAnswer) -> None:
    known = {name: words for name, words in _AXES.items() if getattr(clip, name) is not None}
    rows = []
    for window in clip.windows:
        reading, decision = window.reading, window.decision
        end_s = reading.clock / SAMPLE_RATE_HZ
        rows.append(
            (
                f"{max(0.0, end_s - _WINDOW_S):.1f} s",
                f"{end_s:.1f} s",
                percent(reading.speech_share),
                decision.leading,
                percent(decision.confidence) if decision.leading else None,
                Text(decision.kind, style=STYLES[decision.kind]),
                *(axis_text(getattr(decision, name), words, short=True) for name, words in known.items()),
            )
        )
    columns = ("from", "to", "speech", "emotion", "confidence", "gate", *known)
    console.print_table(columns, rows, title=name)
    if clip.emotion is None:
        music = any(window.reading.only_music for window in clip.windows)
        why = "no voice stands out from the music" if music else "no speech"
        console.say(f"Whole clip: {why}.", style="dim")
        return
    unsure = "" if clip.kind is DecisionKind.ACCEPTED else " (unsure)"
    statements = [
        console.assemble((f"Whole clip: {clip.emotion}", "bold"), f" {percent(clip.confidence)}{unsure}")
    ]
    statements += [axis_text(getattr(clip, name), words) for name, words in known.items()]
    console.say(Text(", ").join(statements))
    console.say(
        " ".join(filter(None, (f"Music mood: {answer.music_mood} ({answer.status}).", answer.warning)))
    )


def _csv_rows(clip: dict[str, Any]) -> list[list[Any]]:
    """A clip as `plain_clip` gives it, as rows of `_CSV_COLUMNS`."""
    windows = clip["windows"]
    rows = [
        ("window", max(0.0, window["time_s"] - _WINDOW_S), window["time_s"], window) for window in windows
    ]
    end_s = windows[-1]["time_s"] if windows else 0.0
    accepted = clip["emotion"] if clip["kind"] == DecisionKind.ACCEPTED else None
    whole = {**clip, "emotion": accepted, "leading": clip["emotion"]}
    return [
        [
            *(clip["file"], part, start_s, end_s),
            *flat_statements(values),
            *(values.get(column) for column in _ANSWER_COLUMNS),
        ]
        for part, start_s, end_s, values in (*rows, ("clip", 0.0, end_s, whole))
    ]
