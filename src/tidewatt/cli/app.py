"""The program's commands, put together."""

from __future__ import annotations

from cyclopts import App

import tidewatt
from tidewatt.cli.assembly import assemble
from tidewatt.cli.assignment import assign
from tidewatt.cli.compilation import warm_up
from tidewatt.cli.configuration import configure
from tidewatt.cli.coordination import coordinate
from tidewatt.cli.demonstration import demo
from tidewatt.cli.importing import importing
from tidewatt.cli.results import report, verify
from tidewatt.cli.scenarios import check, example
from tidewatt.cli.simulation import simulate
from tidewatt.cli.tariffs import tariff

__all__ = ["app"]

app = App(
    name="tidewatt",
    help="Simulate how electric vehicles drive, queue and charge and what that does to feeders; find, "
    "with proof, how much flexible charging can spare them at most, and the prices that bring it about.",
    help_epilogue="Exit status: 0 done; 1 internal error; 2 bad input or usage; 3 finished without "
    "the requested accuracy (the result is written); 130 interrupted (add --resume, if offered, to "
    "continue).",
    version=tidewatt.__version__,
    suppress_keyboard_interrupt=False,  # else it becomes a SystemExit, and main says 130 itself
)
app.command(demo)
app.command(example)
app.command(check)
app.command(importing)
app.command(assemble)
app.command(simulate)
app.command(assign)
app.command(coordinate)
app.command(configure)
app.command(tariff)
app.command(verify)
app.command(report)
app.command(warm_up)
