"""`attune calibrate`: adapting the emotion model to the user's own voice."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from attune.cli import console
from attune.engine.engine import Engine
from core.emotions import EMOTIONS, Emotion
from core.errors import AttuneError, VoiceError
from core.folders import find_files
from core.settings import load_settings
from core.text import percent
from models.audio import SUPPORTED_SUFFIXES
from models.emotion.personal import PersonalVoice, Score, ValidatedFit
from realtime.calibration.prompts import HINTS, Prompt, prompts_for
from realtime.calibration.take import MIN_SPEECH_S
from realtime.calibration.take_recorder import Recording, RecordingState
from realtime.capture import SourceKind, SourceSpec

app = console.command_app()

_COUNTDOWN_S: Final = 3
_ATTEMPTS: Final = 3
_METER_FLOOR_DBFS: Final = -60.0
_POLL_S: Final = 0.1


@app.command(
    epilog="**Examples**: `attune calibrate` · `attune calibrate --neutral-only` · "
    "`attune calibrate --clips my-voice` · `attune calibrate --neutral-only --source one.wav --source "
    "two.wav --source three.wav` · `attune calibrate --off`",
)
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
    as_json: Annotated[bool, typer.Option("--json", help="With --show: print JSON.")] = False,
    on: Annotated[bool, typer.Option("--on", help="Use what is kept.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Do not use it, but keep it.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
) -> None:
    """Adapt the model to your own voice with two or three minutes of acted sentences; no sound is kept."""
    options = {"--show": show, "--on": on, "--off": off, "--delete": delete}
    asked = [name for name, given in options.items() if given]
    if len(asked) > 1 or (asked and (source or clips or neutral_only)):
        raise typer.BadParameter("it stands alone.", param_hint=asked[0])
    if as_json and not show:
        raise typer.BadParameter("it goes with --show.", param_hint="--json")
    if clips is not None and source:
        raise typer.BadParameter("give a folder of clips or sources, not both.", param_hint="--clips")
    with closing(Engine(load_settings(journal=False))) as engine:
        calibration = engine.calibration
        if delete:
            console.say("Your voice was deleted." if calibration.delete() else "There was none.")
        elif on or off:
            calibration.enable(on)
            console.say(f"Your voice is switched {'on' if on else 'off'}.")
        elif show:
            _show(calibration.voice, calibration.problem, as_json=as_json)
        else:
            if clips is not None:
                _take_folder(engine, clips, neutral_only=neutral_only)
            elif source and source != ["mic"]:
                _take_files(engine, [Path(name) for name in source], neutral_only=neutral_only)
            else:
                _take_from_microphone(engine, device, neutral_only=neutral_only)
            _finish(engine, calibration.fit(neutral_only=neutral_only), keep_anyway=keep_anyway)


# Where takes come from


def _take_folder(engine: Engine, folder: Path, *, neutral_only: bool) -> None:
    if not folder.is_dir():
        raise VoiceError(f"{folder} is no folder: name one with a subfolder for each emotion.")
    files = [
        (emotion, file)
        for emotion in (EMOTIONS[:1] if neutral_only else EMOTIONS)
        if (folder / emotion).is_dir()
        for file in find_files(folder / emotion, SUPPORTED_SUFFIXES).files
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
        console.note(str(error))
        return
    if not check.good:
        console.note(f"{file}: {check.sentence}")


def _take_from_microphone(engine: Engine, device: str | None, *, neutral_only: bool) -> None:
    settings = engine.settings
    spec = SourceSpec(SourceKind.MICROPHONE, device=device or settings.device, backend=settings.backend)
    prompts = prompts_for(neutral_only=neutral_only)
    console.say(
        f"{len(prompts)} sentences. Say each as its emotion asks, as you would in earnest; recording ends "
        "when you pause. No sound is kept. Ctrl-C ends it, and nothing is changed."
    )
    console.say("")
    with console.interruptible():
        for number, prompt in enumerate(prompts, 1):
            console.say(
                console.assemble(
                    (f"{number}/{len(prompts)}  ", "dim"),
                    (prompt.emotion.capitalize(), "bold"),
                    (f", {HINTS[prompt.emotion]}", "dim"),
                )
            )
            console.say(f"  {prompt.text}", style="bold cyan")
            _record(engine, prompt, spec)


def _record(engine: Engine, prompt: Prompt, spec: SourceSpec) -> None:
    """Record one sentence, and once more where it was not good."""
    calibration = engine.calibration
    for _ in range(_ATTEMPTS):
        with Live(console=console.out, refresh_per_second=10, transient=True) as live:
            for left_s in range(_COUNTDOWN_S, 0, -1):
                live.update(Text(f"  in {left_s} ...", style="dim"))
                time.sleep(1.0)
            calibration.record(prompt.key, prompt.emotion, spec)
            while not calibration.wait(_POLL_S):
                now = calibration.recording()
                if now is not None:
                    live.update(_meter(now))
        now = calibration.recording()
        if now is not None and now.state is RecordingState.FAILED:
            raise AttuneError(now.message)
        check = calibration.takes[prompt.key].check
        console.say(f"  {check.sentence}", style="green" if check.good else "yellow")
        if check.good:
            return
    console.say("  Left out: the next sentence comes.", style="dim")


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


def _finish(engine: Engine, trial: ValidatedFit, *, keep_anyway: bool) -> None:
    _print_scores(trial.before, trial.after)
    if not (trial.better or keep_anyway):
        raise VoiceError(
            f"{trial.verdict}, so it is not kept: record again with clearer acting, or add --keep-anyway."
        )
    engine.calibration.keep(trial.voice)
    console.say("Kept and switched on for the microphone. `attune calibrate --off` switches it off.")


def _show(voice: PersonalVoice | None, problem: str, *, as_json: bool) -> None:
    if voice is None and problem:
        raise VoiceError(problem)
    if as_json:
        console.print_json(voice and _plain_voice(voice))
        return
    if voice is None:
        console.say("No voice is kept. `attune calibrate` records yours.")
        return
    counts = ", ".join(f"{count} {name}" for name, count in zip(EMOTIONS, voice.clips, strict=True) if count)
    switched = "on" if voice.enabled else "off"
    corrected = f" and {voice.corrections} of your corrections" if voice.corrections else ""
    made = voice.made_at if voice.made is None else f"{voice.made:%Y-%m-%d %H:%M}"
    console.say(
        f"Your voice, made {made} for {voice.model}, from {counts} takes{corrected}, is switched {switched}."
    )
    if voice.before is not None and voice.after is not None:
        _print_scores(voice.before, voice.after)


def _plain_voice(voice: PersonalVoice) -> dict[str, Any]:
    return {
        "made_at": voice.made_at,
        "model": voice.model,
        "enabled": voice.enabled,
        "takes": dict(zip(EMOTIONS, voice.clips, strict=True)),
        "corrections": voice.corrections,
        "before": voice.before and asdict(voice.before),
        "after": voice.after and asdict(voice.after),
    }


def _print_scores(before: Score, after: Score) -> None:
    rows = (
        ("right", f"{before.right} of {before.clips}", f"{after.right} of {after.clips}"),
        ("mean recall", percent(before.recall), percent(after.recall)),
        ("log loss (less is better)", f"{before.log_loss:.2f}", f"{after.log_loss:.2f}"),
    )
    console.print_table(("on left-out takes", "as it is", "adapted to you"), rows)
