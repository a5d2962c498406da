"""Which catalogue a folder holds: `catalog.json` names the models and sources behind its rows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from attune.catalog.schema import FORM
from attune.engine.model_cache import profiler_fingerprint
from core.errors import CatalogError
from core.files import write_atomic
from core.settings import Settings
from core.text_files import read_text_file
from models import assets
from models.mood.backbone import EMBEDDED_BACKBONE
from models.mood.result_store import digest

FILE: Final = "catalog.json"


@dataclass(frozen=True, slots=True)
class CatalogIdentity:
    """Which catalogue a folder holds."""

    models: str  # fingerprint of the models and the analysis, as `ModelCache.profiler` gives it
    sources: tuple[str, ...]  # what was analysed, as it was named
    backbone: str  # fingerprint of the model whose embeddings are stored
    form: int = FORM


def identity_of(source: str, settings: Settings) -> CatalogIdentity:
    """The identity of a new catalogue.

    Parameters
    ----------
    source
        What is to be analysed, as it was named.
    settings
        Which models.

    Raises
    ------
    WeightsError
        An embedded model is missing.
    OSError
        A model of the settings cannot be read.
    """
    return CatalogIdentity(profiler_fingerprint(settings), (source,), backbone_fingerprint(settings))


def read_identity(catalog: Path) -> CatalogIdentity | None:
    """Read which catalogue a folder holds; None where it holds none.

    Parameters
    ----------
    catalog
        Its folder.

    Raises
    ------
    CatalogError
        The file is damaged, or a newer version wrote it.
    """
    file = catalog / FILE
    text = read_text_file(file, what=f"The file {file}", error_type=CatalogError)
    if text is None:
        return None
    try:
        stored = json.loads(text)
        identity = CatalogIdentity(
            models=str(stored["models"]),
            sources=tuple(map(str, stored["sources"])),
            backbone=str(stored["backbone"]),
            form=int(stored["form"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogError(
            f"The file {file} is damaged ({error}): restore it, or take another --out."
        ) from error
    if identity.form != FORM:
        raise CatalogError(
            f"The catalogue in {catalog} has form {identity.form}, and this version writes form {FORM}: "
            "use the version that made it, or take another --out."
        )
    return identity


def write_identity(catalog: Path, identity: CatalogIdentity) -> None:
    """Write which catalogue a folder holds.

    Raises
    ------
    CatalogError
        The folder cannot be written.
    """
    file = catalog / FILE
    content = json.dumps(asdict(identity), indent=2) + "\n"
    write_atomic(file, content, what=f"The file {file}", error_type=CatalogError)


def backbone_fingerprint(settings: Settings) -> str:
    """Text that changes whenever the same sound gets another embedding.

    Raises
    ------
    WeightsError
        The embedded model is missing.
    OSError
        The model of the settings cannot be read.
    """
    return digest(settings.mood_backbone or assets.locate(EMBEDDED_BACKBONE))
