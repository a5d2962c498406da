"""How long tests wait before they call something stuck; speed is measured in `benchmarks/`, never here."""

from __future__ import annotations

from typing import Final

PROMPT_S: Final = 4.0
"""What waits for something that hangs takes longer; what does not is done by then, also on a busy machine."""
