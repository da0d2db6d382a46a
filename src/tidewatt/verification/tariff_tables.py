"""Roads in steps, sites, aggregators, travel and the grid of a scenario folder, read a second time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import INJECTION_KINDS, Distribution, Forecasts, Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Roads
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.verification.table import Table

__all__ = ["in_steps", "read_tariff_parts"]

_STEPS = ("capacity_per_step", "free_flow_steps", "energy_kwh")
_ROADS = ("length_km", "capacity_veh_h", "free_speed_kmh", "free_time_min")
_YES = ("true", "1", "yes", "y", "t")


def in_steps(folder: Path) -> tuple[bool, bool]:
    """Whether links are described in steps, and whether they are described by length and capacity."""
    links = Table(folder, "links")
    steps = any(links.has(name) for name in _STEPS)
    return steps, not steps or any(links.has(name) for name in _ROADS)


def read_tariff_parts(
    folder: Path, settings: Mapping[str, Any], horizon: Horizon, roads: Roads | None
) -> dict[str, Any]:
    """The parts of a scenario that tariffs are found for, by attribute of `Scenario`; absent ones left out.

    Raises
    ------
    ValueError
        What is wrong with the files; the scenario's own checks are not repeated here.
    """
    parts: dict[str, Any] = {}
    nodes, links = Table(folder, "nodes"), Table(folder, "links")
    buses, lines = Table(folder, "buses"), Table(folder, "lines")
    bus_id = buses.text("bus_id")
    if buses.exists or lines.exists:
        parts["distribution"] = _distribution(buses, lines, bus_id)
    injections = Table(folder, "injections")
    past = Table(folder, "forecasts")
    if injections.exists or past.exists:
        parts["injections"] = _injections(injections, bus_id, horizon.steps)
        if past.exists:
            parts["forecasts"] = _forecasts(past, parts["injections"], horizon.steps)
    elif "distribution" in parts:
        parts["injections"] = Injections.none(horizon.steps)
    travel = Table(folder, "travel")
    names = ("charging_sites", "charger_levels", "aggregators", "travel", "energy_prices")
    travelled = any(Table(folder, name).exists for name in names)
    if in_steps(folder)[0]:
        parts["step_roads"] = _step_roads(nodes, links)
    elif travelled and roads is not None:
        parts["step_roads"] = _from_roads(roads, horizon, settings.get("tariff", {}))
    if not travelled:
        return parts
    node_id = nodes.text("node_id")
    parts["sites"] = _sites(folder, node_id, bus_id, horizon.steps)
    table = Table(folder, "aggregators")
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


def _step_roads(nodes: Table, links: Table) -> StepRoads:
    node_id = nodes.text("node_id")
    tail, head = (links.places(f"{end}_node_id", node_id, -1) for end in ("from", "to"))
    if np.any(tail < 0) or np.any(head < 0):
        raise ValueError("links: a link begins or ends at no node")
    figures: dict[str, Any] = {name: links.numbers(name) for name in _STEPS}
    return StepRoads(node_id=node_id, link_id=links.text("link_id"), tail=tail, head=head, **figures)


def _from_roads(roads: Roads, horizon: Horizon, said: Mapping[str, Any]) -> StepRoads:
    """The contract's rule for roads that are described by length, capacity and time."""
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
    table, levels = Table(folder, "charging_sites"), Table(folder, "charger_levels")
    prices = Table(folder, "energy_prices")
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


def _distribution(buses: Table, lines: Table, bus_id: Array) -> Distribution:
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


def _injections(table: Table, bus_id: Array, steps: int) -> Injections:
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


def _forecasts(table: Table, injections: Injections, steps: int) -> Forecasts:
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
