"""What answers about files share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FileError(BaseModel):
    """A file that nothing can be said of."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"file": "poem.mp3", "error": "poem.mp3 is no sound file that can be read: choose another."}
            ]
        }
    )

    file: str = Field(description="Name of the file.")
    error: str = Field(description="One sentence: what is wrong with it, and what to do.")
