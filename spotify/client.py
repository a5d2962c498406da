"""Calls of the Web API: limited in time, counted, repeated only where that is safe."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, NoReturn, Protocol

from playback.player import Playlist
from spotify import web_api_parsing
from spotify.api_errors import ApiErrorKind, ApiFailure, CallError, failure_of
from spotify.connection_health import ConnectionHealth
from spotify.errors import SpotifyError, SpotifyUnreachableError
from spotify.persistent_state import PersistentState
from spotify.web_api_parsing import PlaybackState, SpotifyDevice

API_URL: Final = "https://api.spotify.com"
BACK_OFF_S: Final = (0.3, 1.0)

_LOG = logging.getLogger(__name__)
_PAGE: Final = 50
_MAX_PAGES: Final = 40
_MAX_FOUND: Final = 10
_SNIFFED: Final = 200
_ANYTHING: Final = (object,)


class Credentials(Protocol):
    """One account's sign-in; safe to use from several threads. No exception or log line holds a token."""

    @property
    def account(self) -> str:
        """Name of the account, for people; empty where it is unknown."""

    def access_token(self) -> str:
        """A valid access token, renewed if it is about to expire; may take some seconds.

        Raises
        ------
        SignedOutError
            Nobody is signed in.
        SignInAgainError
            The sign-in has ended and its token was deleted, or the stored sign-in cannot be read.
        SpotifyLimitedError, SpotifyUnreachableError
            The accounts service was asked too often, or does not answer.
        """

    def refresh(self) -> str:
        """A new access token, because Spotify refused the last one; raises as `access_token`."""


