"""Owns the state of the fake Spotify and the words in which tests set it up and ask about it."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Iterable

from tests.fake_spotify import playing
from tests.fake_spotify.faults import Faults
from tests.fake_spotify.playing import NowPlaying
from tests.fake_spotify.state import (
    ALL_SCOPES,
    App,
    Call,
    Clock,
    Device,
    FakePlaylist,
    Grant,
    Ids,
    Playback,
    Played,
    Track,
    invented_id,
    invented_tracks,
)

__all__ = ["CLIENT_ID", "REDIRECT_URI", "NowPlaying", "Phone", "World"]

CLIENT_ID = "0123456789abcdef0123456789abcdef"
REDIRECT_URI = "http://127.0.0.1/callback"
ACCESS_TOKEN_S = 3600
DAY_S = 86_400.0
REFRESH_TOKEN_S = 180 * 86_400.0


class World:
    """One user of Spotify and all that is theirs.

    Everything may be called and set from any thread.

    Attributes
    ----------
    user_id, user_name
        Whose account it is.
    premium, owner_premium, user_registered
        What the account, the app's owner, and the list of the app's users are like.
    auto_consent
        The consent page agrees by itself.
    quota_per_day
        Calls of the Web API within any 24 hours until 429, of all apps of the account; None: as many as one
        likes.
    private
        A private session: what plays is not told, only that something does.
    arrived, calls, played
        How many requests came in; those that are done with, in order; what was played by them or by hand.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.ids = Ids()
        self.faults = Faults()
        self.phone = Phone(self)
        self.user_id = "listener31"
        self.user_name = "Robin Listener"
        self.premium = True
        self.owner_premium = True
        self.private = False
        self.user_registered = True
        self.auto_consent = False
        self.quota_per_day: int | None = None
        self._quota_times_s: list[float] = []
        self.apps = {CLIENT_ID: App(CLIENT_ID, (REDIRECT_URI,))}
        self.playlists: list[FakePlaylist] = []
        self.devices: list[Device] = []
        self.playback = Playback()
        self.arrived = 0
        self.calls: list[Call] = []
        self.played: list[Played] = []
        self.codes: dict[str, Grant] = {}
        self.grants: dict[str, Grant] = {}
        self.access_tokens: dict[str, tuple[Grant, float]] = {}

    def add_app(self, client_id: str, *redirect_uris: str) -> App:
        with self.lock:
            self.apps[client_id] = App(client_id, redirect_uris or (REDIRECT_URI,))
            return self.apps[client_id]

    def use_quota(self, calls: int = 1) -> None:
        """Count calls; those of other apps of the same developer account, too."""
        with self.lock:
            self._quota_times_s += [self.clock.now()] * calls

    def quota_used(self) -> int:
        """Calls of the last 24 hours."""
        with self.lock:
            since_s = self.clock.now() - DAY_S
            self._quota_times_s = [at_s for at_s in self._quota_times_s if at_s > since_s]
            return len(self._quota_times_s)

    def quota_free_s(self) -> int:
        """Whole seconds until one more call is allowed where the quota is used up."""
        with self.lock:
            oldest_s = self._quota_times_s[-self.quota_per_day] if self.quota_per_day else self.clock.now()
            return max(1, math.ceil(oldest_s + DAY_S - self.clock.now()))

    def add_playlist(
        self,
        name: str,
        tracks: int | Iterable[Track | None] = 5,
        *,
        owner: str | None = None,
        collaborative: bool = False,
        public: bool = False,
        followed: bool = True,
    ) -> FakePlaylist:
        """Make a playlist.

        Parameters
        ----------
        name
            Its name.
        tracks
            Its tracks, or how many to invent.
        owner
            None for the user's own; "spotify" for one that no new app may see: lists hold null for it.
        collaborative, public
            As the API gives them.
        followed
            It is in the user's library; else only the search and its address find it.
        """
        with self.lock:
            items = invented_tracks(name, tracks) if isinstance(tracks, int) else list(tracks)
            made = FakePlaylist(
                self.ids.next("playlist"),
                name,
                items,
                owner or self.user_id,
                collaborative,
                public,
                followed=followed,
            )
            self.playlists.append(made)
            return made

    def delete_playlist(self, playlist: FakePlaylist) -> None:
        """Delete it for good; what plays from it plays on."""
        with self.lock:
            playlist.deleted = True

    def playlist(self, uri_or_id: str) -> FakePlaylist | None:
        """The playlist of that address, deleted or not."""
        wanted = uri_or_id.rpartition(":")[2]
        with self.lock:
            return next((one for one in self.playlists if one.id == wanted), None)

    def add_device(
        self,
        name: str,
        *,
        kind: str = "Computer",
        active: bool = False,
        asleep: bool = False,
        wakes: bool = True,
        restricted: bool = False,
        volume: int | None = 50,
    ) -> Device:
        """Open Spotify on a device; asleep ones wait to be named, volume None is one that cannot be set."""
        with self.lock:
            made = Device(self.ids.next("device"), name, kind, volume, restricted, asleep, wakes)
            self.devices.append(made)
            if active:
                playing.activate(self, made)
            return made

    def put_to_sleep(self, device: Device) -> None:
        """Let the device doze off, as one does that was idle for a while."""
        with self.lock:
            playing.leave(self, device)
            device.asleep = True

    def take_away(self, device: Device) -> None:
        """Close Spotify on it or switch it off: it is no longer listed."""
        with self.lock:
            playing.leave(self, device)
            device.present = False

    def bring_back(self, device: Device, *, new_id: bool = False) -> None:
        """Switch it on again, perhaps with another id, as some devices have from day to day."""
        with self.lock:
            device.present = True
            if new_id:
                device.id = self.ids.next("device")

    def sign_in(self, client_id: str = CLIENT_ID, scopes: Iterable[str] = ALL_SCOPES) -> dict[str, str | int]:
        """Consent without a browser: the tokens, as spotipy caches them."""
        with self.lock:
            now = self.clock.now()
            grant = Grant(client_id, frozenset(scopes), now, refresh_token=f"AQ{secrets.token_urlsafe(48)}")
            self.grants[grant.refresh_token] = grant
            return self.new_access_token(grant) | {
                "refresh_token": grant.refresh_token,
                "expires_at": int(now) + ACCESS_TOKEN_S,
            }

    def new_access_token(self, grant: Grant) -> dict[str, str | int]:
        """The part of a token answer that every grant type has."""
        token = f"BQ{secrets.token_urlsafe(48)}"
        self.access_tokens[token] = (grant, self.clock.now() + ACCESS_TOKEN_S)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": ACCESS_TOKEN_S,
            "scope": " ".join(sorted(grant.scopes)),
        }

    def revoke(self) -> None:
        """Take every app off the account's list: refresh and access tokens are worth nothing any more."""
        with self.lock:
            for grant in self.grants.values():
                grant.revoked = True
            self.access_tokens.clear()

    def expire_access_tokens(self) -> None:
        """End every access token now; refresh tokens live on."""
        with self.lock:
            now = self.clock.now()
            self.access_tokens = {token: (grant, now) for token, (grant, _) in self.access_tokens.items()}

    def now_playing(self) -> NowPlaying:
        """What plays at this moment by the server's clock."""
        with self.lock:
            return playing.now_playing(self)

    def count(self, path: str = "", method: str = "") -> int:
        """How many requests came in whose path begins so."""
        with self.lock:
            return sum(call.path.startswith(path) and method in ("", call.method) for call in self.calls)

    def note_played(self, uri: str, by: str) -> None:
        self.played.append(Played(uri, by, self.clock.now(), time.monotonic()))

    def wait_until(self, holds: Callable[[], bool], timeout_s: float = 20.0) -> bool:
        """Wait for a request, or a hand on the phone, that makes it hold; False where none did in time."""
        with self.changed:
            return self.changed.wait_for(holds, timeout_s)


