"""The verb `coordinate`: the flexibility ladder with proof."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.options import Json, Switch
from tidewatt.cli.progress import Gap
from tidewatt.cli.run import carry_out, conclude, earlier_result, read
from tidewatt.cli.summary import print_ladder, print_sentences
from tidewatt.options.coordination import COORDINATION, CoordinationOptions
from tidewatt.result import Certificate, Status

if TYPE_CHECKING:
    from tidewatt.coordination.result import Coordination
    from tidewatt.domain.scenario import Scenario

__all__ = ["coordinate", "meets", "show", "solve"]


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
        Folder for the result; made where it does not exist. A result in it is replaced; anything else is
        refused.
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
        from tidewatt.cli.sweep import parse_adoption

        shares = parse_adoption(adoption)
    with prepared(out, ours=holds_result, what="result"):
        given = read(scenario)
        if shares is not None:
            from tidewatt.cli.sweep import run_sweep

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
    """Tell whether every rung asked for is in a summary and its gap is no wider than asked."""
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
        scenario_folder=scenario_folder,
        resume=resume,
        label=label,
        soc=soc,
    )
    return result


def show(result: Coordination, relative_gap: float) -> None:
    """Print the ladder and what it means."""
    print_ladder(result)
    print_sentences(result, relative_gap)
