"""What a person presses is done, and done once, and what was drawn arrives, however busy the machine is."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from streamlit.runtime.scriptrunner import get_script_run_ctx

if TYPE_CHECKING:
    from streamlit.proto.ClientState_pb2 import ClientState

_AGAIN_S: Final = 0.005
_LOG = logging.getLogger(__name__)


def protect_presses() -> None:
    """Mend eight races of Streamlit; to be called when the server starts.

    It ends a run wherever the session state is touched, if a newer request has come. Where that is before or
    within a callback, what a person asked for is never done. So callbacks are finished first. That holds with
    `runner.fastReruns` off, or a run may be ended before it has begun.

    A browser keeps a press until its next task. The timer of a part that is drawn again and again may send
    it first, and then it is sent, and done, twice. A timer also says what all fields stand at. Where the
    server has just set one, and the browser has not heard of it, that would pass for a choice of the person,
    and take back theirs. So a timer says nothing of presses and fields.

    A request that comes when a run has just ended begins another one. Of the run before all is thrown away
    that has not reached the server's loop, and the page stays as it was. So the request waits for that.

    A part that is drawn at another place than before has another name. What is asked for under the old name
    is dropped. So the whole page is drawn then.

    When a person leaves a page, parts of it go on asking until the browser has heard of the next one.
    Streamlit then takes the next page back, or tells the browser of the old one while it shows the next, and
    the tab is dead from there on. So a page that was left is asked for nothing.

    A run that asks to be repeated takes back the page that a person has asked for in the meantime. So it does
    not ask where another page waits.

    A page whose run follows on that of a part, without a pause, is drawn into the place of the part. The
    browser has no such place, and the tab is dead. So every run begins at the top.
    """
    for module, owner, name, change in (
        ("state.safe_session_state", "SafeSessionState", "on_script_will_rerun", _with_whole_callbacks),
        ("app_session", "AppSession", "request_rerun", _only_what_was_meant),
        ("app_session", "AppSession", "_create_scriptrunner", _after_the_run_before),
        (
            "scriptrunner_utils.script_requests",
            "ScriptRequests",
            "_request_rerun_locked",
            _after_what_waits,
        ),
        ("scriptrunner.script_runner", "ScriptRunner", "_run_script", _from_the_top),
    ):
        try:
            where = getattr(importlib.import_module(f"streamlit.runtime.{module}"), owner)
            method = getattr(where, name)
            changed = method if hasattr(method, "__wrapped__") else change(method)
        except (ImportError, AttributeError):
            _LOG.warning("Streamlit has no %s.%s: on a busy machine a press may be lost", owner, name)
            continue
        setattr(where, name, changed)


def _with_whole_callbacks(begin: Callable[..., None]) -> Callable[..., None]:
    @wraps(begin)
    def begin_whole(state: Any, *args: Any, **options: Any) -> None:
        look_for_newer = state._yield_callback
        object.__setattr__(state, "_yield_callback", _look_for_nothing)
        try:
            begin(state, *args, **options)
        finally:
            object.__setattr__(state, "_yield_callback", look_for_newer)

    return begin_whole


def _look_for_nothing() -> None:
    """Ask for no newer request."""


def _only_what_was_meant(request: Callable[..., None]) -> Callable[..., None]:
    pages: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    @wraps(request)
    def request_what_was_meant(session: Any, client_state: ClientState | None) -> None:
        if client_state is not None:
            if client_state.is_auto_rerun:
                client_state.ClearField("widget_states")  # whoever uses something asks for themselves
            if not client_state.fragment_id:
                page = client_state.page_script_hash
                # A browser that has just come names no page yet.
                pages[session] = page if page in session._pages_manager.get_pages() else ""
            elif pages.get(session, "") not in ("", client_state.page_script_hash):
                return
            elif not client_state.is_auto_rerun and not session.has_fragment(client_state.fragment_id):
                client_state.fragment_id = ""  # the page was drawn anew meanwhile, and this part with it
        request(session, client_state)

    return request_what_was_meant


def _after_what_waits(request: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(request)
    def request_after(requests: Any, new: Any) -> bool:
        waiting, waits = requests._rerun_data, requests._state.name == "RERUN"
        if waits and new.is_auto_rerun:
            new = replace(new, widget_states=None)  # or it would say that nobody has used anything
        page_waits = (
            waits
            and not waiting.fragment_id_queue
            and waiting.page_script_hash not in ("", new.page_script_hash)
        )
        by_run = get_script_run_ctx(suppress_warning=True) is not None
        return True if page_waits and by_run else request(requests, new)

    return request_after


def _after_the_run_before(begin: Callable[..., None]) -> Callable[..., None]:
    @wraps(begin)
    def begin_after(session: Any, request: Any) -> None:
        before = session._scriptrunner
        if before is None:
            begin(session, request)
            return

        def begin_now() -> None:
            if session._state.name == "SHUTDOWN_REQUESTED":
                return
            if session._scriptrunner is before:
                session._event_loop.call_later(_AGAIN_S, begin_now)
            elif session._scriptrunner is None or not session._scriptrunner.request_rerun(request):
                begin_after(session, request)

        session._event_loop.call_later(_AGAIN_S, begin_now)

    return begin_after


def _from_the_top(run: Callable[..., None]) -> Callable[..., None]:
    singletons = importlib.import_module("streamlit.delta_generator_singletons")
    place, top = singletons.context_dg_stack, singletons.get_default_dg_stack_value

    @wraps(run)
    def run_from_the_top(runner: Any, *args: Any) -> None:
        place.set(top())
        run(runner, *args)

    return run_from_the_top
