"""Owns what holds for all tests: programs that they start hear Ctrl-C, also where the run itself does not."""

from __future__ import annotations

import signal

# A shell starts what runs in its background deaf to SIGINT, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
