"""One server for the tests of a module, with an empty profile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attune.api.server import RunningServer, running_server


@pytest.fixture(scope="module")
def empty_profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp("profile")))
        yield


@pytest.fixture(scope="module")
def api(empty_profile: None) -> Iterator[RunningServer]:  # noqa: ARG001
    with running_server() as server:
        yield server
