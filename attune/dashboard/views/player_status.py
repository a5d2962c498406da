"""How the player and the autopilot are doing: the connection, a scan of music, the autopilot's phase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from attune.dashboard.translations import N_, ngettext
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import capitalized, moment
from attune.dashboard.views.html import render
from attune.dashboard.views.now_playing_bar import PLAYERS
from playback.player import LIMITED, ConnectionState, PlayerConnection, PlayerKind
from playback.snapshot import MusicSnapshot, Phase

if TYPE_CHECKING:
    from attune.engine.library_indexing import ScanView

_CONNECTIONS: Final = {
    ConnectionState.CONNECTED: ("on", N_("Connected")),
    ConnectionState.DEGRADED: ("warn", N_("Works in part")),
    ConnectionState.RATE_LIMITED: ("warn", N_("Rate limited")),
    ConnectionState.QUOTA_EXCEEDED: ("warn", N_("Quota used up")),
    ConnectionState.SIGN_IN_AGAIN: ("warn", N_("Sign in again")),
    ConnectionState.DISCONNECTED: ("off", N_("Disconnected")),
}
_ACTIVE: Final = (Phase.READY, Phase.HOLDING, Phase.SWITCHING)
NO_MUSIC: Final = N_("There is nothing to play yet: type the folder of your music below, then press Scan.")
_ADDRESS: Final = re.compile(r"(https://[\w./-]*\w)")


def connection_status(connection: PlayerConnection, kind: PlayerKind, now_s: float) -> Markup:
    """Say how the player stands to what it plays on.

    Parameters
    ----------
    connection
        What to show.
    kind
        The player's.
    now_s
        Unix time.
    """
    css_class, words = _CONNECTIONS[connection.state]
    if kind is PlayerKind.DRY_RUN:
        css_class, words = "off", PLAYERS[kind]
    words = _(words)
    if connection.state in LIMITED and connection.until_s is not None:
        words = _("{state} until {time}").format(state=words, time=moment(connection.until_s, now_s))
    calls = None if connection.state is ConnectionState.DISCONNECTED else connection.calls_today
    return render(
        "status_line",
        css_class=css_class,
        words=words,
        testid="connection-state",
        facts=(
            "" if connection.account in connection.message else connection.account,
            "" if calls is None else _calls(calls),
            "" if calls is None else _("other apps of your developer account share the quota"),
        ),
        message=_(NO_MUSIC if connection.needs_music else connection.message),
    )


def _calls(count: int) -> str:
    said = ngettext("{count} call in the last 24 hours", "{count} calls in the last 24 hours", count)
    return said.format(count=count)


def autopilot_status(snapshot: MusicSnapshot, now_s: float) -> Markup:
    """Say what the autopilot does now, and until when.

    Parameters
    ----------
    snapshot
        What to show.
    now_s
        Unix time.
    """
    return render(
        "status_line",
        css_class="on" if snapshot.phase in _ACTIVE else "warn" if snapshot.phase is Phase.UNABLE else "off",
        words=capitalized(_(snapshot.phase.value)),
        testid="phase",
        facts=()
        if snapshot.until_s is None
        else (_("until {time}").format(time=moment(snapshot.until_s, now_s)),),
        message=_(snapshot.message),
    )


def sign_in_steps(sentences: Sequence[str], address: str) -> Markup:
    """Number the steps to a client id; an address in them can be followed.

    Parameters
    ----------
    sentences
        In English, with a place for the redirect address.
    address
        That.
    """
    steps = [_ADDRESS.split(_(sentence).format(address=address)) for sentence in sentences]
    return render("sign_in_steps", steps=steps)


def scan_progress(scan: ScanView | None, counts: tuple[int, int]) -> Markup:
    """Say how far a scan has got, and what the library holds.

    Parameters
    ----------
    scan
        The newest scan; None before the first.
    counts
        Tracks that can be played, and files with which something is wrong.
    """
    usable, bad = counts
    counted = ngettext("{count} track can be played", "{count} tracks can be played", usable)
    counted = counted.format(count=usable)
    if bad:
        unread = ngettext("{count} file could not be read", "{count} files could not be read", bad)
        counted = f"{counted}, {unread.format(count=bad)}"
    total = scan.total if scan is not None else 0
    done = scan.done if scan is not None else 0
    return render(
        "scan_progress",
        running=scan is not None and scan.running,
        share=done / total if total else 0.0,
        words=_("{done} of {total} files").format(done=done, total=total)
        if total
        else _("Looking for files"),
        problem=scan.problem if scan is not None else "",
        counts=f"{counted}." if usable or bad else "",
    )
