"""The container: what it is built from, what confines it, and that deploy/chroot takes its steps."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator

import pytest

from tests.paths import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
IMAGES = ("dashboard", "api")


def instructions() -> Iterator[tuple[str, str, str]]:
    """Stage, instruction and its text, in the order of the file."""
    stage = ""
    for line in DOCKERFILE.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.split()[-1]
        if word and not word.startswith("#"):
            yield stage, word, " ".join(rest.split())


def own_scripts() -> Iterator[str]:
    """What the Dockerfile runs, in its order, as one writes it in a shell."""
    for _, word, text in instructions():
        if word in ("RUN", "CMD", "HEALTHCHECK"):
            listed = re.search(r"\[.*\]", text)
            yield " ".join(json.loads(listed[0])) if listed else re.sub(r"--mount=\S+ ", "", text)


def test_proof_in_a_chroot_takes_each_step_of_the_dockerfile_in_its_order() -> None:
    proof = (ROOT / "deploy" / "chroot").read_text()
    steps = list(own_scripts())
    assert len(steps) == 7
    places = [proof.find(f" {step}") for step in steps]
    assert -1 not in places
    assert places == sorted(places)
    for step in steps:
        assert os.access(ROOT / "deploy" / step.split()[0].rpartition("/")[2], os.X_OK)


def test_image_is_built_from_what_the_wheel_needs_and_nothing_else() -> None:
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["only-include"], *wheel["force-include"], project["project"]["readme"]}
    needed |= set(project["project"]["license-files"]) | {"constraints.txt", "deploy", "pyproject.toml"}
    assert let_through == {name.partition("/")[0] for name in needed}


@pytest.mark.parametrize("image", IMAGES)
def test_each_image_says_whether_it_is_well_and_runs_as_nobody_special(image: str) -> None:
    stages = {stage: text.split()[0] for stage, word, text in instructions() if word == "FROM"}
    of_image = [(word, text) for stage, word, text in instructions() if stage in (image, stages[image])]
    assert [text for word, text in of_image if word == "USER"] == ["10001:10001"]
    assert [word for word, _ in of_image if word in ("CMD", "HEALTHCHECK")] == ["CMD", "HEALTHCHECK"]
    assert "10001" in (ROOT / "deploy" / "system").read_text()


@pytest.mark.parametrize("image", IMAGES)
def test_compose_confines_each_service_and_opens_it_to_this_machine_alone(image: str) -> None:
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert set(compose["services"]) == set(IMAGES)
    service = compose["services"][image]
    (exposed,) = [text for stage, word, text in instructions() if (stage, word) == (image, "EXPOSE")]
    assert service["build"] == {"context": ".", "target": image}
    assert service["ports"] == [f"127.0.0.1:{exposed}:{exposed}"]
    assert service["volumes"] == [f"{image}:/data"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(compose["volumes"]) == set(IMAGES)
