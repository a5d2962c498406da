"""Storage of the sign-in: its token in the system's keyring, else in a private file."""

from __future__ import annotations

import json
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Final

from core import paths
from core.files import PART_PREFIX, replace_atomically, writing
from core.system_keyring import SERVICE, SystemKeyring
from core.text_files import read_text_file
from spotify.errors import SpotifyError

_USERNAME: Final = "spotify"
_KEYRING_S: Final = 5.0
_EARLIER_PART_PREFIX: Final = ".sign-in-"  # what version 0.1 called unfinished files
_REPOSITORY: Final = Path(__file__).resolve().parents[1]


class TokenStoreError(SpotifyError):
    """The stored sign-in cannot be read, written or deleted."""


@dataclass(frozen=True, slots=True)
class StoredSignIn:
    """A stored sign-in. The access token is not stored: it expires within the hour."""

    client_id: str  # of the user's own app; it outlives the token, so that the user enters it once
    refresh_token: str = field(default="", repr=False)  # empty where signed out
    scopes: tuple[str, ...] = ()  # what the user has allowed
    signed_in_s: float = 0.0  # Unix time of the consent; the refresh token ends six months later
    account: str = ""  # name of the account, for people


def folder() -> Path:
    """Private folder of everything that is stored about Spotify; it need not exist."""
    return paths.config_dir() / "spotify"


class TokenStore:
    """Stores one sign-in; safe to use from several threads.

    A file holds everything but the token, and says where the token is: in the keyring, if one is usable, or
    in the file itself. So a slow, locked or replaced keyring cannot bring back an old token.

    Parameters
    ----------
    place
        Folder of the file; created on demand.
    keyring_s
        Longest time of a keyring's answer, s; one that does not answer is not used again.
    """

    def __init__(self, place: Path, *, keyring_s: float = _KEYRING_S) -> None:
        self.file = place / "sign-in.json"
        self._keyring = SystemKeyring(_USERNAME, answer_s=keyring_s)
        self._lock = threading.Lock()

    def load(self) -> StoredSignIn | None:
        """The stored sign-in; None where there is none.

        Raises
        ------
        TokenStoreError
            The file is damaged or unreadable, or the keyring does not return the token.
        """
        with self._lock:
            found = self._read()
            if found is None:
                return None
            stored, in_keyring = found
            if not in_keyring:
                return stored
            token = self._keyring.get()
            if not token:
                raise TokenStoreError(
                    "The system's keyring does not give out the token of Spotify that it keeps: unlock it "
                    "and start again, or sign in again."
                )
            return replace(stored, refresh_token=token)

    def load_without_token(self) -> tuple[StoredSignIn, bool] | None:
        """The stored sign-in without its token, and whether there is a token; does not ask the keyring.

        Raises
        ------
        TokenStoreError
            The file is damaged or unreadable.
        """
        with self._lock:
            found = self._read()
        if found is None:
            return None
        stored, in_keyring = found
        return replace(stored, refresh_token=""), in_keyring or bool(stored.refresh_token)

    def save(self, stored: StoredSignIn) -> None:
        """Store a sign-in instead of the old one.

        Parameters
        ----------
        stored
            The sign-in.

        Raises
        ------
        TokenStoreError
            It cannot be written; the old one may be lost.
        """
        with self._lock:
            _refuse_repository(self.file)
            in_keyring = bool(stored.refresh_token) and self._keyring.put(stored.refresh_token)
            try:
                self._write(stored, in_keyring=in_keyring)
            except TokenStoreError:
                if in_keyring:
                    self._keyring.delete()
                raise
            if not in_keyring:
                self._keyring.delete_if_used()

    def forget_token(self) -> None:
        """Delete only the token; client id and account stay.

        Raises
        ------
        TokenStoreError
            It could not be deleted everywhere.
        """
        with self._lock:
            try:
                found = self._read()
            except TokenStoreError:
                found = None
            if found is None:
                self._delete()
                return
            stored, in_keyring = found
            gone = not in_keyring or self._keyring.delete()
            try:
                self._write(StoredSignIn(stored.client_id, account=stored.account), in_keyring=False)
            except TokenStoreError:
                self._unlink()  # even where the disk is full
            if not gone:
                raise TokenStoreError(_LEFT_IN_KEYRING)

    def delete_all(self) -> None:
        """Delete the folder with its content, and the entry in the keyring.

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
            self._delete_unfinished()
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise TokenStoreError(
                f"{self.file} cannot be deleted ({_reason(error)}): delete it by hand."
            ) from error

    def _delete_unfinished(self) -> None:
        """Delete files that a killed program left unfinished."""
        for prefix in (PART_PREFIX, _EARLIER_PART_PREFIX):
            for left in self.file.parent.glob(f"{prefix}*"):
                left.unlink(missing_ok=True)

    def _read(self) -> tuple[StoredSignIn, bool] | None:
        """Content of the file, and whether the token is in the keyring."""
        what = f"{self.file}, which keeps the sign-in,"
        text = read_text_file(self.file, what=what, error_type=TokenStoreError, advice="sign in again")
        if text is None:
            return None
        try:
            return _parse(text)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            # Not chained: the parser's message quotes the text, which holds the token.
            raise TokenStoreError(f"{what} is damaged: sign in again.") from None

    def _write(self, stored: StoredSignIn, *, in_keyring: bool) -> None:
        text = json.dumps(
            {
                "version": 1,
                "client_id": stored.client_id,
                "account": stored.account,
                "scopes": list(stored.scopes),
                "signed_in_s": stored.signed_in_s,
                "in_keyring": in_keyring,
                "refresh_token": "" if in_keyring else stored.refresh_token,
            }
        )
        advice = "make its folder writable, then sign in again"
        with writing(f"The sign-in file {self.file}", error_type=TokenStoreError, advice=advice):
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix":
                self.file.parent.chmod(0o700)
            with replace_atomically(self.file, private=True) as part:
                part.write_text(text, encoding="utf-8")
            self._delete_unfinished()


_LEFT_IN_KEYRING: Final = (
    f"The system's keyring did not delete its entry {SERVICE!r} for {_USERNAME!r}: delete it there by hand."
)


def _parse(text: str) -> tuple[StoredSignIn, bool]:
    given = json.loads(text)
    stored = StoredSignIn(
        _text(given["client_id"]),
        _text(given["refresh_token"]),
        tuple(map(_text, given["scopes"])),
        float(given["signed_in_s"]),
        _text(given["account"]),
    )
    if given["version"] != 1 or not isinstance(given["in_keyring"], bool) or not isfinite(stored.signed_in_s):
        raise ValueError
    return stored, given["in_keyring"]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _refuse_repository(file: Path) -> None:
    """Refuse the program's own folder: a token there would sooner or later be committed or packaged."""
    place = file.parent.resolve()
    if place.is_relative_to(_REPOSITORY):
        raise TokenStoreError(
            f"The sign-in would be kept in {place}, inside the program's own folder: let XDG_CONFIG_HOME, or "
            "what else decides on the configuration folder, name another one."
        )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
