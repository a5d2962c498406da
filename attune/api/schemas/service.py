"""The server as a whole."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ServiceStatus(BaseModel):
    """Health, in the fields of the API of "AI Music Mood Detection"."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "running",
                    "service": "Attune",
                    "model_loaded": True,
                    "device": "cpu",
                    "version": "0.2.0",
                }
            ]
        },
        protected_namespaces=(),
    )

    status: Literal["running"] = Field(description="Always running: anything else is a problem.")
    service: str = Field(description="What this is.")
    model_loaded: bool = Field(description="Whether the emotion model can be used.")
    device: str = Field(description="What it runs on.")
    version: str = Field(description="The version of Attune.")
