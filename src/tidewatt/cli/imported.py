"""How every import ends: the scenario is written and its report printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tidewatt.cli.console import print_json, say
from tidewatt.cli.progress import reporter

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.io.importers.report import ImportReport

__all__ = ["hand_over"]


def hand_over(scenario: Scenario, report: ImportReport, out: Path, json: bool, verb: str) -> None:
    """Write an imported scenario, print its report, and name the verb that takes it."""
    from tidewatt.cli.scenarios import contents, described
    from tidewatt.io.scenario.writing import write_scenario

    with reporter() as shown:
        shown.step("writing the scenario")
        write_scenario(scenario, out)
    if json:
        print_json(contents(scenario) | {"folder": out, "import": report.as_dict()})
        return
    for line in report.lines():
        print(line)
    print(f"Wrote {out}: {described(scenario)}.")
    if verb == "assemble":
        say(f"Next: tidewatt assemble ROADS {out} --out CASE")
        return
    if verb == "simulate" and (scenario.stations is None or not len(scenario.stations)):
        say(f"Next: tidewatt import stations FILE --into {out} --out SCENARIO")
        if scenario.demand is not None:
            say(f"or:   tidewatt assign {out} --out RESULT")
            say(f"or:   tidewatt assemble {out} GRID --out CASE")
        return
    say(f"Next: tidewatt {verb} {out} --out RESULT")
