"""Owns where a sign-in is kept: its token in the system's keyring, else in a file for its owner alone."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from core import paths
from spotify.errors import SpotifyError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = ["Kept", "TokenStore", "TokenStoreError", "folder"]

_LOG = logging.getLogger(__name__)
_SERVICE: Final = "attune"
_ENTRY: Final = "spotify"
_KEYRING_S: Final = 5.0
_RECOMMENDED: Final = 1.0
"""Priority from which a backend is one of the system's; fail, null and plain files are below."""
_MAKING: Final = ".sign-in-"
_REPOSITORY: Final = Path(__file__).resolve().parents[1]

T = TypeVar("T")


class TokenStoreError(SpotifyError):
    """What is kept of a sign-in cannot be read, written or deleted."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a sign-in. The access token is not: it ends within the hour.

    Parameters
    ----------
    client_id
        Of the user's own app; kept when the token is forgotten, so that it is asked for once.
    refresh_token
        Empty: signed out.
    scopes
        What the user has allowed.
    signed_in_s
        Unix time of the consent; the refresh token ends six months later.
    account
        Whose it is, for people.
    """

    client_id: str
    refresh_token: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ()
    signed_in_s: float = 0.0
    account: str = ""


def folder() -> Path:
    """Folder of everything that is kept about Spotify, for its owner alone; it need not exist."""
    return paths.config_dir() / "spotify"


class TokenStore:
    """Keeps one sign-in; any thread may use it.

    One file says everything but the token, and where the token is: in the keyring, where one is usable,
    or in the file itself. So a keyring that is late, locked or replaced cannot bring back an old token.

    Parameters
    ----------
    place
        Folder of the file; made when something is written.
    keyring_s
        How long the keyring may take for an answer, s; one that does not answer is asked no more.
    """

    def __init__(self, place: Path, *, keyring_s: float = _KEYRING_S) -> None:
        self.file = place / "sign-in.json"
        self._keyring = _Keyring(keyring_s)
        self._lock = threading.Lock()

    def load(self) -> Kept | None:
        """What is kept; None where nothing is.

        Raises
        ------
        TokenStoreError
            The file is damaged or may not be read, or the keyring does not give the token out.
        """
        with self._lock:
            found = self._read()
            if found is None:
                return None
            kept, in_keyring = found
            if not in_keyring:
                return kept
            token = self._keyring.get()
            if not token:
                raise TokenStoreError(
                    "The system's keyring does not give out the token of Spotify that it keeps: unlock it "
                    "and start again, or sign in again."
                )
            return replace(kept, refresh_token=token)

    def look(self) -> tuple[Kept, bool] | None:
        """What is kept but the token, and whether there is one; does not ask the keyring.

        Raises
        ------
        TokenStoreError
            The file is damaged or may not be read.
        """
        with self._lock:
            found = self._read()
        if found is None:
            return None
        kept, in_keyring = found
        return replace(kept, refresh_token=""), in_keyring or bool(kept.refresh_token)

    def save(self, kept: Kept) -> None:
        """Keep this instead of what was kept.

        Raises
        ------
        TokenStoreError
            It cannot be written; what was kept before may be lost.
        """
        with self._lock:
            _refuse_repository(self.file)
            in_keyring = bool(kept.refresh_token) and self._keyring.put(kept.refresh_token)
            try:
                self._write(kept, in_keyring=in_keyring)
            except TokenStoreError:
                if in_keyring:
                    self._keyring.delete()
                raise
            if not in_keyring:
                self._keyring.delete_if_used()

    def forget_token(self) -> None:
        """Forget the token alone; client id and account stay.

        Raises
        ------
        TokenStoreError
            Something of it could not be deleted.
        """
        with self._lock:
            try:
                found = self._read()
            except TokenStoreError:
                found = None
            if found is None:
                self._delete()
                return
            kept, in_keyring = found
            gone = not in_keyring or self._keyring.delete()
            try:
                self._write(Kept(kept.client_id, account=kept.account), in_keyring=False)
            except TokenStoreError:
                self._unlink()  # a full disk keeps nobody from deleting
            if not gone:
                raise TokenStoreError(_LEFT_IN_KEYRING)

    def delete_all(self) -> None:
        """Delete the folder with all that is in it, and the entry in the keyring.

        Raises
        ------
        TokenStoreError
            Something could not be deleted.
        """
        with self._lock:
            try:
                self._delete()
            finally:
                self._remove_folder()

    def _remove_folder(self) -> None:
        place = self.file.parent
        try:
            shutil.rmtree(place)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise TokenStoreError(
                f"{place} cannot be deleted ({_reason(error)}): delete it by hand."
            ) from error

    def _delete(self) -> None:
        in_keyring = False
        with suppress(TokenStoreError):
            found = self._read()
            in_keyring = found is not None and found[1]
        self._unlink()
        if not self._keyring.delete() and in_keyring:
            raise TokenStoreError(_LEFT_IN_KEYRING)

    def _unlink(self) -> None:
        try:
            self._sweep()
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(
                f"{self.file} cannot be deleted ({_reason(error)}): delete it by hand."
            ) from error

    def _sweep(self) -> None:
        """Delete what a program left that was killed while writing."""
        for left in self.file.parent.glob(f"{_MAKING}*"):
            left.unlink(missing_ok=True)

    def _read(self) -> tuple[Kept, bool] | None:
        """What the file says, and whether the token is in the keyring."""
        try:
            text = self.file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = _reason(error) if isinstance(error, OSError) else "it is no text"
            raise TokenStoreError(
                f"{self.file}, which keeps the sign-in, cannot be read ({reason}): sign in again."
            ) from None
        try:
            return _parsed(text)
        except (ValueError, TypeError, KeyError):
            # Not chained: what the parser says quotes the text, and the token is in it.
            raise TokenStoreError(
                f"{self.file}, which keeps the sign-in, is damaged: sign in again."
            ) from None

    def _write(self, kept: Kept, *, in_keyring: bool) -> None:
        text = json.dumps(
            {
                "version": 1,
                "client_id": kept.client_id,
                "account": kept.account,
                "scopes": list(kept.scopes),
                "signed_in_s": kept.signed_in_s,
                "in_keyring": in_keyring,
                "refresh_token": "" if in_keyring else kept.refresh_token,
            }
        )
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix":
                self.file.parent.chmod(0o700)
            _write_whole(self.file, text)
            self._sweep()
        except OSError as error:
            advice = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make it writable"
            raise TokenStoreError(
                f"The sign-in cannot be kept in {self.file.parent} ({_reason(error)}): {advice}, "
                "then sign in again."
            ) from None


