"""Whether a telephone or video call is on, going by what people say and by what the machine detects."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CallState:
    """What a person said about a call goes before what was detected, until that call is over."""

    # A call is on; None where nobody said so, or nothing is known.
    said: bool | None = None
    detected: bool | None = None

    @property
    def on(self) -> bool:
        """Whether a call is on."""
        return bool(self.detected) if self.said is None else self.said

    def after_saying(self, on: bool) -> CallState:
        """Take what a person says."""
        return replace(self, said=on if on or self.detected else None)

    def after_detecting(self, on: bool | None) -> CallState:
        """Take what was detected; once a call is over, that a person denied it counts no more."""
        return CallState(None if self.said is False and not on else self.said, on)
