"""Read a scenario folder a second time, from its specification alone, to check the first reading."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Forecasts, Injections
from tidewatt.domain.fleet import OFF_GRID, Dwells, Fleet, Trips
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import ROAD_CLASSES, Demand, FleetTypes, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.verification.common.table import ClaimedTable

__all__ = ["in_steps", "read_road_parts", "read_tables", "read_tariff_parts"]

_UNITS = {"period_h": 1.0, "toll_weight_min": 0.0, "distance_weight_min_per_km": 0.0, "time_unit_min": 1.0}
_YES = ("true", "1", "yes", "y", "t")


def read_road_parts(folder: Path, settings: Mapping[str, Any], feeder_id: Array) -> dict[str, Any]:
    """Return the parts of a scenario that are about roads, by attribute of `Scenario`.

    Absent ones are left out.

    Raises
    ------
    ValueError
        What is wrong with the files; the scenario's own checks are not repeated here.
    """
    parts: dict[str, Any] = {}
    types = ClaimedTable(folder, "fleet")
    if types.exists:
        names = ("share", "battery_kwh", "kwh_per_km", "max_fast_kw", "max_normal_kw")
        parts["types"] = FleetTypes(types.text("type"), *(types.numbers(name) for name in names))
    nodes, links = ClaimedTable(folder, "nodes"), ClaimedTable(folder, "links")
    if not (nodes.exists and links.exists and in_steps(folder)[1]):
        return parts
    roads = _roads(nodes, links, ClaimedTable(folder, "zones"), settings, feeder_id)
    demand, stations = ClaimedTable(folder, "demand"), ClaimedTable(folder, "stations")
    parts["roads"] = roads
    if demand.exists:
        ends = (demand.places(f"{end}_zone_id", roads.zone_id, -1) for end in ("origin", "destination"))
        figures = (demand.numbers(name) for name in ("trips", "start_min", "end_min"))
        parts["demand"] = Demand(*ends, *figures)
    if stations.exists:
        parts["stations"] = _stations(
            stations, ClaimedTable(folder, "station_prices"), roads.node_id, feeder_id
        )
    return parts


def _flags(table: ClaimedTable, column: str, default: bool) -> Array:
    if not table.has(column):
        return np.full(len(table), default)
    words = np.char.lower(table.text(column).astype(str))
    return np.where(words == "", default, np.isin(words, _YES))


def _roads(
    nodes: ClaimedTable,
    links: ClaimedTable,
    zones: ClaimedTable,
    settings: Mapping[str, Any],
    feeder_id: Array,
) -> Roads:
    node_id, through = nodes.text("node_id"), _flags(nodes, "through", True)
    tail, head = (links.places(f"{end}_node_id", node_id, -1) for end in ("from", "to"))
    if np.any(tail < 0) or np.any(head < 0):
        raise ValueError("links: a link begins or ends at no node")
    length, free = links.numbers("length_km"), links.numbers("free_time_min")
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.where(np.isnan(free), 60.0 * length / links.numbers("free_speed_kmh"), free)
        speed = 60.0 * length / free
    # The contract's classes of links that name none.
    grade = np.select([speed >= 80.0, speed >= 45.0], [0, 1], 2)
    grade[~(free > 0) | ~through[tail] | ~through[head]] = 3
    said = np.char.lower(links.text("road_class").astype(str))
    for position, name in enumerate(ROAD_CLASSES):
        grade[said == name] = position
    if zones.exists:
        node = zones.places("node_id", node_id, 0)
        feeder = zones.places("feeder_id", feeder_id, OFF_GRID)
        places: dict[str, Any] = {name: zones.numbers(name) for name in ("homes", "jobs", "other")}
        zone_id = zones.text("zone_id")
    else:
        named = nodes.text("zone_id")
        node = np.flatnonzero(named != "")
        zone_id, feeder = named[node], np.full(len(node), OFF_GRID)
        places = dict.fromkeys(("homes", "jobs", "other"), np.full(len(node), np.nan))
    said_units = settings.get("roads", {})
    units: dict[str, Any] = {name: float(said_units.get(name, default)) for name, default in _UNITS.items()}
    return Roads(
        node_id=node_id,
        x=nodes.numbers("x"),
        y=nodes.numbers("y"),
        through=through,
        link_id=links.text("link_id"),
        tail=tail,
        head=head,
        length_km=length,
        capacity_veh_h=links.numbers("capacity_veh_h"),
        free_time_min=free,
        road_class=grade,
        bpr_alpha=links.numbers("bpr_alpha", 0.15),
        bpr_beta=links.numbers("bpr_beta", 4.0),
        toll=links.numbers("toll", 0.0),
        lanes=links.numbers("lanes"),
        zone_id=zone_id,
        zone_node=node,
        zone_feeder=feeder,
        crs=str(settings.get("crs", "") or "").strip(),
        **places,
        **units,
    )


def _stations(table: ClaimedTable, prices: ClaimedTable, node_id: Array, feeder_id: Array) -> Stations:
    ids = table.text("station_id")
    zero = ("price_fast_per_kwh", "price_normal_per_kwh", "fast_min", "normal_min")
    figures: dict[str, Any] = {name: table.numbers(name, 0.0) for name in (*zero, "fast", "normal")}
    plain = ("fast_kw", "normal_kw", "max_total", "age_years", "life_years", "snap_km")
    figures |= {name: table.numbers(name) for name in plain}
    owner = prices.places("station_id", ids, -1) if prices.exists else np.zeros(0, np.int64)
    start = prices.numbers("start_min") if prices.exists else np.zeros(0)
    order = np.lexsort((start, owner))
    order = order[owner[order] >= 0]
    windows: dict[str, Any] = {
        name: prices.numbers(column)[order] if prices.exists else np.zeros(0)
        for name, column in (
            ("price_start_min", "start_min"),
            ("price_end_min", "end_min"),
            ("window_price_fast_per_kwh", "price_fast_per_kwh"),
            ("window_price_normal_per_kwh", "price_normal_per_kwh"),
        )
    }
    first = np.concatenate([[0], np.cumsum(np.bincount(owner[order], minlength=len(ids)))])
    return Stations(
        station_id=ids,
        node=table.places("node_id", node_id, 0),
        feeder=table.places("feeder_id", feeder_id, OFF_GRID),
        fixed=_flags(table, "fixed", False),
        closed=_flags(table, "closed", False),
        price_first=first,
        **figures,
        **windows,
    )


_STEPS = ("capacity_per_step", "free_flow_steps", "energy_kwh")
_ROADS = ("length_km", "capacity_veh_h", "free_speed_kmh", "free_time_min")


def in_steps(folder: Path) -> tuple[bool, bool]:
    """Return whether links are described in steps, and whether by length and capacity."""
    links = ClaimedTable(folder, "links")
    steps = any(links.has(name) for name in _STEPS)
    return steps, not steps or any(links.has(name) for name in _ROADS)


def read_tariff_parts(
    folder: Path, settings: Mapping[str, Any], horizon: Horizon, roads: Roads | None
) -> dict[str, Any]:
    """Return a scenario's parts needed for tariffs, by attribute; absent ones are left out.

    Raises
    ------
    ValueError
        What is wrong with the files; the scenario's own checks are not repeated here.
    """
    parts: dict[str, Any] = {}
    nodes, links = ClaimedTable(folder, "nodes"), ClaimedTable(folder, "links")
    buses, lines = ClaimedTable(folder, "buses"), ClaimedTable(folder, "lines")
    bus_id = buses.text("bus_id")
    if buses.exists or lines.exists:
        parts["distribution"] = _distribution(buses, lines, bus_id)
    injections = ClaimedTable(folder, "injections")
    past = ClaimedTable(folder, "forecasts")
    if injections.exists or past.exists:
        parts["injections"] = _injections(injections, bus_id, horizon.steps)
        if past.exists:
            parts["forecasts"] = _forecasts(past, parts["injections"], horizon.steps)
    elif "distribution" in parts:
        parts["injections"] = Injections.none(horizon.steps)
    travel = ClaimedTable(folder, "travel")
    names = ("charging_sites", "charger_levels", "aggregators", "travel", "energy_prices")
    travelled = any(ClaimedTable(folder, name).exists for name in names)
    if in_steps(folder)[0]:
        parts["step_roads"] = _step_roads(nodes, links)
    elif travelled and roads is not None:
        parts["step_roads"] = _from_roads(roads, horizon, settings.get("tariff", {}))
    if not travelled:
        return parts
    node_id = nodes.text("node_id")
    parts["sites"] = _sites(folder, node_id, bus_id, horizon.steps)
    table = ClaimedTable(folder, "aggregators")
    charging = table.numbers("charge_efficiency", 0.9)
    aggregators = Aggregators(
        aggregator_id=table.text("aggregator_id"),
        battery_kwh=table.numbers("battery_kwh"),
        charge_efficiency=charging,
        discharge_efficiency=table.numbers("discharge_efficiency", charging),
        soc_min=table.numbers("soc_min", 0.1),
        soc_max=table.numbers("soc_max", 1.0),
        time_value_per_h=table.numbers("time_value_per_h"),
        price_sensitivity_per_kwh_kw=table.numbers("price_sensitivity_per_kwh_kw"),
    )
    who = travel.places("aggregator_id", aggregators.aggregator_id, -1)
    origin, destination = (travel.places(f"{end}_node_id", node_id, -1) for end in ("origin", "destination"))
    if min(int(places.min(initial=0)) for places in (who, origin, destination)) < 0:
        raise ValueError("travel: a row names an unknown aggregator or node")
    parts["aggregators"] = aggregators
    parts["travel"] = Travel(
        who,
        origin,
        destination,
        travel.numbers("depart_step"),
        travel.numbers("soc_initial"),
        travel.numbers("soc_final_min", aggregators.soc_min[who]),
        travel.numbers("vehicles"),
    )
    return parts


def _step_roads(nodes: ClaimedTable, links: ClaimedTable) -> StepRoads:
    node_id = nodes.text("node_id")
    tail, head = (links.places(f"{end}_node_id", node_id, -1) for end in ("from", "to"))
    if np.any(tail < 0) or np.any(head < 0):
        raise ValueError("links: a link begins or ends at no node")
    figures: dict[str, Any] = {name: links.numbers(name) for name in _STEPS}
    return StepRoads(node_id=node_id, link_id=links.text("link_id"), tail=tail, head=head, **figures)


def _from_roads(roads: Roads, horizon: Horizon, said: Mapping[str, Any]) -> StepRoads:
    """Convert roads described by length, capacity and time to roads in steps, as specified."""
    share, kwh_per_km = float(said.get("vehicle_share", 1.0)), float(said.get("kwh_per_km", 0.18))
    steps = np.round(roads.free_time_min / horizon.step_min)
    return StepRoads(
        node_id=roads.node_id,
        link_id=roads.link_id,
        tail=roads.tail,
        head=roads.head,
        capacity_per_step=roads.capacity_veh_h * horizon.step_h * share,
        free_flow_steps=np.maximum(steps, 1.0),
        energy_kwh=roads.length_km * kwh_per_km,
    )


def _sites(folder: Path, node_id: Array, bus_id: Array, steps: int) -> ChargingSites:
    table, levels = ClaimedTable(folder, "charging_sites"), ClaimedTable(folder, "charger_levels")
    prices = ClaimedTable(folder, "energy_prices")
    ids = table.text("site_id")
    site = levels.places("site_id", ids, -1)
    order = np.argsort(site, kind="stable")
    order = order[site[order] >= 0]
    whose = np.where(prices.text("site_id") == "", len(ids), prices.places("site_id", ids, -1))
    price = np.full((len(ids) + 1, steps), np.nan)
    price[whose, prices.numbers("step").astype(np.int64)] = prices.numbers("price_per_kwh")
    price = np.where(np.isnan(price[:-1]).all(axis=1, keepdims=True), price[-1:], price[:-1])
    node, bus = table.places("node_id", node_id, -1), table.places("bus_id", bus_id, -1)
    if np.any(node < 0) or np.any(bus < 0) or np.isnan(price).any():
        raise ValueError("charging_sites: a site has no known node or bus, or no price")
    return ChargingSites(
        site_id=ids,
        node=node,
        bus=bus,
        chargers=table.numbers("chargers"),
        level_first=np.searchsorted(site[order], np.arange(len(ids) + 1)),
        level_id=levels.text("level_id")[order],
        level_kw=levels.numbers("power_kw")[order],
        price_per_kwh=price,
    )


def _distribution(buses: ClaimedTable, lines: ClaimedTable, bus_id: Array) -> Distribution:
    ends = [lines.places(f"{end}_bus_id", bus_id, -1) for end in ("from", "to")]
    if min(int(places.min(initial=0)) for places in ends) < 0:
        raise ValueError("lines: a line ends at no bus")
    return Distribution(
        bus_id=bus_id,
        slack=np.isin(np.char.lower(buses.text("slack").astype(str)), _YES),
        voltage_min_pu=buses.numbers("voltage_min_pu", 0.0),
        voltage_max_pu=buses.numbers("voltage_max_pu", np.inf),
        base_kv=buses.numbers("base_kv"),
        line_id=lines.text("line_id"),
        tail=ends[0],
        head=ends[1],
        r_ohm=lines.numbers("r_ohm"),
        x_ohm=lines.numbers("x_ohm"),
        limit_kw=lines.numbers("limit_kw", np.inf),
    )


def _injections(table: ClaimedTable, bus_id: Array, steps: int) -> Injections:
    named = table.text("injection_id")
    first = np.sort(np.unique(named.astype(str), return_index=True)[1])
    ids = named[first]
    at = (table.places("injection_id", ids, -1), table.numbers("step").astype(np.int64))
    values: dict[str, Array] = {}
    for name, default in (("power_kw", np.nan), ("reactive_kvar", 0.0), ("half_width_kw", 0.0)):
        array = np.full((len(ids), steps), np.nan)
        array[at] = table.numbers(name, default)
        values[name] = array
    kind = np.char.lower(table.text("kind").astype(str))[first].tolist()
    bus = table.places("bus_id", bus_id, -1)[first]
    if np.isnan(values["power_kw"]).any() or bus.min(initial=0) < 0:
        raise ValueError("injections: a step is missing, or a bus is unknown")
    return Injections(
        injection_id=ids,
        bus=bus,
        kind=np.array([INJECTION_KINDS.index(word) for word in kind], np.int8),
        gamma=table.numbers("gamma")[first],
        **values,
    )


def _forecasts(table: ClaimedTable, injections: Injections, steps: int) -> Forecasts:
    number = table.numbers("day").astype(np.int64)
    days = np.unique(number)
    at = (
        np.searchsorted(days, number),
        table.places("injection_id", injections.injection_id, -1),
        table.numbers("step").astype(np.int64),
    )
    columns = []
    for name in ("forecast_kw", "outcome_kw"):
        values = np.full((len(days), len(injections), steps), np.nan)
        values[at] = table.numbers(name)
        columns.append(values)
    return Forecasts(days, *columns)


_FLEET_DEFAULTS = {
    "soc_min": 0.1,
    "soc_max": 1.0,
    "charge_efficiency": 0.9,
    "max_charge_kw": np.inf,
    "weight": 1.0,
    "max_discharge_kw": 0.0,
}


def _sorted_rows(table: ClaimedTable, fleet_ids: Array, start: str, end: str) -> tuple[Array, Array]:
    """Return the order of rows by vehicle, start and end, and the offsets of the vehicles."""
    owner = table.places("vehicle_id", fleet_ids, -1)
    if np.any(owner < 0):
        raise ValueError(f"{table.name}: row {int(np.argmin(owner))} is of no vehicle of the fleet")
    order = np.lexsort((table.numbers(end), table.numbers(start), owner))
    first = np.zeros(len(fleet_ids) + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=len(fleet_ids)), out=first[1:])
    return order, first


def _by_step(table: ClaimedTable, id_column: str, ids: Array, value: str, steps: int) -> Array:
    """Return values by (element, step), nan where the table has no row."""
    out = np.full((len(ids), steps), np.nan)
    if table.exists and table.has(id_column) and len(ids):
        row = table.places(id_column, ids, -1)
        step = table.numbers("step").astype(np.int64)
        mine = (row >= 0) & (step >= 0) & (step < steps)
        out[row[mine], step[mine]] = table.numbers(value)[mine]
    return out


def _pieces(table: ClaimedTable, id_column: str, ids: Array, linear: Array) -> CostPieces:
    """Return costs by piece; `linear` where the table has no row of an element."""
    row = table.places(id_column, ids, -1) if table.exists else np.zeros(0, np.int64)
    mine = np.flatnonzero(row >= 0)
    above, cost, owner = np.zeros(0), np.zeros(0), row[mine]
    if len(mine):
        above, cost = table.numbers("above_kw")[mine], table.numbers("cost_per_kw")[mine]
    plain = np.setdiff1d(np.arange(len(ids)), owner)
    owner = np.concatenate([owner, plain])
    above = np.concatenate([above, np.zeros(len(plain))])
    cost = np.concatenate([cost, linear[plain]])
    order = np.lexsort((above, owner))
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(ids)))])
    return CostPieces(first, above[order], cost[order])


def _grid(folder: Path, steps: int) -> Grid:
    feeders, banks = ClaimedTable(folder, "feeders"), ClaimedTable(folder, "banks")
    headroom, base_load = ClaimedTable(folder, "headroom"), ClaimedTable(folder, "base_load")
    costs = ClaimedTable(folder, "upgrade_costs")
    feeder_id, bank_id = feeders.text("feeder_id"), banks.text("bank_id")
    bank = feeders.places("bank_id", bank_id, NO_BANK)
    rating, bank_rating = feeders.numbers("rating_kw"), banks.numbers("rating_kw")

    given = _by_step(headroom, "feeder_id", feeder_id, "headroom_kw", steps)
    base = _by_step(base_load, "feeder_id", feeder_id, "load_kw", steps)
    left = np.where(np.isnan(given), rating[:, None] - base, given)
    carried = np.where(np.isnan(base), rating[:, None] - left, base)

    under = np.zeros((len(bank_id), steps))
    has_bank = bank >= 0
    np.add.at(under, bank[has_bank], carried[has_bank])
    bank_given = _by_step(headroom, "bank_id", bank_id, "headroom_kw", steps)
    bank_left = np.where(np.isnan(bank_given), bank_rating[:, None] - under, bank_given)
    for name, table, ids in (("feeder", left, feeder_id), ("bank", bank_left, bank_id)):
        if np.isnan(table).any():
            lacking = ids[np.isnan(table).any(axis=1)][0]
            raise ValueError(f"headroom: {name} {lacking} has neither headroom nor rating and base load")
    return Grid(
        feeder_id,
        bank_id,
        bank,
        left,
        bank_left,
        _pieces(costs, "feeder_id", feeder_id, feeders.numbers("upgrade_cost_per_kw", 1.0)),
        _pieces(costs, "bank_id", bank_id, banks.numbers("upgrade_cost_per_kw", 1.0)),
        rating,
        bank_rating,
        None if np.isnan(base).all() else base,
        attributes=_carried(feeders, ("name",), ("customers", "longitude", "latitude")),
        bank_attributes=_carried(banks, ("name",), ()),
    )


def _carried(table: ClaimedTable, texts: Sequence[str], numbers: Sequence[str]) -> dict[str, Array]:
    """Return the columns that are carried along, which no figure depends on."""
    found = {name: table.text(name) for name in texts if table.has(name)}
    return found | {name: table.numbers(name) for name in numbers if table.has(name)}


def _fleet(table: ClaimedTable) -> Fleet:
    columns: dict[str, Any] = {
        name: table.numbers(name, default) for name, default in _FLEET_DEFAULTS.items()
    }
    initial = table.numbers("soc_initial")
    return Fleet(
        vehicle_id=table.text("vehicle_id"),
        battery_kwh=table.numbers("battery_kwh"),
        soc_initial=initial,
        soc_final_min=table.numbers("soc_final_min", initial),
        discharge_efficiency=table.numbers("discharge_efficiency", columns["charge_efficiency"]),
        **columns,
    )


def read_tables(folder: Path) -> Scenario:
    """Read a scenario folder, apply the specified defaults, and align it.

    Parameters
    ----------
    folder : Path
        The scenario folder: ``scenario.toml`` and one Parquet or CSV file a table.

    Returns
    -------
    Scenario
        All ids as text.

    Raises
    ------
    ValueError, OSError, KeyError
        What is wrong with the files; the scenario's own checks are not repeated here.
    """
    settings = tomllib.loads((folder / "scenario.toml").read_text("utf-8-sig"))
    time = settings["horizon"]
    start = time["start"]
    if not isinstance(start, datetime):
        start = datetime.fromisoformat(str(start))
    horizon = Horizon(start, float(time["step_min"]), int(time["steps"]))
    fleet = _fleet(ClaimedTable(folder, "vehicles"))
    grid = _grid(folder, horizon.steps)

    stays = ClaimedTable(folder, "dwells")
    order, first = _sorted_rows(stays, fleet.vehicle_id, "arrive_min", "depart_min")
    dwells = Dwells(
        first,
        stays.numbers("arrive_min")[order],
        stays.numbers("depart_min")[order],
        stays.places("feeder_id", grid.feeder_id, OFF_GRID)[order],
        stays.numbers("charger_kw")[order],
    )
    drives = ClaimedTable(folder, "trips")
    order, first = _sorted_rows(drives, fleet.vehicle_id, "depart_min", "arrive_min")
    trips = Trips(
        first,
        drives.numbers("depart_min")[order],
        drives.numbers("arrive_min")[order],
        drives.numbers("energy_kwh")[order],
    )
    parts = read_road_parts(folder, settings, grid.feeder_id)
    parts |= read_tariff_parts(folder, settings, horizon, parts.get("roads"))
    return Scenario(settings.get("name") or folder.name, horizon, fleet, dwells, trips, grid, **parts)
