"""Whether a voice is so quiet that people should do something about it. Pure."""

from __future__ import annotations

from typing import Final

from realtime.capture.source import SourceKind

QUIET_DBFS: Final = -40.0  # level of speech below which noise begins to cost accuracy
_ENOUGH_DBFS: Final = -37.0
_INAUDIBLE_DBFS: Final = -50.0  # below it, a voice may not even be found
_SILENT_DBFS: Final = -100.0  # less than 16 bits can hold

_WHAT_TO_DO: Final = {
    SourceKind.MICROPHONE: ("The microphone", "raise its level or come nearer"),
    SourceKind.SYSTEM: ("What this machine plays", "raise the volume of the program that plays it"),
    SourceKind.PUSH: ("The voice", "raise its level where it is recorded"),
}
_OF_A_RECORDING: Final = ("The voice", "raise the level of the recording")


def quiet_voice(kind: SourceKind, voice_dbfs: float | None, *, before: str = "") -> str:
    """What to say of the level of a voice; empty where it is loud enough.

    Parameters
    ----------
    kind
        Where the voice comes from.
    voice_dbfs
        Its level; None where there is none yet.
    before
        What was said before: it stays until the voice is 3 dB louder than would be needed.
    """
    if voice_dbfs is None or voice_dbfs >= _ENOUGH_DBFS:
        return ""
    if before or voice_dbfs >= QUIET_DBFS:
        return before
    what, advice = _WHAT_TO_DO.get(kind, _OF_A_RECORDING)
    return f"{what} is very quiet (about {voice_dbfs:.0f} dBFS): {advice}."


def quiet_recording(kind: SourceKind, loudest_dbfs: float) -> str:
    """What to say of the level of sound in which no voice was found; empty where it is loud enough."""
    if loudest_dbfs >= _INAUDIBLE_DBFS:
        return ""
    if loudest_dbfs < _SILENT_DBFS and kind not in _WHAT_TO_DO:
        return "The recording is silent throughout: choose another, or check how it was made."
    what, advice = _WHAT_TO_DO.get(kind, ("The recording", "raise its level"))
    return f"{what} is very quiet (at most {loudest_dbfs:.0f} dBFS), so a voice may be missed: {advice}."
