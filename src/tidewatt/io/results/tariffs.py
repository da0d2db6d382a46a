"""Files of a result of `tariff`."""

from __future__ import annotations

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
from tidewatt.tariffs.result import Tariffs

__all__ = ["FILES"]

_FIGURES = ResultFile(
    SUMMARY,
    "figures",
    (
        C("scenario", "text", meaning="Its name."),
        C("currency", "text", meaning="The scenario's `currency`; empty where it names none.", optional=True),
        C("status", "text", meaning="How it ended; see [tariff.md](tariff.md#when-it-stops)."),
        C("status_advice", "text", meaning="The status as a sentence."),
        C(
            "formulation",
            "text",
            meaning="`arcs`, `paths` or `both`; with `both`, figures are those of `arcs`.",
        ),
        C("uncertainty", "text", meaning="Set that limits are protected against."),
        C("gamma", "number", "", "0 to 1", "Size of the uncertainty set; null with `conformal`."),
        C("coverage", "number", "fraction", "0 to 1", "Coverage of `conformal`; null otherwise."),
        C("coverage_scope", "text", meaning="Scope of `conformal`: `row_step` or `joint`."),
        C("start", "time", meaning="When the horizon starts, local time."),
        C("step_min", "number", "min", "above 0", "Length of a step."),
        C("steps", "whole", "", "1 or more"),
        C("nodes", "whole", "", "1 or more", "Number of nodes of the roads."),
        C("links", "whole", "", "1 or more", "Number of links of the roads."),
        C("sites", "whole", "", "1 or more"),
        C("aggregators", "whole", "", "1 or more"),
        C("vehicles", "number", "", "above 0", "Not necessarily whole."),
        C("groups", "whole", "", "1 or more", "Rows of `travel`."),
        C("lines", "whole", "", "1 or more", "Number of lines of the grid."),
        C("buses", "whole", "", "2 or more", "Number of buses of the grid."),
        C("columns", "whole", "", "0 or more", "Number of variables of the last program."),
        C("rows", "whole", "", "0 or more", "Number of constraints of the last program."),
        C(
            "grid_rows",
            "whole",
            "",
            "0 or more",
            "Line and voltage limits whose flow or voltage vehicles can change.",
        ),
        C("arcs_generated", "whole", "", "0 or more", "Arcs that came into the program; 0 with `paths`."),
        C("iterations", "whole", "", "0 or more", "Programs solved."),
        C("soc_step", "number", "fraction", "above 0", "Step of the state of charge; null with `paths`."),
        C("soc_rounding", "text", meaning="Which way it was rounded."),
        C("linearisation", "text", meaning="Where power flow was linearised."),
        C("loss_margin", "number", "fraction", "0 to 1"),
        C(
            "cost",
            "number",
            "cost",
            "",
            "Cost of the operator's plan: vehicle time, energy, and what its own power adds to every "
            "aggregator's price (tariff-8).",
        ),
        C(
            "lower_bound_cost",
            "number",
            "cost",
            "",
            "Proved: no plan within the margins costs less (tariff-9).",
        ),
        C(
            "relative_gap",
            "number",
            "fraction",
            "",
            "Gap between the two; null while some vehicles are not served.",
        ),
        C("deterministic_cost", "number", "cost", "", "Cost of the plan that trusts the forecasts."),
        C(
            "robust_cost_increase",
            "number",
            "fraction",
            "0 or more",
            "How far `cost` exceeds `deterministic_cost`.",
        ),
        C("largest_tariff_per_kwh", "number", "cost per kWh", "0 or more", "Largest over sites and steps."),
        C("largest_toll_per_vehicle", "number", "cost per vehicle", "0 or more", "Among published tolls."),
        C(
            "largest_charger_price",
            "number",
            "cost per charger and step",
            "0 or more",
            "Among published prices of chargers.",
        ),
        C("published", "texts", meaning="What aggregators were told: `tariff`, `tolls`, `charger_prices`."),
        C(
            "decentralisation_error_kw",
            "number",
            "kW",
            "0 or more",
            "Largest difference between an aggregator's own power and the operator's plan, over sites and "
            "steps.",
        ),
        C(
            "decentralisation_error_tariff_only_kw",
            "number",
            "kW",
            "0 or more",
            "`decentralisation_error_kw` if aggregators know only the tariff.",
        ),
        C(
            "decentralisation_flow_error_kw",
            "number",
            "kW",
            "0 or more",
            "Largest change of line flow that `decentralisation_error_kw` can cause.",
        ),
        C(
            "decentralisation_error_bound_kw",
            "number",
            "kW",
            "0 or more",
            "Proved bound on the distance between own and planned power, as vectors (tariff-18).",
        ),
        C("binding_lines", "ids", meaning="Lines with a price in some step."),
        C("binding_buses", "ids", meaning="Buses with a voltage price in some step."),
        C("energy_kwh", "number", "kWh", "0 or more", "Energy charged, grid side."),
        C(
            "prices_needed",
            "texts",
            meaning="Prices without which aggregators together would not choose the plan.",
        ),
        C(
            "soc_gap",
            "number",
            "fraction",
            "",
            "How far `cost` may be too high because of rounding the state of charge, with `--soc-rounding "
            "both`.",
        ),
        C(
            "pooling_gap",
            "number",
            "fraction",
            "",
            "How much cheaper `paths` is, with `--formulation both`.",
        ),
        C("outer_bound_cost", "number", "cost", "", "Bound with the state of charge rounded outwards."),
        C("paths_cost", "number", "cost", "", "Cost of the paths formulation."),
        C(
            "violation_rate_robust",
            "number",
            "fraction",
            "0 to 1",
            "Share of drawn outcomes in which this plan exceeds a limit.",
        ),
        C(
            "violation_rate_deterministic",
            "number",
            "fraction",
            "0 to 1",
            "The same share for the plan that trusts the forecasts.",
        ),
        C("samples", "whole", "", "0 or more", "Outcomes asked for."),
        C(
            "ac_voltage_error_pu",
            "number",
            "per unit",
            "0 or more",
            "Largest error of voltages against a full AC power flow; null without the extra `ac`, like the "
            "row below.",
        ),
        C(
            "ac_flow_error_kw",
            "number",
            "kW",
            "0 or more",
            "Largest error of line flows against a full AC power flow.",
        ),
        C(
            "ac_exceeded_lines",
            "ids",
            meaning="Lines whose limits the AC flow of the plan exceeds at the forecast, in some step; null "
            "like the two above.",
        ),
        C("ac_exceeded_buses", "ids", meaning="Buses likewise."),
        C(
            "unserved_vehicles",
            "number",
            "",
            "0 or more",
            "Vehicles that cannot travel even with relaxed limits; otherwise those left out of the plan.",
        ),
        C(
            "solver_status",
            "section",
            meaning="How each program ended: `central`, and those of `outer`, `paths`, `deterministic`, "
            "`elastic` (the diagnosis) and `own` (a list, by aggregator) that were solved.",
        ),
        C("notes", "texts", meaning="What else to know."),
        C("build_s", "number", "s", "0 or more", "Time to build the operator's problem."),
        C("solve_s", "number", "s", "0 or more", "Time to solve the operator's problem."),
        C("wall_s", "number", "s", "0 or more", "Running time of `tariff`, without reading and saving."),
        PEAK_MEMORY,
        SEED,
        VERSION,
        FINGERPRINT,
    ),
    about="Keys of its `summary.json`, in this order; also what `--json` prints. null where a figure was not "
    "computed or has no meaning.",
    heading="Summary of `tariff`",
)

