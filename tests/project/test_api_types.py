"""docs/api is what the routes say: whoever changes one writes it again."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator

from pydantic import BaseModel

from attune.api import schemas as schema_modules
from scripts.api_types import FOLDER, description, openapi_text, typescript_text


def test_the_published_description_and_types_are_up_to_date() -> None:
    found = description()
    published = (FOLDER / "openapi.json").read_text(encoding="utf-8")
    hint = "run python -m scripts.api_types"
    assert json.loads(published) == json.loads(openapi_text(found)), hint
    assert (FOLDER / "attune.d.ts").read_text(encoding="utf-8") == typescript_text(found), hint


def test_each_operation_has_words_and_each_schema_a_description() -> None:
    found = description()
    wordless = [
        f"{method} {path}"
        for path, operations in found["paths"].items()
        for method, operation in operations.items()
        if not (operation.get("summary") and operation.get("description"))
    ]
    assert wordless == []
    bare = [
        f"{name}.{field}"
        for name, schema in found["components"]["schemas"].items()
        if not name.startswith("Body_")
        for field, member in schema.get("properties", {}).items()
        if not {"description", "$ref", "const"} & set(member)
    ]
    assert bare == []
    assert found["openapi"].startswith("3.1")


def test_what_is_answered_has_examples_that_the_models_take() -> None:
    found = description()
    schemas = found["components"]["schemas"]
    answers = {
        content["schema"]["$ref"].rpartition("/")[2]
        for operations in found["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        if "$ref" in content.get("schema", {})
    }
    assert {name for name in answers if not schemas[name].get("examples")} == set()
    models = {model.__name__: model for model in models_of_the_api()}
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            models[name].model_validate(example)


def models_of_the_api() -> Iterator[type[BaseModel]]:
    for module in pkgutil.iter_modules(schema_modules.__path__):
        names = vars(importlib.import_module(f"{schema_modules.__name__}.{module.name}"))
        yield from (one for one in names.values() if isinstance(one, type) and issubclass(one, BaseModel))


def test_types_of_typescript_are_what_the_schemas_say() -> None:
    schema = {
        "type": "object",
        "description": "A row.",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "Ends a comment: */"},
            "kind": {"enum": ["a", "b"]},
            "always": {"const": 1},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
            "maybe": {"anyOf": [{"$ref": "#/components/schemas/Row"}, {"type": "null"}]},
            "shares": {"type": "object", "additionalProperties": {"type": "number"}},
            "inner": {"type": "object", "properties": {"two words": {"type": ["integer", "null"]}}},
            "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        },
    }
    text = typescript_text({"components": {"schemas": {"Row": schema}}, "paths": {}})
    assert text.partition("/** A row. */\n")[2].partition("/** What each")[0] == (
        "export interface Row {\n"
        "  /** Ends a comment: * / */\n"
        "  name: string;\n"
        '  kind?: "a" | "b";\n'
        "  always?: 1;\n"
        "  pair?: [number, string];\n"
        "  maybe?: Row | null;\n"
        "  shares?: Record<string, number>;\n"
        "  inner?: {\n"
        '    "two words"?: number | null;\n'
        "  };\n"
        "  file?: Blob;\n"
        "}\n\n"
    )