class Phone:
    """The user's own hand: what they do in Spotify's own app, past the Web API."""

    def __init__(self, world: World) -> None:
        self._world = world

    def play(self, uri: str = "", device: Device | None = None) -> None:
        """Play a playlist or track, or go on with what rests, on the active device or the one named."""
        world = self._world
        with world.lock:
            device = device or world.playback.device or next(one for one in world.devices if one.present)
            playing.activate(world, device)
            if uri:
                playing.start(world, uri, by="phone")
            else:
                playing.resume(world)
            world.changed.notify_all()

    def podcast(self, name: str = "Episode 1", device: Device | None = None, *, show: str = "A Show") -> None:
        """Play an episode of a podcast."""
        self._play_alone(Track(invented_id(name), name, show, kind="episode"), device)

    def audiobook(
        self, name: str = "Chapter 1", device: Device | None = None, *, book: str = "A Book"
    ) -> None:
        """Play a chapter of an audiobook."""
        self._play_alone(Track(invented_id(name), name, book, kind="chapter"), device)

    def local_file(self, name: str = "Demo tape", device: Device | None = None) -> None:
        """Play a file of the device, which is in no catalogue."""
        self._play_alone(Track("", name, "Our Band", kind="local"), device)

    def _play_alone(self, track: Track, device: Device | None) -> None:
        world = self._world
        with world.lock:
            device = device or world.playback.device or next(one for one in world.devices if one.present)
            playing.activate(world, device)
            playing.play_tracks(world, [track], by="phone")
            world.changed.notify_all()

    def pause(self) -> None:
        with self._world.lock:
            playing.pause(self._world)
            self._world.changed.notify_all()

    def next(self) -> None:
        with self._world.lock:
            playing.skip(self._world, 1)
            self._world.changed.notify_all()

    def set_volume(self, percent: int) -> None:
        with self._world.lock:
            device = self._world.playback.device
            if device is not None:
                device.volume = percent

    def advert(self, seconds: float = 30.0) -> None:
        """An advertisement comes on: it can be neither paused nor skipped."""
        with self._world.lock:
            self._world.playback.advert_until_s = self._world.clock.now() + seconds
