"""One sign-in to Spotify: consent page, redirect to this machine, and exchange of the code for tokens."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from core.errors import AttuneError
from spotify.app_registration import ANY_PORT, CALLBACK_PORT, checked_client_id, redirect_uri
from spotify.errors import SignInAgainError
from spotify.redirect_listener import MAX_BYTES, RedirectRequest, html_response, listen, parse_request
from spotify.token_exchange import SCOPES, TokenResponse, WrongAppError, consent_url, for_code, refused_app

_LOG = logging.getLogger(__name__)
_REQUEST_S: Final = 5.0
_CLOSE_S: Final = 1.0


class SignInState(StrEnum):
    """State of a sign-in."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"  # the user refused
    MISMATCH = "mismatch"  # the redirect belongs to another sign-in
    WRONG_APP = "wrong app"  # client id or redirect address are wrong
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SignInOutcome:
    """State of a sign-in, for programs and people."""

    state: SignInState  # for programs
    message: str = ""  # one sentence for people

    @property
    def ok(self) -> bool:
        """Whether the user has signed in."""
        return self.state is SignInState.DONE


_WAITING: Final = SignInOutcome(SignInState.WAITING, "Spotify's page in the browser waits for an answer.")
_CANCELLED: Final = SignInOutcome(SignInState.CANCELLED, "The sign-in was cancelled.")


