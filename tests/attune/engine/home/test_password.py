"""The password for the broker: where it is kept, and that nobody else can read it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail

from attune.engine.home.password import (
    FILE_VARIABLE,
    VARIABLE,
    forget_password,
    keep_password,
    password_file,
    password_place,
    read_password,
)
from core.errors import HomeAutomationError
from tests.spotify.keyrings_for_tests import Memory, Raising

SECRET = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def _own_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


def test_there_is_none_at_first() -> None:
    assert (read_password(), password_place()) == (None, "")
    forget_password()


def test_without_a_keyring_it_is_in_a_file_that_only_its_owner_reads() -> None:
    keep_password(SECRET)
    assert read_password() == SECRET
    assert password_place() == str(password_file())
    if os.name == "posix":
        assert stat.S_IMODE(password_file().stat().st_mode) == 0o600
    forget_password()
    assert read_password() is None
    assert not password_file().exists()


def test_in_the_keyring_it_is_in_no_file() -> None:
    keyring.set_keyring(Memory())
    keep_password(SECRET)
    assert SECRET not in password_file().read_text()
    assert (read_password(), password_place()) == (SECRET, "the system's keyring")
    forget_password()
    assert read_password() is None


def test_a_keyring_that_is_locked_is_one_sentence() -> None:
    keyring.set_keyring(Memory())
    keep_password(SECRET)
    keyring.set_keyring(Raising())
    with pytest.raises(HomeAutomationError, match="unlock it, or keep the password again"):
        read_password()
    with pytest.raises(HomeAutomationError, match="delete it there by hand"):
        forget_password()


def test_the_environment_goes_before_what_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep_password(SECRET)
    named = tmp_path / "password.txt"
    named.write_text("of-the-file\n")
    monkeypatch.setenv(FILE_VARIABLE, str(named))
    assert (read_password(), password_place()) == ("of-the-file", f"{FILE_VARIABLE} in the environment")
    monkeypatch.setenv(VARIABLE, "of-the-variable")
    assert (read_password(), password_place()) == ("of-the-variable", f"{VARIABLE} in the environment")


def test_a_named_file_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "none.txt"))
    with pytest.raises(
        HomeAutomationError, match=r"none\.txt, which ATTUNE_MQTT_PASSWORD_FILE names, is not"
    ):
        read_password()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"in_keyring": 1, "password": "x"}', '{"in_keyring": false}', f'"{SECRET}"']
)
def test_a_damaged_file_is_one_sentence_without_the_password(text: str) -> None:
    password_file().parent.mkdir(parents=True)
    password_file().write_text(text)
    with pytest.raises(HomeAutomationError, match="is damaged: keep the password again") as raised:
        read_password()
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    forget_password()
    keep_password(SECRET)
    assert read_password() == SECRET
