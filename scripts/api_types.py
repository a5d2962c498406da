"""Writes docs/api: the description of the HTTP API (OpenAPI 3.1) and its types for TypeScript.

`python -m scripts.api_types` writes them; a test holds them up to date.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attune.api.app import create_app
from core.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "docs" / "api"

Schema = Mapping[str, Any]

_HEAD: Final = """\
// The types of Attune's API. `python -m scripts.api_types` writes this file from openapi.json.
"""
_NAMES: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_NAME: Final = re.compile(r"[A-Za-z_$][\w$]*")


def description() -> dict[str, Any]:
    """The description of the API, with the version of this checkout."""
    found = create_app(Settings()).openapi()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {**found, "info": {**found["info"], "version": project["version"]}}


def openapi_text(found: Schema) -> str:
    """The description as it is published."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def typescript_text(found: Schema) -> str:
    """The types: an interface for each schema, and `Paths` with what each operation takes and gives."""
    lines = [_HEAD]
    for name, schema in found["components"]["schemas"].items():
        lines += [*_comment(schema, ""), *_declaration(_identifier(name), schema), ""]
    lines += ["/** What each address takes and gives. */", "export interface Paths {"]
    for path, operations in found["paths"].items():
        lines.append(f"  {json.dumps(path)}: {{")
        for method, operation in operations.items():
            lines += [*_comment(operation, "    "), f"    {method}: {{", *_operation(operation), "    };"]
        lines.append("  };")
    return "\n".join([*lines, "}", ""])


def _declaration(name: str, schema: Schema) -> list[str]:
    if schema.get("type") == "object" and "properties" in schema:
        return [f"export interface {name} {{", *_members(schema, "  "), "}"]
    return [f"export type {name} = {_type(schema, '')};"]


def _members(schema: Schema, indent: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, member in schema["properties"].items():
        yield from _comment(member, indent)
        key = name if _NAME.fullmatch(name) else json.dumps(name)
        yield f"{indent}{key}{'' if name in required else '?'}: {_type(member, indent)};"


def _type(schema: Schema, indent: str) -> str:
    """A schema as a TypeScript type."""
    match schema:
        case {"$ref": str(reference)}:
            found = [_identifier(reference.rpartition("/")[2])]
        case {"const": value}:
            found = [json.dumps(value)]
        case {"enum": values}:
            found = [json.dumps(value) for value in values]
        case {"anyOf": parts} | {"oneOf": parts}:
            found = [_type(part, indent) for part in parts]
        case {"contentMediaType": _} | {"format": "binary"}:
            found = ["Blob"]
        case {"type": list(kinds)}:
            found = [_type({**schema, "type": kind}, indent) for kind in kinds]
        case {"type": "array"}:
            found = [_array(schema, indent)]
        case {"type": "object"}:
            found = [_object(schema, indent)]
        case _:
            found = [_NAMES.get(schema.get("type", ""), "unknown")]
    return " | ".join(dict.fromkeys(found))


def _array(schema: Schema, indent: str) -> str:
    if parts := schema.get("prefixItems"):
        return f"[{', '.join(_type(part, indent) for part in parts)}]"
    return f"Array<{_type(schema.get('items', {}), indent)}>"


def _object(schema: Schema, indent: str) -> str:
    if "properties" in schema:
        return "\n".join(["{", *_members(schema, f"{indent}  "), f"{indent}}}"])
    values = schema.get("additionalProperties", {})
    return f"Record<string, {_type(values if isinstance(values, Mapping) else {}, indent)}>"


def _operation(operation: Schema) -> Iterator[str]:
    for place in ("path", "query", "header"):
        found = [one for one in operation.get("parameters", ()) if one["in"] == place]
        if found:
            yield f"      {place}: {{"
            for one in found:
                yield from _comment(one, "        ")
                mark = "" if one.get("required") else "?"
                yield f"        {json.dumps(one['name'])}{mark}: {_type(one['schema'], '        ')};"
            yield "      };"
    if body := operation.get("requestBody"):
        mark = "" if body.get("required") else "?"
        yield f"      body{mark}: {_content(body)};"
    answers = [one for status, one in operation["responses"].items() if status.startswith("2")]
    yield f"      answer: {' | '.join(dict.fromkeys(map(_content, answers))) or 'void'};"


def _content(carrier: Schema) -> str:
    """What a body or an answer is: JSON or a form by its schema, any other as text or bytes."""
    types = []
    for media_type, content in carrier.get("content", {}).items():
        schema = content.get("schema", {})
        if media_type.startswith("text/") and not schema.get("$ref"):
            types.append("string")
        else:
            types.append(_type(schema, "      "))
    return " | ".join(dict.fromkeys(types)) or "void"


def _comment(schema: Schema, indent: str) -> Iterator[str]:
    text = schema.get("description") or schema.get("summary")
    if text:
        lines = text.strip().replace("*/", "* /").splitlines()
        if len(lines) == 1:
            yield f"{indent}/** {lines[0]} */"
        else:
            yield f"{indent}/**"
            yield from (f"{indent} * {line}".rstrip() for line in lines)
            yield f"{indent} */"


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def main() -> None:
    """Write the two files."""
    found = description()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "openapi.json").write_text(openapi_text(found), encoding="utf-8")
    (FOLDER / "attune.d.ts").write_text(typescript_text(found), encoding="utf-8")


if __name__ == "__main__":
    main()
