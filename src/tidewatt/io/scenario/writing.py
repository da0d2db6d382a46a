"""Write a scenario folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Forecasts, Injections
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.roads import ROAD_CLASSES, Demand, FleetTypes, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.replacement import replaced_folder
from tidewatt.io.scenario.config import CONFIG_FILE, parse_config, toml_text
from tidewatt.io.scenario.schema import TABLES

__all__ = [
    "ids_column",
    "network_tables",
    "nullable",
    "road_section",
    "road_tables",
    "step_columns",
    "taken",
    "write_scenario",
]


def road_tables(scenario: Scenario) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield names and columns of the tables to write."""
    roads, grid = scenario.roads, scenario.grid
    if roads is not None:
        yield from _roads(roads, grid)
        if scenario.demand is not None:
            yield "demand", _demand(scenario.demand, roads)
        if scenario.stations is not None:
            yield from _stations(scenario.stations, roads, grid)
    if scenario.types is not None:
        yield "fleet", _types(scenario.types)


def road_section(roads: Roads) -> dict[str, float]:
    """Return the section ``[roads]`` of ``scenario.toml``."""
    names = ("period_h", "toll_weight_min", "distance_weight_min_per_km", "time_unit_min")
    return {name: float(getattr(roads, name)) for name in names}


def ids_column(ids: Array) -> pa.Array:
    """Return ids as a column: integers or text."""
    return pa.array(ids) if ids.dtype.kind == "i" else pa.array([str(i) for i in ids], pa.string())


def nullable(values: Array) -> pa.Array:
    """Return numbers as a column, null where nan."""
    return pa.array(values, from_pandas=True)


def taken(values: pa.Array, index: Array) -> pa.Array:
    """Return a column ``values[index]``, null where the index is negative."""
    return values.take(pa.array(index, mask=np.asarray(index) < 0))


def _roads(roads: Roads, grid: Grid) -> Iterator[tuple[str, Mapping[str, Any]]]:
    nodes, classes = ids_column(roads.node_id), pa.array(ROAD_CLASSES)
    yield (
        "nodes",
        {
            "node_id": nodes,
            "x": nullable(roads.x),
            "y": nullable(roads.y),
            "through": pa.array(roads.through),
        },
    )
    links: dict[str, Any] = {
        "link_id": ids_column(roads.link_id),
        "from_node_id": taken(nodes, roads.tail),
        "to_node_id": taken(nodes, roads.head),
        "length_km": roads.length_km,
        "capacity_veh_h": roads.capacity_veh_h,
        "free_time_min": roads.free_time_min,
        "lanes": nullable(roads.lanes),
        "road_class": taken(classes, roads.road_class),
        "bpr_alpha": roads.bpr_alpha,
        "bpr_beta": roads.bpr_beta,
        "toll": roads.toll,
    }
    yield "links", links | dict(roads.link_attributes)
    if roads.zones:
        zones: dict[str, Any] = {
            "zone_id": ids_column(roads.zone_id),
            "node_id": taken(nodes, roads.zone_node),
            **{name: nullable(getattr(roads, name)) for name in ("homes", "jobs", "other")},
        }
        if (roads.zone_feeder >= 0).any():
            zones["feeder_id"] = taken(ids_column(grid.feeder_id), roads.zone_feeder)
        yield "zones", zones


def _demand(demand: Demand, roads: Roads) -> Mapping[str, Any]:
    zones = ids_column(roads.zone_id)
    columns: dict[str, Any] = {
        "origin_zone_id": taken(zones, demand.origin),
        "destination_zone_id": taken(zones, demand.destination),
        "trips": demand.trips,
    }
    for name in ("start_min", "end_min"):
        if not np.isnan(getattr(demand, name)).all():
            columns[name] = nullable(getattr(demand, name))
    return columns


def _types(types: FleetTypes) -> Mapping[str, Any]:
    names = ("share", "battery_kwh", "kwh_per_km", "max_fast_kw", "max_normal_kw")
    return {"type": ids_column(types.type_id), **{name: getattr(types, name) for name in names}}


