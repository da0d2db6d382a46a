"""What vehicles did, as a scenario that `coordinate` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.synthesis.statistics import PURPOSES

if TYPE_CHECKING:
    from tidewatt.simulation.driving.day import Day
    from tidewatt.simulation.driving.ledger import DayLedger
    from tidewatt.simulation.driving.vehicles import Drivers
    from tidewatt.simulation.queueing.charges import Sessions
    from tidewatt.simulation.world import World
    from tidewatt.synthesis.plans import DayPlans

__all__ = ["itineraries"]


def itineraries(world: World, plans: DayPlans, drivers: Drivers, day: Day) -> Scenario:
    """Return vehicles, dwells and trips of one replication, on the scenario's feeders.

    A stop at a station is a dwell from the start to the end of the charge, with the charge's mean power; the
    trip there lasts until then. Where the scenario has no feeders, every zone and every station becomes one
    without headroom: coordinating then finds the least sum of their peaks.
    """
    n, minutes, ledger, sessions = plans.vehicles, world.minutes, day.ledger, day.charging.sessions()
    grid, horizon, zone_feeder, station_feeder = _grid(world)
    legs, stays = ledger.legs.table(), ledger.stays.table()

    stay = legs_of(stays, ("vehicle", "stay"))
    row = stay["stay"].astype(np.int64)
    charge = _charges(sessions.rows(sessions.start_min < minutes))
    power = charge["energy"] * 60.0 / np.maximum(charge["end"] - charge["start"], 1e-9)

    owner = np.concatenate([stay["vehicle"], charge["vehicle"]])
    arrive = np.concatenate([stay["arrive"], charge["start"]])
    order = np.lexsort((arrive, owner))
    depart = np.minimum(np.concatenate([stay["depart"], charge["end"]]), minutes)
    names = np.array(PURPOSES, dtype=object)
    place = np.concatenate([names[plans.place[row]], np.full(len(power), "station", object)])
    ids = np.concatenate(
        [np.full(len(row), None, object), _texts(world.stations.station_id)[charge["station"]]]
    )
    feeder = np.concatenate([zone_feeder[stay["zone"].astype(np.int64)], station_feeder[charge["station"]]])
    dwells = Dwells(
        offsets(owner, n),
        arrive[order],
        depart[order],
        feeder[order],
        np.concatenate([stay["kw"], power])[order],
        {"place": place[order], "station_id": ids[order]},
    )
    return Scenario(
        name=f"{world.scenario.name} itineraries".strip(),
        currency=world.scenario.currency,
        horizon=horizon,
        fleet=_fleet(world, drivers, ledger),
        dwells=dwells,
        trips=_trips(legs, charge, n, minutes),
        grid=grid,
    )


def _charges(sessions: Sessions) -> dict[str, Array]:
    return {
        "vehicle": sessions.vehicle,
        "station": sessions.station,
        "start": sessions.start_min,
        "end": sessions.end_min,
        "energy": sessions.energy_kwh,
    }


def legs_of(table: Mapping[str, Array], keys: tuple[str, ...]) -> dict[str, Array]:
    """Return rows in the order of `keys`, with vehicles as integers."""
    order = np.lexsort([table[key] for key in reversed(keys)])
    rows = {name: values[order] for name, values in table.items()}
    rows["vehicle"] = rows["vehicle"].astype(np.int64)
    return rows


def _trips(legs: Mapping[str, Array], charge: Mapping[str, Array], vehicles: int, minutes: float) -> Trips:
    """Return drives; one that ends at a station lasts until charging begins, none beyond the horizon."""
    rows = legs_of(legs, ("vehicle", "depart"))
    arrive = rows["arrive"].copy()
    stop = np.flatnonzero(rows["station"] >= 0)
    # A vehicle's stops and charges follow each other in the same order; charges after the end are gone.
    order = np.lexsort((charge["start"], charge["vehicle"]))
    vehicle, start = charge["vehicle"][order].astype(np.int64), charge["start"][order]
    rank = _rank(rows["vehicle"][stop])
    position = np.searchsorted(vehicle, rows["vehicle"][stop]) + rank
    there = position < np.searchsorted(vehicle, rows["vehicle"][stop], side="right")
    arrive[stop[there]] = start[position[there]]
    arrive[stop[~there]] = minutes
    kept = rows["depart"] < minutes
    return Trips(
        offsets(rows["vehicle"][kept], vehicles),
        rows["depart"][kept],
        np.minimum(arrive[kept], minutes),
        rows["kwh"][kept],
        {"distance_km": rows["km"][kept]},
    )


def _rank(owner: Array) -> Array:
    """Return each row's rank among those of its owner; rows sorted by owner."""
    if not len(owner):
        return np.zeros(0, np.int64)
    first = np.searchsorted(owner, owner)
    rank: Array = np.arange(len(owner)) - first
    return rank


