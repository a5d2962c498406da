"""`attune music-moods`: the mood of music for each emotion, as the API's `/music-moods/` answers it."""

from __future__ import annotations

from attune.cli import console
from realtime.emotion_answer import MUSIC_MOODS

app = console.command_app()


@app.command(epilog="**Examples**: `attune music-moods` · `attune music-moods --json`")
def music_moods(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List the mood of music for each emotion, as the HTTP API answers it."""
    if as_json:
        console.print_json(MUSIC_MOODS)
        return
    rows = [(str(emotion), mood) for emotion, mood in MUSIC_MOODS.items()]
    fields = ("emotion", "music_mood")
    records = [dict(zip(fields, row, strict=True)) for row in rows]
    console.print_data(console.DataTable(("emotion", "music mood"), rows, fields, records), as_csv=as_csv)
