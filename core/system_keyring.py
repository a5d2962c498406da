"""The system's keyring, which may raise, hang, or not exist."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE: Final = "attune"
"""What its entries are filed under."""

_LOG = logging.getLogger(__name__)
_ANSWER_S: Final = 5.0
_MIN_PRIORITY: Final = 1.0
"""Least priority of a system's backend; the fail, null and plain-text backends are below."""

T = TypeVar("T")


class SystemKeyring:
    """One secret in the system's keyring.

    Parameters
    ----------
    username
        Whose secret it is.
    answer_s
        Longest time of a keyring's answer, s; one that does not answer is not used again.
    """

    def __init__(self, username: str, *, answer_s: float = _ANSWER_S) -> None:
        self._username = username
        self._answer_s = answer_s
        self._hung = False
        self._used = False

    def get(self) -> str | None:
        """The secret; None where there is none, or no usable keyring."""
        secret = self._ask(lambda backend: backend.get_password(SERVICE, self._username))
        self._used = self._used or bool(secret)
        return secret

    def put(self, secret: str) -> bool:
        """Store the secret; False where that fails."""

        def put_and_verify(backend: KeyringBackend) -> bool:
            backend.set_password(SERVICE, self._username, secret)
            return backend.get_password(SERVICE, self._username) == secret

        stored = self._ask(put_and_verify) is True
        self._used = self._used or stored
        return stored

    def delete(self) -> bool:
        """Delete the secret; False where it may remain."""

        def delete_if_there(backend: KeyringBackend) -> bool:
            if backend.get_password(SERVICE, self._username) is not None:
                backend.delete_password(SERVICE, self._username)
            return backend.get_password(SERVICE, self._username) is None

        return self._ask(delete_if_there) is True

    def delete_if_used(self) -> None:
        """Delete the secret where it was read or stored here."""
        if self._used:
            self.delete()

    def _ask(self, action: Callable[[KeyringBackend], T]) -> T | None:
        """Result of an action on the keyring; None after the time limit, when its thread is left behind."""
        if self._hung:
            return None
        answers: list[T] = []

        def ask() -> None:
            try:
                backend = _usable_backend()
                if backend is not None:
                    answers.append(action(backend))
            except Exception as error:  # noqa: BLE001 - keyrings raise whatever they like; the file is there
                # Its message is not logged: it could hold a secret.
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
    return backend if any(one.priority >= _MIN_PRIORITY for one in chained) else None
