"""What is said of the extras is true of pyproject.toml."""

from __future__ import annotations

import tomllib

from core.extras import EXTRAS, missing_library
from tests.paths import ROOT

WITHOUT_FEATURES = {"all", "dev", "test"}


def test_each_extra_of_the_project_says_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - WITHOUT_FEATURES


def test_a_missing_library_is_said_with_the_command_that_brings_it() -> None:
    command = "pip install -e '.[api]' -c constraints.txt"
    assert (
        missing_library("api", "uvicorn") == f"The library 'uvicorn' is needed for the API: run `{command}`."
    )
    assert missing_library("api", None).startswith("The library 'fastapi' ")
