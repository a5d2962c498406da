"""The user's account at Spotify: sign-in, access token, and sign-out."""

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
from spotify import app_registration, token_exchange
from spotify.errors import SignedOutError, SignInAgainError
from spotify.persistent_state import PersistentState, persistent_state_file
from spotify.sign_in import SignIn
from spotify.token_exchange import TokenResponse
from spotify.token_store import StoredSignIn, TokenStore, TokenStoreError, folder

SIGNED_OUT: Final = "Nobody is signed in to Spotify: sign in first."
_LOG = logging.getLogger(__name__)
_SIX_MONTHS_S: Final = 180 * 86_400.0
_NOTICE_S: Final = 14 * 86_400.0
_SAVING_S: Final = 10.0
_EARLY_S: Final = 60.0
"""An access token is renewed this long before it expires: a request takes time, and clocks differ."""
_TIMEOUT_S: Final = (5.0, 10.0)


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """The stored sign-in, as far as it is known without asking Spotify."""

    signed_in: bool = False  # whether a token is stored
    account: str = ""  # name; empty where it is unknown
    client_id: str = ""  # of the user's own app; empty where it is unknown
    # Unix time of the sign-in and of its end after six months; None where nobody is signed in.
    signed_in_s: float | None = None
    ends_s: float | None = None
    scopes: tuple[str, ...] = ()  # what the user has allowed
    problem: str = ""  # one sentence on why a new sign-in is needed; else empty
    notice: str = ""  # one sentence from two weeks before the sign-in ends; else empty

    @property
    def may_create(self) -> bool:
        """Whether the sign-in allows to create playlists."""
        return token_exchange.CREATE_PLAYLISTS in self.scopes


