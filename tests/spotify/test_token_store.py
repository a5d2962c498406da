"""Where a sign-in is kept: keyrings of every kind, files, disks that refuse, and files that are damaged."""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null

from spotify import token_store
from spotify.token_store import StoredSignIn, TokenStore, TokenStoreError
from tests.patience import PROMPT_S
from tests.spotify.keyrings_for_tests import Memory, Raising

TOKEN = "AQDxTz-abcdefghijklmnopqrstuvwxyz_0123456789"
KEPT = StoredSignIn("0123456789abcdef" * 2, TOKEN, ("playlist-read-private",), 1_700_000_000.0, "Robin")


class Hanging(Memory):
    """A keyring that waits for a window that nobody sees, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.let_go.wait(30)
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked += 1
        self.let_go.wait(30)
        super().set_password(service, username, password)


class Forgetful(Memory):
    """A keyring that takes everything and gives nothing back."""

    def set_password(self, service: str, username: str, password: str) -> None: ...


class Plain(Memory):
    """A file of somebody else's, as keyrings.alt has them: no better than ours."""

    priority = 0.5  # type: ignore[assignment]


class Chained(chainer.ChainerBackend):
    """The chain of a machine without a keyring."""

    priority = 10  # type: ignore[assignment]
    viable = False
    backends: list[KeyringBackend] = []  # type: ignore[assignment] # noqa: RUF012


@pytest.fixture(autouse=True)
def _keyring_as_before() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "config" / "spotify"


@pytest.fixture
def store(place: Path) -> TokenStore:
    return TokenStore(place, keyring_s=0.2)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_is_kept_at_first(store: TokenStore, place: Path) -> None:
    keyring.set_keyring(fail.Keyring())
    assert store.load() is None
    store.forget_token()
    store.delete_all()
    assert not place.exists()


def test_system_keyring_keeps_the_token_and_the_file_does_not(store: TokenStore, place: Path) -> None:
    ring = Memory()
    keyring.set_keyring(ring)
    store.save(KEPT)
    assert list(ring.entries.values()) == [TOKEN]
    assert TOKEN not in store.file.read_text()
    assert TokenStore(place).load() == KEPT
    store.forget_token()
    assert ring.entries == {}
    assert store.load() == StoredSignIn(KEPT.client_id, account="Robin")
    store.save(KEPT)
    TokenStore(place).delete_all()
    assert ring.entries == {}
    assert not store.file.exists()


@pytest.mark.parametrize("make", [fail.Keyring, null.Keyring, Chained, Raising, Hanging, Forgetful, Plain])
def test_unusable_keyring_leaves_the_file(store: TokenStore, place: Path, make: type[KeyringBackend]) -> None:
    ring = make()
    keyring.set_keyring(ring)
    began_s = time.monotonic()
    store.save(KEPT)
    assert store.load() == KEPT
    assert time.monotonic() - began_s < PROMPT_S
    store.delete_all()
    assert not place.exists()
    if isinstance(ring, Hanging):
        ring.let_go.set()
        assert ring.asked == 1  # and no more


def test_keyring_that_answers_too_late_brings_no_old_token_back(store: TokenStore, place: Path) -> None:
    ring = Hanging()
    keyring.set_keyring(ring)
    store.save(KEPT)
    ring.let_go.set()
    newer = StoredSignIn(KEPT.client_id, TOKEN[::-1], KEPT.scopes, KEPT.signed_in_s, KEPT.account)
    store.save(newer)
    assert TokenStore(place).load() == newer


