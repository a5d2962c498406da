"""Owns one sign-in to Spotify: the page of consent, the answer that comes back to this machine, its end."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.errors import AttuneError
from spotify.callback import MOST_BYTES, Request, listen, parsed, response
from spotify.errors import SignInAgainError
from spotify.grants import SCOPES, Grant, WrongAppError, consent_url, for_code, refused_app
from spotify.own_app import ANY_PORT, CALLBACK_PORT, checked_client_id, redirect_uri

__all__ = ["SignIn", "SignInOutcome", "SignInState", "begin"]

_LOG = logging.getLogger(__name__)
_TIMEOUT_S: Final = 180.0
_REQUEST_S: Final = 5.0
_CLOSE_S: Final = 1.0


class SignInState(StrEnum):
    """How far a sign-in has got."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    """The user said no."""
    MISMATCH = "mismatch"
    """The answer belongs to another sign-in."""
    WRONG_APP = "wrong app"
    """Client id or redirect address are not the app's."""
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SignInOutcome:
    """How a sign-in stands.

    Parameters
    ----------
    state
        For programs.
    message
        One sentence for people.
    """

    state: SignInState
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the user is signed in now."""
        return self.state is SignInState.DONE


_WAITING: Final = SignInOutcome(SignInState.WAITING, "Spotify's page in the browser waits for an answer.")
_CANCELLED: Final = SignInOutcome(SignInState.CANCELLED, "The sign-in was cancelled.")


def begin(
    client_id: str,
    *,
    keep: Callable[[Grant], str],
    accounts_url: str = "https://accounts.spotify.com",
    port: int = CALLBACK_PORT,
    scopes: tuple[str, ...] = SCOPES,
    timeout_s: float = _TIMEOUT_S,
) -> SignIn:
    """Listen for the answer of a consent; the caller shows `SignIn.url` to the user.

    Parameters
    ----------
    client_id
        Of the user's own app.
    keep
        Called once with what the accounts service gave, on a thread of the sign-in; says how it went in
        one sentence. An `AttuneError` that it raises ends the sign-in as failed.
    accounts_url
        Address of the accounts service.
    port
        Where to listen on 127.0.0.1; any that is free where it is taken, or where it is 0.
    scopes
        What is asked for.
    timeout_s
        How long the user may take, s.

    Raises
    ------
    ClientIdError, CallbackError
        The client id is none, or nothing can be listened on.
    """
    checked = checked_client_id(client_id)
    listening, notice = listen(port)
    sign_in = SignIn(
        checked,
        listening,
        notice=notice,
        keep=keep,
        accounts_url=accounts_url,
        scopes=scopes,
        timeout_s=timeout_s,
    )
    sign_in._start()
    return sign_in


class SignIn:
    """One sign-in that goes on by itself; any thread may ask how it stands.

    Attributes
    ----------
    url
        Spotify's page, to be opened in a browser of this machine.
    redirect_uri
        Where its answer comes to.
    notice
        One sentence where that is another address than the usual one; else empty.
    """

    def __init__(
        self,
        client_id: str,
        listening: socket.socket,
        *,
        notice: str,
        keep: Callable[[Grant], str],
        accounts_url: str,
        scopes: tuple[str, ...],
        timeout_s: float,
    ) -> None:
        self._client_id = client_id
        self._listening = listening
        self._keep = keep
        self._accounts_url = accounts_url
        self._timeout_s = timeout_s
        self._state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(64)
        self._port = int(listening.getsockname()[1])
        self.redirect_uri = redirect_uri(self._port)
        self.notice = notice
        self._scopes = scopes
        self.url = self._consent_url(self._state)
        self._lock = threading.Lock()
        self._outcome = _WAITING
        self._keeping = False
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._exchanging: asyncio.Future[None] | None = None
        self._answered = False
        self._met: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="attune-spotify-sign-in", daemon=True)

    @property
    def outcome(self) -> SignInOutcome:
        """How it stands; never waits."""
        return self._outcome

    @property
    def waiting(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    def wait(self, timeout_s: float | None = None) -> SignInOutcome:
        """Wait until it has ended; `SignInState.WAITING` where it has not in that time."""
        if self._ended.wait(timeout_s):
            self._thread.join(_CLOSE_S)  # a program that ends now would break the browser's page off
        return self._outcome

    def cancel(self) -> None:
        """End it and listen no more, within a second; nothing happens where it has ended already."""
        self._settle(_CANCELLED)
        self._thread.join(_CLOSE_S)

    def _consent_url(self, state: str) -> str:
        return consent_url(
            self._accounts_url,
            client_id=self._client_id,
            redirect_uri=self.redirect_uri,
            verifier=self._verifier,
            scopes=self._scopes,
            state=state,
        )

    def _settle(self, outcome: SignInOutcome, *, kept: bool = False) -> None:
        """End with this outcome, unless it has ended already or the tokens are just being kept."""
        with self._lock:
            if self._outcome is not _WAITING or (self._keeping and not kept):
                return
            self._outcome = outcome
        _LOG.info("a sign-in to Spotify ended: %s", outcome.state)
        self._ended.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        """Tell the listener, on its own thread, that it is over."""
        self._over.set()
        if self._exchanging is not None and not self._exchanging.done():
            self._exchanging.set_result(None)

    def _may_keep(self) -> bool:
        """Whether nobody has cancelled; from now on nobody can."""
        with self._lock:
            self._keeping = self._outcome is _WAITING
            return self._keeping

    def _start(self) -> None:
        self._thread.start()
        threading.Thread(target=self._look_before, name="attune-spotify-look", daemon=True).start()

    def _look_before(self) -> None:
        """Say at once what Spotify would say in the browser, and we would never hear of."""
        fault = refused_app(self._consent_url(secrets.token_urlsafe(32)))
        if fault:
            self._settle(SignInOutcome(SignInState.WRONG_APP, self._wrong_app(fault)))

    def _wrong_app(self, fault: str) -> str:
        if fault == "client":
            return (
                f"Spotify knows no app of the client id {self._client_id}: compare it with the one on "
                "developer.spotify.com/dashboard."
            )
        return (
            f"The app does not know the redirect address {self.redirect_uri}: add it, exactly so, under "
            "Redirect URIs in the app's settings on developer.spotify.com/dashboard"
            + (f", or add {ANY_PORT}, which goes with every port." if self.notice else ".")
        )

    # The listener

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, whoever waits must be told
            _LOG.exception("the listener for Spotify's answer failed")
            self._settle(
                SignInOutcome(
                    SignInState.FAILED,
                    f"Spotify's answer could not be listened for ({type(error).__name__}): sign in again.",
                )
            )
        finally:
            self._listening.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._outcome is not _WAITING:  # cancelled before there was anything to wake
            return
        server = await asyncio.start_server(self._meet, sock=self._listening, limit=MOST_BYTES)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self._timeout_s)
            if not self._answered:
                self._settle(SignInOutcome(SignInState.TIMED_OUT, self._nobody_answered()))
            await self._over.wait()
        finally:
            server.close()
            if self._finishing:
                await asyncio.wait(self._finishing, timeout=_CLOSE_S)
            for writer in self._met.values():
                writer.transport.abort()
            if self._met:
                await asyncio.wait(self._met, timeout=_CLOSE_S)

    def _nobody_answered(self) -> str:
        return (
            f"No answer came from the browser within {self._timeout_s:.0f} s: sign in again, and should "
            f"Spotify's page say INVALID_CLIENT, compare client id and redirect address "
            f"({self.redirect_uri}) with the app's settings."
        )

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deal with one connection; browsers open some that they never use."""
        task = asyncio.current_task()
        assert task is not None
        self._met[task] = writer
        try:
            async with asyncio.timeout(_REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
            self._finishing.add(task)
            writer.write(await self._reply(parsed(head, self._port)))
            writer.close()
            async with asyncio.timeout(_CLOSE_S):
                await writer.wait_closed()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            _LOG.debug("a connection to the listener for Spotify's answer came to nothing")
        finally:
            writer.transport.abort()
            self._finishing.discard(task)
            del self._met[task]

    async def _reply(self, request: Request) -> bytes:
        if request.refused is not None:
            status, sentence = request.refused
            return response(status, "Nothing here", sentence)
        if self._answered:
            return response(
                "409 Conflict", "Answered already", "Go back to Attune: this page is of no more use."
            )
        self._answered = True
        outcome = await self._decide(request.answer)
        self._settle(outcome)
        if outcome.ok:
            return response(
                "200 OK", "Connected", f"{outcome.message} You can close this tab and go back to Attune."
            )
        return response("400 Bad Request", "Not connected", outcome.message)

    async def _decide(self, answer: dict[str, str]) -> SignInOutcome:
        if not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return SignInOutcome(
                SignInState.MISMATCH,
                "The answer that came belongs to another sign-in (perhaps to an older tab), so it was not "
                "used: sign in again.",
            )
        if "error" in answer:
            return _refused(answer["error"])
        if not answer.get("code"):
            return SignInOutcome(
                SignInState.FAILED, "Spotify's answer held neither a code nor a reason: sign in again."
            )
        return await self._exchange(answer["code"])

    async def _exchange(self, code: str) -> SignInOutcome:
        """Have the code exchanged on a thread of its own, which is left behind where somebody cancels."""
        self._exchanging = asyncio.get_running_loop().create_future()
        if self._outcome is _WAITING:
            threading.Thread(
                target=self._exchanged, args=[code], name="attune-spotify-code", daemon=True
            ).start()
            await self._exchanging
        return self._outcome

    def _exchanged(self, code: str) -> None:
        try:
            grant = for_code(
                self._accounts_url,
                client_id=self._client_id,
                code=code,
                verifier=self._verifier,
                redirect_uri=self.redirect_uri,
            )
            if not self._may_keep():
                return
            outcome = SignInOutcome(SignInState.DONE, self._keep(grant))
        except WrongAppError as error:
            outcome = SignInOutcome(SignInState.WRONG_APP, str(error))
        except SignInAgainError:
            outcome = SignInOutcome(
                SignInState.FAILED, "Spotify did not accept the code of this sign-in: sign in again."
            )
        except AttuneError as error:
            outcome = SignInOutcome(SignInState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - a thread's end that nobody hears of would be a hang
            _LOG.exception("a sign-in could not be finished")
            outcome = SignInOutcome(
                SignInState.FAILED,
                f"The sign-in failed ({type(error).__name__}): the program's log says why.",
            )
        self._settle(outcome, kept=True)


def _refused(error: str) -> SignInOutcome:
    if error == "access_denied":
        return SignInOutcome(
            SignInState.REFUSED,
            "You did not allow it on Spotify's page, so nothing is connected: sign in again to allow it.",
        )
    name = error if re.fullmatch("[a-z_]{1,40}", error) else "an error without a name"
    return SignInOutcome(SignInState.FAILED, f"Spotify refused the sign-in ({name}): sign in again.")