_TARIFFS = ResultFile(
    "tariffs.parquet",
    "tariffs",
    (
        C("site_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C(
            "tariff_per_kwh",
            "float64",
            "cost per kWh",
            "",
            "Added to the energy price: sum of the two parts below (tariff-10). Negative where drawing power "
            "relieves a limit.",
        ),
        C("line_part_per_kwh", "float64", "cost per kWh", "", "Part due to line limits."),
        C("voltage_part_per_kwh", "float64", "cost per kWh", "", "Part due to voltage limits."),
        C("charger_price", "float64", "cost per charger and step", "0 or more", "0 where none is published."),
        C(
            "interval_low",
            "float64",
            "cost per kWh",
            "",
            "Lowest tariff that supports the same plan (tariff-22).",
        ),
        C(
            "interval_high",
            "float64",
            "cost per kWh",
            "",
            "Highest tariff that supports the same plan (tariff-22); nan where it was not computed.",
        ),
    ),
    about="One row per site and step.",
)

_TOLLS = ResultFile(
    "tolls.parquet",
    "tolls",
    (
        C("link_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1", "Step in which vehicles leave the link."),
        C("toll_per_vehicle", "float64", "cost per vehicle", "above 0"),
    ),
    about="Published tolls above 0.",
)

_LINES = ResultFile(
    "lines.parquet",
    "lines",
    (
        C("line_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("limit_kw", "float64", "kW", "above 0", "Limit minus the margin for losses; inf: no limit."),
        C("nominal_kw", "float64", "kW", "", "Flow with the plan, at the forecast."),
        C(
            "worst_high_kw",
            "float64",
            "kW",
            "`nominal_kw` or more",
            "Highest flow within the uncertainty set.",
        ),
        C("worst_low_kw", "float64", "kW", "`nominal_kw` or less", "Lowest flow within the uncertainty set."),
        C(
            "dual_high",
            "float64",
            "cost per kW",
            "0 or more",
            "Fall in cost if the limit away from the slack were one kW higher.",
        ),
        C(
            "dual_low",
            "float64",
            "cost per kW",
            "0 or more",
            "Fall in cost if the limit towards the slack were one kW higher.",
        ),
    ),
    about="One row per line and step.",
)

_VOLTAGES = ResultFile(
    "voltages.parquet",
    "voltages",
    (
        C("bus_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("voltage_min_pu", "float64", "per unit", "0 or more", "Limit; 0: none."),
        C("voltage_max_pu", "float64", "per unit", "above 0", "Limit; inf: none."),
        C("nominal_pu", "float64", "per unit", "above 0", "Voltage with the plan, at the forecast."),
        C(
            "worst_high_pu",
            "float64",
            "per unit",
            "`nominal_pu` or more",
            "Highest voltage within the uncertainty set.",
        ),
        C(
            "worst_low_pu",
            "float64",
            "per unit",
            "`nominal_pu` or less",
            "Lowest voltage within the uncertainty set.",
        ),
        C("dual_high", "float64", "cost per squared per unit", "0 or more", "Price of the upper limit."),
        C("dual_low", "float64", "cost per squared per unit", "0 or more", "Price of the lower limit."),
    ),
    about="One row per bus and step.",
)

_AGGREGATORS = ResultFile(
    "aggregators.parquet",
    "aggregators",
    (
        C("aggregator_id", "id"),
        C("site_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("central_kw", "float64", "kW", "", "Power in the operator's plan."),
        C("own_kw", "float64", "kW", "", "In the aggregator's own best plan under what is published."),
        C(
            "own_tariff_only_kw",
            "float64",
            "kW",
            "",
            "Power in its own best plan if it knows only the tariff.",
        ),
        C(
            "cost",
            "float64",
            "cost",
            "",
            "Cost of the energy of `central_kw` in the step, at price plus tariff.",
        ),
    ),
    about="One row per aggregator, site and step.",
)

_SITES = ResultFile(
    "sites.parquet",
    "sites",
    (
        C("site_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C(
            "entering",
            "float64",
            "vehicles",
            "0 or more",
            "Vehicles that reach the site's node and stay to charge or discharge.",
        ),
        C("bypassing", "float64", "vehicles", "0 or more", "Vehicles that reach the node and drive on."),
        C("queue", "float64", "vehicles", "0 or more", "Vehicles that wait before charging."),
        C("charging", "float64", "vehicles", "0 or more"),
        C("discharging", "float64", "vehicles", "0 or more"),
        C(
            "soc_mean",
            "float64",
            "fraction",
            "0 to 1",
            "Mean of vehicles queueing or at chargers at the start of the step; nan if there are none.",
        ),
    ),
    about="One row per site and step, all vehicles together.",
)

_OUTCOMES = ResultFile(
    "outcomes.parquet",
    "outcomes",
    (
        C("line_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("plan", "text", meaning="`robust` (the operator's) or `deterministic` (trusts the forecasts)."),
        C("low_kw", "float64", "kW", "", "Lowest flow."),
        C("p05_kw", "float64", "kW", "", "Quantile 0.05."),
        C("median_kw", "float64", "kW"),
        C("p95_kw", "float64", "kW", "", "Quantile 0.95."),
        C("high_kw", "float64", "kW", "", "Highest flow."),
        C(
            "violated",
            "float64",
            "fraction",
            "0 to 1",
            "Share of the outcomes in which the line's limit is exceeded.",
        ),
    ),
    about="One row per plan, line and step: its flow under the drawn outcomes. Empty with `--samples 0`.",
)

_FLOWS = ResultFile(
    "flows.nc",
    "data",
    (
        C("link", "id", dims="link"),
        C("step", "int64", dims="step"),
        C("time", "time", meaning="Start of the step, local time.", dims="step"),
        C("site", "id", dims="site", optional=True),
        C(
            "link_flow",
            "float64",
            "vehicles",
            "",
            "Vehicles that leave the link in the step.",
            dims="link, step",
        ),
        C(
            "link_queue",
            "float64",
            "vehicles",
            "",
            "Vehicles that wait at its end (tariff-5).",
            dims="link, step",
        ),
        C(
            "road_dual",
            "float64",
            "cost per vehicle",
            "",
            "Price of the link's capacity in the plan, whether it is published or not.",
            dims="link, step",
            optional=True,
        ),
        C(
            "charger_dual",
            "float64",
            "cost per charger and step",
            "",
            "Price of the site's chargers in the plan, whether it is published or not.",
            dims="site, step",
            optional=True,
        ),
        C(
            "aggregator",
            "int32",
            "",
            "",
            "Position among the scenario's aggregators, from 0.",
            dims="arc",
            optional=True,
        ),
        C(
            "destination",
            "int32",
            "",
            "",
            "Position of the destination among the scenario's nodes.",
            dims="arc",
            optional=True,
        ),
        C(
            "soc_final_min",
            "float64",
            "fraction",
            "",
            "Required state of charge of the vehicles.",
            dims="arc",
            optional=True,
        ),
        C(
            "action",
            "int8",
            "",
            "",
            "0: drive over a link; 1: wait; 2: charge or discharge at a level.",
            dims="arc",
            optional=True,
        ),
        C(
            "index",
            "int32",
            "",
            "",
            "Position of the link, node or level of the action.",
            dims="arc",
            optional=True,
        ),
        C("start_step", "int64", "1", dims="arc", optional=True),
        C("end_step", "int64", "1", dims="arc", optional=True),
        C("node", "int32", "", "", "Position of the node where it starts.", dims="arc", optional=True),
        C(
            "level",
            "int64",
            "",
            "",
            "Number of the surplus level at the start (tariff-1).",
            dims="arc",
            optional=True,
        ),
        C("level_end", "int64", "", "", "At the end.", dims="arc", optional=True),
        C("soc", "float64", "fraction", "", "At the start.", dims="arc", optional=True),
        C("power_kw", "float64", "kW", "", "Power of one vehicle, grid side.", dims="arc", optional=True),
        C("vehicles", "float64", "vehicles", dims="arc", optional=True),
    ),
    about="NetCDF; attributes as in `loads.nc`. Without a published plan, flows are nan and there are no "
    "arcs. "
    "`arc` counts positive flows of the arcs formulation: groups of vehicles doing the same thing. Variables "
    "over "
    "`arc` are absent with `paths`.",
    title="Flows of vehicles in",
)

_HISTORY = ResultFile(
    "history.csv",
    "history",
    (
        C("iteration", "int64", "", "0 or more"),
        C("columns", "int64", "", "0 or more", "Variables."),
        C(
            "cost",
            "float64",
            "cost",
            "",
            "Cost of the solution found, including penalties for vehicles not yet served.",
        ),
        C("bound", "float64", "cost", "", "Best bound so far."),
        C("relative_gap", "float64", "fraction"),
        C("seconds", "float64", "s", "0 or more"),
    ),
    about="`history.csv`, one row per program solved for the operator's problem.",
    heading="History of `tariff`",
)

_GAMMA = ResultFile(
    "gamma.csv",
    "gamma",
    (
        C("gamma", "float64", "", "0 to 1"),
        C(
            "status",
            "text",
            meaning="How the operator's problem ended; if it is not `solved`, the other columns are empty.",
        ),
        C("cost", "float64", "cost"),
        C("lower_bound_cost", "float64", "cost", "", "Proved."),
        C("largest_tariff_per_kwh", "float64", "cost per kWh", "0 or more"),
        C("mean_tariff_per_kwh", "float64", "cost per kWh", "", "Mean over the energy charged."),
        C(
            "violation_rate",
            "float64",
            "fraction",
            "0 to 1",
            "Share of the same drawn outcomes in which that plan exceeds a limit.",
        ),
        C("binding_lines", "float64", "", "0 or more", "How many lines have a price."),
    ),
    about="Written with `--sweep-gamma`, one row per value of gamma.",
    absent="none",
)

_DIAGNOSIS = ResultFile(
    "diagnosis.csv",
    "diagnosis",
    (
        C("limit", "text", meaning="`line`, `voltage`, `road`, `chargers` or `demand`."),
        C("element_id", "id", meaning="Id of the line, bus, link or site; for `demand`, who cannot travel."),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("amount", "float64", "as `unit`", "above 0"),
        C("unit", "text"),
        C("remedy", "text", meaning="What to change, and by how much."),
    ),
    about="Filled only if no plan keeps all limits: the smallest relaxation that is enough (tariff-21).",
    absent="empty",
)

FILES = ResultSpecification(
    study="tariff",
    result=Tariffs,
    files=(
        _FIGURES,
        _TARIFFS,
        _TOLLS,
        _LINES,
        _VOLTAGES,
        _AGGREGATORS,
        _SITES,
        _OUTCOMES,
        _FLOWS,
        _GAMMA,
        _DIAGNOSIS,
        _HISTORY,
        certificate_file("Certificate of `tariff`", STATUS, kind="tariffs"),
    ),
    about="Costs are in the scenario's money (its `currency`, if it names one). "
    "Steps count from 0. Power is positive where it is drawn from "
    "the "
    "grid, flow of a line where it comes from the slack. Where nothing is published (see "
    "[tariff.md](tariff.md#when-it-stops)), tables of prices and plans have no rows.",
    null_is_nan=False,
)
"""Files that a result of `tariff` consists of."""
