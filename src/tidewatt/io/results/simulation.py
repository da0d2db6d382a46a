"""Files of a result of `simulate`."""

from __future__ import annotations

from pathlib import Path

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
from tidewatt.simulation.result import Simulation

__all__ = ["FILES"]

_ITINERARIES = "itineraries"


def _write_more(result: Simulation, folder: Path, scenario_folder: Path | None, soc: bool) -> None:
    """Write the itineraries as a scenario, for `coordinate`."""
    from tidewatt.io.scenario.writing import write_scenario

    assert result.itineraries is not None
    write_scenario(result.itineraries, folder / _ITINERARIES)


_FIGURES = ResultFile(
    SUMMARY,
    "figures",
    (
        C("scenario", "text", meaning="Its name."),
        C("currency", "text", meaning="The scenario's `currency`; empty where it names none.", optional=True),
        C("status", "text", meaning="How it ended; see [simulate.md](simulate.md#when-it-stops)."),
        C("stop_rule", "text", meaning="What ended it: `replications`, `tolerance` or `time_limit`."),
        C("replications", "whole", "", "1 or more"),
        C(
            "beta",
            "number",
            "",
            "0 or more",
            "Variance coefficient of `statistic` (sim-11); null after one replication.",
        ),
        C("statistic", "text", meaning="Daily figure that `tolerance` applies to."),
        C("days", "whole", "", "1 or more", "Days of each replication."),
        C("vehicles", "whole", "", "1 or more"),
        C("trips", "number", "1/day", "0 or more", "Trips, each counted once even if interrupted to charge."),
        C(
            "unreachable_trips",
            "number",
            "1/day",
            "0 or more",
            "Trips not made, because no road leads there.",
        ),
        C("links", "whole", "", "0 or more", "Number in the scenario."),
        C("stations", "whole", "", "0 or more", "Number in the scenario."),
        C("charges_per_day", "number", "1/day", "0 or more", "Charges on the way."),
        C("charges_fast", "number", "1/day", "0 or more", "Charges at fast chargers."),
        C("charges_normal", "number", "1/day", "0 or more", "Charges at normal chargers."),
        C(
            "unserved",
            "number",
            "1/day",
            "0 or more",
            "Number of times that a vehicle ran low without charging on the way.",
        ),
        C(
            "unserved_by_reason",
            "section",
            "1/day",
            "0 or more",
            "`unserved` by reason: `charged_today`, `no_station_reachable`, `ran_empty`, `within_zone`.",
        ),
        C("energy_kwh", "number", "kWh/day", "0 or more", "Energy charged on the way."),
        C("revenue", "number", "cost/day", "0 or more", "Revenue of stations."),
        C("mean_detour_min", "number", "min", "0 or more", "Per charge."),
        C("mean_detour_min_ci95", "number", "min", "0 or more"),
        C("mean_wait_min", "number", "min", "0 or more", "Per charge."),
        C("mean_wait_min_ci95", "number", "min", "0 or more"),
        C("p95_wait_min", "number", "min", "0 or more", "Quantile 0.95 over all charges."),
        C("mean_charge_min", "number", "min", "0 or more", "Per charge."),
        C("mean_charge_min_ci95", "number", "min", "0 or more"),
        C(
            "queue_peak",
            "number",
            "vehicles",
            "0 or more",
            "Highest value of the mean queue at all stations.",
        ),
        C("queue_peak_min", "number", "min", "0 to 1439", "Minute of the day at which `queue_peak` occurs."),
        C(
            "peak_load_kw",
            "number",
            "kW",
            "0 or more",
            "Highest load of all stations together in a minute, mean over days.",
        ),
        C("peak_load_kw_ci95", "number", "kW", "0 or more"),
        C("mean_profile_peak_kw", "number", "kW", "0 or more", "Highest value of the mean load."),
        C(
            "peak_valley_kw",
            "number",
            "kW",
            "0 or more",
            "Highest minus lowest load in a minute, mean over days.",
        ),
        C(
            "traffic_flow_veh_per_min",
            "number",
            "vehicles/min",
            "0 or more",
            "Vehicles of the fleet that are driving, mean over the minutes.",
        ),
        C("mean_speed_kmh", "number", "km/h", "0 or more", "Total distance over total time of all drives."),
        C(
            "energy_balance_error_kwh",
            "number",
            "kWh",
            "0 or more",
            "Largest difference, over vehicles, between battery change and energy in and out.",
        ),
        C(
            "vehicle_conservation_error",
            "number",
            "",
            "0 or more",
            "Most vehicles gained or lost in any step.",
        ),
        C(
            "littles_law_max_error",
            "number",
            "fraction",
            "0 or more",
            "Largest difference, over stations, between queue-minutes and the sum of waits.",
        ),
        C("wall_s", "number", "s", "0 or more", "Running time of `simulate`, without reading and saving."),
        PEAK_MEMORY,
        SEED,
        VERSION,
        FINGERPRINT,
        C("day_chains", "text", meaning="Where trips come from: `statistics` or `diary`."),
        C("parameters", "section", meaning="All options of `simulate`."),
    ),
    about="Keys of its `summary.json`, in this order: means of daily figures over replications. `_ci95` is "
    "half "
    "of the 95 % confidence interval (sim-12).",
    heading="Summary of `simulate`",
)

