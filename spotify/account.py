"""Owns the user's account at Spotify: signing in, the access token while it lasts, and signing out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core.settings import Settings
from spotify import grants, own_app, sign_in
from spotify.errors import SignedOutError, SignInAgainError
from spotify.grants import Grant
from spotify.memory import Memory, memory_file
from spotify.sign_in import SignIn
from spotify.tokens import Kept, TokenStore, TokenStoreError, folder

__all__ = ["AccountStatus", "SpotifyAccount"]

_LOG = logging.getLogger(__name__)
_SIX_MONTHS_S: Final = 180 * 86_400.0
_BEFOREHAND_S: Final = 14 * 86_400.0
_KEEPING_S: Final = 10.0
_EARLY_S: Final = 60.0
"""An access token is renewed so long before its end: a request takes time, and clocks differ."""
_PATIENCE_S: Final = (5.0, 10.0)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How the user stands to Spotify, as far as it is known without asking anybody.

    Parameters
    ----------
    signed_in
        A token is kept.
    account
        Whose; empty where that is not known.
    client_id
        Of the user's own app; empty where it was not given yet.
    signed_in_s, ends_s
        Unix time of the sign-in, and when it will end by itself; None where nobody is signed in.
    scopes
        What was allowed.
    problem
        One sentence on why to sign in again; else empty.
    notice
        One sentence from two weeks before the sign-in ends; else empty.
    """

    signed_in: bool = False
    account: str = ""
    client_id: str = ""
    signed_in_s: float | None = None
    ends_s: float | None = None
    scopes: tuple[str, ...] = ()
    problem: str = ""
    notice: str = ""

    @property
    def may_create(self) -> bool:
        """Whether the sign-in allows that playlists are made."""
        return grants.CREATE_PLAYLISTS in self.scopes


