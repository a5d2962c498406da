"""The description of the API, OpenAPI 3.1: what FastAPI reads off the routes, and what it cannot know."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from attune.api.access import OPEN_PATHS
from attune.api.problems import PROBLEM_TYPE
from attune.api.schemas.stream import EVENTS, StreamParameters

# Answers of a server to parts of the demo, by the schema that they have.
_EXAMPLES: Final = Path(__file__).parent / "schemas" / "examples.json"

_DESCRIPTION: Final = """\
Every refusal is a problem (RFC 9457, `application/problem+json`) with one sentence that says what to do.
A server that is reached from other machines asks for a token: `Authorization: Bearer TOKEN`.
With status 503 the header `Retry-After` says when another try is worth it, in seconds.
"""


def describe(app: FastAPI) -> None:
    """Have an application serve its description at /openapi.json."""

    @cache
    def description() -> dict[str, Any]:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=_DESCRIPTION,
            routes=app.routes,
            license_info={"name": "MIT AND CC-BY-NC-SA-4.0"},
        )
        for path, operations in found["paths"].items():
            for operation in operations.values():
                refused = operation["responses"]["default"]
                refused["content"] = {PROBLEM_TYPE: refused["content"].popitem()[1]}
                if path not in OPEN_PATHS:
                    operation["security"] = [{"token": []}, {}]
        components = found.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas.update(_stream_schemas())
        for name, examples in _examples().items():
            if name in schemas:  # else the description of a body has them
                schemas[name]["examples"] = examples
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "Not asked for on loopback."}
        }
        return found

    app.openapi = description  # type: ignore[method-assign]


def _examples() -> dict[str, list[Any]]:
    """Examples by the schema that they have; FastAPI drops what is null from those of the models."""
    answers = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    found = {name: [answer] for name, answer in answers.items()}
    waiting = BaseModel.__subclasses__()
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        extra = model.model_config.get("json_schema_extra")
        if model.__module__.startswith("attune.api.schemas.") and isinstance(extra, dict):
            found[model.__name__] = cast("list[Any]", extra["examples"])
    return found


def _stream_schemas() -> dict[str, Any]:
    """What a stream is asked with and what it tells: OpenAPI itself knows no WebSockets."""
    _, found = models_json_schema(
        [(StreamParameters, "validation"), *((event, "serialization") for event in EVENTS)],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas
