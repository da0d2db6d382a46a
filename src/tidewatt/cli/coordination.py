"""The command `coordinate`: the certified flexibility ladder, the adoption sweep, and the summary."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import print_json, print_table, say, width, wrapped
from tidewatt.cli.flags import Json, Switch, takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.progress import Gap
from tidewatt.cli.ranges import values_of
from tidewatt.cli.run import carry_out, conclude, draw, earlier_result, earlier_summary, read
from tidewatt.options.coordination import COORDINATION, CoordinationOptions
from tidewatt.report.coordination.conclusions import (
    NOTHING,
    causes,
    causes_note,
    ladder,
    network,
    sentences,
)
from tidewatt.report.words import (
    RUNG_NAMES,
    amount,
    at_least,
    count,
    money_name,
    percent,
)
from tidewatt.result import Certificate, Status

if TYPE_CHECKING:
    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.scenario import Scenario

__all__ = [
    "coordinate",
    "draw_sweep",
    "meets",
    "parse_adoption",
    "print_causes",
    "print_ladder",
    "print_sentences",
    "run_sweep",
    "show",
    "solve",
]

_NARROW = 62  # columns below which the rungs do not stand side by side


def print_ladder(result: Coordination) -> None:
    """Print the flexibility ladder as a table."""
    rungs = ladder(result)
    figures = result.figures
    title = f"{figures['scenario']}: {count(int(figures['vehicles']), 'vehicle')}, {network(figures)}, "
    title += count(int(figures["steps"]), "step")
    labels = next(iter(rungs.values()))
    rows = [(label, *(cells[label] for cells in rungs.values())) for label in labels]
    print_table(("", *rungs), rows, title=title, narrow=_NARROW)


def print_causes(result: Coordination) -> None:
    """Print what of the upgrade cost is there anyway, unavoidable and avoidable, where there is any."""
    rows = causes(result)
    if not rows:
        return
    columns = ("", "there anyway", "caused, unavoidable", "caused, avoidable")
    print_table(columns, rows, title=f"Upgrade cost [{money_name(result.figures)}] by cause", narrow=_NARROW)
    print(wrapped(causes_note(result)))


def print_sentences(result: Coordination, relative_gap: float | None = None) -> None:
    """Print `sentences`, wrapped."""
    for sentence in sentences(result, relative_gap):
        print(wrapped(sentence))


def parse_adoption(text: str) -> list[float]:
    """Return the shares of ``FROM:TO:STEP`` (both ends included) or of a list with commas.

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

    from tidewatt.io.atomic import atomic_file
    from tidewatt.io.results.specification import FIGURES, SHARE, SWEEP
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.synthesis.thinning import thin

    goal = COORDINATION.resolve(scenario.parameters, **options)
    rows: list[dict[str, Any]] = []
    kept = 0
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
            kept += 1
            say(f"adoption {percent(share)} ({k + 1} of {len(shares)}): already done, result kept")
        rows.append({"adoption": share} | done)
        with atomic_file(out / SWEEP) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)
    unchanged = {FIGURES} if kept == len(shares) else set()
    _remove_former(out, {SWEEP, *(f"{SHARE}{share:.4g}" for share in shares)} | unchanged)
    pictures = draw_sweep(out / SWEEP, out / FIGURES, ("png",)) if figures else []
    if json:
        print_json({"scenario": scenario.name, "sweep": rows})
    else:
        _print_sweep(rows)
        sampled = float(scenario.sampling["adoption"])
        if shares[-1] > sampled:
            print(
                textwrap.fill(
                    f"Assumed above {percent(sampled)}, where vehicles were sampled: later owners drive and "
                    "charge like the first, so each vehicle stands for more real ones.",
                    width(),
                )
            )
        print(f"\nResults: {out}{'/adoption_*' if len(rows) > 1 else ''}, {out / 'sweep.csv'}")
        for picture in pictures:
            print(f"Picture: {picture}")
    return 0 if all(Status[row["status"]].reached for row in rows) else 3


