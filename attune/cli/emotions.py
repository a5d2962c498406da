"""`attune emotions`: the emotions that are told apart, as the API's `/emotions/` answers them."""

from __future__ import annotations

from attune.cli import console
from core.emotions import EMOTIONS

app = console.command_app()


@app.command(epilog="**Examples**: `attune emotions` · `attune emotions --json`")
def emotions(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """List the eight emotions that are told apart."""
    if as_json:
        console.print_json({"emotions": list(EMOTIONS), "count": len(EMOTIONS)})
        return
    records = [{"emotion": emotion} for emotion in EMOTIONS]
    rows = [(str(emotion),) for emotion in EMOTIONS]
    console.print_data(console.DataTable(("emotion",), rows, ("emotion",), records), as_csv=as_csv)
