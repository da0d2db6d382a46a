"""Files of a result of `coordinate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.coordination.result import Coordination
from tidewatt.errors import TidewattError
from tidewatt.io.results.folder import finite
from tidewatt.io.results.specification import (
    FINGERPRINT,
    PEAK_MEMORY,
    SEED,
    SUMMARY,
    VERSION,
    ResultFile,
    ResultSpecification,
    certificate_file,
)
from tidewatt.io.results.specification import ResultColumn as C
from tidewatt.result import Certificate, Status

if TYPE_CHECKING:
    import pandas as pd

    from tidewatt.domain.scenario import Scenario

__all__ = ["FILES", "SCHEDULE_FILES"]

SCHEDULE_FILES = {"coordinated": "schedule.parquet", "session": "schedule_session.parquet"}
"""File of each rung's schedule; the unmanaged one follows from the scenario."""

_SOC = "soc.parquet"
_COUNTS = ("iterations", "vehicle_updates", "vehicle_updates_skipped")


def _write_more(result: Coordination, folder: Path, scenario_folder: Path | None, soc: bool) -> None:
    """Write the schedules in row groups, as they may hold hundreds of millions of powers."""
    from tidewatt.io.results.schedules import write_schedule, write_soc

    scenario = _scenario_of(result, scenario_folder)
    for rung, file in SCHEDULE_FILES.items():
        if rung in result.schedules:
            write_schedule(folder / file, result.schedules[rung], scenario)
    if soc:
        write_soc(folder / _SOC, result.schedules["coordinated"], scenario)


def _scenario_of(result: Coordination, scenario_folder: Path | None) -> Scenario:
    if result.scenario is not None:
        return result.scenario
    from tidewatt.io.scenario.reading import read_scenario

    assert scenario_folder is not None
    scenario = read_scenario(scenario_folder)
    if scenario.sha256() != result.run.scenario_sha256:
        raise TidewattError(
            f"{scenario_folder} is not the scenario of this result, or has changed since: "
            "its fingerprint differs. Coordinate it again."
        )
    return scenario


def _claims(result: Coordination) -> dict[str, Any]:
    short = result.vehicles[result.vehicles["missing_energy_kwh"] > 0]
    missing = zip(short["vehicle_id"], short["missing_energy_kwh"], strict=True)
    return {
        "rungs": {rung: asdict(each) for rung, each in result.certificates.items()},
        "statuses": {rung: status.name for rung, status in result.statuses.items()},
        "counts": {key: result.figures[key] for key in _COUNTS if key in result.figures},
        "missing_energy_kwh": {str(vehicle): float(kwh) for vehicle, kwh in missing},
    }


def _restore(folder: Path, certificate: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "certificates": {rung: Certificate(**finite(each)) for rung, each in certificate["rungs"].items()},
        "statuses": {rung: Status[name] for rung, name in certificate["statuses"].items()},
        "stored_schedules": {
            rung: partial(_rows_of, folder / file)
            for rung, file in SCHEDULE_FILES.items()
            if (folder / file).is_file()
        },
    }


def _rows_of(path: Path) -> pd.DataFrame:
    """Read a schedule on demand, as pandas is slow to import."""
    import pandas as pd

    return pd.read_parquet(path)