def _stations(stations: Stations, roads: Roads, grid: Grid) -> Iterator[tuple[str, Mapping[str, Any]]]:
    ids = ids_column(stations.station_id)
    columns: dict[str, Any] = {
        "station_id": ids,
        "node_id": taken(ids_column(roads.node_id), stations.node),
        **{name: getattr(stations, name) for name in ("fast", "normal", "fast_kw", "normal_kw")},
    }
    if (stations.feeder >= 0).any():
        columns["feeder_id"] = taken(ids_column(grid.feeder_id), stations.feeder)
    for name in ("price_fast_per_kwh", "price_normal_per_kwh", "fixed", "closed", "fast_min", "normal_min"):
        columns[name] = pa.array(getattr(stations, name))
    for name in ("max_total", "age_years", "life_years", "snap_km"):
        if not np.isnan(getattr(stations, name)).all():
            columns[name] = nullable(getattr(stations, name))
    yield "stations", columns | dict(stations.attributes)
    if len(stations.price_start_min):
        owner = np.repeat(np.arange(len(stations)), np.diff(stations.price_first))
        yield (
            "station_prices",
            {
                "station_id": taken(ids, owner),
                "start_min": stations.price_start_min,
                "end_min": stations.price_end_min,
                "price_fast_per_kwh": nullable(stations.window_price_fast_per_kwh),
                "price_normal_per_kwh": nullable(stations.window_price_normal_per_kwh),
            },
        )


_Tables = Iterator[tuple[str, Mapping[str, Any]]]


def network_tables(scenario: Scenario) -> _Tables:
    """Return names and columns of the tables to write; nodes and links only if there are no other roads."""
    roads, sites, grid = scenario.step_roads, scenario.sites, scenario.distribution
    if roads is not None and scenario.roads is None:
        yield from _step_roads(roads)
    if grid is not None:
        yield from _distribution(grid)
        if scenario.injections is not None and (len(scenario.injections) or scenario.forecasts is not None):
            yield "injections", _injections(scenario.injections, grid)
            if scenario.forecasts is not None:
                yield "forecasts", _forecasts(scenario.forecasts, scenario.injections)
    if roads is not None and sites is not None and grid is not None:
        yield from _sites(sites, roads, grid)
    if scenario.aggregators is not None:
        yield "aggregators", _aggregators(scenario.aggregators)
        if scenario.travel is not None and roads is not None:
            yield "travel", _travel(scenario.travel, scenario.aggregators, roads)
    if scenario.provenance:
        columns = zip(*scenario.provenance)
        names = ("table", "field", "value", "status", "source")
        yield "provenance", {name: pa.array(list(c), pa.string()) for name, c in zip(names, columns)}


def step_columns(roads: StepRoads) -> Mapping[str, Any]:
    """Return the columns of links that describe roads in steps."""
    return {name: getattr(roads, name) for name in ("capacity_per_step", "free_flow_steps", "energy_kwh")}


def _step_roads(roads: StepRoads) -> _Tables:
    nodes = ids_column(roads.node_id)
    yield "nodes", {"node_id": nodes}
    links = {
        "link_id": ids_column(roads.link_id),
        "from_node_id": taken(nodes, roads.tail),
        "to_node_id": taken(nodes, roads.head),
    }
    yield "links", links | dict(step_columns(roads))


def _sites(sites: ChargingSites, roads: StepRoads, grid: Distribution) -> _Tables:
    ids = ids_column(sites.site_id)
    yield (
        "charging_sites",
        {
            "site_id": ids,
            "node_id": taken(ids_column(roads.node_id), sites.node),
            "bus_id": taken(ids_column(grid.bus_id), sites.bus),
            "chargers": sites.chargers,
        },
    )
    owner = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))
    yield (
        "charger_levels",
        {"site_id": taken(ids, owner), "level_id": ids_column(sites.level_id), "power_kw": sites.level_kw},
    )
    price = sites.price_per_kwh
    same = len(price) > 0 and bool((price == price[:1]).all())
    rows = price[:1] if same else price
    columns: dict[str, Any] = {} if same else {"site_id": taken(ids, _repeated(rows))}
    yield "energy_prices", columns | {"step": _steps(rows), "price_per_kwh": rows.ravel()}


