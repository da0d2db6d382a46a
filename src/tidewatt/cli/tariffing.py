"""The verb `tariff`: prices that keep the grid within its limits under uncertainty."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from tidewatt.cli.console import print_json
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.options import Json
from tidewatt.cli.progress import reporter
from tidewatt.cli.solving import Steps
from tidewatt.cli.summary import print_files
from tidewatt.cli.tariffed import print_tariffs

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.tariffs.result import Tariffs

__all__ = ["draw_tariffs", "run_tariff", "show_tariffs", "tariff"]


def tariff(
    scenario: Path,
    /,
    *,
    out: Path,
    gamma: float | None = None,
    uncertainty: Literal["box", "budget", "ellipsoid", "conformal"] | None = None,
    coverage: float | None = None,
    coverage_scope: Literal["row_step", "joint"] | None = None,
    formulation: Literal["arcs", "paths", "both"] | None = None,
    paths_per_od: int | None = None,
    sweep_gamma: str | None = None,
    soc_step: str | None = None,
    soc_rounding: Literal["inner", "outer", "both"] | None = None,
    linearisation: Literal["no-load", "forecast"] | None = None,
    loss_margin: float | None = None,
    publish: Literal["auto", "tariff", "all"] | None = None,
    relative_gap: float | None = None,
    samples: int | None = None,
    time_limit_s: float | None = None,
    threads: int | None = None,
    seed: int | None = None,
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
    gamma
        Size of the uncertainty set, from 0 (forecasts hold) to 1; injections with a gamma of their own keep
        it in box [default: 1].
    uncertainty
        Set of outcomes that limits are protected against: box (all off at once), budget (only so many),
        ellipsoid, or conformal (from past forecasts and outcomes; uses coverage instead of gamma)
        [default: box].
    coverage
        Share of days that conformal margins shall cover, 0..1 [default: 0.95].
    coverage_scope
        What they cover: row_step (each limit and step by itself; some limit may still be exceeded on most
        days), or joint (all together) [default: row_step].
    formulation
        arcs (every unit of flow is a possible vehicle), paths (the source's, which pools the state of
        charge of vehicles on one path), or both, which gives the gap between them [default: arcs].
    paths_per_od
        Paths of each pair of origin and destination in paths [default: 4].
    sweep_gamma
        Solve for several gammas too: FROM:TO:STEP, for example 0:1:0.1, or values separated by commas:
        gamma.csv and a figure of cost, tariffs and violations. Not for conformal, which has no gamma
        [default: no sweep].
    soc_step
        Step of the state of charge in arcs, a fraction of the battery, or auto [default: auto].
    soc_rounding
        inner (every plan can be driven), outer (a bound below), or both [default: inner].
    linearisation
        Where power flow is linearised: no-load, or about the AC flow of the forecast [default: no-load].
    loss_margin
        Share of a line's largest load by which its limit is narrowed for losses [default: 0].
    publish
        What aggregators are told: the tariff, all prices (also tolls and charger prices), or what is needed
        (auto) [default: auto].
    relative_gap
        Asked of the operator's problem [default: 1e-9].
    samples
        Outcomes drawn to count violated limits [default: 10,000].
    time_limit_s
        Stop solving after so many seconds [default: no limit].
    threads
        Worker threads; they do not change the result [default: one a processor].
    seed
        Seed of every random choice [default: 0].
    figures
        Draw the figures into RESULT/figures.
    """
    from tidewatt.cli.ranges import values_of
    from tidewatt.io.scenario.reading import read_scenario
    from tidewatt.tariffs.parameters import Parameters

    asked: dict[str, Any] = {
        "gamma": gamma,
        "uncertainty": uncertainty,
        "coverage": coverage,
        "coverage_scope": coverage_scope,
        "formulation": formulation,
        "paths_per_od": paths_per_od,
        "soc_step": _number_or_word(soc_step),
        "soc_rounding": soc_rounding,
        "linearisation": linearisation,
        "loss_margin": loss_margin,
        "publish": publish,
        "relative_gap": relative_gap,
        "samples": samples,
        "time_limit_s": time_limit_s,
        "threads": threads,
        "seed": seed,
    }
    gammas = None
    if sweep_gamma is not None:
        gammas = values_of("--sweep-gamma", sweep_gamma, "gammas", "0:1:0.1", zero=True)
    Parameters.of({}, **asked)
    with prepared(out, ours=holds_result, what="result"):
        with reporter() as shown:
            shown.step("reading the scenario")
            read = read_scenario(scenario)
        result = run_tariff(read, out, asked, gammas, scenario_folder=scenario)
    pictures = draw_tariffs(result, out) if figures else []
    if json:
        print_json(result.summary())
    else:
        show_tariffs(result)
        print_files({"Result": out, "Pictures": pictures})
        print(f"To check it: tidewatt verify {out}")
    return 0 if result.status.reached else 3


def run_tariff(
    scenario: Scenario,
    out: Path,
    asked: dict[str, Any],
    gammas: list[float] | None = None,
    *,
    scenario_folder: Path | None = None,
) -> Tariffs:
    """Find tariffs with progress, and save the result.

    Parameters
    ----------
    scenario : Scenario
    out : Path
        Result folder.
    asked : dict
        Parameters of `tidewatt.tariff`; None leaves one to the scenario or its default.
    gammas : list of float, optional
        Of the sweep.
    scenario_folder : Path, optional
        Where `verify` finds the scenario.
    """
    from tidewatt.io.results import save
    from tidewatt.tariffs.study import tariff as run

    with reporter(Steps()) as shown:
        shown.step("limits and margins")
        result = run(scenario, progress=shown, sweep_gamma=gammas, **asked)
        shown.step("saving")
        save(result, out, scenario_folder=scenario_folder)
    return result


def show_tariffs(result: Tariffs) -> None:
    """What it costs, what the prices are, what they lead to and what all rests on, on standard output."""
    print_tariffs(result)


def draw_tariffs(result: Tariffs, out: Path) -> list[Path]:
    """Draw the figures of a result below its folder."""
    from tidewatt.report.figures import write_figures

    with reporter() as shown:
        shown.step("drawing")
        return write_figures(result, out / "figures")


def _number_or_word(text: str | None) -> float | str | None:
    """A number where the text is one; parameters say what else is allowed."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
