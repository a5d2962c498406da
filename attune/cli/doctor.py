"""`attune doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import typer

from attune.cli import console
from attune.doctor import Check, Verdict, examine
from core.text import printable

app = console.command_app()


@app.command(epilog="**Examples**: `attune doctor` · `attune doctor --json`")
def doctor(as_json: console.JsonFlag = False, as_csv: console.CsvFlag = False) -> None:
    """Say what works on this machine, and what to do about the rest."""
    marks = {
        Verdict.GOOD: (console.drawable("✓", "+"), "green"),
        Verdict.OPTIONAL: ("-", "yellow"),
        Verdict.BAD: (console.drawable("✗", "x"), "red"),
    }
    checks = []
    for check in examine():
        checks.append(check)
        if not (as_json or as_csv):
            finding = printable(check.finding)
            console.say(console.assemble(marks[check.verdict], " ", (check.topic, "bold"), f": {finding}"))
            if check.remedy:
                console.say(f"   {check.remedy}", style="dim")
    if as_json or as_csv:
        console.print_data(console.table_of(Check, checks), as_json=as_json, as_csv=as_csv)
    if any(check.verdict is Verdict.BAD for check in checks):
        raise typer.Exit(1)