def _repeated(rows: Array) -> Array:
    """Return the row of each cell, in order of rows."""
    return np.repeat(np.arange(len(rows)), rows.shape[1])


def _steps(rows: Array) -> Array:
    """Return the step of each cell, in order of rows."""
    return np.tile(np.arange(rows.shape[1], dtype=np.int32), len(rows))


def _aggregators(aggregators: Aggregators) -> Mapping[str, Any]:
    columns = {name: getattr(aggregators, name) for name in aggregators.__slots__}
    return columns | {"aggregator_id": ids_column(aggregators.aggregator_id)}


def _travel(travel: Travel, aggregators: Aggregators, roads: StepRoads) -> Mapping[str, Any]:
    nodes = ids_column(roads.node_id)
    return {
        "aggregator_id": taken(ids_column(aggregators.aggregator_id), travel.aggregator),
        "origin_node_id": taken(nodes, travel.origin),
        "destination_node_id": taken(nodes, travel.destination),
        **{n: getattr(travel, n) for n in ("depart_step", "soc_initial", "soc_final_min", "vehicles")},
    }


def _distribution(grid: Distribution) -> _Tables:
    buses = ids_column(grid.bus_id)
    figures = ("slack", "voltage_min_pu", "voltage_max_pu", "base_kv")
    yield "buses", {"bus_id": buses, **{name: getattr(grid, name) for name in figures}}
    yield (
        "lines",
        {
            "line_id": ids_column(grid.line_id),
            "from_bus_id": taken(buses, grid.tail),
            "to_bus_id": taken(buses, grid.head),
            **{name: getattr(grid, name) for name in ("r_ohm", "x_ohm", "limit_kw")},
        },
    )


def _injections(injections: Injections, grid: Distribution) -> Mapping[str, Any]:
    power = injections.power_kw
    row = _repeated(power)
    columns: dict[str, Any] = {
        "injection_id": taken(ids_column(injections.injection_id), row),
        "bus_id": taken(ids_column(grid.bus_id), injections.bus[row]),
        "kind": taken(pa.array(INJECTION_KINDS), injections.kind[row]),
        "step": _steps(power),
        **{n: getattr(injections, n).ravel() for n in ("power_kw", "reactive_kvar", "half_width_kw")},
    }
    if not np.isnan(injections.gamma).all():
        columns["gamma"] = nullable(injections.gamma[row])
    return columns


def _forecasts(forecasts: Forecasts, injections: Injections) -> Mapping[str, Any]:
    known = ~(np.isnan(forecasts.forecast_kw) & np.isnan(forecasts.outcome_kw))
    day, injection, step = np.nonzero(known)
    return {
        "injection_id": taken(ids_column(injections.injection_id), injection),
        "day": forecasts.day[day],
        "step": step.astype(np.int32),
        "forecast_kw": forecasts.forecast_kw[known],
        "outcome_kw": forecasts.outcome_kw[known],
    }


_ROWS_AT_ONCE = 1 << 20