_EVENTS = ResultFile(
    "events.parquet",
    "events",
    (
        C("replication", "int32", "", "0 or more"),
        C("vehicle_id", "id", meaning="From 1, within the replication.", stored="category"),
        C("station_id", "id", stored="category"),
        C("charger", "text", meaning="`fast` or `normal`.", stored="category"),
        C("decide_min", "float64", "min", "0 or more", "When the driver chose the station."),
        C("arrive_min", "float64", "min", "`decide_min` or more"),
        C("start_min", "float64", "min", "`arrive_min` or more", "When charging began."),
        C("end_min", "float64", "min", "`start_min` or more"),
        C("energy_kwh", "float64", "kWh", "0 or more", "Drawn from the grid."),
        C("detour_min", "float64", "min", "0 or more", "Additional driving time (sim-6)."),
        C("wait_min", "float64", "min", "0 or more", "Time from arrival to the start of charging (sim-9)."),
        C("price_per_kwh", "float64", "cost per kWh", "0 or more", stored="dictionary"),
    ),
    about="One row per charge, by replication "
    "and time of decision. Minutes count from the start of the first "
    "day.",
    order=("replication", "decide_min"),
    nulls=True,
)

_UNSERVED = ResultFile(
    "unserved.parquet",
    "unserved",
    (
        C("replication", "int32", "", "0 or more"),
        C("vehicle_id", "id", meaning="As in `events.parquet`.", stored="category"),
        C("minute", "float64", "min", "0 or more"),
        C("soc", "float64", "fraction", "0 to 1", "State of charge at that time."),
        C(
            "reason",
            "text",
            meaning="`charged_today` (low again after a charge on the way on the same day), "
            "`no_station_reachable`, "
            "`ran_empty`, `within_zone` (a trip within the zone uses no roads, so it passes no station).",
            stored="category",
        ),
    ),
    about="One row for each time that a vehicle ran low without charging on the way.",
    nulls=True,
)

_STATIONS = ResultFile(
    "stations.parquet",
    "stations",
    (
        C("station_id", "id"),
        C("node_id", "id"),
        C("x", "float64", meaning="Of the node, in the reference system of the scenario, like the next."),
        C("y", "float64"),
        C("fast", "int64", "chargers", "0 or more"),
        C("normal", "int64", "chargers", "0 or more"),
        C("charges", "float64", "1/day", "0 or more"),
        C("energy_kwh", "float64", "kWh/day", "0 or more"),
        C("revenue", "float64", "cost/day", "0 or more"),
        C(
            "mean_wait_min",
            "float64",
            "min",
            "0 or more",
            "Mean per charge; empty if nobody charges.",
        ),
        C("p95_wait_min", "float64", "min", "0 or more", "95 % quantile; empty if nobody charges."),
        C("peak_load_kw", "float64", "kW", "0 or more", "Highest value of the mean load."),
        C("queue_peak", "float64", "vehicles", "0 or more", "Highest value of the mean queue."),
        C(
            "utilisation",
            "float64",
            "fraction",
            "0 to 1",
            "Share of charger-minutes that are used; empty without chargers.",
        ),
    ),
    about="One row per station: averages over days.",
    nulls=True,
)


