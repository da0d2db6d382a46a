"""The command `simulate`: days of driving, deciding, queueing and charging, and their summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import print_table, say, wrapped
from tidewatt.cli.flags import Json, Switch, takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.progress import Days
from tidewatt.cli.run import carry_out, conclude, earlier_result, has_checkpoint, read
from tidewatt.options.simulation import SIMULATION, SimulationOptions, days_drawn
from tidewatt.report.words import REASON_NAMES, STATISTIC_NAMES, amount, clock, count, money_name, percent

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.simulation.result import Simulation
    from tidewatt.synthesis.diary import Diary

__all__ = [
    "day_rows",
    "findings",
    "print_days",
    "print_findings",
    "run_simulation",
    "show_simulation",
    "simulate",
]

_KNOWLEDGE = {
    "none": "nothing of queues",
    "arrived": "who is at a station, not who is on the way there",
    "reserved": "who is at a station and who is on the way there",
}


def day_rows(result: Simulation) -> list[tuple[str, str, str]]:
    """Return the label, the mean over the days and half of its 95 % confidence interval."""
    f = result.figures

    def half(key: str) -> str:
        value = float(f.get(f"{key}_ci95", math.nan))
        return f"± {amount(value, 2)}" if math.isfinite(value) else ""

    kinds = f"{amount(f['charges_fast'])} fast, {amount(f['charges_normal'])} normal"
    peak_min = float(f["queue_peak_min"])
    rows = [
        ("charges on the way", amount(f["charges_per_day"]), kinds),
        ("energy of these charges [kWh]", amount(f["energy_kwh"]), ""),
        (f"revenue from these charges [{money_name(f)}]", amount(f["revenue"]), ""),
        ("detour [min]", amount(f["mean_detour_min"], 3), half("mean_detour_min")),
        ("wait [min]", amount(f["mean_wait_min"], 3), half("mean_wait_min")),
        ("95 % wait less than [min]", amount(f["p95_wait_min"], 3), ""),
        ("charging [min]", amount(f["mean_charge_min"], 3), half("mean_charge_min")),
        ("peak load [kW]", amount(f["peak_load_kw"]), half("peak_load_kw")),
        ("longest queue on the mean day", amount(f["queue_peak"], 3), f"at {clock(peak_min)}"),
        ("ran low without charging on the way", amount(f["unserved"], 3), ""),
    ]
    rows += [
        (f"  {REASON_NAMES.get(reason, reason)}", amount(number, 3), "")
        for reason, number in f["unserved_by_reason"].items()
        if number
    ]
    return [
        *rows,
        ("trips", amount(f["trips"]), ""),
        ("mean speed [km/h]", amount(f["mean_speed_kmh"], 3), ""),
    ]


def print_days(result: Simulation) -> None:
    """Print the figures of a day as a table."""
    f = result.figures
    days = int(f.get("days", 1))
    each = "days" if days == 1 else f"replications of {count(days, 'day')}"
    title = f"{f['scenario']}: {count(int(f['vehicles']), 'vehicle')}, {count(int(f['links']), 'link')}, "
    title += f"{count(int(f['stations']), 'station')}; means of {int(f['replications']):,} simulated {each}"
    columns = ("a day", "mean", "± 95 % interval of the mean")
    print_table(columns, day_rows(result), title=title, left=(0, 2))


def findings(result: Simulation, parameters: SimulationOptions | None = None) -> list[str]:
    """Return in plain words which rule ended the run, what was checked and what is assumed."""
    f = result.figures
    said = [_stop(result, parameters)]
    if float(f.get("unreachable_trips", 0)) > 0:
        said.append(f"{amount(f['unreachable_trips'])} trips a day were not made: no road leads there.")
    # Without a charge there is no queue to which the law could apply.
    queues = (
        f"queues obey Little's law (relative error {amount(float(f['littles_law_max_error']), 2)})"
        if float(f["charges_per_day"]) > 0
        else "no vehicle charged on the way, so that there were no queues"
    )
    said.append(
        f"Checked in every replication: each battery changes by what it charged minus what it drove, within "
        f"{amount(f['energy_balance_error_kwh'], 2)} kWh a vehicle; vehicles are conserved every step "
        f"({_off(f['vehicle_conservation_error'])}); {queues}."
    )
    if parameters is not None:
        roads = (
            "their own flow slows the roads"
            if parameters["feedback"]
            else "their own flow does not slow the roads"
        )
        said.append(
            f"Assumed: drivers know {_KNOWLEDGE[parameters['information']]}; {roads}; nobody leaves a queue, "
            "looks for a second station or charges on the way twice a day. Days are synthesised from travel "
            "statistics or a diary, not observed."
        )
    return said


def _stop(result: Simulation, parameters: SimulationOptions | None) -> str:
    f = result.figures
    beta, m = float(f["beta"]), int(f["replications"])
    what = STATISTIC_NAMES.get(str(f["statistic"]), str(f["statistic"]))
    told = f"beta of {what} is {percent(beta)}" if math.isfinite(beta) else "one replication has no beta"
    rule = str(f["stop_rule"])
    begin = {
        "replications": f"Stopped after all {count(m, 'replication')} requested",
        "tolerance": f"Stopped when the tolerance was met, after {count(m, 'replication')}",
    }.get(
        rule,
        f"Stopped by the time limit after {count(m, 'replication')}: allow more time, or continue with "
        "--resume",
    )
    text = f"{begin}; {told}"
    if parameters is None:
        return f"{text}."
    text += f", the target was {percent(parameters['tolerance'])}"
    if rule != "tolerance" and math.isfinite(beta) and 0 < parameters["tolerance"] < beta:
        text += f", which would take some {amount(m * (beta / parameters['tolerance']) ** 2, 2)} replications"
    return f"{text}."


def _off(error: float) -> str:
    return "none lost" if not error else f"OFF BY {error:g}"


def print_findings(result: Simulation, parameters: SimulationOptions | None = None) -> None:
    """Print `findings`, wrapped."""
    for sentence in findings(result, parameters):
        print(wrapped(sentence))


@takes_options(SIMULATION)
def simulate(
    scenario: Path,
    /,
    *,
    out: Path,
    options: SimulationOptions | None = None,
    diary: Path | None = None,
    resume: Annotated[bool, Switch] = False,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Simulate days of electric vehicles: they drive, run low, choose a station, queue and charge.

    Replications of the day (or of several days) follow until one of two rules ends them. The defaults of
    the options come from the scenario's [simulation] where it has them, else they are as given below. Needs
    roads, vehicle types and stations.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result of this study in it is replaced as a
        whole; anything else is refused.
    diary
        Trip diary to draw day chains from, as `tidewatt import itineraries` reads it [default: embedded
        statistics].
    resume
        Go on from the checkpoint in the result folder.
    figures
        Draw the figures into RESULT/figures.
    """
    options = options or {}
    SIMULATION.check(**options)
    with prepared(out, ours=holds_result, what="result", study="simulate"):
        given = read(scenario)
        chains = _chains(diary, given)
        parameters = SIMULATION.resolve(given.parameters, **options)

        def enough(figures: Mapping[str, Any]) -> bool:
            return not has_checkpoint(out) and _meets(figures, parameters)

        kept = earlier_result(out, given, enough) if resume and chains is None else None
        result = kept or run_simulation(
            given, out, options, parameters, diary=chains, resume=resume, scenario_folder=scenario
        )
        return conclude(
            result,
            out,
            lambda: show_simulation(result, parameters),
            json=json,
            figures=figures,
            roads=given.roads,
            hints=[
                f"To check it: tidewatt verify {out}",
                f"To manage the charging: tidewatt coordinate {out / 'itineraries'} --out COORDINATED",
            ],
        )