_FIGURES = ResultFile(
    SUMMARY,
    "figures",
    (
        C("scenario", "text", meaning="Name of the scenario."),
        C("currency", "text", meaning="The scenario's `currency`; empty where it names none.", optional=True),
        C(
            "cost_unit",
            "text",
            meaning="Unit of costs: `kW` if every kW costs 1, as when no upgrade cost is given, otherwise "
            "`currency`.",
            optional=True,
        ),
        C(
            "status",
            "text",
            meaning="How the mobility-aware rung ended; see [coordinate.md](coordinate.md#when-it-stops).",
        ),
        C("status_advice", "text", meaning="The status as a sentence."),
        C("vehicles", "whole", "", "0 or more", "Simulated vehicles."),
        C("vehicles_short", "whole", "", "0 or more", "Vehicles that cannot charge what their trips need."),
        C(
            "missing_energy_kwh",
            "number",
            "kWh, battery side",
            "0 or more",
            "Energy that the short vehicles lack, summed without weights.",
        ),
        C("feeders", "whole", "", "0 or more"),
        C("banks", "whole", "", "0 or more"),
        C("steps", "whole", "", "1 or more"),
        C(
            "variables",
            "whole",
            "",
            "0 or more",
            "Pairs of a dwell that has a charger and a step that it overlaps.",
        ),
        C(
            "base_overload_kw",
            "number",
            "kW",
            "0 or more",
            "Overload before any vehicle charges; included in each rung's overload.",
        ),
        C("base_upgrade_cost", "number", "cost", "0 or more", "Its cost: what is there anyway."),
        C(
            "unavoidable_upgrade_cost",
            "number",
            "cost",
            "0 or more",
            "Of the cost that unmanaged charging causes, what no schedule can spare, at least: proved bound "
            "less `base_upgrade_cost`.",
            optional=True,
        ),
        C(
            "avoidable_upgrade_cost",
            "number",
            "cost",
            "0 or more",
            "Of the same, what a schedule may spare, at most: unmanaged less proved bound.",
            optional=True,
        ),
        C(
            "unmanaged_overload_kw",
            "number",
            "kW",
            "0 or more",
            "Sum over feeders and banks of the largest overload over the horizon.",
        ),
        C(
            "unmanaged_feeders_overloaded",
            "whole",
            "",
            "0 or more",
            "Feeders (not banks) overloaded by more than 1e-6 kW.",
        ),
        C("unmanaged_banks_overloaded", "whole", "", "0 or more", "Banks, likewise.", optional=True),
        C("unmanaged_upgrade_cost", "number", "cost", "0 or more"),
        C(
            "session_overload_kw",
            "number",
            "kW",
            "0 or more",
            "null with `--no-session`; so are the two rows below.",
            optional=True,
        ),
        C("session_feeders_overloaded", "whole", "", "0 or more", optional=True),
        C("session_banks_overloaded", "whole", "", "0 or more", optional=True),
        C(
            "session_upgrade_cost",
            "number",
            "cost",
            "0 or more",
            "Cost of the schedule found.",
            optional=True,
        ),
        C("coordinated_overload_kw", "number", "kW", "0 or more"),
        C("coordinated_feeders_overloaded", "whole", "", "0 or more"),
        C("coordinated_banks_overloaded", "whole", "", "0 or more", optional=True),
        C(
            "coordinated_upgrade_cost",
            "number",
            "cost",
            "0 or more",
            "Cost of the schedule found: the upper end of the bracket.",
        ),
        C(
            "session_lower_bound_cost",
            "number",
            "cost",
            "",
            "Proved for the session rung. Absent with `--no-session`; so are the two rows below.",
            optional=True,
        ),
        C("session_relative_gap", "number", "fraction", "0 or more", optional=True),
        C("session_status", "text", optional=True),
        C(
            "lower_bound_cost",
            "number",
            "cost",
            "",
            "Proved: no schedule costs less. A poor bound may be negative.",
        ),
        C("absolute_gap", "number", "cost", "0 or more", "Upper minus lower end of the bracket."),
        C(
            "relative_gap",
            "number",
            "fraction",
            "0 or more",
            "`absolute_gap` over the upper end, taken as at least 1e-9 of the unmanaged cost.",
        ),
        C(
            "gap_of_savings",
            "number",
            "fraction",
            "0 or more",
            "`absolute_gap` over the unmanaged cost that the plan avoids; null if it avoids none.",
        ),
        C(
            "total_regret_cost",
            "number",
            "cost",
            "0 or more",
            "What all vehicles together could save by leaving the plan, at the prices found.",
        ),
        C(
            "grid_slack_cost",
            "number",
            "cost",
            "0 or more",
            "Part of `absolute_gap` that is not `total_regret_cost`.",
        ),
        C("iterations", "whole", "", "0 or more", "Passes of the mobility-aware rung, bounds included."),
        C(
            "vehicle_updates",
            "whole",
            "",
            "0 or more",
            "Vehicle updates made on the mobility-aware rung.",
        ),
        C("vehicle_updates_skipped", "whole", "", "0 or more", "Vehicle updates skipped."),
        C(
            "wall_s",
            "number",
            "s",
            "0 or more",
            "Running time of `coordinate` for all rungs, without reading and saving.",
        ),
        PEAK_MEMORY,
        SEED,
        VERSION,
        FINGERPRINT,
    ),
    about="One object; also what `--json` prints and `Coordination.summary()` returns. null where something "
    "was "
    "not solved or has no meaning.",
)

