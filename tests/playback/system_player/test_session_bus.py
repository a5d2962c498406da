"""Where there is no D-Bus, one sentence says so, in words that are no program's own."""

from __future__ import annotations

import pytest

from playback.system_player.backend import PlayersUnseenError
from playback.system_player.mpris import MprisPlayers


def test_a_bus_that_is_not_there_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    with pytest.raises(PlayersUnseenError) as caught:
        MprisPlayers(lambda: False).players(0.0)
    assert str(caught.value) == (
        "D-Bus, by which players that are open are found, does not answer (No such file or directory): "
        "it is tried again by itself."
    )


def test_a_session_without_a_bus_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(PlayersUnseenError, match="This session has no D-Bus, by which players"):
        MprisPlayers(lambda: False).players(0.0)