class SpotifyAccount:
    """The one account that music comes from; any thread may use it.

    `access_token`, `refresh` and what signs in wait for the network, at most some seconds; `status`,
    `account` and `client_id` read one small file.

    Parameters
    ----------
    settings
        Addresses, port, and a client id where the user has set one.
    store, memory
        Where the sign-in is kept, and the file of device and calls; None: at their usual places.
    clock
        Unix time, s.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: TokenStore | None = None,
        memory: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._store = TokenStore(folder()) if store is None else store
        self._memory = memory_file() if memory is None else memory
        self._clock = clock
        self._lock = threading.Lock()
        self._access = ""
        self._access_until_s = 0.0
        self._worthless = ""
        self._beginning = threading.Lock()
        self._signing_in: SignIn | None = None

    # Tokens

    def access_token(self) -> str:
        """A token for the next request, renewed where the old one is about to end.

        Raises
        ------
        SignedOutError
            Nobody is signed in.
        SignInAgainError
            The sign-in is over, and its token was forgotten; or what is kept of it cannot be read.
        SpotifyLimitedError, SpotifyUnreachableError
            The accounts service gives none just now.
        """
        with self._lock:
            if self._access and self._clock() < self._access_until_s - _EARLY_S:
                return self._access
            return self._renewed()

    def refresh(self) -> str:
        """A new token, because the server refused the one that our clock thinks good; raises as above."""
        with self._lock:
            return self._renewed()

    def _renewed(self) -> str:
        self._access = ""
        kept = self._kept()
        try:
            grant = self._ask(kept)
        except SignInAgainError:
            newer = self._kept()
            if newer.refresh_token == kept.refresh_token:
                self._forget_worthless(kept)
                raise
            kept, grant = newer, self._ask_once(newer)  # another Attune has signed in meanwhile
        self._access, self._access_until_s = grant.access_token, self._clock() + grant.life_s
        if grant.refresh_token and grant.refresh_token != kept.refresh_token:
            try:
                self._store.save(replace(kept, refresh_token=grant.refresh_token))
            except TokenStoreError as error:
                _LOG.warning("%s", error)  # the old one may do next time, and this one does now
        return self._access

    def _ask(self, kept: Kept) -> Grant:
        return grants.for_refresh_token(
            self._settings.spotify_accounts_url, client_id=kept.client_id, refresh_token=kept.refresh_token
        )

    def _ask_once(self, kept: Kept) -> Grant:
        try:
            return self._ask(kept)
        except SignInAgainError:
            self._forget_worthless(kept)
            raise

    def _kept(self) -> Kept:
        """What is kept, with a token that is worth asking with."""
        try:
            kept = self._store.load()
        except TokenStoreError as error:
            raise SignInAgainError(str(error)) from None
        if kept is None:
            raise SignedOutError("Nobody is signed in to Spotify: sign in first.")
        if not kept.refresh_token:
            raise SignedOutError(_ended(kept.account))
        if kept.refresh_token == self._worthless:
            raise SignInAgainError(_ended(kept.account))
        return kept

    def _forget_worthless(self, kept: Kept) -> None:
        self._worthless = kept.refresh_token  # never shown again, even where it cannot be deleted
        try:
            self._store.forget_token()
        except TokenStoreError as error:
            _LOG.warning("%s", error)

    # What is known

    @property
    def account(self) -> str:
        """Whose account it is; empty where that is not known."""
        return self.status().account

    @property
    def client_id(self) -> str:
        """Of the user's own app; empty where it has to be asked for."""
        return self.status().client_id

    def status(self) -> AccountStatus:
        """How things stand, without asking anybody."""
        configured = self._settings.spotify_client_id
        try:
            found = self._store.look()
        except TokenStoreError as error:
            return AccountStatus(client_id=configured, problem=str(error))
        if found is None:
            return AccountStatus(client_id=configured)
        kept, signed_in = found
        client_id = configured or kept.client_id
        if not signed_in:
            return AccountStatus(account=kept.account, client_id=client_id, problem=_ended(kept.account))
        ends_s = kept.signed_in_s + _SIX_MONTHS_S
        return AccountStatus(
            True,
            kept.account,
            client_id,
            kept.signed_in_s,
            ends_s,
            kept.scopes,
            notice=_beforehand(ends_s, self._clock()),
        )

    # Signing in and out

    def begin(
        self,
        client_id: str = "",
        *,
        may_create: bool = False,
        timeout_s: float = 180.0,
        on_signed_in: Callable[[], None] | None = None,
    ) -> SignIn:
        """Begin to sign in; one that goes on already is cancelled.

        Parameters
        ----------
        client_id
            Of the user's own app; empty: the one that is known.
        may_create
            Ask for the right to create private playlists, too.
        timeout_s
            How long the user may take, s.
        on_signed_in
            Called on a thread of the sign-in once it has succeeded.

        Raises
        ------
        ClientIdError, CallbackError
            The client id is none, or nothing can be listened on.
        """
        checked = own_app.checked_client_id(client_id or self.client_id)

        def keep(grant: Grant) -> str:
            said = self._keep(checked, grant)
            if on_signed_in is not None:
                on_signed_in()
            return said

        with self._beginning:
            self.cancel()  # the port must be free
            self._signing_in = sign_in.begin(
                checked,
                keep=keep,
                accounts_url=self._settings.spotify_accounts_url,
                port=self._settings.spotify_callback_port,
                scopes=(*grants.SCOPES, grants.CREATE_PLAYLISTS) if may_create else grants.SCOPES,
                timeout_s=timeout_s,
            )
            return self._signing_in

    def cancel(self) -> None:
        """End a sign-in that goes on."""
        if self._signing_in is not None:
            self._signing_in.cancel()

    def end_sign_in(self) -> None:
        """End a sign-in that goes on, and wait for one that is being kept just now; at most some seconds."""
        self.cancel()
        if self._signing_in is not None:
            self._signing_in.wait(_KEEPING_S)

    def disconnect(self) -> None:
        """Delete everything that is kept about Spotify on this machine.

        A player that is open writes down its next call: close it before.

        Raises
        ------
        TokenStoreError
            Something could not be deleted.
        """
        self.end_sign_in()
        with self._lock:
            self._access = ""
            try:
                self._store.delete_all()
            finally:
                self._delete_memory()

    def _delete_memory(self) -> None:
        try:
            self._memory.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise TokenStoreError(
                f"{self._memory} cannot be deleted ({error.strerror}): delete it by hand."
            ) from error

    def _keep(self, client_id: str, grant: Grant) -> str:
        name, problem = _who_is_it(self._settings.spotify_api_url, grant.access_token)
        Memory(self._memory, clock=self._clock).count()
        with self._lock:
            self._store.save(Kept(client_id, grant.refresh_token, grant.scopes, self._clock(), name))
            self._worthless = ""
            self._access, self._access_until_s = grant.access_token, self._clock() + grant.life_s
        return f"Connected to Spotify{f' as {name}' if name else ''}.{f' {problem}' if problem else ''}"


def _ended(account: str) -> str:
    whose = f" of {account}" if account else ""
    return f"The sign-in{whose} to Spotify is over: sign in again."


def _beforehand(ends_s: float, now_s: float) -> str:
    if now_s < ends_s - _BEFOREHAND_S:
        return ""
    day = datetime.fromtimestamp(ends_s, UTC)
    return (
        f"Spotify ends every sign-in after six months, this one about {day.day} {day:%B %Y}: "
        "sign in again before."
    )


def _who_is_it(api_url: str, token: str) -> tuple[str, str]:
    """The user's name, and one sentence where Spotify refuses this account; both may be empty."""
    import requests  # noqa: PLC0415 - only where something is asked

    try:
        answer = requests.get(
            f"{api_url}/v1/me",
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,
            timeout=_PATIENCE_S,
        )
        found: Any = answer.json() if answer.status_code == 200 else {}
    except (requests.exceptions.RequestException, ValueError) as error:
        _LOG.info("the name of the account is not known: %s", type(error).__name__)
        return "", ""
    if answer.status_code == 403:
        return "", (
            "But Spotify refuses this account: add it under User Management in the app's settings (five "
            "users at most), and see that the app's owner has Premium."
        )
    names = (found.get("display_name"), found.get("id")) if isinstance(found, dict) else ()
    return next((name for name in names if isinstance(name, str) and name), ""), ""