def test_keyring_that_cannot_even_be_found_leaves_the_file(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ModuleNotFoundError("No module named 'keyrings.nowhere'")

    monkeypatch.setattr(keyring, "get_keyring", refuse)
    store.save(KEPT)
    assert store.load() == KEPT


def test_keyring_that_no_longer_gives_the_token_is_one_sentence(store: TokenStore, place: Path) -> None:
    keyring.set_keyring(Memory())
    store.save(KEPT)
    keyring.set_keyring(Raising())
    with pytest.raises(TokenStoreError, match=r"does not give out the token.*sign in again"):
        TokenStore(place).load()
    with pytest.raises(TokenStoreError, match="did not delete its entry 'attune' for 'spotify'"):
        store.delete_all()
    assert not store.file.exists()


def test_forgetting_is_said_where_the_keyring_does_not(store: TokenStore) -> None:
    keyring.set_keyring(Memory())
    store.save(KEPT)
    keyring.set_keyring(Raising())
    with pytest.raises(TokenStoreError, match="delete it there by hand"):
        store.forget_token()
    assert store.load() == StoredSignIn(KEPT.client_id, account="Robin")


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_file_and_folder_are_their_owners_alone(store: TokenStore, place: Path) -> None:
    keyring.set_keyring(fail.Keyring())
    place.mkdir(parents=True, mode=0o755)
    store.file.touch(mode=0o644)
    before = os.umask(0)
    try:
        store.save(KEPT)
    finally:
        os.umask(before)
    assert (mode(store.file), mode(place)) == (0o600, 0o700)
    assert [one.name for one in place.iterdir()] == ["sign-in.json"]


def test_file_is_the_old_one_where_the_new_one_cannot_be_written(
    store: TokenStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_keyring(fail.Keyring())
    store.save(KEPT)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TokenStoreError, match="the disk is full: free some space"):
            store.save(StoredSignIn("f" * 32, TOKEN[::-1]))
        assert store.load() == KEPT
        assert [one.name for one in place.iterdir()] == ["sign-in.json"]
        store.forget_token()  # a full disk keeps nobody from deleting
    assert store.load() is None


def test_keyring_does_not_keep_what_the_file_could_not_say(
    store: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Memory()
    keyring.set_keyring(ring)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TokenStoreError, match="free some space"):
        store.save(KEPT)
    assert ring.entries == {}


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    keyring.set_keyring(fail.Keyring())
    (tmp_path / "file").touch()
    store = TokenStore(tmp_path / "file" / "spotify")
    assert store.load() is None
    with pytest.raises(TokenStoreError, match=r"json cannot be written \(.*\): make its folder writable"):
        store.save(KEPT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"version": 1}',
        b'{"version": 2, "client_id": "", "account": "", "scopes": [], "signed_in_s": 0, '
        b'"in_keyring": false, "refresh_token": ""}',
        b'{"version": 1, "client_id": "", "account": "", "scopes": [], "signed_in_s": NaN, '
        b'"in_keyring": false, "refresh_token": ""}',
        b'{"version": 1, "client_id": "", "account": "", "scopes": [3], "signed_in_s": 0, '
        b'"in_keyring": false, "refresh_token": ""}',
        b'{"version": 1, "client_id": "", "account": "", "scopes": [], "signed_in_s": 0, '
        b'"in_keyring": 0, "refresh_token": ""}',
        f'{{"refresh_token": "{TOKEN}", '.encode(),
    ],
)
def test_damaged_file_is_one_sentence_without_its_content(store: TokenStore, content: bytes) -> None:
    keyring.set_keyring(fail.Keyring())
    store.file.parent.mkdir(parents=True)
    store.file.write_bytes(content)
    with pytest.raises(TokenStoreError, match=r"sign-in\.json.*sign in again") as caught:
        store.load()
    assert TOKEN not in f"{caught.value} {caught.value!r}"
    store.save(KEPT)
    assert store.load() == KEPT


def test_damaged_file_can_be_deleted(store: TokenStore) -> None:
    keyring.set_keyring(fail.Keyring())
    for delete in (store.delete_all, store.forget_token):
        store.file.parent.mkdir(parents=True)
        store.file.write_text("{")
        delete()
        assert not store.file.exists()


def test_what_a_killed_program_left_is_deleted_too(store: TokenStore, place: Path) -> None:
    keyring.set_keyring(fail.Keyring())
    store.save(KEPT)
    (place / ".sign-in-k1ll3d").write_text(TOKEN)
    (place / ".part-k1ll3d-sign-in.json").write_text(TOKEN)
    (place / "more.json").touch()
    store.forget_token()
    assert sorted(one.name for one in place.iterdir()) == ["more.json", "sign-in.json"]
    store.delete_all()
    assert not place.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="a folder that refuses")
def test_folder_that_cannot_be_deleted_is_one_sentence(store: TokenStore, place: Path) -> None:
    keyring.set_keyring(fail.Keyring())
    store.save(KEPT)
    place.parent.chmod(0o500)
    try:
        with pytest.raises(TokenStoreError, match="delete it by hand"):
            store.delete_all()
    finally:
        place.parent.chmod(0o700)


def test_looking_asks_no_keyring(store: TokenStore) -> None:
    assert store.load_without_token() is None
    keyring.set_keyring(Memory())
    store.save(KEPT)
    keyring.set_keyring(Raising())
    assert store.load_without_token() == (dataclasses.replace(KEPT, refresh_token=""), True)
    with pytest.raises(TokenStoreError):
        store.forget_token()
    assert store.load_without_token() == (StoredSignIn(KEPT.client_id, account="Robin"), False)


def test_nothing_is_ever_kept_in_the_programs_own_folder() -> None:
    place = Path(token_store.__file__).parent / "spotify"
    with pytest.raises(TokenStoreError, match="inside the program's own folder: let XDG_CONFIG_HOME"):
        TokenStore(place).save(KEPT)
    assert not place.exists()


def test_token_stands_in_no_representation() -> None:
    assert TOKEN not in f"{KEPT} {KEPT!r} {[KEPT]}"


def test_reading_what_is_kept_starts_without_keyring() -> None:
    program = "import sys; import spotify.token_store; print('keyring' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