def write_scenario(scenario: Scenario, folder: str | os.PathLike[str]) -> None:
    """Write a scenario as a folder of Parquet tables and ``scenario.toml``; all of it or nothing.

    Tables of a scenario that stood in the folder before are replaced, other files are left alone.
    Reading the folder gives a scenario with the same fingerprint.

    Parameters
    ----------
    scenario : Scenario
        What to write.
    folder : path
        Where to; made if missing.

    Raises
    ------
    ScenarioError
        Where the scenario's parameters could not be read back.
    OutputError
        Where the operating system refuses; the text says what to do.
    """
    config = _config(scenario)
    issues: list[Issue] = []
    parse_config(config, issues)
    if issues:
        raise ScenarioError(issues)
    owned = {f"{name}.{suffix}" for name in TABLES for suffix in ("parquet", "csv")} | {CONFIG_FILE}
    with replaced_folder(folder, fate=lambda name: "drop" if name in owned else "carry") as temporary:
        (temporary / CONFIG_FILE).write_text(toml_text(config), encoding="utf-8")
        # A scenario of roads or a network alone has neither vehicles nor feeders, and no tables of them.
        other = (scenario.roads, scenario.step_roads, scenario.distribution, scenario.travel)
        alone = all(part is None for part in other)
        if len(scenario.fleet) or alone:
            _write_vehicles(scenario, temporary)
            _write_dwells(scenario, temporary)
            _write_trips(scenario, temporary)
        if scenario.grid.feeders or alone:
            _write_grid(scenario.grid, temporary)
        for name, columns in (*road_tables(scenario), *network_tables(scenario)):
            if name == "links" and scenario.roads is not None and scenario.step_roads is not None:
                columns = {**columns, **step_columns(scenario.step_roads)}
            _write(temporary / f"{name}.parquet", columns)


def _config(scenario: Scenario) -> dict[str, Any]:
    h = scenario.horizon
    parameters = {study: dict(values) for study, values in scenario.parameters.items() if values}
    content: dict[str, Any] = {"name": scenario.name, **parameters.pop("scenario", {})}
    if scenario.currency:
        content["currency"] = scenario.currency
    if scenario.roads is not None:
        content.pop("crs", None)
        if scenario.roads.crs:
            content["crs"] = scenario.roads.crs
        parameters["roads"] = road_section(scenario.roads)
    content["horizon"] = {"start": h.start, "step_min": h.step_min, "steps": h.steps}
    if scenario.sampling:
        content["sampling"] = dict(scenario.sampling)
    return content | parameters


def _write_vehicles(scenario: Scenario, folder: Path) -> None:
    fleet = scenario.fleet
    columns = {name: getattr(fleet, name) for name in fleet.__slots__ if name in TABLES["vehicles"]}
    columns["vehicle_id"] = ids_column(fleet.vehicle_id)
    _write(folder / "vehicles.parquet", columns | dict(fleet.attributes))


def _write_dwells(scenario: Scenario, folder: Path) -> None:
    dwells = scenario.dwells
    columns = {
        "vehicle_id": _Repeated(ids_column(scenario.fleet.vehicle_id), dwells.first),
        "arrive_min": dwells.arrive_min,
        "depart_min": dwells.depart_min,
        "feeder_id": _Taken(ids_column(scenario.grid.feeder_id), dwells.feeder),
        "charger_kw": dwells.charger_kw,
    }
    _write(folder / "dwells.parquet", columns | dict(dwells.attributes))


def _write_trips(scenario: Scenario, folder: Path) -> None:
    trips = scenario.trips
    columns = {
        "vehicle_id": _Repeated(ids_column(scenario.fleet.vehicle_id), trips.first),
        "depart_min": trips.depart_min,
        "arrive_min": trips.arrive_min,
        "energy_kwh": trips.energy_kwh,
    }
    _write(folder / "trips.parquet", columns | dict(trips.attributes))