_FEEDERS = ResultFile(
    "feeders.parquet",
    "feeders",
    (
        C("feeder_id", "id"),
        C("bank_id", "id", meaning="Bank of the feeder; empty if it has none."),
        C("unmanaged_overload_kw", "float64", "kW", "0 or more", "Largest overload over the horizon."),
        C("unmanaged_upgrade_cost", "float64", "cost", "0 or more", "Cost of that overload."),
        C(
            "session_overload_kw",
            "float64",
            "kW",
            "0 or more",
            "Absent with `--no-session`; so is the row below.",
            optional=True,
        ),
        C("session_upgrade_cost", "float64", "cost", "0 or more", optional=True),
        C("coordinated_overload_kw", "float64", "kW", "0 or more"),
        C("coordinated_upgrade_cost", "float64", "cost", "0 or more"),
        C(
            "base_overload_kw",
            "float64",
            "kW",
            "0 or more",
            "Part of each overload that exists before any vehicle charges.",
        ),
        C("base_upgrade_cost", "float64", "cost", "0 or more", "Its cost.", optional=True),
        C(
            "headroom_worst_step_kw",
            "float64",
            "kW",
            "",
            "Headroom in the step where unmanaged load exceeds it most.",
        ),
        C(
            "price_total",
            "float64",
            "cost per kW",
            "0 to the cost of its dearest kW",
            "Sum of its own prices over the horizon.",
        ),
        C(
            "name",
            "text",
            meaning="Present if the scenario has it; so are the three rows below.",
            optional=True,
        ),
        C("customers", "int64", optional=True),
        C("longitude", "float64", "degrees", optional=True),
        C("latitude", "float64", "degrees", optional=True),
    ),
    as_frame=True,
)

_BANKS = ResultFile(
    "banks.parquet",
    "banks",
    (
        C("bank_id", "id"),
        C("unmanaged_overload_kw", "float64", "kW", "0 or more", "As for feeders; so are all rows below."),
        C("unmanaged_upgrade_cost", "float64", "cost", "0 or more"),
        C("session_overload_kw", "float64", "kW", "0 or more", optional=True),
        C("session_upgrade_cost", "float64", "cost", "0 or more", optional=True),
        C("coordinated_overload_kw", "float64", "kW", "0 or more"),
        C("coordinated_upgrade_cost", "float64", "cost", "0 or more"),
        C("base_overload_kw", "float64", "kW", "0 or more"),
        C("base_upgrade_cost", "float64", "cost", "0 or more", optional=True),
        C("headroom_worst_step_kw", "float64", "kW"),
        C("price_total", "float64", "cost per kW", "0 to the cost of its dearest kW"),
        C("name", "text", meaning="Where the scenario has it.", optional=True),
    ),
    as_frame=True,
)