def _fleet(world: World, drivers: Drivers, ledger: DayLedger) -> Fleet:
    n = len(drivers.battery_kwh)
    initial = drivers.stored_kwh / drivers.battery_kwh
    final = ledger.stored_kwh / drivers.battery_kwh
    ones = np.ones(n)
    return Fleet(
        vehicle_id=np.arange(1, n + 1),
        battery_kwh=drivers.battery_kwh,
        soc_initial=np.clip(initial, 0.0, 1.0),
        soc_min=0.0 * ones,
        soc_max=ones,
        # What both the first minute and the simulated end allow: a flexible plan borrows nothing.
        soc_final_min=np.clip(np.minimum(initial, final) - 1e-9, 0.0, 1.0),
        charge_efficiency=world.parameters["charge_efficiency"] * ones,
        max_charge_kw=np.inf * ones,
        weight=ones,
        discharge_efficiency=world.parameters["charge_efficiency"] * ones,
        max_discharge_kw=0.0 * ones,
    )


def _grid(world: World) -> tuple[Grid, Horizon, Array, Array]:
    """Return feeders over the simulated days, and which one supplies each zone and station."""
    given, horizon = world.scenario.grid, world.scenario.horizon
    steps = round(world.minutes / horizon.step_min)
    horizon = Horizon(horizon.start, horizon.step_min, steps)
    if given.feeders:
        cut = Grid(
            feeder_id=given.feeder_id,
            bank_id=given.bank_id,
            bank=given.bank,
            headroom_kw=given.headroom_kw[:, :steps],
            bank_headroom_kw=given.bank_headroom_kw[:, :steps],
            cost=given.cost,
            bank_cost=given.bank_cost,
            rating_kw=given.rating_kw,
            bank_rating_kw=given.bank_rating_kw,
            base_load_kw=None if given.base_load_kw is None else given.base_load_kw[:, :steps],
            attributes=given.attributes,
            bank_attributes=given.bank_attributes,
        )
        return cut, horizon, world.roads.zone_feeder, world.stations.feeder
    zones, stations = world.roads.zones, len(world.stations)
    ids = [f"zone {i}" for i in world.roads.zone_id] + [f"station {i}" for i in world.stations.station_id]
    none = np.zeros(0)
    made = Grid(
        feeder_id=np.array(ids, dtype=object),
        bank_id=np.zeros(0, np.int64),
        bank=np.full(len(ids), NO_BANK, np.int32),
        headroom_kw=np.zeros((len(ids), steps)),
        bank_headroom_kw=np.zeros((0, steps)),
        cost=CostPieces.linear(np.ones(len(ids))),
        bank_cost=CostPieces.linear(none),
        rating_kw=np.full(len(ids), np.nan),
        bank_rating_kw=none,
    )
    return made, horizon, np.arange(zones, dtype=np.int32), zones + np.arange(stations, dtype=np.int32)


def _texts(ids: Array) -> Array:
    return np.array([str(i) for i in ids], dtype=object)
