"""Owns what training needs to know of the processor that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

__all__ = ["has_fast_bf16"]

_WITH_BF16: Final = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""As `torch.cpu.get_capabilities` calls the instructions: two of Intel and AMD, two of ARM."""


def has_fast_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself, and torch has the library (oneDNN) that lets it.

    Without, torch converts every operand back and forth, which is slower than float32: autocast is
    to be left off. False, too, where torch is too old to tell.
    """
    library: Any = torch.backends.mkldnn
    ask: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    found = ask()
    return bool(library.is_available()) and any(found.get(name, False) for name in _WITH_BF16)