_VEHICLES = ResultFile(
    "vehicles.parquet",
    "vehicles",
    (
        C("vehicle_id", "id"),
        C(
            "energy_kwh",
            "float64",
            "kWh, grid side",
            "0 or more",
            "Energy that one vehicle draws over the horizon on the mobility-aware rung.",
        ),
        C(
            "missing_energy_kwh",
            "float64",
            "kWh, battery side",
            "0 or more",
            "Energy that it lacks for its trips.",
        ),
        C("cost", "float64", "cost", "0 or more", "Payment under the prices, times weight."),
        C(
            "cheapest_cost",
            "float64",
            "cost",
            "",
            "Proved least payment, times weight; may lie below 0 by rounding.",
        ),
        C("regret_cost", "float64", "cost", "0 or more", "`cost` − `cheapest_cost`."),
    ),
    as_frame=True,
)

_LOADS = ResultFile(
    "loads.nc",
    "data",
    (
        C("feeder", "id", dims="feeder"),
        C("bank", "id", dims="bank"),
        C("step", "int64", "", "0 to `steps` − 1", dims="step"),
        C("time", "time", meaning="Start of the step, local time.", dims="step"),
        C(
            "longitude",
            "float64",
            "degrees",
            "",
            "Present if the scenario has it; so are the two rows below.",
            dims="feeder",
            optional=True,
        ),
        C("latitude", "float64", "degrees", dims="feeder", optional=True),
        C("customers", "int64", dims="feeder", optional=True),
        C("headroom_kw", "float64", "kW", "", "As in the scenario; inf: no limit.", dims="feeder, step"),
        C("unmanaged_kw", "float64", "kW", "0 or more", "Charging load.", dims="feeder, step"),
        C(
            "session_kw",
            "float64",
            "kW",
            "0 or more",
            "Absent with `--no-session`; so are the other names with `session`.",
            dims="feeder, step",
            optional=True,
        ),
        C("coordinated_kw", "float64", "kW", "0 or more", dims="feeder, step"),
        C(
            "price",
            "float64",
            "cost per kW",
            "0 or more",
            "The feeder's own price on the mobility-aware rung. A vehicle pays it plus its bank's.",
            dims="feeder, step",
        ),
        C(
            "session_price",
            "float64",
            "cost per kW",
            "0 or more",
            "The feeder's own price on the session rung.",
            dims="feeder, step",
            optional=True,
        ),
        C("bank_headroom_kw", "float64", "kW", dims="bank, step"),
        C("bank_unmanaged_kw", "float64", "kW", "0 or more", "Sum of its feeders.", dims="bank, step"),
        C("bank_session_kw", "float64", "kW", "0 or more", dims="bank, step", optional=True),
        C("bank_coordinated_kw", "float64", "kW", "0 or more", dims="bank, step"),
        C("bank_price", "float64", "cost per kW", "0 or more", "The bank's own price.", dims="bank, step"),
        C("bank_session_price", "float64", "cost per kW", "0 or more", dims="bank, step", optional=True),
        C(
            "base_load_kw",
            "float64",
            "kW",
            "",
            "Present if the scenario has it.",
            dims="feeder, step",
            optional=True,
        ),
        C(
            "rating_kw",
            "float64",
            "kW",
            "0 or more",
            "Present if the scenario has any.",
            dims="feeder",
            optional=True,
        ),
    ),
    about="NetCDF over (`feeder`, `step`) and (`bank`, `step`). Attributes of the file: `Conventions`, "
    "`title`, "
    "`scenario`; of each variable: `units`, `long_name`.",
    title="Loads and prices of",
    as_frame=True,
)

_POWERS = (
    C("vehicle_id", "id"),
    C(
        "dwell",
        "int32",
        "",
        "0 or more",
        "Number of the dwell among all dwells of the vehicle, in time order.",
    ),
    C("step", "int32", "", "0 to `steps` − 1"),
    C("feeder_id", "id", meaning="Empty if not on the grid studied."),
    C(
        "power_kw",
        "float64",
        "kW, grid side",
        "above 0",
        "Average over the whole step, also where the dwell covers only part of it; of one vehicle, not "
        "weighted.",
    ),
)