def _remove_former(out: Path, kept: set[str]) -> None:
    """Remove what a former result or sweep left in the folder, and say so of shares."""
    from tidewatt.io.results.folder import known_entry
    from tidewatt.io.results.specification import SHARE

    former = [entry for entry in out.iterdir() if known_entry(entry.name) and entry.name not in kept]
    for entry in sorted(former):
        if entry.name.startswith(SHARE):
            say(f"{entry}: part of an earlier sweep, removed")
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


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


@takes_options(COORDINATION)
def coordinate(
    scenario: Path,
    /,
    *,
    out: Path,
    options: CoordinationOptions | None = None,
    adoption: str | None = None,
    resume: Annotated[bool, Switch] = False,
    soc: Annotated[bool, Switch] = False,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Find the most that flexible charging can save in feeder upgrades, with proof.

    Climbs the flexibility ladder on one scenario: unmanaged, session-flexible, mobility-aware. The
    defaults of the options come from the scenario's [coordination] where it has them, else they are as
    given below.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result of this study in it is replaced as a
        whole; anything else is refused.
    adoption
        Penetration sweep FROM:TO:STEP as shares of vehicles that are electric, 0..1, for example
        0.1:0.9:0.1, or shares separated by commas: a result folder each, sweep.csv and a figure. The
        scenario has to say how its vehicles were sampled [default: no sweep].
    resume
        Go on from the checkpoint in the result folder; what is done is kept.
    soc
        Write soc.parquet too: the state of charge (0..1) at every arrival and departure.
    figures
        Draw the figures into RESULT/figures.
    """
    options = options or {}
    COORDINATION.check(**options)
    shares = None
    if adoption is not None:
        shares = parse_adoption(adoption)
    with prepared(out, ours=holds_result, what="result", study="coordinate"):
        given = read(scenario)
        if shares is not None:
            return run_sweep(given, out, shares, options, resume=resume, soc=soc, figures=figures, json=json)
        goal = COORDINATION.resolve(given.parameters, **options)

        def enough(figures: Mapping[str, Any]) -> bool:
            return meets(figures, goal) and (not soc or (out / "soc.parquet").exists())

        kept = earlier_result(out, given, enough) if resume else None
        result = kept or solve(given, out, options, resume=resume, scenario_folder=scenario, soc=soc)
        return conclude(
            result,
            out,
            lambda: show(result, goal["relative_gap"]),
            json=json,
            figures=figures,
            hints=[f"To check the proof: tidewatt verify {out}"],
        )


def meets(figures: Mapping[str, Any], goal: CoordinationOptions) -> bool:
    """Tell whether a summary has every requested rung, each with a gap no wider than requested."""
    unmanaged = figures["unmanaged_upgrade_cost"]
    gaps = [Certificate(figures["coordinated_upgrade_cost"], figures["lower_bound_cost"])]
    if goal["session"]:
        gaps.append(Certificate(figures["session_upgrade_cost"], figures["session_lower_bound_cost"]))
    # Rounding of the schedule handed out may widen a gap by a hair after it was reached.
    hair = 1 + 1e-6
    return Status[figures["status"]].reached and all(
        gap.relative_gap(unmanaged) <= goal["relative_gap"] * hair
        or gap.absolute_gap <= goal["absolute_gap"] * unmanaged * hair
        for gap in gaps
    )


def solve(
    scenario: Scenario,
    out: Path,
    options: CoordinationOptions,
    *,
    resume: bool = False,
    scenario_folder: Path | None = None,
    soc: bool = False,
    label: str = "",
) -> Coordination:
    """Coordinate with a checkpoint and progress, and save the result; see `carry_out`."""
    from tidewatt.coordination.study import coordinate as study

    result: Coordination = carry_out(
        partial(study, scenario, **options),
        scenario,
        out,
        Gap(COORDINATION.resolve(scenario.parameters, **options)["relative_gap"]),
        name="coordinate",
        scenario_folder=scenario_folder,
        resume=resume,
        label=label,
        soc=soc,
    )
    return result


def show(result: Coordination, relative_gap: float) -> None:
    """Print the ladder, the causes, and what they mean in words."""
    print_ladder(result)
    print_causes(result)
    print_sentences(result, relative_gap)
