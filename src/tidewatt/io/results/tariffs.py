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
        C("status_advice", "text", meaning="The same as a sentence."),
        C("formulation", "text", meaning="`arcs`, `paths` or `both`: then figures are those of `arcs`."),
        C("uncertainty", "text", meaning="Set that limits are protected against."),
        C("gamma", "number", "", "0 to 1", "Its size; null with `conformal`."),
        C("coverage", "number", "fraction", "0 to 1", "Of `conformal`, like the next."),
        C("coverage_scope", "text", meaning="`row_step` or `joint`."),
        C("start", "time", meaning="When the horizon starts, local time."),
        C("step_min", "number", "min", "above 0", "Length of a step."),
        C("steps", "whole", "", "1 or more"),
        C("nodes", "whole", "", "1 or more", "Of the roads, like the next."),
        C("links", "whole", "", "1 or more"),
        C("sites", "whole", "", "1 or more"),
        C("aggregators", "whole", "", "1 or more"),
        C("vehicles", "number", "", "above 0", "Not necessarily whole."),
        C("groups", "whole", "", "1 or more", "Rows of `travel`."),
        C("lines", "whole", "", "1 or more", "Of the grid, like the next."),
        C("buses", "whole", "", "2 or more"),
        C("columns", "whole", "", "0 or more", "Variables of the last program, like the next."),
        C("rows", "whole", "", "0 or more", "Its constraints."),
        C("grid_rows", "whole", "", "0 or more", "Limits of lines and voltages that vehicles can move."),
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
            "Of the operator's plan: time of vehicles, energy, and what its own power adds to every "
            "aggregator's price (tariff-8).",
        ),
        C(
            "lower_bound_cost",
            "number",
            "cost",
            "",
            "Proved: no plan within the margins costs less (tariff-9).",
        ),
        C("relative_gap", "number", "fraction", "", "Of the two; null while some vehicles are not served."),
        C("deterministic_cost", "number", "cost", "", "Of the plan that trusts the forecasts."),
        C("robust_cost_increase", "number", "fraction", "0 or more", "By how much `cost` is above that."),
        C("largest_tariff_per_kwh", "number", "cost per kWh", "0 or more", "Over sites and steps."),
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
            "The same where they know the tariff alone.",
        ),
        C(
            "decentralisation_flow_error_kw",
            "number",
            "kW",
            "0 or more",
            "What `decentralisation_error_kw` makes of the flow of lines, at most.",
        ),
        C(
            "decentralisation_error_bound_kw",
            "number",
            "kW",
            "0 or more",
            "Proved: own and planned power, as vectors, are not farther apart (tariff-18).",
        ),
        C("binding_lines", "ids", meaning="Lines with a price in some step."),
        C("binding_buses", "ids", meaning="Buses whose voltage has one."),
        C("energy_kwh", "number", "kWh", "0 or more", "Charged, grid side."),
        C("prices_needed", "texts", meaning="Without these, aggregators would not choose the plan together."),
        C(
            "soc_gap",
            "number",
            "fraction",
            "",
            "By how much `cost` may be too high for rounding the state of charge, with `--soc-rounding "
            "both`.",
        ),
        C(
            "pooling_gap",
            "number",
            "fraction",
            "",
            "By how much `paths` is cheaper, with `--formulation both`.",
        ),
        C("outer_bound_cost", "number", "cost", "", "Bound with the state of charge rounded outwards."),
        C("paths_cost", "number", "cost", "", "Of the paths formulation."),
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
            "The same of the plan that trusts the forecasts.",
        ),
        C("samples", "whole", "", "0 or more", "Outcomes asked for."),
        C(
            "ac_voltage_error_pu",
            "number",
            "per unit",
            "0 or more",
            "How far voltages are off a full AC power flow at most; null without the extra `ac`, like the "
            "next.",
        ),
        C("ac_flow_error_kw", "number", "kW", "0 or more", "The same of flows of lines."),
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
            "Vehicles that stay behind even where limits give way; else those that the plan leaves.",
        ),
        C(
            "solver_status",
            "section",
            meaning="How each program ended: `central`, and those of `outer`, `paths`, `deterministic`, "
            "`elastic` (the diagnosis) and `own` (a list, by aggregator) that were solved.",
        ),
        C("notes", "texts", meaning="What else to know."),
        C("build_s", "number", "s", "0 or more", "Of the operator's problem, like the next."),
        C("solve_s", "number", "s", "0 or more"),
        C("wall_s", "number", "s", "0 or more", "Time of `tariff`, without reading and saving."),
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
            "On top of the price of energy: sum of the next two (tariff-10). Negative where drawing power "
            "relieves a limit.",
        ),
        C("line_part_per_kwh", "float64", "cost per kWh", "", "From limits of lines."),
        C("voltage_part_per_kwh", "float64", "cost per kWh", "", "From limits of voltages."),
        C("charger_price", "float64", "cost per charger and step", "0 or more", "0 where none is published."),
        C("interval_low", "float64", "cost per kWh", "", "From here ..."),
        C(
            "interval_high",
            "float64",
            "cost per kWh",
            "",
            "... to here the tariff supports the same plan (tariff-22); nan where that was not looked for.",
        ),
    ),
    about="A row a site and step.",
)