class SignIn:
    """One sign-in, which starts at once and runs on threads of its own; safe to use from several threads.

    Parameters
    ----------
    client_id
        Of the user's own app.
    save
        Called once with the tokens, on a thread of the sign-in; returns one sentence on the result. An
        `AttuneError` ends the sign-in as failed.
    accounts_url
        Address of the accounts service.
    port
        Of 127.0.0.1; a free one where it is taken, or 0.
    scopes
        To ask for.
    timeout_s
        Longest time that the user may take, s.

    Raises
    ------
    ClientIdError, CallbackError
        The client id is invalid, or no port is free.
    """

    def __init__(
        self,
        client_id: str,
        *,
        save: Callable[[TokenResponse], str],
        accounts_url: str = "https://accounts.spotify.com",
        port: int = CALLBACK_PORT,
        scopes: tuple[str, ...] = SCOPES,
        timeout_s: float = 180.0,
    ) -> None:
        self._client_id = checked_client_id(client_id)
        # One sentence where that is not the usual address; else empty.
        self._listening, self.notice = listen(port)
        self._port = int(self._listening.getsockname()[1])
        self.redirect_uri = redirect_uri(self._port)  # to which it redirects
        self._save = save
        self._accounts_url = accounts_url
        self._timeout_s = timeout_s
        self._state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(64)
        page = partial(
            consent_url,
            accounts_url,
            client_id=self._client_id,
            redirect_uri=self.redirect_uri,
            verifier=self._verifier,
            scopes=scopes,
        )
        self.url = page(state=self._state)  # Spotify's page, to be opened in a browser of this machine
        self._lock = threading.Lock()
        self._outcome = _WAITING
        self._saving = False
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finished_in_loop = asyncio.Event()
        self._exchanging: asyncio.Future[None] | None = None
        self._got_answer = False
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="attune-spotify-sign-in", daemon=True)
        self._thread.start()
        check = partial(self._check_app, page(state=secrets.token_urlsafe(32)))
        threading.Thread(target=check, name="attune-spotify-check", daemon=True).start()

    @property
    def outcome(self) -> SignInOutcome:
        """Its state; never waits."""
        return self._outcome

    @property
    def waiting(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    def wait(self, timeout_s: float | None = None) -> SignInOutcome:
        """Wait for its end; `SignInState.WAITING` where it did not end in that time."""
        if self._ended.wait(timeout_s):
            self._thread.join(_CLOSE_S)  # else the end of the program would cut off the browser's page
        return self._outcome

    def cancel(self) -> None:
        """End it, within a second; nothing happens where it has ended already."""
        self._finish(_CANCELLED)
        self._thread.join(_CLOSE_S)

    def _finish(self, outcome: SignInOutcome, *, saved: bool = False) -> None:
        """End with this outcome, unless it has ended already or the tokens are being saved."""
        with self._lock:
            if self._outcome is not _WAITING or (self._saving and not saved):
                return
            self._outcome = outcome
        _LOG.info("a sign-in to Spotify ended: %s", outcome.state)
        self._ended.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        """End the listener, on its own thread."""
        self._finished_in_loop.set()
        if self._exchanging is not None and not self._exchanging.done():
            self._exchanging.set_result(None)

    def _claim_saving(self) -> bool:
        """Begin to save, after which nobody can cancel; False where somebody has cancelled."""
        with self._lock:
            self._saving = self._outcome is _WAITING
            return self._saving

    def _check_app(self, url: str) -> None:
        """Report a wrong app, which Spotify would only say in the browser."""
        if problem := refused_app(url):
            self._finish(SignInOutcome(SignInState.WRONG_APP, self._wrong_app_sentence(problem)))

    def _wrong_app_sentence(self, problem: str) -> str:
        if problem == "client":
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
            self._finish(
                SignInOutcome(
                    SignInState.FAILED,
                    f"Spotify's answer could not be listened for ({type(error).__name__}): sign in again.",
                )
            )
        finally:
            self._listening.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._outcome is not _WAITING:  # cancelled before the loop ran
            return
        server = await asyncio.start_server(self._handle, sock=self._listening, limit=MAX_BYTES)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._finished_in_loop.wait(), self._timeout_s)
            if not self._got_answer:
                self._finish(SignInOutcome(SignInState.TIMED_OUT, self._timeout_sentence()))
            await self._finished_in_loop.wait()
        finally:
            server.close()
            if self._finishing:
                await asyncio.wait(self._finishing, timeout=_CLOSE_S)
            for writer in self._connections.values():
                writer.transport.abort()
            if self._connections:
                await asyncio.wait(self._connections, timeout=_CLOSE_S)

    def _timeout_sentence(self) -> str:
        return (
            f"No answer came from the browser within {self._timeout_s:.0f} s: sign in again, and should "
            f"Spotify's page say INVALID_CLIENT, compare client id and redirect address "
            f"({self.redirect_uri}) with the app's settings."
        )

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one connection; browsers open some that they never use."""
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            async with asyncio.timeout(_REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
            self._finishing.add(task)
            writer.write(await self._reply(parse_request(head, self._port)))
            writer.close()
            async with asyncio.timeout(_CLOSE_S):
                await writer.wait_closed()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            _LOG.debug("a connection to the listener for Spotify's answer came to nothing")
        finally:
            writer.transport.abort()
            self._finishing.discard(task)
            del self._connections[task]

    async def _reply(self, request: RedirectRequest) -> bytes:
        if request.refused is not None:
            status, sentence = request.refused
            return html_response(status, "Nothing here", sentence)
        if self._got_answer:
            return html_response(
                "409 Conflict", "Answered already", "Go back to Attune: this page is of no more use."
            )
        self._got_answer = True
        outcome = await self._decide(request.answer)
        self._finish(outcome)
        if outcome.ok:
            return html_response(
                "200 OK", "Connected", f"{outcome.message} You can close this tab and go back to Attune."
            )
        return html_response("400 Bad Request", "Not connected", outcome.message)

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
        """Exchange the code on a thread of its own, which is left behind where somebody cancels."""
        self._exchanging = asyncio.get_running_loop().create_future()
        if self._outcome is _WAITING:
            threading.Thread(
                target=self._exchange_code, args=[code], name="attune-spotify-code", daemon=True
            ).start()
            await self._exchanging
        return self._outcome

    def _exchange_code(self, code: str) -> None:
        try:
            tokens = for_code(
                self._accounts_url,
                client_id=self._client_id,
                code=code,
                verifier=self._verifier,
                redirect_uri=self.redirect_uri,
            )
            if not self._claim_saving():
                return
            outcome = SignInOutcome(SignInState.DONE, self._save(tokens))
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
        self._finish(outcome, saved=True)


def _refused(error: str) -> SignInOutcome:
    if error == "access_denied":
        return SignInOutcome(
            SignInState.REFUSED,
            "You did not allow it on Spotify's page, so nothing is connected: sign in again to allow it.",
        )
    name = error if re.fullmatch("[a-z_]{1,40}", error) else "an error without a name"
    return SignInOutcome(SignInState.FAILED, f"Spotify refused the sign-in ({name}): sign in again.")
