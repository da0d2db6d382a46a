"""The verb `tariff`: prices that keep the grid within its limits under uncertainty."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tidewatt.cli.flags import takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.options import Json
from tidewatt.cli.run import carry_out, conclude, read
from tidewatt.cli.solving import Steps
from tidewatt.cli.tariffed import print_tariffs
from tidewatt.options.tariffs import TARIFF, TariffOptions

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.tariffs.result import Tariffs

__all__ = ["run_tariff", "tariff"]


@takes_options(TARIFF)
def tariff(
    scenario: Path,
    /,
    *,
    out: Path,
    options: TariffOptions | None = None,
    sweep_gamma: str | None = None,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Find prices per site and step under which charging keeps the grid within its limits.

    Solves the operator's problem within limits narrowed for uncertain wind, sun and load, publishes the
    prices that its limits imply, lets every aggregator solve its own problem under them, and compares. The
    defaults of the options come from the scenario's [tariff], else they are as given below. Needs roads in
    steps, charging sites, aggregators with travel, buses, lines and injections: `tidewatt example
    tariff-20-17` writes such a scenario, `tidewatt assemble` makes one of a road network and a grid.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result in it is replaced; anything else is
        refused.
    sweep_gamma
        Solve for several gammas too: FROM:TO:STEP, for example 0:1:0.1, or values separated by commas:
        gamma.csv and a figure of cost, tariffs and violations. Not for conformal, which has no gamma
        [default: no sweep].
    figures
        Draw the figures into RESULT/figures.
    """
    from tidewatt.cli.ranges import values_of

    options = options or {}
    TARIFF.check(**options)
    gammas = None
    if sweep_gamma is not None:
        gammas = values_of("--sweep-gamma", sweep_gamma, "gammas", "0:1:0.1", zero=True)
    with prepared(out, ours=holds_result, what="result"):
        result = run_tariff(read(scenario), out, options, gammas, scenario_folder=scenario)
    return conclude(
        result,
        out,
        lambda: print_tariffs(result),
        json=json,
        figures=figures,
        hints=[f"To check it: tidewatt verify {out}"],
    )


def run_tariff(
    scenario: Scenario,
    out: Path,
    options: TariffOptions,
    gammas: list[float] | None = None,
    *,
    scenario_folder: Path | None = None,
) -> Tariffs:
    """Find tariffs with progress, and save the result; `gammas` are those of the sweep, see `carry_out`."""
    from tidewatt.tariffs.study import tariff as study

    result: Tariffs = carry_out(
        partial(study, scenario, sweep_gamma=gammas, **options),
        scenario,
        out,
        Steps(),
        scenario_folder=scenario_folder,
        first="limits and margins",
    )
    return result
