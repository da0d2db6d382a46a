"""The penetration sweep: the same region with a smaller or larger share of electric vehicles."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.cli.console import print_json, print_table, say, width
from tidewatt.cli.folders import SHARE
from tidewatt.cli.ranges import values_of
from tidewatt.cli.run import draw, earlier_summary
from tidewatt.cli.summary import NOTHING
from tidewatt.options.coordination import COORDINATION, CoordinationOptions
from tidewatt.report.words import RUNG_NAMES, amount, at_least, money_name, percent
from tidewatt.result import Status

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario

__all__ = ["draw_sweep", "parse_adoption", "run_sweep"]


def parse_adoption(text: str) -> list[float]:
    """Shares of ``FROM:TO:STEP`` (both ends included) or of a list with commas.

    Raises
    ------
    ScenarioError
        Where it is neither, or a share is outside 0..1.
    """
    return values_of("--adoption", text, "shares", "0.1:0.9:0.1", zero=False)


def run_sweep(
    scenario: Scenario,
    out: Path,
    shares: list[float],
    options: CoordinationOptions,
    *,
    resume: bool,
    soc: bool,
    figures: bool,
    json: bool,
) -> int:
    """Coordinate the scenario at each share; write a result folder each, sweep.csv and a figure."""
    import pandas as pd

    from tidewatt.cli.coordinating import meets, solve
    from tidewatt.io.atomic import atomic_file
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.synthesis.thinning import thin

    goal = COORDINATION.resolve(scenario.parameters, **options)
    rows: list[dict[str, Any]] = []
    for k, share in enumerate(shares):
        here = out / f"{SHARE}{share:.4g}"
        part = thin(scenario, share, seed=options.get("seed", 0))
        done = earlier_summary(here, part, lambda figures: meets(figures, goal)) if resume else None
        if done is None:
            say(f"adoption {percent(share)} ({k + 1} of {len(shares)}): {len(part.fleet):,} vehicles")
            write_scenario(part, here / "scenario")
            result = solve(
                part,
                here,
                options,
                resume=resume,
                scenario_folder=here / "scenario",
                soc=soc,
                label=percent(share),
            )
            done = result.summary()
            if figures:
                draw(result, here)
        else:
            say(f"adoption {percent(share)} ({k + 1} of {len(shares)}): done before, kept")
        rows.append({"adoption": share} | done)
        with atomic_file(out / "sweep.csv") as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    pictures = draw_sweep(out / "sweep.csv", out / "figures", ("png",)) if figures else []
    if json:
        print_json({"scenario": scenario.name, "sweep": rows})
    else:
        _print_sweep(rows)
        sampled = float(scenario.sampling["adoption"])
        if shares[-1] > sampled:
            print(
                textwrap.fill(
                    f"Assumed above {percent(sampled)}, at which vehicles were drawn: later owners drive and "
                    "charge as the first do, so that each vehicle stands for more.",
                    width(),
                )
            )
        print(f"\nResults: {out}{'/adoption_*' if len(rows) > 1 else ''}, {out / 'sweep.csv'}")
        for picture in pictures:
            print(f"Picture: {picture}")
    return 0 if all(Status[row["status"]].reached for row in rows) else 3


def draw_sweep(table: Path, out: Path, formats: Iterable[str]) -> list[Path]:
    """Draw the figure of a ``sweep.csv``."""
    import pandas as pd

    from tidewatt.report.figures import save_figure, sweep

    out.mkdir(parents=True, exist_ok=True)
    figure = sweep(pd.read_csv(table))
    return [save_figure(figure, out / f"sweep.{kind}") for kind in formats]


def _print_sweep(rows: list[dict[str, Any]]) -> None:
    rungs = [rung for rung in RUNG_NAMES if rows[0].get(f"{rung}_upgrade_cost") is not None]
    cells = []
    for row in rows:
        costs = [float(row[f"{rung}_upgrade_cost"]) for rung in rungs]
        cells.append(
            (
                percent(row["adoption"]),
                *(amount(cost if cost > NOTHING * costs[0] else 0.0) for cost in costs),
                at_least(float(row["lower_bound_cost"]), 4),
                percent(float(row["relative_gap"])),
            )
        )
    columns = ("adoption", *(RUNG_NAMES[rung] for rung in rungs), "lower bound", "gap")
    print_table(columns, cells, title=f"Upgrade cost [{money_name(rows[0])}] by adoption", left=())
