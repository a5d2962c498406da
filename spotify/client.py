"""Owns the calls of the Web API: bounded in time, counted, repeated only where that is safe."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from playback.player import Playlist
from spotify import reading
from spotify.answers import CallError, Fault, Row, fault_of
from spotify.credentials import Credentials
from spotify.errors import SpotifyError, SpotifyUnreachableError
from spotify.memory import Memory
from spotify.reading import Device, Playback

__all__ = ["API_URL", "BACK_OFF_S", "SpotifyClient", "hush_libraries"]

API_URL: Final = "https://api.spotify.com"

_LOG = logging.getLogger(__name__)
_PAGE: Final = 50
_MOST_PAGES: Final = 40
_MOST_FOUND: Final = 10
BACK_OFF_S: Final = (0.3, 1.0)


class SpotifyClient:
    """One account's Web API, for one thread at a time.

    All that it raises is `CallError`. Nothing waits for longer than two answers take, whatever Spotify says.

    Parameters
    ----------
    credentials
        In whose name.
    memory
        Counts the calls that may have reached Spotify.
    clock
        Gives Unix time, s.
    api_url
        Address of the Web API, before ``/v1``.
    timeout_s
        How long an answer may take, s.
    back_off_s
        Waits before a call that is safe to repeat is repeated, s.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        memory: Memory,
        clock: Callable[[], float],
        api_url: str = API_URL,
        timeout_s: float = 5.0,
        back_off_s: tuple[float, ...] = BACK_OFF_S,
    ) -> None:
        self._credentials = credentials
        self._memory = memory
        self._clock = clock
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._back_off_s = back_off_s
        self._spotipy: Any = None
        self._session: Any = None
        self._closing = threading.Event()
        hush_libraries()

    # What is known there

    def user_id(self) -> str:
        """Id of the account."""
        found = self._read(lambda spotify: spotify.me())
        return str(found.get("id", ""))

    def playlists(self, user_id: str) -> tuple[tuple[Playlist, ...], int]:
        """The user's own playlists and those that they follow, and how many calls it took to list them."""
        found: dict[str, Playlist] = {}
        for page in range(_MOST_PAGES):
            offset = page * _PAGE
            answer = self._read(_page_from(offset))
            each = (reading.playlist(raw, user_id) for raw in reading.listed(answer))
            found |= {one.uri: one for one in each if one is not None}
            if offset + _PAGE >= (reading.total(answer) or 0):
                return tuple(found.values()), page + 1
        _LOG.warning("more than %d playlists: the rest is not listed", _MOST_PAGES * _PAGE)
        return tuple(found.values()), _MOST_PAGES

    def devices(self) -> tuple[Device, ...]:
        """Where Spotify is open."""
        return reading.devices(self._read(lambda spotify: spotify.devices()))

    def playback(self, *, repeat: bool = True) -> Playback:
        """What plays; `repeat` tells whether to ask again where there was no answer."""
        return reading.playback(
            self._read(
                lambda spotify: spotify.current_playback(additional_types="track,episode"),
                repeat=repeat,
                empty=True,
            )
        )

    def holds_something(self, uri: str) -> bool:
        """Whether anything that can be played is in a playlist of the user's own."""
        answer = self._read(lambda spotify: spotify.playlist_items(uri, limit=_PAGE))
        return any(entry.get("item") or entry.get("track") for entry in reading.listed(answer)) or (
            (reading.total(answer) or 0) > _PAGE
        )

    def search(self, text: str, user_id: str) -> tuple[Playlist, ...]:
        """Public playlists of that name, at most ten."""
        answer = self._read(lambda spotify: spotify.search(text, limit=_MOST_FOUND, type="playlist"))
        each = (reading.playlist(raw, user_id) for raw in reading.listed(answer.get("playlists")))
        return tuple(one for one in each if one is not None)

    # Commands

    def play(self, device_id: str, uri: str) -> None:
        """Play a playlist from its beginning. Whether it was, is in doubt where no answer came."""
        self._ask(lambda spotify: spotify.start_playback(device_id, context_uri=uri), repeat=False)

    def resume(self, device_id: str) -> None:
        """Go on where it rested."""
        self._ask(lambda spotify: spotify.start_playback(device_id), repeat=True)

    def pause(self, device_id: str) -> None:
        """Let it rest."""
        self._ask(lambda spotify: spotify.pause_playback(device_id), repeat=True)

    def next(self, device_id: str) -> None:
        """Go to the next track; repeated it could be two, so it is not."""
        self._ask(lambda spotify: spotify.next_track(device_id), repeat=False)

    def set_volume(self, device_id: str, percent: int) -> None:
        """Set the volume, 0 to 100."""
        self._ask(lambda spotify: spotify.volume(percent, device_id), repeat=True)

    def transfer(self, device_id: str, *, play: bool) -> None:
        """Make a device the one in use, which wakes it; `play`: music goes on there."""
        self._ask(lambda spotify: spotify.transfer_playback(device_id, force_play=play), repeat=True)

    def create_playlist(self, name: str, user_id: str) -> Playlist:
        """Make a private playlist; repeated it could be two, so it is not."""
        answer = self._read(
            lambda spotify: spotify.current_user_playlist_create(name, public=False), repeat=False
        )
        made = reading.playlist(answer, user_id)
        if made is None:
            raise CallError(fault_of(ValueError("no playlist"), self._clock()))
        return made

    def rest(self) -> None:
        """Wait a little before asking again."""
        self._closing.wait(self._back_off_s[0] if self._back_off_s else 0.0)

    # The end

    def stop(self) -> None:
        """Repeat nothing any more; any thread may say so."""
        self._closing.set()

    def close(self) -> None:
        """Let go of the connections."""
        self.stop()
        if self._session is not None:
            self._session.close()

    # One call

    def _read(
        self, call: Callable[[Any], Any], *, repeat: bool = True, empty: bool = False
    ) -> dict[str, Any]:
        """An answer that has to be an object; or may be none at all, which is an empty one."""
        answer = self._ask(call, repeat=repeat, empty=empty)
        return answer if isinstance(answer, dict) else {}

    def _ask(self, call: Callable[[Any], Any], *, repeat: bool, empty: bool | None = None) -> Any:
        """Carry out a call; `empty` is None where its answer does not matter."""
        began_s = self._clock()
        for pause_s in (*self._back_off_s, None):
            answer, fault = self._once(call, empty=empty)
            if fault is None:
                return answer
            slow = self._clock() - began_s >= self._timeout_s / 2
            if pause_s is None or slow or not (repeat and fault.passing) or self._closing.wait(pause_s):
                break
        assert fault is not None
        raise CallError(fault)

    def _once(self, call: Callable[[Any], Any], *, empty: bool | None) -> tuple[Any, Fault | None]:
        """The answer, or why there is none; a token that was not accepted is renewed, once."""
        answer, fault = self._sent(call, self._credentials.access_token)
        if fault is not None and fault.row is Row.TOKEN_EXPIRED:
            answer, fault = self._sent(call, self._credentials.refresh)
        if (
            fault is None
            and empty is not None
            and not isinstance(answer, dict)
            and not (empty and answer is None)
        ):
            fault = fault_of(ValueError("no object"), self._clock())
        return answer, fault

    def _sent(self, call: Callable[[Any], Any], token: Callable[[], str]) -> tuple[Any, Fault | None]:
        try:
            spotify = self._connected()
            spotify.set_auth(token())
            answer, fault = call(spotify), None
        except Exception as error:  # noqa: BLE001 - the contract says what each of them means
            answer, fault = None, fault_of(error, self._clock())
            if fault.row is Row.UNREADABLE and not isinstance(error, SpotifyError):
                _LOG.warning("an answer of Spotify cannot be read: %s", type(error).__name__)
        if fault is None or fault.reached:
            self._memory.count()
        return answer, fault

    def _connected(self) -> Any:
        if self._spotipy is None:
            import requests  # noqa: PLC0415 - a door may start without Spotify
            import spotipy  # noqa: PLC0415

            # A session of our own: spotipy's hides the status and the headers of what it would repeat.
            session = requests.Session()
            session.auth = _as_it_is
            session.hooks["response"].append(_looked_at)
            self._spotipy = spotipy.Spotify(
                requests_session=session, requests_timeout=self._timeout_s, retries=0, status_retries=0
            )
            self._spotipy.prefix = f"{self._api_url}/v1/"
            self._session = session
        return self._spotipy


