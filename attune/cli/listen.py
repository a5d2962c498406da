"""`attune listen`: what is heard, twice a second, in words or as JSON."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Annotated, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import TimeElapsedColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from attune.cli import console
from attune.cli.decisions import (
    STYLES,
    EnergyThresholdOption,
    PleasantnessThresholdOption,
    ThresholdOption,
    axis_text,
)
from attune.cli.devices import BackendOption
from attune.engine.control import ControlServer
from attune.engine.engine import Engine
from attune.engine.events import events_until_end
from attune.engine.plain_events import plain_event
from attune.engine.recent_events import Event
from attune.public_api import source_spec
from core.directions import ENERGY_WORDS, PLEASANTNESS_WORDS
from core.emotions import EMOTIONS
from core.errors import AttuneError
from core.settings import load_settings
from core.text import printable
from models.resample import SAMPLE_RATE_HZ
from playback.player import ContentKind, PlayerKind, PlayerSnapshot
from playback.preferences.preferences import Mode
from playback.snapshot import MusicSnapshot, Phase
from realtime.capture import SourceKind, SourceSpec, suggest_source
from realtime.notices import Notice, NoticeKind, Severity
from realtime.snapshot import AxisStatement, ListenerState, Snapshot

app = console.command_app()

_NOTICE_STYLES: Final = {Severity.INFO: "dim", Severity.WARNING: "yellow", Severity.ERROR: "red"}


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
    as_json: console.JsonFlag = False,
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
        console.note(reason, style="dim")
        spec = replace(spec, fast=fast)
    else:
        spec = source_spec(source, settings, device=device, host_api=host_api, fast=fast)
    _check_options(spec, device=device, host_api=host_api)
    if spec.fast and (player or autopilot):
        raise typer.BadParameter(
            "music follows what is heard as it is heard: leave --fast out.", param_hint="--fast"
        )
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with (
        closing(Engine(settings, on_event=events.put)) as engine,
        closing(ControlServer(engine.pause.control)),
    ):
        engine.home.open()
        if player or autopilot:
            engine.open_music(player, autopilot)
        with console.interruptible():
            if as_json:
                _print_lines(engine, spec, events)
            else:
                _print_live(engine, spec, events)
        failure = engine.snapshot()
    if failure.state == "failed":
        raise AttuneError(failure.message)


def _check_options(spec: SourceSpec, *, device: str | None, host_api: str | None) -> None:
    """Options that would be ignored are usage errors."""
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


# JSON


def _print_lines(engine: Engine, spec: SourceSpec, events: queue.SimpleQueue[Event]) -> None:
    """One JSON object a line and event, at once; written by this thread, never the listener's."""
    # Where the lines themselves are seen to come, a bar between them would only disturb.
    disable = not spec.fast or sys.stdout.isatty()
    try:
        engine.start(spec)
        with console.progress(TimeElapsedColumn(), TimeRemainingColumn(), disable=disable) as progress:
            task = progress.add_task(spec.path.name if spec.path else "demo", total=None)
            for event in events_until_end(engine, events):
                if event is not None:
                    console.print_json(plain_event(event))
                done_s, total_s = _position(engine.snapshot())
                progress.update(task, completed=done_s, total=total_s)
    finally:
        engine.stop()
        for event in _waiting(events):
            console.print_json(plain_event(event))


def _waiting(events: queue.SimpleQueue[Event]) -> Iterator[Event]:
    while not events.empty():
        yield events.get()


# Words


def _print_live(engine: Engine, spec: SourceSpec, events: queue.SimpleQueue[Event]) -> None:
    engine.start(spec)
    with Live(console=console.out, refresh_per_second=4, transient=False) as live:
        over = False
        while not over:
            over = engine.wait(0.25)
            music = engine.music_snapshot()
            if music is not None and live.console.is_terminal:
                engine.music.mark_viewed()
            live.update(_screen(engine.snapshot(), progress=spec.fast, music=music))
            _print_notices(live.console, events)


def _print_notices(out: Console, events: queue.SimpleQueue[Event]) -> None:
    """Each on a line of its own above the screen; a failure is said by the command's end."""
    for event in _waiting(events):
        if isinstance(event, Notice) and event.kind is not NoticeKind.FAILED:
            moment = time.strftime("%H:%M:%S", time.localtime(event.at_s))
            line = Text(f"{moment}  {printable(event.message)}", style=_NOTICE_STYLES[event.severity])
            out.print(line, soft_wrap=True)