_TOLLS = ResultFile(
    "tolls.parquet",
    "tolls",
    (
        C("link_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1", "In which the link is left."),
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
        C("limit_kw", "float64", "kW", "above 0", "inf: none. Less the margin for losses."),
        C("nominal_kw", "float64", "kW", "", "Flow with the plan, at the forecast."),
        C("worst_high_kw", "float64", "kW", "`nominal_kw` or more", "Most within the uncertainty set."),
        C("worst_low_kw", "float64", "kW", "`nominal_kw` or less", "Least within it."),
        C(
            "dual_high",
            "float64",
            "cost per kW",
            "0 or more",
            "By how much the cost would fall with one more kW away from the slack.",
        ),
        C("dual_low", "float64", "cost per kW", "0 or more", "The same towards the slack."),
    ),
    about="A row a line and step.",
)

_VOLTAGES = ResultFile(
    "voltages.parquet",
    "voltages",
    (
        C("bus_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("voltage_min_pu", "float64", "per unit", "0 or more", "Limit; 0: none."),
        C("voltage_max_pu", "float64", "per unit", "above 0", "Limit; inf: none."),
        C("nominal_pu", "float64", "per unit", "above 0", "With the plan, at the forecast."),
        C("worst_high_pu", "float64", "per unit", "`nominal_pu` or more", "Most within the uncertainty set."),
        C("worst_low_pu", "float64", "per unit", "`nominal_pu` or less", "Least within it."),
        C("dual_high", "float64", "cost per squared per unit", "0 or more", "Price of the upper limit."),
        C("dual_low", "float64", "cost per squared per unit", "0 or more", "Price of the lower one."),
    ),
    about="A row a bus and step.",
)

_AGGREGATORS = ResultFile(
    "aggregators.parquet",
    "aggregators",
    (
        C("aggregator_id", "id"),
        C("site_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("central_kw", "float64", "kW", "", "In the operator's plan."),
        C("own_kw", "float64", "kW", "", "In the aggregator's own best plan under what is published."),
        C("own_tariff_only_kw", "float64", "kW", "", "The same where the tariff alone is told."),
        C("cost", "float64", "cost", "", "Of the energy of `central_kw` in the step, at price and tariff."),
    ),
    about="A row an aggregator, site and step.",
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
            "That come to the site's node and stay to charge or discharge.",
        ),
        C("bypassing", "float64", "vehicles", "0 or more", "That come and drive on."),
        C("queue", "float64", "vehicles", "0 or more", "That wait before charging."),
        C("charging", "float64", "vehicles", "0 or more"),
        C("discharging", "float64", "vehicles", "0 or more"),
        C(
            "soc_mean",
            "float64",
            "fraction",
            "0 to 1",
            "Of those in queue or at chargers at the start of the step; nan where nobody is.",
        ),
    ),
    about="A row a site and step, all vehicles together.",
)

