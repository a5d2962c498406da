"""The section "Home automation" of the page Settings: whether it works, and the password, never shown."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from keyring.backends import fail
from streamlit.testing.v1 import AppTest

from attune.dashboard.components.home_automation import CONNECTED, CONNECTING, EMPTY, FORGET, KEEP
from attune.engine.home.password import password_file, read_password
from core.settings import Settings
from tests.attune.dashboard.fakes import FakeEngine
from tests.attune.dashboard.tabs import healthy

pytestmark = pytest.mark.usefixtures("invented_context")

SECRET = "correct-horse-battery-staple"
PROBLEM = "The MQTT broker broker.local:1883 is not there: start it."


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    monkeypatch.setattr("core.paths.config_dir", lambda: folder)
    folder = tmp_path_factory.mktemp("config")
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


def _page() -> None:
    from attune.dashboard.pages import settings  # noqa: PLC0415 - the whole script of a tab

    settings.page()


def opened() -> AppTest:
    tab = AppTest.from_function(_page, default_timeout=30)
    tab.query_params["section"] = "home"
    return healthy(tab.run())


def press(tab: AppTest, label: str) -> AppTest:
    return healthy(next(one for one in tab.button if one.label == label).click().run())


def said(tab: AppTest) -> list[str]:
    return [
        one.value for kind in (tab.caption, tab.warning, tab.success, tab.info, tab.error) for one in kind
    ]


def test_it_says_whether_the_broker_is_told(engine: FakeEngine) -> None:
    assert CONNECTED not in said(opened())
    engine.settings = Settings(journal=False, mqtt_host="broker.local")
    assert CONNECTING in said(opened())
    engine.home.problem = PROBLEM
    assert PROBLEM.replace(".", "").replace(":", "") in "".join(said(opened())).translate(
        {ord(sign): None for sign in ".:\\"}
    )
    engine.home.problem, engine.home.connected = "", True
    assert CONNECTED in said(opened())


def test_a_password_is_kept_unseen_and_forgotten(engine: FakeEngine) -> None:
    tab = opened()
    tries = engine.home.tries
    tab.text_input(key="home password typed").input(SECRET)
    tab = press(tab, KEEP)
    assert read_password() == SECRET
    assert engine.home.tries == tries + 1
    assert SECRET not in str(tab)
    assert any(str(password_file().name) in one.replace("\\", "") for one in said(tab))
    tab = press(tab, FORGET)
    assert read_password() is None
    assert FORGET not in [one.label for one in tab.button]


def test_an_empty_password_is_not_kept() -> None:
    tab = press(opened(), KEEP)
    assert any(EMPTY.partition(":")[0] in one for one in said(tab))
    assert not password_file().exists()


def test_a_damaged_file_is_told(engine: FakeEngine) -> None:  # noqa: ARG001
    password_file().write_text("{")
    assert any("is damaged" in one for one in said(opened()))