_STATES = (
    C("vehicle_id", "id"),
    C("minute", "float64", "min", "within the horizon", "An arrival or a departure."),
    C(
        "soc",
        "float64",
        "fraction",
        "up to `soc_max`",
        "State of charge at that minute. Below `soc_min` only if a vehicle is short or began below it.",
    ),
)

_HISTORY = ResultFile(
    "history.csv",
    "history",
    (
        C("rung", "text", meaning="`session` or `coordinated`."),
        C("iteration", "int64", "", "0 or more", "Passes so far: the sum of the next two."),
        C("projections", "int64", "", "0 or more", "Passes in which vehicles moved."),
        C("bounds", "int64", "", "0 or more", "Passes in which bounds were computed."),
        C("primal", "float64", "cost", "0 or more", "Cost of the best schedule so far."),
        C("bound", "float64", "cost", "", "Best bound so far."),
        C("gap", "float64", "fraction", "0 or more", "Relative gap of the two."),
        C(
            "primal_residual",
            "float64",
            "see right",
            "0 or more",
            "ADMM: how far loads are from the grid's copies, relative. Newton: slack of the grid around this "
            "centre, cost.",
        ),
        C(
            "dual_residual",
            "float64",
            "see right",
            "0 or more",
            "ADMM: how far the grid's copies moved, relative. Newton: length of the last step, cost per kW.",
        ),
        C("penalty", "float64", "see right", "above 0", "ADMM: $\\rho$. Newton: $\\sigma$."),
        C("answered", "int64", "", "0 or more", "Vehicle updates made so far."),
        C("skipped", "int64", "", "0 or more", "Vehicle updates skipped so far."),
        C(
            "seconds",
            "float64",
            "s",
            "0 or more",
            "Time since the rung began, including the runs that it was resumed from.",
        ),
    ),
    about="One row per check of the bracket, session rung first. A Newton run begins with rows of its ADMM "
    "warm-up.",
)

FILES = ResultSpecification(
    study="coordinate",
    result=Coordination,
    files=(
        _FIGURES,
        _FEEDERS,
        _BANKS,
        _VEHICLES,
        _LOADS,
        ResultFile(
            SCHEDULE_FILES["coordinated"],
            "",
            _POWERS,
            about="Schedule of the mobility-aware rung, by vehicle, dwell and step; steps without "
            "power "
            "have none. The unmanaged schedule is not stored: it follows from the scenario.",
            as_frame=True,
        ),
        ResultFile(
            SCHEDULE_FILES["session"],
            "",
            _POWERS,
            about="The schedule of the session rung; absent with `--no-session`.",
            absent="none",
            as_frame=True,
        ),
        ResultFile(
            _SOC,
            "",
            _STATES,
            about="Written with `--soc` or `tidewatt.save(..., soc=True)`, for the mobility-aware rung.",
            absent="none",
            as_frame=True,
        ),
        _HISTORY,
        certificate_file(
            "",
            C(
                "rungs",
                "section",
                meaning="By rung: `upgrade_cost`, `lower_bound_cost`, `total_regret_cost`, "
                "`grid_slack_cost`, all in cost.",
            ),
            C("statuses", "section", meaning="By rung: name of the status."),
            C(
                "counts",
                "section",
                meaning="`iterations`, `vehicle_updates`, `vehicle_updates_skipped`, as in the summary.",
            ),
            C(
                "missing_energy_kwh",
                "section",
                meaning="Missing energy of each short vehicle, kWh on the battery side.",
            ),
        ),
    ),
    about="Rungs are `unmanaged`, `session` and `coordinated` (mobility-aware). Costs are in the unit that "
    "`cost_unit` in `summary.json` names.",
    needs="schedules",
    write_more=_write_more,
    claims=_claims,
    restore=_restore,
)
"""Files that a result of `coordinate` consists of."""
