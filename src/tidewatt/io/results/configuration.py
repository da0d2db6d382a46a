"""Files of a result of `configure`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tidewatt.configuration.result import Configuration
from tidewatt.io.results.specification import (
    FINGERPRINT,
    PEAK_MEMORY,
    SEED,
    STATUS,
    SUMMARY,
    VERSION,
    ResultFile,
    ResultSpecification,
    certificate_file,
)
from tidewatt.io.results.specification import ResultColumn as C

__all__ = ["FILES"]

_NEW = "scenario"
_OLD = "scenario-before"


def _write_more(result: Configuration, folder: Path, scenario_folder: Path | None, soc: bool) -> None:
    """Write the scenario with the new plan for `simulate`, or the old one if it has no folder."""
    from tidewatt.configuration.verdict import built
    from tidewatt.io.scenario.writing import write_scenario

    assert result.scenario is not None
    fast, normal = (result.plan[f"{kind}_after"].to_numpy(np.int64) for kind in ("fast", "normal"))
    write_scenario(built(result.scenario, fast, normal), folder / _NEW)
    if scenario_folder is None:
        write_scenario(result.scenario, folder / _OLD)


_SHARES = (
    C("f1", "number", "`money_unit` a day", "", "Cost of stations: `f1_1` − `f1_2` + `f1_3` (conf-2)."),
    C("f1_1", "number", "`money_unit` a day", "", "Cost of the retrofit (conf-3); 0 in `before`."),
    C("f1_2", "number", "`money_unit` a day", "0 or more", "Revenue (conf-6)."),
    C("f1_3", "number", "`money_unit` a day", "0 or more", "Cost of expansion (conf-8); 0 in `before`."),
    C(
        "f2",
        "number",
        "`money_unit` a day",
        "0 or more",
        "Cost of drivers: `f2_1` + `f2_2` + `f2_3` (conf-9).",
    ),
    C("f2_1", "number", "`money_unit` a day", "0 or more", "Time (conf-10)."),
    C("f2_2", "number", "`money_unit` a day", "0 or more", "Fees (conf-12), equal to `f1_2`."),
    C("f2_3", "number", "`money_unit` a day", "0 or more", "Dissatisfaction (conf-13)."),
    C(
        "f3",
        "number",
        "`money_unit` a day",
        "0 or more",
        "Cost of the grid: sum of the two rows below (conf-14).",
    ),
    C("f3_peak_valley", "number", "`money_unit` a day", "0 or more"),
    C("f3_variance", "number", "`money_unit` a day", "0 or more"),
    C("f4", "number", "`money_unit` a day", "0 or more", "Traffic (conf-16)."),
)

_MEASURES = (
    C("mean_detour_min", "number", "min", "0 or more", "Per charge."),
    C("mean_wait_min", "number", "min", "0 or more", "Per charge."),
    C("mean_charge_min", "number", "min", "0 or more", "Per charge."),
    C(
        "peak_load_kw",
        "number",
        "kW",
        "0 or more",
        "Highest load of all stations together in a minute, mean over days.",
    ),
    C(
        "peak_valley_kw",
        "number",
        "kW",
        "0 or more",
        "Highest minus lowest load in a minute, mean over days.",
    ),
    C(
        "queue_peak",
        "number",
        "vehicles",
        "0 or more",
        "Most vehicles queueing at all stations together, mean over days.",
    ),
    C(
        "traffic_flow_veh_per_min",
        "number",
        "vehicles/min",
        "0 or more",
        "Vehicles of the fleet that are driving, mean over the minutes.",
    ),
)
_JUDGED = (*_SHARES, *_MEASURES)
"""Keys of ``before`` and ``after``, rows of `costs.csv` and columns of `days.csv`."""

_COUNTED = (
    C("charges", "number", "1/day", "0 or more"),
    C("charges_fast", "number", "1/day", "0 or more", "At fast chargers."),
    C("charges_normal", "number", "1/day", "0 or more", "At normal chargers."),
    C("unserved", "number", "1/day", "0 or more", "Vehicles that ran low and did not charge on the way."),
    C("energy_kwh", "number", "kWh/day", "0 or more", "Charged."),
    C("revenue", "number", "cost/day", "0 or more", "Revenue, in the scenario's money."),
)
"""Rows of the table of costs and columns of days besides."""

_FIGURES = ResultFile(
    SUMMARY,
    "figures",
    (
        C("scenario", "text", meaning="Its name."),
        C("currency", "text", meaning="The scenario's `currency`; empty where it names none.", optional=True),
        C("cost_unit", "text", meaning="What costs are in, such as `10,000 USD`.", optional=True),
        C("status", "text", meaning="How the search ended."),
        C("mode", "text", meaning="Which formulas were used."),
        C("search", "text", meaning="How plans were sought."),
        C("information", "text", meaning="What drivers know of queues: `none`, `arrived`, `reserved`."),
        C("weights", "section", "", "0 or more", "`stations`, `drivers`, `grid`, `traffic`."),
        C("days_train", "whole", "", "1 or more", "Days replayed in the search."),
        C("days_test", "whole", "", "2 or more", "Fresh days simulated for the verdict."),
        C("evaluations", "whole", "", "0 or more", "Plans judged, each counted once."),
        C("replays", "whole", "", "0 or more", "Days replayed."),
        C("wall_s", "number", "s", "0 or more"),
        C(
            "objective_train",
            "number",
            "`money_unit` a day",
            "0 or less",
            "Best objective on the days of the search.",
        ),
        C(
            "objective",
            "number",
            "`money_unit` a day",
            "",
            "Objective of the same plan on the fresh days: sum of weight × (`after` − `before`).",
        ),
        C("objective_ci95", "number", "`money_unit` a day", "0 or more"),
        C(
            "before",
            "section",
            meaning="Figures of what is installed, on the fresh days; the keys are below.",
        ),
        C("after", "section", meaning="Figures of the plan, on the same days."),
        C("stations_changed", "whole", "", "0 or more"),
        C("fast_before", "whole", "chargers", "0 or more", "Number at all stations; so are the three below."),
        C("fast_after", "whole", "chargers", "0 or more"),
        C("normal_before", "whole", "chargers", "0 or more"),
        C("normal_after", "whole", "chargers", "0 or more"),
        C(
            "constraints",
            "section",
            "",
            "true or false",
            "Whether the plan keeps `site`, `cost_18`, `budget`, `feeder`, `fixed`; `cost_18` on the fresh "
            "days.",
        ),
        C(
            "replay_error",
            "section",
            meaning="Replay less full simulation of the plan on the fresh days: `objective` (`money_unit` a "
            "day), `mean_wait_min` (min).",
        ),
        C(
            "coordinated",
            "section",
            meaning="Of one fresh day, `before` and `after`, each `unmanaged` and `coordinated`: `f3`, "
            "`f3_peak_valley`, `f3_variance` (`money_unit` a day), `peak_load_kw`, `station_peaks_kw` (their "
            "sum) and, coordinated, its proved `lower_bound_kw`; besides `accepted_wait_min`, `step_min`. "
            "Null without `--coordinated`.",
        ),
        SEED,
        VERSION,
        FINGERPRINT,
        C(
            "limits",
            "section",
            meaning="Room left: `sites_full` of `sites` that may change, `feeders_full` of `feeders` "
            "(without room for the smaller charger), `capital` (purchases less sales), `budget_left` (null: "
            "no limit), `station_cost_left` (`money_unit`).",
        ),
        C(
            "charges_before",
            "number",
            "1/day",
            "0 or more",
            "On the fresh days; so are the three rows below.",
        ),
        C("charges_after", "number", "1/day", "0 or more"),
        C(
            "unserved_before",
            "number",
            "1/day",
            "0 or more",
            "Vehicles that ran low without charging on the way, on the fresh days.",
        ),
        C("unserved_after", "number", "1/day", "0 or more"),
        C("vehicles", "whole", "", "1 or more", "Number in the scenario; so are the two below."),
        C("stations", "whole", "", "1 or more"),
        C("links", "whole", "", "0 or more"),
        PEAK_MEMORY,
        C("parameters", "section", meaning="All of `configure`."),
        C("simulation", "section", meaning="All options of the simulated days."),
    ),
    about="Keys of its `summary.json`, in this order.",
    heading="Summary of `configure`",
    parts=(("Keys of `before` and `after`, and rows of the table of costs:", "figure", _JUDGED),),
)

_PLAN = ResultFile(
    "plan.parquet",
    "plan",
    (
        C("station_id", "id"),
        C("node_id", "id"),
        C(
            "x",
            "float64",
            "",
            "",
            "Coordinates of the node (`x`, `y`), in the reference system of the scenario.",
        ),
        C("y", "float64"),
        C("fast_before", "int64", "chargers", "0 or more"),
        C("fast_after", "int64", "chargers", "0 or more"),
        C("normal_before", "int64", "chargers", "0 or more"),
        C("normal_after", "int64", "chargers", "0 or more"),
        C(
            "retrofit_cost",
            "float64",
            "`money_unit` a day",
            "",
            "Cost at this station (conf-3); negative if chargers are sold.",
        ),
        C(
            "wait_before_min",
            "float64",
            "min",
            "0 or more",
            "Mean wait per charge; empty if nobody charges.",
        ),
        C("wait_after_min", "float64", "min", "0 or more"),
        C(
            "peak_before_kw",
            "float64",
            "kW",
            "0 or more",
            "Highest load in a minute, mean over days.",
        ),
        C("peak_after_kw", "float64", "kW", "0 or more"),
        C(
            "utilisation_before",
            "float64",
            "fraction",
            "0 to 1",
            "Share of charger-minutes that are used.",
        ),
        C("utilisation_after", "float64", "fraction", "0 to 1"),
        C("charges_before", "float64", "1/day", "0 or more"),
        C("charges_after", "float64", "1/day", "0 or more"),
    ),
    about="One row per station.",
    repeats=True,
)

_COSTS = ResultFile(
    "costs.csv",
    "costs",
    (
        C("figure", "text", meaning="Its name."),
        C("unit", "text"),
        C(
            "before",
            "float64",
            "as `unit`",
            "",
            "Mean over the fresh days; for figures named mean, over all charges.",
        ),
        C("before_ci95", "float64", "as `unit`", "0 or more", "Half interval over days."),
        C("after", "float64", "as `unit`"),
        C("after_ci95", "float64", "as `unit`", "0 or more"),
        C("change", "float64", "as `unit`"),
        C(
            "change_ci95",
            "float64",
            "as `unit`",
            "0 or more",
            "Half interval of the daily differences: both plans meet the same drivers.",
        ),
    ),
    about="One row per figure: those of `before` and `after` in the summary, then those below.",
    parts=(("Further rows:", "figure", _COUNTED),),
)

_DAYS = ResultFile(
    "days.csv",
    "days",
    (
        C("day", "int64", "", "0 or more"),
        C("plan", "text", meaning="`before` or `after`."),
        *_SHARES,
        *_COUNTED,
        *_MEASURES,
        C("objective", "float64", "`money_unit` a day", "", "0 before."),
        C(
            "replayed_objective",
            "float64",
            "`money_unit` a day",
            "",
            "Estimate from replaying the same day of `before`.",
        ),
        C("replayed_wait_min", "float64", "min", "0 or more", "Likewise."),
    ),
    about="One row per fresh day and plan.",
)

_PROFILES = ResultFile(
    "profiles.nc",
    "data",
    (
        C("plan", "text", dims="plan", meaning="`before` and `after`."),
        C("minute", "int64", "min", "0 or more", dims="minute"),
        C(
            "load_kw",
            "float64",
            "kW",
            "0 or more",
            "Load of all stations, mean over the fresh days.",
            dims="plan, minute",
        ),
        C("queue_vehicles", "float64", "vehicles", "0 or more", "Likewise.", dims="plan, minute"),
        C(
            "load_one_day_kw",
            "float64",
            "kW",
            "0 or more",
            "With `--coordinated`: unmanaged load on the first fresh day, 5-min means.",
            dims="plan, minute",
            optional=True,
        ),
        C(
            "load_coordinated_kw",
            "float64",
            "kW",
            "0 or more",
            "Coordinated load on the same day, 5-min means.",
            dims="plan, minute",
            optional=True,
        ),
    ),
    about="NetCDF; attributes as in `loads.nc`.",
    title="Load and queue before and after in",
)

_FRONT = ResultFile(
    "front.parquet",
    "front",
    (
        C("plan", "int64", "", "0 or more", "Number of the plan."),
        *(
            C(f"f{k}", "float64", "`money_unit` a day", "", "Cost on the days of the search.")
            for k in range(1, 5)
        ),
        C(
            "fast",
            "list",
            "chargers",
            "0 or more",
            "Chargers per station, a list in the order of `plan.parquet`.",
        ),
        C("normal", "list", "chargers", "0 or more", "Likewise."),
    ),
    about="With `--search pareto`, one row per plan that no other beats in all four costs.",
    absent="none",
    as_frame=True,
)

_HISTORY = ResultFile(
    "history.csv",
    "history",
    (
        C("evaluations", "int64", "", "0 or more", "Plans tried so far."),
        C(
            "best_objective",
            "float64",
            "`money_unit` a day",
            "",
            "Best objective so far; empty until a plan keeps all limits.",
        ),
        C("mean_wait_min", "float64", "min", "0 or more", "Mean wait of that plan."),
        C("seconds", "float64", "s", "0 or more"),
    ),
    about="`history.csv`, one row per step of the search.",
    heading="History of `configure`",
)

FILES = ResultSpecification(
    study="configure",
    result=Configuration,
    files=(
        _FIGURES,
        _PLAN,
        _COSTS,
        _DAYS,
        _PROFILES,
        _FRONT,
        _HISTORY,
        ResultFile(
            _NEW,
            "",
            (),
            about="A folder with the scenario and the new plan, for `simulate`.",
            heading="Scenarios of `configure`",
            after="If `tidewatt.save` was given no scenario folder, the scenario is in `scenario-before`.",
        ),
        certificate_file("Certificate of `configure`", STATUS, kind="configuration"),
    ),
    about="Costs are in `money_unit` of `[configuration]` a day; one unit is 10,000 "
    "of the scenario's money unless set otherwise; `cost_unit` says it in words. `_ci95` is half of the 95 % "
    "confidence interval over the fresh days.",
    needs="scenario",
    own_scenario=_OLD,
    write_more=_write_more,
)
"""Files that a result of `configure` consists of."""
