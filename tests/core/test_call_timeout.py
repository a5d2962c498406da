"""A call into a sound system gives its result, its error, or up."""

from __future__ import annotations

import threading

import pytest

from core.audio_devices.call_timeout import call_with_timeout, close_with_timeout


def test_a_call_with_a_timeout_hands_over_results_and_errors() -> None:
    assert call_with_timeout(lambda: 7, timeout_s=5.0, name="attune-test", late=lambda _: None) == 7
    with pytest.raises(KeyError):
        call_with_timeout(lambda: {}["no"], timeout_s=5.0, name="attune-test", late=lambda _: None)


@pytest.mark.parametrize("fails", ["call", "late"])
def test_what_fails_after_a_call_was_given_up_is_logged(caplog: pytest.LogCaptureFixture, fails: str) -> None:
    go_on = threading.Event()

    def call() -> None:
        go_on.wait(10.0)
        if fails == "call":
            raise OSError("too late")

    def late(_result: None) -> None:
        raise OSError("too late")

    with pytest.raises(TimeoutError, match="attune-test did not return"):
        call_with_timeout(call, timeout_s=0.01, name="attune-test", late=late)
    thread = next(thread for thread in threading.enumerate() if thread.name == "attune-test")
    go_on.set()
    thread.join(5.0)  # a thread that dies of an exception would fail this test: pytest warns, fatally
    assert "attune-test was given up" in caplog.text
    assert "too late" in caplog.text


def test_a_device_that_hangs_while_it_is_closed_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    go_on = threading.Event()
    close_with_timeout(lambda: go_on.wait(10.0) and None, timeout_s=0.01, name="attune-test", device="Desk")
    assert "Desk does not let itself be closed: left behind" in caplog.text
    go_on.set()


def test_a_device_that_fails_while_it_is_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def close() -> None:
        raise OSError("gone")

    close_with_timeout(close, timeout_s=5.0, name="attune-test", device="Desk")
    assert "closing Desk failed: gone" in caplog.text