def _meets(figures: Mapping[str, Any], parameters: SimulationOptions) -> bool:
    """Tell whether a summary covers the same days, and enough of them."""
    days = days_drawn(parameters)
    same = figures["day_chains"] == "statistics" and figures["statistic"] == parameters["statistic"]
    same &= {name: figures["parameters"][name] for name in days} == json_of(dumps(days))
    if figures["replications"] >= parameters["replications"]:
        return bool(same)
    return bool(same and figures["stop_rule"] == "tolerance" and figures["beta"] <= parameters["tolerance"])


def _chains(file: Path | None, scenario: Scenario) -> Diary | None:
    """Return the diary's day chains, and what could not be used of it."""
    if file is None:
        return None
    from tidewatt.io.importers.travel.itineraries import import_diary

    diary, report = import_diary(file, start=scenario.horizon.start)
    for line in report.lines():
        say(line)
    return diary


def run_simulation(
    scenario: Scenario,
    out: Path,
    options: SimulationOptions,
    parameters: SimulationOptions,
    *,
    diary: Diary | None = None,
    resume: bool = False,
    scenario_folder: Path | None = None,
) -> Simulation:
    """Simulate with a checkpoint and progress, and save the result; see `carry_out`.

    Parameters
    ----------
    scenario : Scenario
    out : Path
    options : SimulationOptions
        Those of the call.
    parameters : SimulationOptions
        What comes of them and of the scenario.
    diary : Diary, optional
        Day chains.
    resume : bool
    scenario_folder : Path, optional
    """
    from tidewatt.simulation.study import simulate as study

    result: Simulation = carry_out(
        partial(study, scenario, diary=diary, **options),
        scenario,
        out,
        Days(parameters["replications"], parameters["tolerance"], parameters["time_limit_s"]),
        name="simulate",
        scenario_folder=scenario_folder,
        resume=resume,
    )
    return result


def show_simulation(result: Simulation, parameters: SimulationOptions) -> None:
    """Print what a day looks like, which rule ended the run, and what was checked."""
    print_days(result)
    print_findings(result, parameters)