_LEFT_IN_KEYRING: Final = (
    f"The system's keyring did not delete its entry {_SERVICE!r} for {_ENTRY!r}: delete it there by hand."
)


def _parsed(text: str) -> tuple[Kept, bool]:
    given = json.loads(text)
    kept = Kept(
        _text(given["client_id"]),
        _text(given["refresh_token"]),
        tuple(map(_text, given["scopes"])),
        float(given["signed_in_s"]),
        _text(given["account"]),
    )
    if given["version"] != 1 or not isinstance(given["in_keyring"], bool) or not isfinite(kept.signed_in_s):
        raise ValueError
    return kept, given["in_keyring"]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _write_whole(file: Path, text: str) -> None:
    """The old file or the new, never half of one; the new one is its owner's alone from the first byte."""
    handle, name = tempfile.mkstemp(prefix=_MAKING, dir=file.parent)  # mode 0600
    making = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as open_file:
            open_file.write(text)
            open_file.flush()
            os.fsync(open_file.fileno())
        making.replace(file)
    finally:
        making.unlink(missing_ok=True)


def _refuse_repository(file: Path) -> None:
    """A token in the program's own folder would be committed or packed sooner or later."""
    place = file.parent.resolve()
    if place.is_relative_to(_REPOSITORY):
        raise TokenStoreError(
            f"The sign-in would be kept in {place}, inside the program's own folder: let XDG_CONFIG_HOME, or "
            "what else decides on the configuration folder, name another one."
        )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


class _Keyring:
    """The system's keyring, as far as it is usable; it may raise, hang, or be none at all."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self._hung = False
        self._used = False

    def get(self) -> str | None:
        """The token; None where the keyring has none or is not usable."""
        token = self._ask(lambda backend: backend.get_password(_SERVICE, _ENTRY))
        self._used = self._used or bool(token)
        return token

    def put(self, token: str) -> bool:
        """Keep the token; False where it is not kept."""

        def put_and_look(backend: KeyringBackend) -> bool:
            backend.set_password(_SERVICE, _ENTRY, token)
            return backend.get_password(_SERVICE, _ENTRY) == token

        kept = self._ask(put_and_look) is True
        self._used = self._used or kept
        return kept

    def delete(self) -> bool:
        """Delete the token; False where it may still be there."""

        def delete_if_there(backend: KeyringBackend) -> bool:
            if backend.get_password(_SERVICE, _ENTRY) is not None:
                backend.delete_password(_SERVICE, _ENTRY)
            return backend.get_password(_SERVICE, _ENTRY) is None

        return self._ask(delete_if_there) is True

    def delete_if_used(self) -> None:
        if self._used:
            self.delete()

    def _ask(self, question: Callable[[KeyringBackend], T]) -> T | None:
        """The answer of a usable keyring within its time, on a thread that is left behind when it hangs."""
        if self._hung:
            return None
        answers: list[T] = []

        def ask() -> None:
            try:
                backend = _usable_backend()
                if backend is not None:
                    answers.append(question(backend))
            except Exception as error:  # noqa: BLE001 - keyrings raise whatever they like; the file is there
                # Its text is not logged: nobody knows what a keyring puts into it.
                _LOG.info("the system's keyring is not usable: %s", type(error).__name__)

        thread = threading.Thread(target=ask, name="attune-keyring", daemon=True)
        thread.start()
        thread.join(self._answer_s)
        if thread.is_alive():
            self._hung = True
            _LOG.warning("the system's keyring did not answer within %g s", self._answer_s)
            return None
        return answers[0] if answers else None


def _usable_backend() -> KeyringBackend | None:
    import keyring  # noqa: PLC0415 - it looks for backends, which takes time and may hang
    from keyring.backends.chainer import ChainerBackend  # noqa: PLC0415

    backend = keyring.get_keyring()
    chained = backend.backends if isinstance(backend, ChainerBackend) else [backend]
    return backend if any(one.priority >= _RECOMMENDED for one in chained) else None
