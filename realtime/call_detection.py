"""Whether a call is probably on: another program records the microphone."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

_LOG = logging.getLogger(__name__)
_ANSWER_S: Final = 2.0
_CONSENT: Final = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\microphone"


def other_program_records() -> bool | None:
    """Whether another program records a microphone at this moment; None where that cannot be known.

    Asks the sound server on Linux (PulseAudio, or PipeWire in its place) and the registry's record of who
    uses the microphone on Windows; answers within two seconds, so not for a thread that must not wait.
    """
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "linux":
        return _linux()
    return None


def _linux() -> bool | None:
    sources, outputs = _pactl("sources"), _pactl("source-outputs")
    if sources is None or outputs is None:
        return None
    # Recording what the machine plays is no call.
    microphones = {source.get("index") for source in sources if not source.get("monitor_source")}
    return any(output.get("source") in microphones and _is_a_program(output) for output in outputs)


def _is_a_program(output: Mapping[str, Any]) -> bool:
    """Whether another program takes the sound, not a module of the server, nor a volume meter."""
    properties = output.get("properties")
    process = properties.get("application.process.id") if isinstance(properties, Mapping) else None
    return (
        process is not None
        and str(process) != str(os.getpid())
        and not output.get("corked")
        and output.get("resample_method") != "peaks"
    )


def _pactl(kind: str) -> list[Mapping[str, Any]] | None:
    """What the sound server lists; None where there is none, it hangs, or its tool is older than 2022."""
    program = shutil.which("pactl")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a program found on the path, and words of ours
            [program, "--format=json", "list", kind],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_ANSWER_S / 2,
            env=os.environ | {"LC_ALL": "C"},  # else numbers have commas in some languages
        )
        listed = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        _LOG.debug("the sound server does not say who records: %s", error)
        return None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return None
    return listed


if sys.platform == "win32":
    import winreg

    def _windows() -> bool | None:
        """Whether an entry of the record of uses has no end, besides the one of this very program."""
        # In a virtual environment it is the interpreter behind it that opens the microphone.
        paths = (sys.executable, getattr(sys, "_base_executable", sys.executable))
        own = {path.replace("\\", "#").casefold() for path in paths}
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _CONSENT) as consent:
                return any(name.casefold() not in own and used for name, used in _uses(consent))
        except OSError:
            return None

    def _uses(consent: winreg.HKEYType) -> Iterator[tuple[str, bool]]:
        """Each program that has ever used the microphone, and whether it does now.

        Store apps stand under their names, others in `NonPackaged` under their paths (# between folders).
        """
        for name in _children(consent):
            with winreg.OpenKey(consent, name) as program:
                if name == "NonPackaged":
                    yield from _uses(program)
                else:
                    yield name, _in_use(program)

    def _children(key: winreg.HKEYType) -> Iterator[str]:
        for number in range(winreg.QueryInfoKey(key)[0]):
            yield winreg.EnumKey(key, number)

    def _in_use(program: winreg.HKEYType) -> bool:
        try:
            started, stopped = (
                winreg.QueryValueEx(program, f"LastUsedTime{moment}")[0] for moment in ("Start", "Stop")
            )
        except OSError:
            return False
        return bool(started) and stopped == 0
