from __future__ import annotations

import threading
import tomllib
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.delta_generator_singletons import context_dg_stack
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import RerunException, add_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.safe_session_state import SafeSessionState

from attune.dashboard.state.presses import protect_presses
from tests.paths import ROOT


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Presses are protected as in a server, for the time of the test; what comes through to Streamlit."""
    came: list[Any] = []
    name = "on_script_will_rerun"
    monkeypatch.setattr(SafeSessionState, name, getattr(SafeSessionState, name))
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, asked: came.append(asked))
    monkeypatch.setattr(AppSession, "_create_scriptrunner", lambda _, request: came.append(request))
    name = "_request_rerun_locked"
    monkeypatch.setattr(ScriptRequests, name, getattr(ScriptRequests, name))
    monkeypatch.setattr(ScriptRunner, "_run_script", lambda *_: came.append(context_dg_stack.get()))
    protect_presses()
    return came


def test_what_was_asked_for_is_done_though_a_newer_request_waits() -> None:
    def newer_request() -> None:
        raise RerunException(RerunData())

    inner = SessionState()
    state = SafeSessionState(inner, newer_request)
    done = []

    def callback() -> None:
        done.append(state.filtered_state)
        state["answer"] = "done"  # where Streamlit would end the run

    metadata: WidgetMetadata[Any] = WidgetMetadata(
        id="stop", deserializer=bool, serializer=bool, value_type="trigger_value", callback=callback
    )
    inner._set_widget_metadata(metadata)
    pressed = WidgetStates(widgets=[WidgetState(id="stop", trigger_value=True)])

    def run() -> None:
        ThreadState.initialize()
        state.on_script_will_rerun(pressed)

    copy_context().run(run)
    assert len(done) == 1
    assert state.filtered_state["answer"] == "done"
    with pytest.raises(RerunException):  # afterwards it looks for newer requests again
        state["more"] = 1


def test_a_timer_says_nothing_of_presses_and_fields(asked: list[ClientState]) -> None:
    widgets = [
        WidgetState(id="start", trigger_value=True),
        WidgetState(id="bar", json_trigger_value="[]"),
        WidgetState(id="slider", int_value=70),
    ]
    session: Any = Session()
    for by_timer in (True, False):
        state = ClientState(widget_states=WidgetStates(widgets=widgets), is_auto_rerun=by_timer)
        AppSession.request_rerun(session, state)
    AppSession.request_rerun(session, None)
    timer, person, nobody = asked
    assert list(timer.widget_states.widgets) == []
    assert [one.id for one in person.widget_states.widgets] == ["start", "bar", "slider"]
    assert nobody is None


def test_what_a_person_chose_stays_where_a_timer_comes_before_it_was_done() -> None:
    chosen = WidgetStates(widgets=[WidgetState(id="month", string_value="April")])
    requests = ScriptRequests()
    timer = RerunData(widget_states=WidgetStates(), fragment_id="indicator", is_auto_rerun=True)
    for asked_for in (timer, RerunData(widget_states=chosen), timer):
        requests.request_rerun(asked_for)
    waits = requests.on_scriptrunner_ready().rerun_data
    assert waits.widget_states == chosen
    assert waits.fragment_id_queue == []


class Session:
    """A tab; what is asked of it names pages by these."""

    def __init__(self, *pages: str) -> None:
        self._pages_manager = SimpleNamespace(get_pages=lambda: dict.fromkeys(pages))

    def has_fragment(self, name: str) -> bool:
        return name != "an older bar"


def test_a_page_that_was_left_is_asked_for_nothing(asked: list[ClientState]) -> None:
    session: Any = Session("live", "playlists")

    def ask(page: str, *, part: str = "") -> int:
        before = len(asked)
        AppSession.request_rerun(session, ClientState(page_script_hash=page, fragment_id=part))
        return len(asked) - before

    assert ask("") == 1  # the tab has just been opened
    assert ask("live", part="bar") == 1
    assert ask("playlists") == 1
    assert ask("live", part="bar") == 0
    assert ask("playlists", part="bar") == 1
    assert ask("live") == 1
    assert ask("playlists", part="bar") == 0
    assert ask("the whole program") == 1
    assert ask("live", part="bar") == 1
    other: Any = Session("live", "playlists")
    AppSession.request_rerun(other, ClientState(page_script_hash="playlists"))
    assert ask("live", part="bar") == 1


def test_a_press_in_a_part_that_has_another_name_now_draws_the_page(asked: list[ClientState]) -> None:
    session: Any = Session("live", "playlists")
    AppSession.request_rerun(session, ClientState(page_script_hash="live"))
    for page, part, by_timer in (
        ("live", "bar", False),
        ("live", "an older bar", False),
        ("live", "an older bar", True),
        ("playlists", "an older bar", False),  # of a page that was left
    ):
        state = ClientState(page_script_hash=page, fragment_id=part, is_auto_rerun=by_timer)
        AppSession.request_rerun(session, state)
    assert [one.fragment_id for one in asked[1:]] == ["bar", "", "an older bar"]


def test_a_press_that_waits_stays_where_a_timer_comes_after_it() -> None:
    pressed = WidgetStates(widgets=[WidgetState(id="undo", trigger_value=True)])
    requests = ScriptRequests()
    requests.request_rerun(RerunData(widget_states=pressed, fragment_id="bar"))
    requests.request_rerun(RerunData(widget_states=WidgetStates(), fragment_id="board", is_auto_rerun=True))
    waits = requests.on_scriptrunner_ready().rerun_data
    assert waits.widget_states == pressed
    assert waits.fragment_id_queue == ["bar", "board"]


def test_fields_stay_as_they_are_where_a_timer_says_nothing_of_them() -> None:
    state = SessionState()
    metadata: WidgetMetadata[Any] = WidgetMetadata(
        id="month", deserializer=str, serializer=str, value_type="string_value"
    )
    state._set_widget_metadata(metadata)
    state.on_script_will_rerun(WidgetStates(widgets=[WidgetState(id="month", string_value="April")]))
    state.on_script_will_rerun(WidgetStates())
    assert state["month"] == "April"


@pytest.mark.parametrize(
    ("waits", "by_run", "page"),
    [
        (RerunData(page_script_hash="playlists"), True, "playlists"),
        (RerunData(page_script_hash="playlists"), False, "live"),
        (RerunData(page_script_hash=""), True, "live"),
        (RerunData(page_script_hash="playlists", fragment_id="bar"), True, "live"),
        (None, True, "live"),
    ],
)
def test_a_run_that_is_repeated_leaves_the_page_that_waits(
    waits: RerunData | None, by_run: bool, page: str
) -> None:
    requests = ScriptRequests()
    if waits is not None:
        requests.request_rerun(waits)

    def ask_again() -> None:
        if by_run:
            context: Any = SimpleNamespace(pages_manager=SimpleNamespace(main_script_hash=""))
            add_script_run_ctx(threading.current_thread(), context)
        assert requests.request_rerun(RerunData(page_script_hash="live"))

    thread = threading.Thread(target=ask_again)
    thread.start()
    thread.join()
    assert requests.on_scriptrunner_ready().rerun_data.page_script_hash == page


def test_a_page_is_never_drawn_into_the_place_of_a_part(asked: list[Any]) -> None:
    def run() -> None:
        top = context_dg_stack.get()
        context_dg_stack.set((*top, top[0]))  # where the run of a part leaves it
        runner: Any = None
        ScriptRunner._run_script(runner, RerunData())
        assert asked == [top]

    copy_context().run(run)


class Runner:
    """One that has ended, or one that takes what it is asked."""

    def __init__(self, *, ended: bool) -> None:
        self.ended, self.came = ended, []  # type: ignore[var-annotated]

    def request_rerun(self, request: object) -> bool:
        if not self.ended:
            self.came.append(request)
        return not self.ended


def test_request_waits_until_all_of_the_run_before_was_taken(asked: list[Any]) -> None:
    later: list[Any] = []
    loop = SimpleNamespace(call_later=lambda _, work: later.append(work))
    session: Any = SimpleNamespace(
        _scriptrunner=Runner(ended=True), _event_loop=loop, _state=AppSessionState.APP_IS_RUNNING
    )
    create = AppSession._create_scriptrunner
    first: Any = "first"
    second: Any = "second"
    create(session, first)
    create(session, second)
    for _ in range(3):  # the loop has not come to the end of the run before
        waiting, later[:] = later[:], []
        for work in waiting:
            work()
        assert asked == []
    session._scriptrunner = None
    later.pop(0)()
    assert asked == ["first"]
    session._scriptrunner = runner = Runner(ended=False)
    later.pop(0)()
    assert (asked, runner.came, later) == (["first"], ["second"], [])

    runner.ended = True
    create(session, first)
    session._scriptrunner, session._state = None, AppSessionState.SHUTDOWN_REQUESTED
    later.pop(0)()
    assert asked == ["first"]  # the tab is closed


def test_presses_are_protected_once() -> None:
    def methods() -> list[object]:
        return [
            SafeSessionState.on_script_will_rerun,
            AppSession.request_rerun,
            ScriptRequests._request_rerun_locked,
            ScriptRunner._run_script,
        ]

    before = methods()
    protect_presses()
    assert before == methods()


def test_another_streamlit_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(AppSession, "request_rerun")
    protect_presses()
    assert not hasattr(AppSession, "request_rerun")
    assert "no AppSession.request_rerun" in caplog.text


def test_no_run_is_ended_before_its_callbacks() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["fastReruns"] is False
