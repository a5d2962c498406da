"""Desktop notifications: texts never become script, and a desktop that shows none is one sentence."""

from __future__ import annotations

import base64
import sys

import pytest

from core.errors import MusicError
from playback.desktop_notifications import apple_command, show_notification, windows_command, windows_texts

HOSTILE = '"; rm -rf ~ $(calc) `calc` <b>\nend run'


def test_on_a_mac_texts_are_arguments() -> None:
    command = apple_command("Title", HOSTILE)
    assert command[-2:] == ["Title", HOSTILE]
    assert command[0] == "/usr/bin/osascript"
    assert HOSTILE not in " ".join(command[:-2])


def test_on_windows_texts_come_by_the_environment() -> None:
    script = base64.b64decode(windows_command()[-1]).decode("utf-16-le")
    texts = windows_texts("Title", HOSTILE)
    assert set(texts.values()) == {"Title", HOSTILE}
    assert all(f"$env:{name})" in script for name in texts)


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="D-Bus is of the other desktops")
@pytest.mark.parametrize("address", ["", "unix:path=/nowhere/bus", "nonsense"])
def test_without_a_desktop_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(MusicError, match=r"No desktop notification can be shown \(.+\): start Attune from"):
        show_notification("Title", "Text.")