def _write_grid(grid: Grid, folder: Path) -> None:
    feeders, banks = ids_column(grid.feeder_id), ids_column(grid.bank_id)
    levels = [(feeders, grid.headroom_kw, grid.cost), (banks, grid.bank_headroom_kw, grid.bank_cost)]
    columns: dict[str, Any] = {
        "feeder_id": feeders,
        "rating_kw": nullable(grid.rating_kw),
        "upgrade_cost_per_kw": _first_cost(grid.cost),
    }
    if grid.banks:
        columns["bank_id"] = _Taken(banks, grid.bank)
        bank_columns = {
            "bank_id": banks,
            "rating_kw": nullable(grid.bank_rating_kw),
            "upgrade_cost_per_kw": _first_cost(grid.bank_cost),
        }
        _write(folder / "banks.parquet", bank_columns | dict(grid.bank_attributes))
    _write(folder / "feeders.parquet", columns | dict(grid.attributes))

    steps = grid.headroom_kw.shape[1]
    elements = [np.repeat(np.arange(len(ids)), steps) for ids, _, _ in levels]
    headroom = _two_levels(feeders, banks, elements)
    headroom["step"] = np.tile(np.arange(steps, dtype=np.int32), grid.feeders + grid.banks)
    headroom["headroom_kw"] = np.concatenate([np.ravel(values) for _, values, _ in levels])
    _write(folder / "headroom.parquet", headroom)
    if grid.base_load_kw is not None:
        element, step = np.nonzero(~np.isnan(grid.base_load_kw))
        load = grid.base_load_kw[element, step]
        base = {"feeder_id": _Taken(feeders, element), "step": step.astype(np.int32), "load_kw": load}
        _write(folder / "base_load.parquet", base)
    if any(len(cost.cost_per_kw) > len(ids) for ids, _, cost in levels):
        elements = [np.repeat(np.arange(len(ids)), np.diff(cost.first)) for ids, _, cost in levels]
        pieces = _two_levels(feeders, banks, elements)
        pieces["above_kw"] = np.concatenate([cost.above_kw for _, _, cost in levels])
        pieces["cost_per_kw"] = np.concatenate([cost.cost_per_kw for _, _, cost in levels])
        _write(folder / "upgrade_costs.parquet", pieces)


def _two_levels(feeders: pa.Array, banks: pa.Array, elements: list[Array]) -> dict[str, Any]:
    """Return columns feeder_id and bank_id for rows of feeders followed by rows of banks."""
    absent = [np.full(len(e), -1) for e in elements]
    columns: dict[str, Any] = {"feeder_id": _Taken(feeders, np.concatenate([elements[0], absent[1]]))}
    if len(banks):
        columns["bank_id"] = _Taken(banks, np.concatenate([absent[0], elements[1]]))
    return columns


def _first_cost(cost: CostPieces) -> Array:
    return np.asarray(cost.cost_per_kw[cost.first[:-1]])


class _Taken:
    """A column ``values[index]``, null where the index is negative, made block by block."""

    def __init__(self, values: pa.Array, index: Array) -> None:
        self.values, self.index = values, index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice) -> pa.Array:
        index = np.asarray(self.index[rows])
        return self.values.take(pa.array(index, mask=index < 0))


class _Repeated(_Taken):
    """A column of the owners of rows in CSR order, made block by block."""

    def __init__(self, values: pa.Array, first: Array) -> None:
        self.values, self.first = values, first

    def __len__(self) -> int:
        return int(self.first[-1])

    def __getitem__(self, rows: slice) -> pa.Array:
        start, stop, _ = rows.indices(len(self))
        owner = np.searchsorted(self.first, np.arange(start, stop), side="right") - 1
        return self.values.take(pa.array(owner))


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    """Write one Parquet file, a million rows at a time so that memory use stays small."""
    rows = len(next(iter(columns.values())))
    writer: pq.ParquetWriter | None = None
    try:
        for start in range(0, max(rows, 1), _ROWS_AT_ONCE):
            block = slice(start, min(start + _ROWS_AT_ONCE, rows))
            arrays = [_column(values[block]) for values in columns.values()]
            table = pa.Table.from_arrays(arrays, names=list(columns))
            if writer is None:
                writer = pq.ParquetWriter(
                    path, table.schema, compression="zstd", compression_level=1, write_page_checksum=True
                )
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _column(values: Any) -> pa.Array:
    if isinstance(values, np.ndarray) and values.dtype == object:
        try:
            return pa.array(values, pa.string(), from_pandas=True)
        except pa.ArrowException:  # cells that are not all texts
            return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values)
