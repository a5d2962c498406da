"""Bodies that a route takes in several forms: told apart by their content type, and described for OpenAPI."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from fastapi import Request, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.datastructures import UploadFile as StarletteUploadFile

from attune.api.limits import ServerLimits
from attune.api.problems import HttpProblem
from attune.api.uploads import Upload, read_upload

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
BYTES: Final = "application/octet-stream"

_MOST_MEMBERS: Final = 100  # of an object; no form has nearly as many

_Model = TypeVar("_Model", bound=BaseModel)


def content_type(request: Request, *allowed: str) -> str:
    """The content type of a request.

    Raises
    ------
    HttpProblem
        415: it is none of those that are allowed.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise HttpProblem(415, f"A body of type {given or 'none'} came: send {' or '.join(allowed)}.")
    return given


async def json_body(request: Request, model: type[_Model]) -> _Model:
    """The body as JSON of this form.

    Raises
    ------
    RequestValidationError
        It has another form.
    """
    try:
        given = from_json(await request.body())
    except ValueError as error:
        raise RequestValidationError([{"loc": ("body",), "msg": f"It is no JSON: {error}"}]) from error
    if isinstance(given, dict) and len(given) > _MOST_MEMBERS:  # Pydantic would name each
        message = f"It has {len(given)} members: send only those that are documented"
        raise RequestValidationError([{"loc": ("body",), "msg": message}])
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from error


async def form_file(request: Request, name: str, limits: ServerLimits) -> Upload:
    """The file in one field of a form.

    Raises
    ------
    HttpProblem
        422: there is no file in this field, or it is empty. 413: it is too large.
    """
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get(name)
        if not isinstance(file, StarletteUploadFile):
            raise HttpProblem(422, f"No file came in the field {name!r}: send it there.")
        return await read_upload(UploadFile(file.file, size=file.size, filename=file.filename), limits)


def described(*, file_field: str = "", json: type[BaseModel] | None = None, raw: str = "") -> dict[str, Any]:
    """What OpenAPI says of such a body.

    Parameters
    ----------
    file_field
        Name of the field with a file; empty where no form is taken.
    json
        Form of the JSON; None where none is taken.
    raw
        What raw bytes are; empty where none are taken.
    """
    content: dict[str, Any] = {}
    if file_field:
        file = {"type": "string", "contentMediaType": BYTES}
        content[MULTIPART] = {
            "schema": {"type": "object", "required": [file_field], "properties": {file_field: file}}
        }
    if json is not None:
        content[JSON] = {"schema": json.model_json_schema()}
    if raw:
        content[BYTES] = {"schema": {"type": "string", "contentMediaType": BYTES, "description": raw}}
    return {"requestBody": {"required": True, "content": content}}