class SpotifyClient:
    """One account's Web API, for one thread at a time.

    All methods but `stop` and `close` raise `CallError`, and nothing else. None takes longer than two
    answers.

    Parameters
    ----------
    credentials
        The account's sign-in.
    state
        Counts calls, and remembers limits.
    clock
        Unix time, s.
    api_url
        Address of the Web API, without ``/v1``.
    timeout_s
        Longest time of an answer, s.
    back_off_s
        Pauses before a safe call is repeated, s.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        state: PersistentState,
        clock: Callable[[], float],
        api_url: str = API_URL,
        timeout_s: float = 5.0,
        back_off_s: tuple[float, ...] = BACK_OFF_S,
    ) -> None:
        self.health = ConnectionHealth()  # what the answers so far say about the connection
        self.state = state
        self.clock = clock
        self._credentials = credentials
        self._api_url = api_url
        self._timeout_s = timeout_s
        self._back_off_s = back_off_s
        self._spotipy: Any = None
        self._session: Any = None
        self._closing = threading.Event()
        _limit_library_logging()

    # Reads

    @property
    def account(self) -> str:
        """Name of the account, for people; empty where it is unknown."""
        return self._credentials.account

    def user_id(self) -> str:
        """Id of the account."""
        return str(self._call("me").get("id", ""))

    def playlists(self, user_id: str) -> tuple[tuple[Playlist, ...], int]:
        """The user's own and followed playlists, and the number of calls that it took to list them."""
        found: dict[str, Playlist] = {}
        for page in range(_MAX_PAGES):
            offset = page * _PAGE
            answer = self._call("current_user_playlists", limit=_PAGE, offset=offset)
            each = (web_api_parsing.playlist(raw, user_id) for raw in web_api_parsing.listed(answer))
            found |= {one.uri: one for one in each if one is not None}
            if offset + _PAGE >= (web_api_parsing.total(answer) or 0):
                return tuple(found.values()), page + 1
        _LOG.warning("more than %d playlists: the rest is not listed", _MAX_PAGES * _PAGE)
        return tuple(found.values()), _MAX_PAGES

    def devices(self) -> tuple[SpotifyDevice, ...]:
        """Devices on which Spotify is open."""
        return web_api_parsing.devices(self._call("devices"))

    def playback(self, *, repeat: bool = True) -> PlaybackState:
        """What plays; `repeat`: ask again where no answer came."""
        answer = self._call(
            "current_playback",
            additional_types="track,episode",
            repeat=repeat,
            polling=True,
            expected=(dict, NoneType),
        )
        return web_api_parsing.playback(answer)

    def has_tracks(self, uri: str) -> bool:
        """Whether one of the user's own playlists holds anything that can be played."""
        answer = self._call("playlist_items", uri, limit=_PAGE)
        return any(entry.get("item") or entry.get("track") for entry in web_api_parsing.listed(answer)) or (
            (web_api_parsing.total(answer) or 0) > _PAGE
        )

    def search(self, text: str, user_id: str) -> tuple[Playlist, ...]:
        """Public playlists of that name, at most ten."""
        answer = self._call("search", text, limit=_MAX_FOUND, type="playlist")
        found = web_api_parsing.listed(answer.get("playlists"))
        each = (web_api_parsing.playlist(raw, user_id) for raw in found)
        return tuple(one for one in each if one is not None)

    # Commands

    def play(self, device_id: str, uri: str) -> None:
        """Play a playlist from its beginning. Without an answer it is uncertain whether it plays."""
        self._call("start_playback", device_id, context_uri=uri, repeat=False, expected=_ANYTHING)

    def resume(self, device_id: str) -> None:
        """Resume playback."""
        self._call("start_playback", device_id, expected=_ANYTHING)

    def pause(self, device_id: str) -> None:
        """Pause playback."""
        self._call("pause_playback", device_id, expected=_ANYTHING)

    def next(self, device_id: str) -> None:
        """Skip to the next track; not repeated, which could skip two."""
        self._call("next_track", device_id, repeat=False, expected=_ANYTHING)

    def set_volume(self, device_id: str, percent: int) -> None:
        """Set the volume, 0 to 100."""
        self._call("volume", percent, device_id, expected=_ANYTHING)

    def transfer(self, device_id: str, *, play: bool) -> None:
        """Make a device the active one, which wakes it; `play`: playback continues there."""
        self._call("transfer_playback", device_id, force_play=play, expected=_ANYTHING)

    def create_playlist(self, name: str, user_id: str) -> Playlist:
        """Create a private playlist; not repeated, which could create two."""
        answer = self._call("current_user_playlist_create", name, public=False, repeat=False)
        created = web_api_parsing.playlist(answer, user_id)
        if created is None:
            raise CallError(failure_of(ValueError("no playlist"), self.clock()))
        return created

    def pause_before_retry(self) -> None:
        """Wait a little before asking again."""
        self._closing.wait(self._back_off_s[0] if self._back_off_s else 0.0)

    def stop(self) -> None:
        """Repeat no calls any more; safe to call from any thread."""
        self._closing.set()

    def close(self) -> None:
        """Close the connections."""
        self.stop()
        if self._session is not None:
            self._session.close()

    def _call(
        self,
        method: str,
        *args: Any,
        repeat: bool = True,
        polling: bool = False,
        expected: tuple[type, ...] = (dict,),
        **options: Any,
    ) -> Any:
        """Call a method of spotipy, repeat it where that is safe, and update `health` by how it ends.

        One function on purpose: a command is few frames away from HTTP.
        """
        began_s = self.clock()
        self.health.adopt_limit(self.state.limited_until_s(), began_s, quota=self.state.limited_by_quota)
        if (limit := self.health.rate_limit(began_s)) is not None:
            raise CallError(ApiFailure(ApiErrorKind(limit.kind), limit, reached=False))
        for pause_s in (*self._back_off_s, None):
            for token in (self._credentials.access_token, self._credentials.refresh):
                failure = None
                try:
                    answer = getattr(self._authorised(token()), method)(*args, **options)
                    if not isinstance(answer, expected):
                        raise TypeError(f"{type(answer).__name__} came")
                except Exception as error:  # noqa: BLE001 - the error contract says what each of them means
                    failure = failure_of(error, self.clock())
                    if failure.kind is ApiErrorKind.UNREADABLE and not isinstance(error, SpotifyError):
                        _LOG.warning("an answer of Spotify cannot be read: %s", type(error).__name__)
                if failure is None or failure.reached:
                    self.state.count_call()
                if failure is None or failure.kind is not ApiErrorKind.TOKEN_EXPIRED:
                    break
            if failure is None:
                self.health.record_success()
                return answer
            slow = self.clock() - began_s >= self._timeout_s / 2
            repeat = repeat and failure.transient and failure.outcome.until_s is None
            if pause_s is None or slow or not repeat or self._closing.wait(pause_s):
                break
        assert failure is not None
        failure = self.health.record_failure(failure, began_s=began_s, now_s=self.clock(), polling=polling)
        if failure.limit and failure.outcome.until_s is not None:
            self.state.set_limit(failure.outcome.until_s, quota=failure.kind is ApiErrorKind.QUOTA_EXCEEDED)
        raise CallError(failure)

    def _authorised(self, token: str) -> Any:
        """The library's client, with this token."""
        if self._spotipy is None:
            import requests  # noqa: PLC0415 - imported with the first call
            import spotipy  # noqa: PLC0415

            # A session of our own: spotipy's hides status and headers of what it would repeat.
            session = requests.Session()
            session.auth = _keep_headers
            session.hooks["response"].append(_raise_for_refusal)
            self._spotipy = spotipy.Spotify(
                requests_session=session, requests_timeout=self._timeout_s, retries=0, status_retries=0
            )
            self._spotipy.prefix = f"{self._api_url}/v1/"
            self._session = session
        self._spotipy.set_auth(token)
        return self._spotipy


def _limit_library_logging() -> None:
    """Stop the libraries from logging tokens, which spotipy does at DEBUG, whatever the root level."""
    for name in ("spotipy", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))


def _keep_headers(request: Any) -> Any:
    """Leave the token in place; without this a .netrc of the user's could replace it."""
    return request


def _raise_for_refusal(response: Any, **_: Any) -> None:
    """Raise for refusals, with status and headers, and for answers that are not Spotify's."""
    import spotipy  # noqa: PLC0415

    status = response.status_code
    if status == 511 or (status == 403 and _is_page(response)):
        _refuse_stranger(response)
    if status >= 400:
        message, reason = _refusal_texts(response)
        raise spotipy.SpotifyException(
            status, -1, f"refused:\n {message}", reason=reason, headers=response.headers
        )
    if status >= 300 or _is_page(response):
        _refuse_stranger(response)


def _is_page(response: Any) -> bool:
    """Whether it is a page for a browser, such as a hotel's sign-in; Spotify sends none."""
    kind = response.headers.get("Content-Type", "").lower()
    return "html" in kind or response.content[:_SNIFFED].lstrip()[:1] == b"<"


def _refuse_stranger(response: Any) -> NoReturn:
    response.close()
    raise SpotifyUnreachableError(
        "Something else than Spotify answers on this network: open a browser, for it may want a sign-in."
    )


def _refusal_texts(response: Any) -> tuple[str, str]:
    """Message and reason of a refusal."""
    try:
        error = response.json()["error"]
        return str(error.get("message") or ""), str(error.get("reason") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(response.text), ""
