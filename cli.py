"""Front door 2: `attune ...`, the terminal."""

from __future__ import annotations

import json
import logging
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

import cli_data
import cli_evaluate
import cli_library
import cli_models
import cli_mood
import cli_spotify
import cli_train
import cli_voice
from core import paths
from core.errors import AttuneError, JournalError
from core.logs import start_logging
from core.settings import Settings, load_settings
from doctor import Verdict, examine
from engine import Engine
from models.audio import open_stream
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.plane import Direction
from models.resample import SAMPLE_RATE_HZ
from playback.player import PlayerKind, PlayerSnapshot
from playback.preferences import Mode
from playback.snapshot import MusicRecord, MusicSnapshot
from realtime.capture import SourceKind, SourceSpec, list_devices, suggest_source
from realtime.clip import ClipEmotion
from realtime.journal import Journal
from realtime.snapshot import (
    ENERGY_WORDS,
    PLEASANTNESS_WORDS,
    AxisStatement,
    Decision,
    DecisionKind,
    Reading,
    Snapshot,
    accepted_word,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="attune",
    help="Hear how people in the room feel. The dashboard is `streamlit run app.py`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
bench_app = typer.Typer(help="Measure speed on this machine.", no_args_is_help=True)
journal_app = typer.Typer(help="Look at, export or delete what was recorded.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
app.add_typer(journal_app, name="journal")
for module in (cli_data, cli_train, cli_evaluate, cli_voice, cli_mood, cli_models, cli_spotify, cli_library):
    module.add_commands(app)

_LOG = logging.getLogger(__name__)
_out = Console()
_err = Console(stderr=True)

_STYLES = {DecisionKind.ACCEPTED: "bold green", DecisionKind.UNSURE: "yellow", DecisionKind.NO_SPEECH: "dim"}


class Backend(StrEnum):
    """Libraries that open the microphone."""

    SOUNDDEVICE = "sounddevice"
    PYAUDIO = "pyaudio"


JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
BackendOption = Annotated[Backend | None, typer.Option(help="Library that opens the microphone.")]
ThresholdOption = Annotated[
    float | None, typer.Option(min=0.3, max=0.99, help="Confidence from which an emotion is accepted.")
]
EnergyThresholdOption = Annotated[
    float | None,
    typer.Option(min=0.55, max=0.99, help="Confidence from which a voice is accepted as lively or quiet."),
]
PleasantnessThresholdOption = Annotated[
    float | None,
    typer.Option(
        min=0.55, max=0.99, help="Confidence from which a voice is accepted as pleasant or unpleasant."
    ),
]


def main() -> None:
    """Run the program; every error of ours is one sentence on standard error and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a pipe whose encoding lacks a sign gets a question mark, never an exception.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    start_logging()
    try:
        app()
    except AttuneError as error:
        _say_error(str(error))
        sys.exit(1)
    except Exception:  # noqa: BLE001 - the last to see it: a sentence for people, the trace for the log
        _LOG.exception("the program ended by an internal error")
        _say_error(f"Something unexpected went wrong: the program's log, {paths.log_file()}, says what.")
        sys.exit(1)


@app.command(
    epilog="**Examples**: `attune listen` · `attune listen --source demo` · "
    "`attune listen --source mic --device USB --host-api ALSA` · "
    "`attune listen --source talk.wav --fast --json` · "
    "`attune listen --player spotify --autopilot auto`"
)
def listen(
    source: Annotated[
        str | None,
        typer.Option(help="`mic`, `system`, `demo` or an audio file; by default the microphone or the demo."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Microphone or system audio by name, as `attune devices` lists it.")
    ] = None,
    host_api: Annotated[
        str | None, typer.Option(help="Host API of the microphone, where its name alone is ambiguous.")
    ] = None,
    backend: BackendOption = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Replay a file or the demo as fast as possible, dropping nothing.")
    ] = False,
    threshold: ThresholdOption = None,
    energy_threshold: EnergyThresholdOption = None,
    pleasantness_threshold: PleasantnessThresholdOption = None,
    player: Annotated[
        PlayerKind | None, typer.Option(help="Let music follow, on this player; by default none plays.")
    ] = None,
    autopilot: Annotated[
        Mode | None, typer.Option(help="Whether the music changes by itself; with a player, `suggest`.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Listen and say, twice a second, which emotion, energy and pleasantness are heard. Ctrl-C stops."""
    settings = load_settings(
        backend=backend and backend.value,
        threshold=threshold,
        energy_threshold=energy_threshold,
        pleasantness_threshold=pleasantness_threshold,
    )
    if source is None and (device or host_api):
        source = SourceKind.MICROPHONE.value
    if source is None:
        spec, reason = suggest_source(settings)
        _err.print(f"[dim]{escape(reason)}[/]", highlight=False, soft_wrap=True)
        spec = replace(spec, fast=fast)
    else:
        spec = _source_spec(source, settings, device=device, host_api=host_api, fast=fast)
    _refuse_what_does_not_fit(spec, device=device, host_api=host_api)
    if spec.fast and (player or autopilot):
        raise typer.BadParameter(
            "music follows what is heard as it is heard: leave --fast out.", param_hint="--fast"
        )
    with _engine(settings) as engine:
        if player or autopilot:
            engine.lend_music(player, autopilot)
        if as_json:
            _listen_json(engine, spec)
        else:
            _listen_live(engine, spec)
        failure = engine.snapshot()
    if failure.state == "failed":
        raise AttuneError(failure.message)


@app.command(
    epilog="**Examples**: `attune devices` · `attune devices --backend pyaudio` · `attune devices --json`"
)
def devices(backend: BackendOption = None, as_json: JsonFlag = False) -> None:
    """List microphones and system audio, by name and host API."""
    settings = load_settings(backend=backend and backend.value)
    found = list_devices(backend=settings.backend)
    if as_json:
        _print_json([_plain_device(device) for device in found])
        return
    if not found:
        _out.print("No sound device was found. `attune listen --source demo` works without one.")
        return
    table = Table("kind", "name", "host API", "library", "rate, Hz", "channels", "default")
    for device in found:
        plain = _plain_device(device)
        table.add_row(
            *(
                escape("yes" if value is True else "" if value is False else str(value))
                for value in plain.values()
            )
        )
    _out.print(table)


@app.command(epilog="**Examples**: `attune emotion talk.wav` · `attune emotion --json clips/*.wav`")
def emotion(
    files: Annotated[list[Path], typer.Argument(help="Audio files.", metavar="FILE...")],
    threshold: ThresholdOption = None,
    energy_threshold: EnergyThresholdOption = None,
    pleasantness_threshold: PleasantnessThresholdOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Recognise emotion, energy and pleasantness in recordings: per window and for each whole clip."""
    settings = load_settings(
        threshold=threshold,
        energy_threshold=energy_threshold,
        pleasantness_threshold=pleasantness_threshold,
        journal=False,
    )
    failed = 0
    with _engine(settings) as engine:
        for path in files:
            try:
                clip = _recognise_with_progress(engine, path)
            except AttuneError as error:
                failed += 1
                _say_error(str(error))
                continue
            if as_json:
                _print_json(_plain_clip(path, clip))
            else:
                _print_clip(path, clip)
        if problem := engine.snapshot().mood_error:
            _err.print(f"[yellow]{escape(problem)}[/]", highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command(name="doctor", epilog="**Examples**: `attune doctor` · `attune doctor --json`")
def doctor_command(as_json: JsonFlag = False) -> None:
    """Say what works on this machine, and what to do about the rest."""
    marks = {
        Verdict.GOOD: f"[green]{_sign('✓', '+')}[/]",
        Verdict.OPTIONAL: "[yellow]-[/]",
        Verdict.BAD: f"[red]{_sign('✗', 'x')}[/]",
    }
    checks = []
    for check in examine():
        checks.append(check)
        if not as_json:
            _out.print(
                f"{marks[check.verdict]} [bold]{check.topic}[/]: {escape(check.finding)}",
                highlight=False,
                soft_wrap=True,
            )
            if check.remedy:
                _out.print(f"   [dim]{escape(check.remedy)}[/]", highlight=False, soft_wrap=True)
    if as_json:
        _print_json(
            [
                {"topic": c.topic, "verdict": c.verdict, "finding": c.finding, "remedy": c.remedy}
                for c in checks
            ]
        )
    if any(check.verdict is Verdict.BAD for check in checks):
        raise typer.Exit(1)


@bench_app.command(
    name="emotion",
    epilog="**Examples**: `attune bench emotion` · `attune bench emotion --embedded-only` · "
    "`attune bench emotion --threads 1 --json`",
)
def bench_emotion(
    threads: Annotated[int, typer.Option(min=1, max=16, help="Threads of each model.")] = 2,
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed rounds.")] = 30,
    embedded_only: Annotated[
        bool, typer.Option("--embedded-only", help="Time the embedded model alone; needs no torch.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Time one 3-second window: the embedded model, the full-size hybrid, and transformers."""
    from benchmarks.emotion import run  # noqa: PLC0415 - it may bring torch, which no door starts with

    with _progress(TaskProgressColumn()) as progress:
        task = progress.add_task("Measuring", total=None)  # the models are made ready before the first round
        figures = run(
            threads=threads,
            repeats=repeats,
            embedded_only=embedded_only,
            on_round=lambda done, total: progress.update(task, completed=done, total=total),
        )
    _print_figures(figures, as_json=as_json)


@bench_app.command(
    name="mood",
    epilog="**Examples**: `attune bench mood` · `attune bench mood --threads 1 --json` · "
    "`attune bench mood --hours 3`",
)
def bench_mood(
    threads: Annotated[int, typer.Option(min=1, max=16, help="Threads of each pipeline.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Timed rounds.")] = 5,
    hours: Annotated[
        float, typer.Option(min=0.0, max=4.0, help="Also the peak memory of a file so long; takes minutes.")
    ] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Time a 4-minute MP3 from file to theme, beside the same in eager torch."""
    from benchmarks.mood import peak_of_hours, run  # noqa: PLC0415 - it may bring torch

    with _progress(TaskProgressColumn()) as progress:
        task = progress.add_task("Measuring", total=None)
        figures = run(
            threads=threads,
            repeats=repeats,
            on_round=lambda done, total: progress.update(task, completed=done, total=total),
        )
        if hours:
            progress.update(task, description=f"Hearing {hours:g} hours")
            figures |= {"hours": hours, "peak_memory_mb": peak_of_hours(hours)}
    _print_figures(figures, as_json=as_json)


def _print_figures(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        _print_json(figures)
        return
    table = Table("figure", "value")
    for name, value in figures.items():
        if value is None:
            continue
        table.add_row(name, f"{value:.2f}" if isinstance(value, float) else escape(str(value)))
    _out.print(table)


@journal_app.command(name="sessions", epilog="**Example**: `attune journal sessions`")
def journal_sessions() -> None:
    """List what was recorded, newest last."""
    table = Table("session", "started", "ended", "source", "model")
    with _journal() as journal:
        for row in journal.sessions():
            table.add_row(
                str(row.id), row.started_at, row.ended_at or "", escape(row.source_name), escape(row.model)
            )
    _out.print(table)


@journal_app.command(
    name="export",
    epilog="**Examples**: `attune journal export decisions.csv` · "
    "`attune journal export one.parquet --session 3 --overwrite`",
)
def journal_export(
    file: Annotated[Path, typer.Argument(help="Where to write; `.csv` or `.parquet`.")],
    session: Annotated[int | None, typer.Option(help="Only this session.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Write all decisions to a table."""
    with _journal() as journal:
        match file.suffix.lower():
            case ".csv":
                journal.export_csv(file, session, overwrite=overwrite)
            case ".parquet":
                journal.export_parquet(file, session, overwrite=overwrite)
            case other:
                raise JournalError(f"{file} ends in {other!r}: name a .csv or a .parquet file.")
    _out.print(f"Wrote {file}.", highlight=False)


@journal_app.command(
    name="clear", epilog="**Examples**: `attune journal clear` · `attune journal clear --yes`"
)
def journal_clear(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete all sessions from the journal."""
    if not yes:
        typer.confirm("Delete all recorded sessions for good?", abort=True)
    with _journal() as journal:
        journal.delete_all()
    _out.print("The journal is empty.")


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine(settings)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def _journal() -> Iterator[Journal]:
    settings = load_settings()
    journal = Journal(settings.journal_path, retention_days=settings.retention_days)
    try:
        yield journal
    finally:
        journal.close()


def _source_spec(
    source: str, settings: Settings, *, device: str | None, host_api: str | None, fast: bool
) -> SourceSpec:
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


def _refuse_what_does_not_fit(spec: SourceSpec, *, device: str | None, host_api: str | None) -> None:
    """Options that would be passed over in silence are usage errors."""
    live = spec.kind in (SourceKind.MICROPHONE, SourceKind.SYSTEM)
    if spec.fast and live:
        raise typer.BadParameter(
            "only a file or the demo can be replayed fast: name one with --source.", param_hint="--fast"
        )
    if device is not None and not live:
        raise typer.BadParameter(
            "a file and the demo have no device: use it with --source mic or system.", param_hint="--device"
        )
    if host_api is not None and spec.kind is not SourceKind.MICROPHONE:
        raise typer.BadParameter(
            "only microphones have one to choose: use it with --source mic.", param_hint="--host-api"
        )


def _listen_json(engine: Engine, spec: SourceSpec) -> None:
    """One JSON object a line and decision; the lines are written by this thread, never the listener's."""
    lines: queue.Queue[dict[str, Any]] = queue.Queue()
    engine.start(spec, on_decision=lambda reading, decision: lines.put(_plain(reading, decision)))
    try:
        # Where the lines themselves are seen to come, a bar between them would only disturb.
        with _progress(TimeRemainingColumn(), disable=not spec.fast or sys.stdout.isatty()) as progress:
            task = progress.add_task(escape(spec.path.name if spec.path else "demo"), total=None)
            over = False
            told: MusicRecord | None = None
            while not over:
                over = engine.wait(0.1)
                while not lines.empty():
                    _print_json(lines.get())
                told = _print_records(engine.music_snapshot(), told)
                done_s, total_s = _heard(engine.snapshot())
                progress.update(task, completed=done_s, total=total_s)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _listen_live(engine: Engine, spec: SourceSpec) -> None:
    engine.start(spec)
    try:
        with Live(console=_out, refresh_per_second=4, transient=False) as live:
            over = False
            while not over:
                over = engine.wait(0.25)
                music = engine.music_snapshot()
                if music is not None and live.console.is_terminal:
                    engine.music.look()
                live.update(_picture(engine.snapshot(), progress=spec.fast, music=music))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _print_records(music: MusicSnapshot | None, told: MusicRecord | None) -> MusicRecord | None:
    """One JSON object for each thing that happened to the music since; returns the newest.

    Known by itself, not by its time: of several that happen at once, or after the clock was set back, none
    is lost.
    """
    records = music.records if music is not None else ()
    since = takewhile(lambda record: record is not told, records)
    for record in reversed(tuple(since)):
        _print_json(_plain_record(record))
    return records[0] if records else told


def _plain_record(record: MusicRecord) -> dict[str, Any]:
    return {
        "music": record.kind,
        "at_s": record.at_s,
        "emotion": record.feeling if isinstance(record.feeling, Emotion) else None,
        "direction": record.feeling if isinstance(record.feeling, Direction) else None,
        "playlist": record.playlist and record.playlist.name,
        "reason": record.reason,
        "outcome": record.outcome,
    }


def _picture(snapshot: Snapshot, *, progress: bool, music: MusicSnapshot | None) -> Group:
    name = snapshot.source.name if snapshot.source else ""
    head = Text.assemble(
        (_sign("● ", "* "), "bold red") if snapshot.listening else (_sign("○ ", "o "), "dim"),
        f"{snapshot.state}  {name}  {_clock(snapshot.clock)}  {snapshot.level.rms_dbfs:.0f} dBFS",
        ("  clipping" if snapshot.level.clipping else "", "red"),
        ("  digital silence: is it muted?" if snapshot.level.digital_silence else "", "yellow"),
        *(f"\n{text}" for text in _notes(snapshot)),
    )
    done_s, total_s = _heard(snapshot)
    rows: list[RenderableType] = [head, *_music(music)]
    if progress and total_s is not None:
        rows.append(ProgressBar(total=total_s, completed=done_s, width=40))
    decision = snapshot.decision
    if decision is None:
        return Group(*rows, Text("Waiting for the first 3 seconds.", style="dim"))
    shown = decision.emotion or decision.kind
    bars = Table.grid(padding=(0, 1))
    for label, probability in zip(EMOTIONS, decision.smoothed or (0.0,) * len(EMOTIONS), strict=True):
        filled = round(probability * 30)
        bars.add_row(
            label, Text(_sign("█", "#") * filled + _sign("·", ".") * (30 - filled)), f"{probability:4.0%}"
        )
    words = [Text(f"{shown}", style=_STYLES[decision.kind])]
    if plane := _plane(decision.energy, decision.pleasantness):
        words.append(plane)
    return Group(*rows, *words, Text(decision.reason, style="dim"), bars)


def _plane(energy: AxisStatement | None, pleasantness: AxisStatement | None) -> Text:
    """The two other statements in one line."""
    return Text("  ").join(
        Text.assemble((f"{name}: ", "dim"), _axis(statement, words))
        for name, statement, words in (
            ("energy", energy, ENERGY_WORDS),
            ("pleasantness", pleasantness, PLEASANTNESS_WORDS),
        )
        if statement is not None
    )


def _axis(statement: AxisStatement | None, words: tuple[str, str], *, short: bool = False) -> Text:
    """Such as "lively 84%" or "quiet 61% (unsure)", short "quiet? 61%"; empty where there is none."""
    if statement is None:
        return Text()
    word, shown = words[0] if statement.high else words[1], f"{statement.confidence:.0%}"
    if statement.accepted is not None:
        return Text(f"{word} {shown}", style=_STYLES[DecisionKind.ACCEPTED])
    return Text(
        f"{word}? {shown}" if short else f"{word} {shown} (unsure)", style=_STYLES[DecisionKind.UNSURE]
    )


def _music(music: MusicSnapshot | None) -> list[Text]:
    """What plays, what the autopilot waits for, and what happened last."""
    if music is None:
        return []
    connection = music.player.connection
    says = _once(
        music.says,
        music.problem or connection.message,
        *(record.reason for record in music.records[:1]),
    )
    return [Text(line, style="dim") for line in (f"{music.player.kind}: {_playing(music.player)}", *says)]


def _playing(player: PlayerSnapshot) -> str:
    """What plays; just after a change the playlist is known before its track is."""
    playlist = "" if player.playlist is None else player.playlist.name
    if player.track is not None:
        return f"{player.track.title} ({playlist})" if playlist else player.track.title
    return (playlist or "music plays") if player.playing else "nothing plays"


def _once(*sentences: str) -> list[str]:
    """Those of them that no other says, too: what is wrong with the player is in the reasons as well."""
    told = {sentence.removesuffix(".").casefold(): sentence for sentence in sentences if sentence}
    return [
        sentence
        for words, sentence in told.items()
        if not any(words != others and words in others for others in told)
    ]


def _notes(snapshot: Snapshot) -> list[str]:
    """What a person is to know besides, one sentence each."""
    notes = (snapshot.message, snapshot.notice, snapshot.journal_error, snapshot.mood_error)
    return [note for note in notes if note]


def _heard(snapshot: Snapshot) -> tuple[float, float | None]:
    """Seconds heard so far, and in all where the source says so."""
    total_s = snapshot.source.duration_s if snapshot.source else None
    return snapshot.clock / SAMPLE_RATE_HZ, total_s


def _recognise_with_progress(engine: Engine, path: Path) -> ClipEmotion:
    with open_stream(path, max_minutes=engine.settings.max_file_minutes) as stream:
        duration_s = stream.duration_s
    with _progress(TimeRemainingColumn()) as progress:
        task = progress.add_task(escape(path.name), total=duration_s)
        return engine.recognise(path, on_progress=lambda heard_s: progress.update(task, completed=heard_s))


def _print_clip(path: Path, clip: ClipEmotion) -> None:
    axes = {"energy": ENERGY_WORDS, "pleasantness": PLEASANTNESS_WORDS}
    known = [name for name in axes if getattr(clip, name) is not None]
    table = Table("from", "to", "speech", "emotion", "confidence", "gate", *known, title=escape(path.name))
    for window in clip.windows:
        reading, decision = window.reading, window.decision
        end_s = reading.clock / SAMPLE_RATE_HZ
        table.add_row(
            f"{max(0.0, end_s - 3.0):.1f} s",
            f"{end_s:.1f} s",
            f"{reading.speech_share:.0%}",
            decision.leading or "",
            f"{decision.confidence:.0%}" if decision.leading else "",
            Text(decision.kind, style=_STYLES[decision.kind]),
            *(_axis(getattr(decision, name), axes[name], short=True) for name in known),
        )
    _out.print(table)
    if clip.notice:
        _err.print(f"[yellow]{escape(clip.notice)}[/]", highlight=False, soft_wrap=True)
    if clip.emotion is None:
        music = any(window.reading.only_music for window in clip.windows)
        why = "no voice stands out from the music" if music else "no speech"
        _out.print(f"[dim]Whole clip: {why}.[/]")
    else:
        sure = "" if clip.kind is DecisionKind.ACCEPTED else " (unsure)"
        said = [Text.assemble((f"Whole clip: {clip.emotion}", "bold"), f" {clip.confidence:.0%}{sure}")]
        said += [_axis(getattr(clip, name), axes[name]) for name in known]
        _out.print(Text(", ").join(said), highlight=False)


def _plain_clip(path: Path, clip: ClipEmotion) -> dict[str, Any]:
    return {
        "file": str(path),
        "kind": clip.kind,
        "emotion": clip.emotion,
        "confidence": clip.confidence,
        "probabilities": _named(clip.probabilities),
        "energy": _plain_axis(clip.energy, ENERGY_WORDS),
        "pleasantness": _plain_axis(clip.pleasantness, PLEASANTNESS_WORDS),
        "direction": clip.direction,
        "notice": clip.notice,
        "windows": [_plain(window.reading, window.decision) for window in clip.windows],
    }


def _plain(reading: Reading, decision: Decision) -> dict[str, Any]:
    return {
        "time_s": reading.clock / SAMPLE_RATE_HZ,
        "kind": decision.kind,
        "emotion": decision.emotion,
        "leading": decision.leading,
        "confidence": decision.confidence,
        "speech_share": reading.speech_share,
        "only_music": reading.only_music,
        "probabilities": _named(reading.probabilities),
        "energy": _plain_axis(decision.energy, ENERGY_WORDS, reading.energy),
        "pleasantness": _plain_axis(decision.pleasantness, PLEASANTNESS_WORDS, reading.pleasantness),
        "direction": decision.direction,
        "changed": decision.changed,
        "reason": decision.reason,
        "latency_ms": reading.latency_ms,
    }


def _plain_axis(
    statement: AxisStatement | None, words: tuple[str, str], probability: float | None = None
) -> dict[str, Any] | None:
    """What is accepted, how sure that (or the likelier side) is, and what the model said of the window."""
    if statement is None:
        return None
    return {
        "accepted": accepted_word(statement, words),
        "confidence": statement.confidence,
        f"p_{words[0]}": statement.probability if probability is None else probability,
    }


def _plain_device(device: Any) -> dict[str, Any]:
    return {
        "kind": str(device.kind),
        "name": device.name,
        "host_api": device.host_api,
        "library": device.backend,
        "rate_hz": device.rate_hz,
        "channels": device.channels,
        "default": device.is_default,
    }


def _named(probabilities: tuple[float, ...] | None) -> dict[str, float] | None:
    return None if probabilities is None else dict(zip(EMOTIONS, probabilities, strict=True))


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def _progress(last: ProgressColumn, *, disable: bool = False) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), last
    return Progress(*columns, console=_err, transient=True, disable=disable or not _err.is_terminal)


def _sign(sign: str, plain: str) -> str:
    """Draw a sign where the terminal has it, else what stands for it."""
    try:
        sign.encode(_out.encoding)
    except (UnicodeEncodeError, LookupError):
        return plain
    return sign


def _say_error(sentence: str) -> None:
    _err.print(f"[bold red]Error:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def _clock(samples: int) -> str:
    seconds = samples // SAMPLE_RATE_HZ
    return f"{seconds // 60}:{seconds % 60:02d}"


if __name__ == "__main__":
    main()
