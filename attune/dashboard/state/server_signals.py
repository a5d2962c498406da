"""What ends the dashboard's server: the signals that Streamlit knows, and a terminal that is closed."""

from __future__ import annotations

import logging
import signal
import threading

from streamlit import runtime

from core.stop_signals import on_stop_signals

_LOG = logging.getLogger(__name__)


def stop_server_in_order() -> None:
    """Let every stop signal do what Streamlit does at SIGTERM: all is closed. A second one ends at once.

    Signals can be handled on the main thread only, where the server's event loop runs and pages do not.
    """
    if not runtime.exists():
        return
    try:
        loop = runtime.get_instance()._get_async_objs().eventloop  # there is no public way
        loop.call_soon_threadsafe(_take_over)
    except (AttributeError, RuntimeError):
        _LOG.info("the server's event loop is not to be had: a closed terminal ends the program at once")


def _take_over() -> None:
    stop = signal.getsignal(signal.SIGTERM)
    if callable(stop) and threading.current_thread() is threading.main_thread():
        on_stop_signals(lambda number: stop(number, None))
