"""State that survives a restart: calls of the last 24 hours, chosen device, and limit."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from core import paths
from core.errors import AttuneError
from core.files import replace_atomically
from core.text_files import read_text_file
from spotify import call_quota, circuit_breaker
from spotify.call_quota import CallCounts
from spotify.circuit_breaker import MOST_WAIT_S, Breaker

_LOG = logging.getLogger(__name__)
_VERSION: Final = 1
_MOST_SLOT: Final = 10**9


def persistent_state_file() -> Path:
    """The file in the user's data folder; it need not exist."""
    return paths.data_dir() / "spotify.json"


@dataclass(frozen=True, slots=True)
class _Content:
    calls: CallCounts = field(default_factory=dict)
    device: str = ""
    limited_from_s: float = 0.0
    limited_until_s: float = 0.0
    limited_by_quota: bool = False


class PersistentState:
    """A small JSON file. Where it cannot be read or written, the state is kept in memory.

    Programs that run at the same time share the count, because they share the quota, and the limit.

    Parameters
    ----------
    file
        Its path.
    clock
        Unix time, s.
    """

    def __init__(self, file: Path, *, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        self._content = _Content()
        self._warned: set[str] = set()
        self._read()

    @property
    def device(self) -> str:
        """Name of the chosen device; empty: none."""
        return self._content.device

    def remember_device(self, name: str) -> None:
        """Remember a device by its name."""
        self._read()
        self._content = replace(self._content, device=name)
        self._write()

    def set_limit(self, until_s: float, *, quota: bool = False) -> None:
        """Remember a limit from now on until then, Unix time, s; `quota`: it is the quota that is used up."""
        self._read()
        self._content = replace(
            self._content, limited_from_s=self._clock(), limited_until_s=until_s, limited_by_quota=quota
        )
        self._write()

    @property
    def limited_by_quota(self) -> bool:
        """Whether the last limit was the quota."""
        return self._content.limited_by_quota

    def limited_until_s(self) -> float | None:
        """End of the current limit, whichever program was told it; None where there is none."""
        self._read()
        return self._limit_end_s(self._content)

    def calls(self) -> int:
        """Calls of the last 24 hours."""
        return sum(call_quota.recent_calls(self._content.calls, self._clock()).values())

    def rest_s(self) -> float:
        """Time until the oldest of these calls counts no more, s."""
        return call_quota.rest_s(self._content.calls, self._clock())

    def count_call(self) -> None:
        """Count one call."""
        self._read()
        now_s = self._clock()
        calls, slot = call_quota.recent_calls(self._content.calls, now_s), call_quota.slot_of(now_s)
        self._content = replace(self._content, calls=calls | {slot: calls.get(slot, 0) + 1})
        self._write()

    def _read(self) -> None:
        """Merge what another program has written; the higher counts and the later limit win."""
        try:
            text = read_text_file(self._file, what=f"The file {self._file}", error_type=AttuneError)
            if text is None:
                return
            found = _parsed(json.loads(text))
        except (
            AttuneError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            reason = error if isinstance(error, AttuneError) else type(error).__name__
            self._warn_once(f"{self._file} cannot be read ({reason}): calls are counted anew")
            return
        own = self._content
        slots = {*own.calls, *found.calls}
        calls = {slot: max(own.calls.get(slot, 0), found.calls.get(slot, 0)) for slot in slots}
        self._content = replace(found, calls=call_quota.recent_calls(calls, self._clock()))
        if (self._limit_end_s(own) or 0.0) > (self._limit_end_s(found) or 0.0):
            self._content = replace(
                self._content,
                limited_from_s=own.limited_from_s,
                limited_until_s=own.limited_until_s,
                limited_by_quota=own.limited_by_quota,
            )

    def _limit_end_s(self, content: _Content) -> float | None:
        """End of a limit that lasts now; None where it does not."""
        return circuit_breaker.limited_until(
            Breaker(content.limited_from_s, content.limited_until_s), self._clock()
        )

    def _write(self) -> None:
        text = json.dumps({"version": _VERSION, **asdict(self._content)})
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with replace_atomically(self._file, private=True, fsync=False) as part:
                part.write_text(text, encoding="utf-8")
        except OSError as error:
            self._warn_once(
                f"{self._file} cannot be written ({error.strerror}), so calls are lost at the end"
            )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:  # at every call the same would fill the log
            _LOG.warning("%s", message)
        self._warned.add(message)


def _parsed(given: Any) -> _Content:
    device, by_quota = given["device"], given.get("limited_by_quota", False)
    if given["version"] != _VERSION or not isinstance(device, str) or not isinstance(by_quota, bool):
        raise ValueError
    # Absent in files of versions that did not keep them.
    from_s, until_s = (float(given.get(name, 0.0)) for name in ("limited_from_s", "limited_until_s"))
    if not (math.isfinite(from_s) and math.isfinite(until_s)):
        raise ValueError
    until_s = min(until_s, from_s + MOST_WAIT_S)
    return _Content(_parsed_calls(given), device, from_s, until_s, limited_by_quota=by_quota)


def _parsed_calls(given: Any) -> CallCounts:
    calls = given["calls"]
    if type(calls) is int:  # of a version that counted from midnight: it may have been any time of that day
        calls = {call_quota.slot_of((given["day"] + 1) * call_quota.DAY_S) - 1: calls}
    counts = {int(slot): count for slot, count in calls.items()}
    if not all(
        type(count) is int and count >= 0 and 0 <= slot < _MOST_SLOT for slot, count in counts.items()
    ):
        raise ValueError
    return counts
