"""schemathesis asks every operation with what its description allows, and with what it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attune.api.limits import ServerLimits
from core.settings import Settings
from tests.attune.api.server import running_server

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_question_brings_a_fault_of_the_server(empty_profile: None, tmp_path: Path) -> None:  # noqa: ARG001
    pytest.importorskip("schemathesis")
    settings = Settings(journal_path=tmp_path / "journal.sqlite3", threads=1)
    with running_server(settings, limits=ServerLimits(workers=2)) as server:
        server.services.engine._warming.join(60)
        found = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
                *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
                *("--exclude-path", "/v1/events"),  # it never ends
                *("--max-examples", "30", "--seed", "1", "--request-timeout", "120", "--workers", "1"),
                *("--suppress-health-check", "all", "--warnings", "off"),
            ],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