class SpotifyAccount:
    """The user's account; safe to use from several threads.

    `access_token`, `refresh` and the sign-in wait for the network, at most some seconds; `status`, `account`
    and `client_id` read one small file.

    Parameters
    ----------
    settings
        Addresses, port, and optionally a client id; may be replaced at any time.
    store, state_file
        Of the sign-in, and of device and calls; None: at their usual places.
    clock
        Unix time, s.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        store: TokenStore | None = None,
        state_file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._store = TokenStore(folder()) if store is None else store
        self._state_file = persistent_state_file() if state_file is None else state_file
        self._clock = clock
        self._lock = threading.Lock()
        self._access = ""
        self._access_until_s = 0.0
        self._invalid_token = ""
        self._begin_lock = threading.Lock()
        self._signing_in: SignIn | None = None

    # Tokens

    def access_token(self) -> str:
        """An access token, renewed if it is about to expire.

        Raises
        ------
        SignedOutError
            Nobody is signed in.
        SignInAgainError
            The sign-in is over and its token was deleted, or the stored sign-in cannot be read.
        SpotifyLimitedError, SpotifyUnreachableError
            The accounts service gives none now.
        """
        with self._lock:
            if self._access and self._clock() < self._access_until_s - _EARLY_S:
                return self._access
            return self._renew()

    def refresh(self) -> str:
        """A new access token, because Spotify refused the last one; raises as `access_token`."""
        with self._lock:
            return self._renew()

    def _renew(self) -> str:
        self._access = ""
        stored = self._load()
        try:
            tokens = self._request(stored)
        except SignInAgainError:
            newer = self._load()
            if newer.refresh_token == stored.refresh_token:
                self._delete_token(stored)
                raise
            stored, tokens = newer, self._request_once(newer)  # another Attune has signed in meanwhile
        self._access, self._access_until_s = tokens.access_token, self._clock() + tokens.life_s
        if tokens.refresh_token and tokens.refresh_token != stored.refresh_token:
            try:
                self._store.save(replace(stored, refresh_token=tokens.refresh_token))
            except TokenStoreError as error:
                _LOG.warning("%s", error)  # the old one may do next time, and this one does now
        return self._access

    def _request(self, stored: StoredSignIn) -> TokenResponse:
        return token_exchange.for_refresh_token(
            self.settings.spotify_accounts_url,
            client_id=stored.client_id,
            refresh_token=stored.refresh_token,
        )

    def _request_once(self, stored: StoredSignIn) -> TokenResponse:
        try:
            return self._request(stored)
        except SignInAgainError:
            self._delete_token(stored)
            raise

    def _load(self) -> StoredSignIn:
        """The stored sign-in, whose token may still be valid."""
        try:
            stored = self._store.load()
        except TokenStoreError as error:
            raise SignInAgainError(str(error)) from None
        if stored is None:
            raise SignedOutError(SIGNED_OUT)
        if not stored.refresh_token:
            raise SignedOutError(_over_sentence(stored.account))
        if stored.refresh_token == self._invalid_token:
            raise SignInAgainError(_over_sentence(stored.account))
        return stored

    def _delete_token(self, stored: StoredSignIn) -> None:
        self._invalid_token = stored.refresh_token  # never sent again, even where it cannot be deleted
        try:
            self._store.forget_token()
        except TokenStoreError as error:
            _LOG.warning("%s", error)

    # What is known

    @property
    def account(self) -> str:
        """Name of the account; empty where it is unknown."""
        return self.status().account

    @property
    def client_id(self) -> str:
        """Of the user's own app; empty where it is unknown."""
        return self.status().client_id

    def status(self) -> AccountStatus:
        """The stored sign-in, without asking Spotify."""
        configured = self.settings.spotify_client_id
        try:
            found = self._store.load_without_token()
        except TokenStoreError as error:
            return AccountStatus(client_id=configured, problem=str(error))
        if found is None:
            return AccountStatus(client_id=configured)
        stored, signed_in = found
        client_id = configured or stored.client_id
        if not signed_in:
            return AccountStatus(
                account=stored.account, client_id=client_id, problem=_over_sentence(stored.account)
            )
        ends_s = stored.signed_in_s + _SIX_MONTHS_S
        return AccountStatus(
            True,
            stored.account,
            client_id,
            stored.signed_in_s,
            ends_s,
            stored.scopes,
            notice=_expiry_notice(ends_s, self._clock()),
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
        """Begin a sign-in; a running one is cancelled.

        Parameters
        ----------
        client_id
            Of the user's own app; empty: the known one.
        may_create
            Whether to ask for the right to create private playlists, too.
        timeout_s
            Longest time that the user may take, s.
        on_signed_in
            Called on a thread of the sign-in after its success.

        Raises
        ------
        ClientIdError, CallbackError
            The client id is invalid, or no port is free.
        """
        checked = app_registration.checked_client_id(client_id or self.client_id)

        def save(tokens: TokenResponse) -> str:
            sentence = self._save(checked, tokens)
            if on_signed_in is not None:
                on_signed_in()
            return sentence

        with self._begin_lock:
            self.cancel()  # the port must be free
            self._signing_in = SignIn(
                checked,
                save=save,
                accounts_url=self.settings.spotify_accounts_url,
                port=self.settings.spotify_callback_port,
                scopes=(*token_exchange.SCOPES, token_exchange.CREATE_PLAYLISTS)
                if may_create
                else token_exchange.SCOPES,
                timeout_s=timeout_s,
            )
            return self._signing_in

    def cancel(self) -> None:
        """Cancel a running sign-in."""
        if self._signing_in is not None:
            self._signing_in.cancel()

    def end_sign_in(self) -> None:
        """Cancel a running sign-in; one that is being saved is waited for, at most some seconds."""
        self.cancel()
        if self._signing_in is not None:
            self._signing_in.wait(_SAVING_S)

    def disconnect(self) -> None:
        """Delete everything that is stored about Spotify on this machine.

        Close the player first: it would store its next call.

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
                self._delete_state()

    def _delete_state(self) -> None:
        try:
            self._state_file.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise TokenStoreError(
                f"{self._state_file} cannot be deleted ({error.strerror}): delete it by hand."
            ) from error

    def _save(self, client_id: str, tokens: TokenResponse) -> str:
        name, problem = _account_name(self.settings.spotify_api_url, tokens.access_token)
        PersistentState(self._state_file, clock=self._clock).count_call()
        with self._lock:
            self._store.save(
                StoredSignIn(client_id, tokens.refresh_token, tokens.scopes, self._clock(), name)
            )
            self._invalid_token = ""
            self._access, self._access_until_s = tokens.access_token, self._clock() + tokens.life_s
        return f"Connected to Spotify{f' as {name}' if name else ''}.{f' {problem}' if problem else ''}"


def _over_sentence(account: str) -> str:
    whose = f" of {account}" if account else ""
    return f"The sign-in{whose} to Spotify is over: sign in again."


def _expiry_notice(ends_s: float, now_s: float) -> str:
    if now_s < ends_s - _NOTICE_S:
        return ""
    day = datetime.fromtimestamp(ends_s, UTC)
    return (
        f"Spotify ends every sign-in after six months, this one about {day.day} {day:%B %Y}: "
        "sign in again before."
    )


def _account_name(api_url: str, token: str) -> tuple[str, str]:
    """The account's name, and one sentence where Spotify refuses the account; both may be empty."""
    import requests  # noqa: PLC0415 - only where something is asked

    try:
        answer = requests.get(
            f"{api_url}/v1/me",
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,
            timeout=_TIMEOUT_S,
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