def _page_from(offset: int) -> Callable[[Any], Any]:
    return lambda spotify: spotify.current_user_playlists(limit=_PAGE, offset=offset)


def hush_libraries() -> None:
    """Keep the libraries from logging tokens, which spotipy does at DEBUG, whatever the root logger says."""
    for name in ("spotipy", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))


def _as_it_is(request: Any) -> Any:
    """Leave the token where it is; else a .netrc of the user's decides on the header."""
    return request


def _looked_at(response: Any, **_: Any) -> None:
    """Refuse what is no answer of Spotify's, and see to it that every refusal has its status and headers."""
    import spotipy  # noqa: PLC0415

    status = response.status_code
    if status >= 400:
        message, reason = _said(response)
        raise spotipy.SpotifyException(
            status, -1, f"refused:\n {message}", reason=reason, headers=response.headers
        )
    if status >= 300 or response.headers.get("Content-Type", "").startswith("text/html"):
        response.close()
        raise SpotifyUnreachableError(
            "Something else than Spotify answers on this network: open a browser, for it may want a sign-in."
        )


def _said(response: Any) -> tuple[str, str]:
    """Message and reason of a refusal, in whatever form it came."""
    try:
        error = response.json()["error"]
        return str(error.get("message") or ""), str(error.get("reason") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(response.text), ""