def _with_bands(name: str, unit: str, meaning: str) -> tuple[C, ...]:
    """Return the declarations of a per-minute mean, its interval and the spread of days."""
    further = {
        "_low": "Lower end of the 95 % confidence interval of the mean (sim-12).",
        "_high": "Upper end of the 95 % confidence interval of the mean (sim-12).",
        "_p05": "5 % quantile of single days.",
        "_p95": "95 % quantile of single days.",
    }
    return (
        C(name, "float64", unit, "0 or more", meaning, dims="minute"),
        *(C(name + end, "float64", unit, "0 or more", said, dims="minute") for end, said in further.items()),
    )


_SERIES = ResultFile(
    "stations.nc",
    "data",
    (
        C("station", "id", dims="station"),
        C("minute", "int64", "min", "0 or more", dims="minute"),
        C(
            "state",
            "text",
            meaning="`parked`, `driving`, `to_station`, `queueing`, `charging`.",
            dims="state",
        ),
        C("power_kw", "float64", "kW", "0 or more", dims="station, minute"),
        C("revenue_per_h", "float64", "cost/h", "0 or more", "", dims="station, minute"),
        C("queue_vehicles", "float64", "vehicles", "0 or more", dims="station, minute"),
        C("occupied_chargers", "float64", "chargers", "0 or more", dims="station, minute"),
        *_with_bands("load_kw", "kW", "Load of all stations together."),
        *_with_bands("queue_total", "vehicles", "Vehicles queueing at all stations."),
        C(
            "destination_kw",
            "float64",
            "kW",
            "0 or more",
            "Load of charging at home, work and other destinations.",
            dims="minute",
        ),
        C(
            "vehicles",
            "float64",
            "vehicles",
            "0 or more",
            "Vehicles of the fleet, by what they are doing.",
            dims="state, minute",
        ),
    ),
    about="NetCDF, means over replications; attributes as in `loads.nc`.",
    title="Means over the simulated days of",
)

_LINKS = ResultFile(
    "links.nc",
    "data",
    (
        C("link", "id", dims="link"),
        C("interval_min", "float64", "min", "0 or more", "Start of the interval.", dims="interval_min"),
        C(
            "flow_veh_h",
            "float32",
            "vehicles/h",
            "0 or more",
            "Other traffic included.",
            dims="link, interval_min",
        ),
        C("speed_kmh", "float32", "km/h", "0 or more", dims="link, interval_min"),
    ),
    about="NetCDF, means over replications by link and interval.",
    title="Means over the simulated days of",
)

_HISTORY = ResultFile(
    "history.csv",
    "history",
    (
        C("replication", "int64", "", "0 or more"),
        C("statistic", "float64", "", "", "The figure that `tolerance` is about."),
        C("beta", "float64", "", "0 or more", "Variance coefficient so far (sim-11); empty for the first."),
        C("charges", "float64", "1/day", "0 or more"),
        C("energy_kwh", "float64", "kWh/day", "0 or more"),
        C("revenue", "float64", "cost/day", "0 or more"),
        C("mean_detour_min", "float64", "min", "0 or more", "Per charge."),
        C("mean_wait_min", "float64", "min", "0 or more", "Per charge."),
        C("mean_charge_min", "float64", "min", "0 or more", "Per charge."),
        C("peak_load_kw", "float64", "kW", "0 or more"),
        C("queue_peak", "float64", "vehicles", "0 or more"),
        C("trips", "float64", "1/day", "0 or more"),
        C("unserved", "float64", "1/day", "0 or more"),
        C("seconds", "float64", "s", "0 or more", "How long it took."),
    ),
    about="`history.csv`, one row per replication.",
    heading="History of `simulate`",
)

FILES = ResultSpecification(
    study="simulate",
    result=Simulation,
    files=(
        _FIGURES,
        _EVENTS,
        _UNSERVED,
        _STATIONS,
        _SERIES,
        _LINKS,
        _HISTORY,
        ResultFile(
            _ITINERARIES,
            "",
            (),
            about="A folder with the scenario for `coordinate`: vehicles, dwells and trips of the first "
            "replication.",
            heading="Itineraries of `simulate`",
        ),
        certificate_file("Certificate of `simulate`", STATUS, kind="simulation"),
    ),
    about="Costs are in the scenario's money.",
    needs="itineraries",
    write_more=_write_more,
)
"""Files that a result of `simulate` consists of."""