_OUTCOMES = ResultFile(
    "outcomes.parquet",
    "outcomes",
    (
        C("line_id", "id"),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("plan", "text", meaning="`robust` (the operator's) or `deterministic` (trusts the forecasts)."),
        C("low_kw", "float64", "kW", "", "Least."),
        C("p05_kw", "float64", "kW", "", "Quantile 0.05."),
        C("median_kw", "float64", "kW"),
        C("p95_kw", "float64", "kW", "", "Quantile 0.95."),
        C("high_kw", "float64", "kW", "", "Most."),
        C(
            "violated",
            "float64",
            "fraction",
            "0 to 1",
            "Share of the outcomes in which the line's limit is exceeded.",
        ),
    ),
    about="A row a plan, line and step: its flow under the drawn outcomes. Empty with `--samples 0`.",
)

_FLOWS = ResultFile(
    "flows.nc",
    "data",
    (
        C("link", "id", dims="link"),
        C("step", "int64", dims="step"),
        C("time", "time", meaning="Start of the step, local time.", dims="step"),
        C("site", "id", dims="site", optional=True),
        C("link_flow", "float64", "vehicles", "", "That leave the link in the step.", dims="link, step"),
        C("link_queue", "float64", "vehicles", "", "That wait at its end (tariff-5).", dims="link, step"),
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
            "Price of the site's chargers, likewise.",
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
        C("destination", "int32", "", "", "Position among its nodes.", dims="arc", optional=True),
        C("soc_final_min", "float64", "fraction", "", "Of the vehicles.", dims="arc", optional=True),
        C(
            "action",
            "int8",
            "",
            "",
            "0: drive over a link; 1: wait; 2: charge or discharge at a level.",
            dims="arc",
            optional=True,
        ),
        C("index", "int32", "", "", "Position among links, nodes or levels.", dims="arc", optional=True),
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
        C("power_kw", "float64", "kW", "", "Of one vehicle, grid side.", dims="arc", optional=True),
        C("vehicles", "float64", "vehicles", dims="arc", optional=True),
    ),
    about="NetCDF; attributes as in `loads.nc`. Without a published plan, flows are nan and there are no "
    "arcs. "
    "`arc` counts positive flows of the arcs formulation: groups of vehicles that do one thing. Variables "
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
        C("cost", "float64", "cost", "", "Of what it found, penalties of vehicles not yet served included."),
        C("bound", "float64", "cost", "", "Best so far."),
        C("relative_gap", "float64", "fraction"),
        C("seconds", "float64", "s", "0 or more"),
    ),
    about="`history.csv`, a row a program of the operator's problem.",
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
            meaning="How the operator's problem ended; where it is not `solved`, the others are empty.",
        ),
        C("cost", "float64", "cost"),
        C("lower_bound_cost", "float64", "cost", "", "Proved."),
        C("largest_tariff_per_kwh", "float64", "cost per kWh", "0 or more"),
        C("mean_tariff_per_kwh", "float64", "cost per kWh", "", "Over the energy charged."),
        C(
            "violation_rate",
            "float64",
            "fraction",
            "0 to 1",
            "Share of the same drawn outcomes in which that plan exceeds a limit.",
        ),
        C("binding_lines", "float64", "", "0 or more", "How many lines have a price."),
    ),
    about="With `--sweep-gamma`, a row a value.",
    absent="none",
)

_DIAGNOSIS = ResultFile(
    "diagnosis.csv",
    "diagnosis",
    (
        C("limit", "text", meaning="`line`, `voltage`, `road`, `chargers` or `demand`."),
        C("element_id", "id", meaning="Of the line, bus, link, site; of demand, who cannot travel."),
        C("step", "int64", "", "0 to `steps` − 1"),
        C("amount", "float64", "as `unit`", "above 0"),
        C("unit", "text"),
        C("remedy", "text", meaning="What to change, and by how much."),
    ),
    about="Only where no plan keeps all limits: the least relaxation that would do (tariff-21).",
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
    about="Costs are in the scenario's money, its `currency` where it names one. "
    "Steps count from 0. Power is positive where it is drawn from "
    "the "
    "grid, flow of a line where it comes from the slack. Where nothing is published (see "
    "[tariff.md](tariff.md#when-it-stops)), tables of prices and plans have no rows.",
    null_is_nan=False,
)
"""What results of `tariff` consist of."""
