"""What is known of the processor: bfloat16 only where instructions for it are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from training.loop import has_fast_bf16


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16", "sve_bf16"])
def test_one_kind_of_instructions_is_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    found = {"avx2": True, "avx512_f": True, "neon": True, name: True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert has_fast_bf16()
    found[name] = False
    assert not has_fast_bf16()


def test_instructions_without_their_library_are_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not has_fast_bf16()


def test_torch_that_cannot_tell_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_fast_bf16()


def test_this_processor_is_told_as_its_system_tells_it() -> None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii").splitlines()
        flags = next(line.split() for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        pytest.skip("the system lists no flags here")
    known = {"avx512_bf16", "amx_bf16"} & set(flags)
    library: Any = torch.backends.mkldnn
    assert has_fast_bf16() == bool(known and library.is_available())
