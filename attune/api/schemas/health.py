"""Health of the server."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """That the server answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok", "version": "0.2.0"}]})

    status: Literal["ok"] = Field(description="Always ok: anything else is a problem.")
    version: str = Field(description="The version of Attune.")
