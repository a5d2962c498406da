"""Desktop notifications, by what each system has for them: D-Bus, AppleScript, Windows' toasts."""

from __future__ import annotations

import base64
import html
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from core.errors import MusicError
from core.text import printable

_APP: Final = "Attune"
_CALL_S: Final = 5.0
_PROGRAM_S: Final = 20.0  # the first start of PowerShell is slow
_SHOWN_MS: Final = 8000
_SERVER: Final = "org.freedesktop.Notifications"
_APPLE_SCRIPT: Final = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
# The texts come by the environment, never as script. Toasts need an app that Windows knows: PowerShell is.
_POWERSHELL: Final = r"""
$ErrorActionPreference = 'Stop'
$space = 'Windows.UI.Notifications'
$manager = [Type]::GetType("$space.ToastNotificationManager, $space, ContentType=WindowsRuntime")
$xml = $manager::GetTemplateContent('ToastText02')
$texts = $xml.GetElementsByTagName('text')
$texts.Item(0).AppendChild($xml.CreateTextNode($env:ATTUNE_NOTIFICATION_TITLE)) > $null
$texts.Item(1).AppendChild($xml.CreateTextNode($env:ATTUNE_NOTIFICATION_TEXT)) > $null
$app = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\WindowsPowerShell\v1.0\powershell.exe'
$manager::CreateToastNotifier($app).Show([Windows.UI.Notifications.ToastNotification]::new($xml))
"""
_NONE_SHOWN: Final = "No desktop notification can be shown ({why}): {what_to_do}."
_OFF: Final = "start Attune from the desktop, or switch them off in the settings"


def show_notification(title: str, text: str) -> None:
    """Show a notification on the desktop; takes up to some seconds.

    Parameters
    ----------
    title, text
        One line, and a sentence or two, as plain text.

    Raises
    ------
    MusicError
        The desktop shows none; the sentence says why.
    """
    title, text = printable(title), printable(text)
    if sys.platform == "darwin":
        _run(apple_command(title, text))
    elif sys.platform == "win32":
        _run(windows_command(), windows_texts(title, text))
    else:
        _show_by_dbus(title, text)


def apple_command(title: str, text: str) -> list[str]:
    """The command line that shows a notification on macOS."""
    lines = [part for line in _APPLE_SCRIPT for part in ("-e", line)]
    return ["/usr/bin/osascript", *lines, title, text]


def windows_command() -> list[str]:
    """The command line that shows `windows_texts` on Windows."""
    encoded = base64.b64encode(_POWERSHELL.encode("utf-16-le")).decode("ascii")
    return ["powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded]


def windows_texts(title: str, text: str) -> dict[str, str]:
    """What is added to the environment of `windows_command`."""
    return {"ATTUNE_NOTIFICATION_TITLE": title, "ATTUNE_NOTIFICATION_TEXT": text}


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    try:
        subprocess.run(  # noqa: S603 - a program of the system, and what it runs is ours
            command,
            check=True,
            capture_output=True,
            timeout=_PROGRAM_S,
            env={**os.environ, **(environment or {})},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError) as error:
        why = f"{command[0]}: {type(error).__name__}"
        raise MusicError(_NONE_SHOWN.format(why=why, what_to_do=_OFF)) from error


def _show_by_dbus(title: str, text: str) -> None:
    try:
        session_bus: Any = import_module("playback.system_player.session_bus")
        address = import_module("jeepney").DBusAddress
    except ModuleNotFoundError as error:
        what = "install the Python package jeepney, or switch them off in the settings"
        raise MusicError(_NONE_SHOWN.format(why=error, what_to_do=what)) from error
    server = address("/org/freedesktop/Notifications", bus_name=_SERVER, interface=_SERVER)
    try:
        bus = session_bus.SessionBus(lambda: False)
        try:
            (abilities,) = bus.call(server, "GetCapabilities", timeout_s=_CALL_S, starts=True)
            body = html.escape(text, quote=False) if "body-markup" in abilities else text
            hints = {"urgency": ("y", 0), "desktop-entry": ("s", "attune")}
            arguments: tuple[Any, ...] = (_APP, 0, "audio-x-generic", title, body, [], hints, _SHOWN_MS)
            bus.call(server, "Notify", "susssasa{sv}i", *arguments, timeout_s=_CALL_S, starts=True)
        finally:
            bus.close()
    except (session_bus.BusError, session_bus.ReplyError, TimeoutError) as error:
        why = str(error) or "the desktop does not answer"
        raise MusicError(_NONE_SHOWN.format(why=why, what_to_do=_OFF)) from error
