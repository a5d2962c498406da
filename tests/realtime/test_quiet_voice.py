"""A voice that is too quiet: said once, with what to do, until it is loud enough."""

from __future__ import annotations

import pytest

from realtime.capture.source import SourceKind
from realtime.quiet_voice import quiet_recording, quiet_voice


def test_a_quiet_microphone_is_said_with_its_level_and_what_to_do() -> None:
    assert quiet_voice(SourceKind.MICROPHONE, -52.4) == (
        "The microphone is very quiet (about -52 dBFS): raise its level or come nearer."
    )


@pytest.mark.parametrize("kind", SourceKind)
def test_every_source_has_its_own_advice(kind: SourceKind) -> None:
    for said in (quiet_voice(kind, -45.0), quiet_recording(kind, -60.0)):
        assert "very quiet" in said
        assert said.endswith(".")
    assert quiet_voice(kind, -39.0) == quiet_voice(kind, None) == quiet_recording(kind, -49.0) == ""


def test_what_was_said_stays_as_it_is_until_the_voice_is_clearly_louder() -> None:
    said = quiet_voice(SourceKind.FILE, -50.0)
    assert quiet_voice(SourceKind.FILE, -55.0, before=said) == said
    assert quiet_voice(SourceKind.FILE, -38.0, before=said) == said
    assert quiet_voice(SourceKind.FILE, -36.0, before=said) == ""
    assert quiet_voice(SourceKind.FILE, -38.0) == ""
