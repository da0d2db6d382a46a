"""From tables to travel in steps: roads, charging sites with their levels and prices, aggregators, trips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Roads
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.io.scenario.itineraries import as_given, known_ids, located
from tidewatt.io.scenario.profiles import laid_out, report_gaps, step_numbers, whole_numbers
from tidewatt.io.scenario.tables import ScenarioTable

__all__ = [
    "TravelTables",
    "build_aggregators",
    "build_sites",
    "build_step_roads",
    "build_travel",
    "roads_in_steps",
]


@dataclass(frozen=True, slots=True)
class TravelTables:
    """Tables that describe travel in steps; empty where the scenario lacks them."""

    charging_sites: ScenarioTable
    charger_levels: ScenarioTable
    aggregators: ScenarioTable
    travel: ScenarioTable
    energy_prices: ScenarioTable


def build_step_roads(nodes: ScenarioTable, links: ScenarioTable) -> StepRoads:
    """Return roads whose links state their steps themselves."""
    node_ids, _ = known_ids(nodes, "node_id")
    ids, rows = known_ids(links, "link_id")
    ends = []
    for name in ("from_node_id", "to_node_id"):
        end = links.ids(name)
        links.filled(name, end)
        ends.append(located(links, name, node_ids, "nodes", ids=end, optional=True))
    capacity, energy = links.numbers("capacity_per_step"), links.numbers("energy_kwh")
    for name, values in (("capacity_per_step", capacity), ("energy_kwh", energy)):
        _all_filled(links, name, values)
    steps = whole_numbers(links, "free_flow_steps", "a whole number of steps, at least 1")
    good = (ends[0][rows] >= 0) & (ends[1][rows] >= 0)
    rows = rows[good]
    return StepRoads(
        node_id=as_given(node_ids),
        link_id=as_given(ids.filter(pa.array(good))),
        tail=ends[0][rows],
        head=ends[1][rows],
        capacity_per_step=capacity[rows],
        free_flow_steps=steps[rows],
        energy_kwh=energy[rows],
    )


def _all_filled(table: ScenarioTable, name: str, values: Array) -> None:
    """Report cells that contain nan; empty cells are reported where they are read."""
    spec = table.columns[name]
    bad = np.flatnonzero(np.isnan(values))
    if len(bad) and table.has(name) and spec.required:
        table.issue(name, "found nan", f"Give {spec.meaning}", bad)


def roads_in_steps(roads: Roads, horizon: Horizon, kwh_per_km: float, vehicle_share: float) -> StepRoads:
    """Convert roads described by length, capacity and time into roads in steps of the horizon.

    Parameters
    ----------
    roads : Roads
    horizon : Horizon
        Its step is that of the roads; free times are rounded to whole steps, 1 at least.
    kwh_per_km : float
        Consumption of a vehicle.
    vehicle_share : float
        Share of each link's capacity that is left to the vehicles of the study.
    """
    steps = np.nan_to_num(np.round(roads.free_time_min / horizon.step_min), nan=1.0, posinf=1.0, neginf=1.0)
    return StepRoads(
        node_id=roads.node_id,
        link_id=roads.link_id,
        tail=roads.tail,
        head=roads.head,
        capacity_per_step=roads.capacity_veh_h * horizon.step_h * vehicle_share,
        free_flow_steps=np.clip(steps, 1.0, 1e15),
        energy_kwh=roads.length_km * kwh_per_km,
    )


def build_sites(
    tables: TravelTables, nodes: pa.Array, buses: pa.Array, horizon: Horizon
) -> tuple[ChargingSites, pa.Array]:
    """Return charging sites at known nodes and buses, and their ids."""
    table, levels = tables.charging_sites, tables.charger_levels
    ids, rows = known_ids(table, "site_id")
    if not (len(nodes) and len(buses)):  # reported already
        ids, rows = ids.slice(0, 0), rows[:0]
    places = []
    for column, known, home in (("node_id", nodes, "nodes"), ("bus_id", buses, "buses")):
        place = table.ids(column)
        table.filled(column, place)
        # Unknown ones are reported; the sites' ids stay known.
        places.append(np.maximum(located(table, column, known, home, ids=place, optional=True), 0)[rows])
    chargers = whole_numbers(table, "chargers", "a whole number of chargers, at least 0")[rows]
    site = located(levels, "site_id", ids, "charging_sites")
    level_ids = levels.ids("level_id")
    levels.filled("level_id", level_ids)
    power = levels.numbers("power_kw")
    order = np.argsort(site, kind="stable")
    order = order[(site[order] >= 0) & (level_ids.codes[order] >= 0)]
    sites = ChargingSites(
        site_id=as_given(ids),
        node=places[0],
        bus=places[1],
        chargers=chargers,
        level_first=offsets(site[order], len(ids)),
        level_id=as_given(level_ids.values.take(pa.array(level_ids.codes[order]))),
        level_kw=power[order],
        price_per_kwh=_prices(tables.energy_prices, ids, horizon.steps),
    )
    return sites, ids


def _prices(table: ScenarioTable, sites: pa.Array, steps: int) -> Array:
    """Return energy prices by site and step; rows without a site apply to sites without rows of their own."""
    names = [f"site {name}" for name in sites.to_pylist()] + ["the price of all sites"]
    site_ids = table.ids("site_id")
    table.label_rows(site_ids, unique=False)
    site = located(table, "site_id", sites, "charging_sites", ids=site_ids, optional=True)
    site = np.where(site == -1, len(sites), site)
    step = step_numbers(table, table.numbers("step", default=np.nan), steps)
    columns, seen = laid_out(table, ["price_per_kwh"], site, names, step, steps)
    report_gaps(table, names, seen)
    # Steps that are missing are reported; zeros stand in.
    price, own = np.where(seen, columns["price_per_kwh"], 0.0), np.asarray(seen.any(axis=1))
    without = np.flatnonzero(~own[:-1])
    if len(without) and not own[-1] and table.usable:
        fix = "Add a row for every step of each, or rows without a site, which hold for all others"
        problem = f"{', '.join(names[row] for row in without[:3])} has no price"
        table.issue("site_id", problem, fix)
    return np.where(own[:-1, None], price[:-1], price[-1:])


def build_aggregators(table: ScenarioTable) -> tuple[Aggregators, pa.Array]:
    """Return aggregators, and their ids."""
    ids, rows = known_ids(table, "aggregator_id")
    names = [name for name in Aggregators.__slots__ if name != "aggregator_id"]
    columns = {name: table.numbers(name) for name in names}
    charging = columns["charge_efficiency"]
    default = np.where((charging > 0) & (charging <= 1), charging, 0.9)  # a wrong one is reported once
    columns["discharge_efficiency"] = table.numbers("discharge_efficiency", default=default)
    return Aggregators(as_given(ids), **{name: column[rows] for name, column in columns.items()}), ids


def build_travel(
    table: ScenarioTable,
    aggregators: Aggregators,
    aggregator_ids: pa.Array,
    nodes: pa.Array,
    discharging: bool,
) -> Travel:
    """Return groups of vehicles between known nodes, in the order of the rows.

    Parameters
    ----------
    discharging : bool
        Whether some site lets vehicles discharge: then the state of charge on arrival must be given.
    """
    aggregator = located(table, "aggregator_id", aggregator_ids, "aggregators")
    ends = []
    for column in ("origin_node_id", "destination_node_id"):
        end = table.ids(column)
        table.filled(column, end)
        ends.append(located(table, column, nodes, "nodes", ids=end, optional=True))
    depart = whole_numbers(table, "depart_step", "a whole number of steps from the start", stand_in=0)
    initial, vehicles = table.numbers("soc_initial"), table.numbers("vehicles")
    final = table.numbers("soc_final_min")
    empty = np.flatnonzero(np.isnan(final))
    if discharging and len(empty):
        problem = "it is empty, but chargers have levels below 0 kW"
        if not table.has("soc_final_min"):
            problem, empty = "the column is missing, but chargers have levels below 0 kW", empty[:0]
        fix = "Give the least state of charge on arrival: without one, discharging would empty the batteries"
        table.issue("soc_final_min", problem, fix, empty if len(empty) else None)
    least = aggregators.soc_min[np.maximum(aggregator, 0)] if len(aggregators) else np.zeros(table.rows)
    final = np.where(np.isnan(final), least, final)
    kept = (aggregator >= 0) & (ends[0] >= 0) & (ends[1] >= 0)
    columns = (aggregator, *ends, depart, initial, final, vehicles)
    return Travel(*(column[kept] for column in columns))