def _screen(snapshot: Snapshot, *, progress: bool, music: MusicSnapshot | None) -> Group:
    name = printable(snapshot.source.name) if snapshot.source else ""
    clock = console.duration_text(snapshot.clock // SAMPLE_RATE_HZ)
    head = Text.assemble(
        (console.drawable("● ", "* "), "bold red")
        if snapshot.listening
        else (console.drawable("○ ", "o "), "dim"),
        f"{snapshot.state}  {name}  {clock}  {snapshot.level.rms_dbfs:.0f} dBFS",
        ("  clipping" if snapshot.level.clipping else "", "red"),
        ("  digital silence: is it muted?" if snapshot.level.digital_silence else "", "yellow"),
    )
    done_s, total_s = _position(snapshot)
    rows: list[RenderableType] = [head, *_music_lines(music)]
    if snapshot.state is ListenerState.PAUSED:
        return Group(*rows, Text(f"{snapshot.message} `attune resume` goes on at once.", style="yellow"))
    if progress and total_s is not None:
        rows.append(ProgressBar(total=total_s, completed=done_s, width=40))
    decision = snapshot.decision
    if decision is None:
        return Group(*rows, Text("Waiting for the first 3 seconds.", style="dim"))
    bars = Table.grid(padding=(0, 1))
    for label, probability in zip(EMOTIONS, decision.smoothed or (0.0,) * len(EMOTIONS), strict=True):
        filled = round(probability * 30)
        bar = console.drawable("█", "#") * filled + console.drawable("·", ".") * (30 - filled)
        bars.add_row(label, Text(bar), f"{probability:4.0%}")
    rows.append(Text(decision.emotion or decision.kind, style=STYLES[decision.kind]))
    if axes := _axes(decision.energy, decision.pleasantness):
        rows.append(axes)
    return Group(*rows, Text(decision.reason, style="dim"), bars)


def _axes(energy: AxisStatement | None, pleasantness: AxisStatement | None) -> Text:
    """Energy and pleasantness in one line; empty where the model does not know them."""
    return Text("  ").join(
        console.assemble((f"{name}: ", "dim"), axis_text(statement, words))
        for name, statement, words in (
            ("energy", energy, ENERGY_WORDS),
            ("pleasantness", pleasantness, PLEASANTNESS_WORDS),
        )
        if statement is not None
    )


def _music_lines(music: MusicSnapshot | None) -> list[Text]:
    """What plays, what the autopilot waits for, and what happened last."""
    if music is None:
        return []
    sentences = _without_repetition(
        music.message,
        _goes_on(music),
        music.problem or music.player.connection.message,
        *(record.reason for record in music.records[:1]),
    )
    lines = (f"{music.player.kind}: {_now_playing(music.player)}", *sentences)
    return [Text(printable(line), style="dim") for line in lines]


def _goes_on(music: MusicSnapshot) -> str:
    """When a wait of the autopilot is over, and how it is ended here, where there is no button for it."""
    if music.until_s is None or not (music.can_resume or music.phase is Phase.UNABLE):
        return ""
    track = music.player.track
    # A podcast keeps it quiet after a new start, too.
    music_plays = track is None or track.kind is ContentKind.MUSIC
    again = music_plays and music.phase in (Phase.OVERRIDDEN, Phase.COOLING)
    end = ", or as soon as you start this command again" if again else ""
    return f"It goes on at {time.strftime('%H:%M', time.localtime(music.until_s))}{end}."


def _now_playing(player: PlayerSnapshot) -> str:
    """What plays; just after a change the playlist is known before its track is."""
    track, playlist = player.track, "" if player.playlist is None else player.playlist.name
    if track is not None:
        spoken = track.kind in (ContentKind.PODCAST, ContentKind.AUDIOBOOK)
        source = playlist or (track.kind.value if spoken else "")
        return f"{track.title} ({source})" if source else track.title
    return (playlist or "music plays") if player.playing else "nothing plays"


def _without_repetition(*sentences: str) -> list[str]:
    """Those that are not part of another: what is wrong with the player is in the reasons as well."""
    by_words = {sentence.removesuffix(".").casefold(): sentence for sentence in sentences if sentence}
    return [
        sentence
        for words, sentence in by_words.items()
        if not any(words != others and words in others for others in by_words)
    ]


def _position(snapshot: Snapshot) -> tuple[float, float | None]:
    """Seconds heard so far, and in all where the source knows."""
    total_s = snapshot.source.duration_s if snapshot.source else None
    return snapshot.clock / SAMPLE_RATE_HZ, total_s
