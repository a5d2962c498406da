"""The terminal's command for the user's own voice: `attune calibrate`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from core.errors import AttuneError, VoiceError
from core.settings import Settings, load_settings
from engine import Engine
from models.audio import SUPPORTED_SUFFIXES
from models.emotion.labels import EMOTIONS, Emotion
from models.emotion.personal import PersonalVoice, Score, Trial
from realtime.capture import SourceKind, SourceSpec
from realtime.prompts import HINTS, Prompt, prompts_for
from realtime.recorder import Recording, RecordingState
from realtime.take import MIN_SPEECH_S

__all__ = ["add_commands"]

_out = Console()
_err = Console(stderr=True)

_COUNTDOWN_S: Final = 3
_ATTEMPTS: Final = 3
_METER_FLOOR_DBFS: Final = -60.0
_TICK_S: Final = 0.1


def add_commands(app: typer.Typer) -> None:
    """Add every command of this module to the program's."""
    app.command(
        name="calibrate",
        epilog="**Examples**: `attune calibrate` · `attune calibrate --neutral-only` · "
        "`attune calibrate --clips my-voice` · `attune calibrate --neutral-only --source one.wav --source "
        "two.wav --source three.wav` · `attune calibrate --off`",
    )(calibrate)


def calibrate(
    source: Annotated[
        list[str] | None,
        typer.Option(help="`mic`, or audio files with one sentence each, in the order of the prompts."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone by name.")] = None,
    clips: Annotated[
        Path | None,
        typer.Option(help="A folder with recordings in subfolders that are named by emotion."),
    ] = None,
    neutral_only: Annotated[
        bool, typer.Option("--neutral-only", help="Only neutral sentences: quicker, and adapts less.")
    ] = False,
    keep_anyway: Annotated[
        bool, typer.Option("--keep-anyway", help="Keep it also where it reads left-out takes no better.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Say what is kept.")] = False,
    on: Annotated[bool, typer.Option("--on", help="Use what is kept.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Do not use it, but keep it.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
) -> None:
    """Adapt the model to your own voice with two or three minutes of acted sentences; no sound is kept."""
    asked = [
        name
        for name, given in (("--show", show), ("--on", on), ("--off", off), ("--delete", delete))
        if given
    ]
    if len(asked) > 1 or (asked and (source or clips or neutral_only)):
        raise typer.BadParameter("it stands alone.", param_hint=asked[0])
    if clips is not None and source:
        raise typer.BadParameter("give a folder of clips or sources, not both.", param_hint="--clips")
    with _engine(load_settings(journal=False)) as engine:
        calibration = engine.calibration
        if delete:
            _out.print("Your voice was deleted." if calibration.delete() else "There was none.")
        elif on or off:
            calibration.enable(on)
            _out.print(f"Your voice is switched {'on' if on else 'off'}.")
        elif show:
            _show(calibration.voice, calibration.problem)
        else:
            if clips is not None:
                _take_folder(engine, clips, neutral_only=neutral_only)
            elif source and source != ["mic"]:
                _take_files(engine, [Path(name) for name in source], neutral_only=neutral_only)
            else:
                _take_from_microphone(engine, device, neutral_only=neutral_only)
            _finish(engine, calibration.fit(neutral_only=neutral_only), keep_anyway=keep_anyway)


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = Engine(settings)
    try:
        yield engine
    finally:
        engine.close()


# Where takes come from


def _take_folder(engine: Engine, folder: Path, *, neutral_only: bool) -> None:
    if not folder.is_dir():
        raise VoiceError(f"{folder} is no folder: name one with a subfolder for each emotion.")
    files = [
        (emotion, file)
        for emotion in (EMOTIONS[:1] if neutral_only else EMOTIONS)
        for file in sorted(folder.glob(f"{emotion}/*"))
        if file.suffix.lower() in SUPPORTED_SUFFIXES
    ]
    if not files:
        wanted = "'neutral'" if neutral_only else f"named by emotion ({', '.join(EMOTIONS)})"
        raise VoiceError(f"{folder} has no recordings in subfolders {wanted}: put some there.")
    for emotion, file in files:
        _add(engine, emotion, file)


def _take_files(engine: Engine, files: list[Path], *, neutral_only: bool) -> None:
    prompts = prompts_for(neutral_only=neutral_only)
    if len(files) > len(prompts):
        raise VoiceError(
            f"There are {len(files)} recordings but only {len(prompts)} prompts: use --clips with a folder."
        )
    for prompt, file in zip(prompts, files, strict=False):
        _add(engine, prompt.emotion, file)


def _add(engine: Engine, emotion: Emotion, file: Path) -> None:
    """One bad recording among good ones is named, and the rest is used."""
    try:
        check = engine.calibration.add(str(file), emotion, file)
    except AttuneError as error:
        _err.print(f"[yellow]{escape(str(error))}[/]", highlight=False, soft_wrap=True)
        return
    if not check.good:
        _err.print(f"[yellow]{escape(f'{file}: {check.sentence}')}[/]", highlight=False, soft_wrap=True)


def _take_from_microphone(engine: Engine, device: str | None, *, neutral_only: bool) -> None:
    settings = engine.settings
    spec = SourceSpec(SourceKind.MICROPHONE, device=device or settings.device, backend=settings.backend)
    prompts = prompts_for(neutral_only=neutral_only)
    _out.print(
        f"{len(prompts)} sentences. Say each as its emotion asks, as you would in earnest; recording ends "
        "when you pause. No sound is kept. Ctrl-C ends it, and nothing is changed.\n",
        highlight=False,
        soft_wrap=True,
    )
    try:
        for number, prompt in enumerate(prompts, 1):
            _out.print(
                Text.assemble(
                    (f"{number}/{len(prompts)}  ", "dim"),
                    (prompt.emotion.capitalize(), "bold"),
                    (f", {HINTS[prompt.emotion]}", "dim"),
                )
            )
            _out.print(Text(f"  {prompt.text}", style="bold cyan"))
            _say(engine, prompt, spec)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _say(engine: Engine, prompt: Prompt, spec: SourceSpec) -> None:
    """Record one sentence, and once more where it was not good."""
    calibration = engine.calibration
    for _ in range(_ATTEMPTS):
        with Live(console=_out, refresh_per_second=10, transient=True) as live:
            for left_s in range(_COUNTDOWN_S, 0, -1):
                live.update(Text(f"  in {left_s} ...", style="dim"))
                time.sleep(1.0)
            calibration.record(prompt.key, prompt.emotion, spec)
            while not calibration.wait(_TICK_S):
                now = calibration.recording()
                if now is not None:
                    live.update(_meter(now))
        now = calibration.recording()
        if now is not None and now.state is RecordingState.FAILED:
            raise AttuneError(now.message)
        check = calibration.heard[prompt.key].check
        _out.print(Text(f"  {check.sentence}", style="green" if check.good else "yellow"))
        if check.good:
            return
    _out.print(Text("  Left out: the next sentence comes.", style="dim"))


def _meter(now: Recording) -> Group:
    level = min(1.0, max(0.0, 1.0 - now.level.rms_dbfs / _METER_FLOOR_DBFS))
    table = Table.grid(padding=(0, 1))
    table.add_row(
        "  level", ProgressBar(total=1.0, completed=level, width=30), f"{now.level.rms_dbfs:4.0f} dBFS"
    )
    table.add_row(
        "  speech",
        ProgressBar(total=MIN_SPEECH_S, completed=min(MIN_SPEECH_S, now.speech_s), width=30),
        f"{now.speech_s:4.1f} s",
    )
    warning = "clipping: move away" if now.level.clipping else "muted?" if now.level.digital_silence else ""
    return Group(Text("  recording", style="bold red"), table, Text(f"  {warning}", style="yellow"))


# What came of it


def _finish(engine: Engine, trial: Trial, *, keep_anyway: bool) -> None:
    _out.print(_scores(trial.before, trial.after))
    if not (trial.better or keep_anyway):
        raise VoiceError(
            f"{trial.verdict}, so it is not kept: record again with clearer acting, or add --keep-anyway."
        )
    engine.calibration.keep(trial.voice)
    _out.print("Kept and switched on for the microphone. `attune calibrate --off` switches it off.")


def _show(voice: PersonalVoice | None, problem: str) -> None:
    if voice is None:
        if problem:
            raise VoiceError(problem)
        _out.print("No voice is kept. `attune calibrate` records yours.")
        return
    counts = ", ".join(f"{count} {name}" for name, count in zip(EMOTIONS, voice.clips, strict=True) if count)
    _out.print(
        f"Your voice, made {voice.made_at} for {escape(voice.model)}, from {counts} takes, is switched "
        f"{'on' if voice.enabled else 'off'}.",
        highlight=False,
        soft_wrap=True,
    )
    if voice.before is not None and voice.after is not None:
        _out.print(_scores(voice.before, voice.after))


def _scores(before: Score, after: Score) -> Table:
    table = Table("on left-out takes", "as it is", "adapted to you")
    table.add_row("right", f"{before.right} of {before.clips}", f"{after.right} of {after.clips}")
    table.add_row("mean recall", f"{before.recall:.0%}", f"{after.recall:.0%}")
    table.add_row("log loss (less is better)", f"{before.log_loss:.2f}", f"{after.log_loss:.2f}")
    return table
