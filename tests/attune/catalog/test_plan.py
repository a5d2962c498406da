"""What a run would do, said without doing it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

from attune.catalog.analysis import CatalogJob, analyse_catalog, plan_catalog
from attune.catalog.identity import FILE, identity_of, write_identity
from attune.catalog.sources import named_source
from core.errors import CatalogError, WeightsError
from core.settings import Settings
from tests.attune.catalog.catalog_rows import row, write_rows

SETTINGS = Settings()


@pytest.fixture
def job(tmp_path: Path) -> CatalogJob:
    """Two files, and a place for the catalogue that is not there."""
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / "music" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "music" / name).write_bytes(b"x")
    return CatalogJob(named_source(str(tmp_path / "music")), tmp_path / "out")


@pytest.mark.parametrize("there", [False, True])
def test_a_plan_leaves_nothing_where_no_catalogue_is(job: CatalogJob, there: bool) -> None:
    if there:
        job.catalog.mkdir()
    plan = plan_catalog(job, SETTINGS)
    assert (plan.entries, plan.pending) == (2, 2)
    assert job.catalog.exists() is there
    assert not there or list(job.catalog.iterdir()) == []


def test_a_plan_knows_what_a_catalogue_holds(job: CatalogJob, tmp_path: Path) -> None:
    known = row("a", None) | {"location": str(tmp_path / "music" / "a.mp3"), "version": ""}
    write_rows(job.catalog, [known])
    write_identity(job.catalog, identity_of(job.source.name, SETTINGS))
    plan = plan_catalog(job, SETTINGS)
    assert (plan.entries, plan.pending) == (2, 1)


def test_a_model_that_is_none_is_said_and_binds_nobody(job: CatalogJob, tmp_path: Path) -> None:
    none = tmp_path / "music" / "a.mp3"
    with pytest.raises(WeightsError, match=r"a\.mp3 cannot be used"):
        analyse_catalog(job, SETTINGS.model_copy(update={"mood_head": none}))
    assert not (job.catalog / FILE).exists()


def test_a_catalogue_without_rows_takes_other_models(job: CatalogJob) -> None:
    job.catalog.mkdir()
    write_identity(job.catalog, replace(identity_of("/elsewhere", SETTINGS), models="others"))
    assert plan_catalog(job, SETTINGS).pending == 2
    write_rows(job.catalog, [row("a", None)])
    with pytest.raises(CatalogError, match="other models"):
        plan_catalog(job, SETTINGS)


def test_a_plan_for_a_folder_of_other_things_is_refused(job: CatalogJob) -> None:
    job.catalog.mkdir()
    (job.catalog / "notes.txt").write_text("mine")
    with pytest.raises(CatalogError, match="holds other things, and no catalogue"):
        plan_catalog(job, SETTINGS)
