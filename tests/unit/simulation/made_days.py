"""A town with stations, and days in it put together without the simulation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import t as student_t

from tidewatt.domain.fleet import OFF_GRID, Dwells, Fleet, Trips
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Demand, FleetTypes, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.options.simulation import SIMULATION
from tidewatt.result import RunInfo, Status
from tidewatt.simulation.result import STATES, Simulation

DAY = 1440
Z90 = 1.6448536269514722


def empty_grid(steps: int) -> Grid:
    """A grid without feeders."""
    ids = np.zeros(0, object)
    none = CostPieces([0], [], [])
    return Grid(
        ids,
        ids,
        np.zeros(0),
        np.zeros((0, steps)),
        np.zeros((0, steps)),
        none,
        none,
        np.zeros(0),
        np.zeros(0),
    )


def nobody() -> tuple[Fleet, Dwells, Trips]:
    """No vehicles, dwells or trips."""
    none = np.zeros(0)
    fleet = Fleet(np.zeros(0, object), *([none] * 10))
    return fleet, Dwells([0], none, none, none, none), Trips([0], none, none, none)


def town(side: int = 4, *, places: bool = True) -> Scenario:
    """Streets in a square of `side` times `side` corners, 2 km apart, with four stations."""
    n = side * side
    column, row = np.arange(n) % side, np.arange(n) // side
    pairs = [(i, i + 1) for i in range(n) if column[i] < side - 1]
    pairs += [(i, i + side) for i in range(n) if row[i] < side - 1]
    tail = np.array([a for a, b in pairs] + [b for a, b in pairs])
    head = np.array([b for a, b in pairs] + [a for a, b in pairs])
    links = len(tail)
    grade = np.where((row[tail] == 1) & (row[head] == 1), 0, np.where(column[tail] == 1, 1, 2))
    speed = np.array([100.0, 60.0, 40.0])[grade]
    zones = np.array([0, side - 1, n - side, n - 1])
    nan = np.full(n, np.nan)
    roads = Roads(
        node_id=np.array([f"n{i}" for i in range(n)], object),
        x=column * 2.0 if places else nan,
        y=row * 2.0 if places else nan,
        through=np.ones(n, bool),
        link_id=np.arange(1, links + 1),
        tail=tail,
        head=head,
        length_km=np.full(links, 2.0),
        capacity_veh_h=np.array([4000.0, 1500.0, 800.0])[grade],
        free_time_min=120.0 / speed,
        road_class=grade,
        bpr_alpha=np.full(links, 0.15),
        bpr_beta=np.full(links, 4.0),
        toll=np.zeros(links),
        lanes=np.full(links, np.nan),
        zone_id=np.array(["north", "east", "south", "west"], object),
        zone_node=zones,
        homes=np.array([5.0, 3.0, 1.0, 1.0]),
        jobs=np.array([1.0, 1.0, 4.0, 2.0]),
        other=np.ones(4),
        zone_feeder=np.full(4, OFF_GRID),
        crs="km",
    )
    origin, destination = (a.ravel() for a in np.meshgrid(np.arange(4), np.arange(4)))
    other = origin != destination
    demand = Demand(
        origin[other], destination[other], np.full(12, 150.0), np.full(12, np.nan), np.full(12, np.nan)
    )
    types = FleetTypes(
        np.array(["small", "large"], object),
        [0.6, 0.4],
        [40.0, 70.0],
        [0.15, 0.2],
        [50.0, 120.0],
        [7.0, 11.0],
    )
    nan4, zero4 = np.full(4, np.nan), np.zeros(4)
    stations = Stations(
        station_id=np.array(["Harbour", "Mill", "Old Town", "Park"], object),
        node=np.array([1, side + 1, n - 2, n - side]),
        fast=np.array([2, 1, 1, 0]),
        normal=np.array([1, 2, 0, 3]),
        fast_kw=np.array([60.0, 50.0, 120.0, 50.0]),
        normal_kw=np.array([11.0, 11.0, 7.0, 7.0]),
        feeder=np.full(4, OFF_GRID),
        price_fast_per_kwh=np.array([0.45, 0.5, 0.6, 0.5]),
        price_normal_per_kwh=np.array([0.3, 0.3, 0.3, 0.25]),
        max_total=nan4,
        age_years=nan4,
        life_years=nan4,
        fixed=np.zeros(4, bool),
        fast_min=zero4,
        normal_min=zero4,
        snap_km=nan4,
        price_first=np.zeros(5, np.int64),
        price_start_min=np.zeros(0),
        price_end_min=np.zeros(0),
        window_price_fast_per_kwh=np.zeros(0),
        window_price_normal_per_kwh=np.zeros(0),
    )
    horizon = Horizon(datetime(2027, 1, 11), 15.0, 96)
    return Scenario(
        "town", horizon, *nobody(), empty_grid(96), roads=roads, demand=demand, types=types, stations=stations
    )


def charges(scenario: Scenario, replication: int, vehicles: int, share: float, rng) -> pd.DataFrame:
    """One day's charges: first come, first served at every station and kind of charger."""
    stations = scenario.stations
    who = np.sort(rng.choice(vehicles, int(share * vehicles), replace=False))
    decide = np.sort(rng.choice([480.0, 1080.0], len(who)) + rng.normal(0, 100, len(who))).clip(0, DAY - 1)
    place = rng.choice(len(stations), len(who), p=[0.4, 0.3, 0.2, 0.1])
    arrive = decide + rng.uniform(1, 15, len(who))
    free = [
        {"fast": np.zeros(stations.fast[s]), "normal": np.zeros(stations.normal[s])}
        for s in range(len(stations))
    ]
    rows = []
    for k in np.argsort(arrive, kind="stable"):
        s = place[k]
        kinds = [kind for kind in ("fast", "normal") if len(free[s][kind])]
        kind = min(kinds, key=lambda kind: max(free[s][kind].min(), arrive[k]) + (kind == "normal") * 40)
        energy = rng.uniform(5, 30)
        power = float(getattr(stations, f"{kind}_kw")[s])
        slot = int(np.argmin(free[s][kind]))
        start = max(arrive[k], free[s][kind][slot])
        end = start + 60 * energy / power
        free[s][kind][slot] = end
        price = float(getattr(stations, f"price_{kind}_per_kwh")[s])
        rows.append(
            (
                replication,
                who[k],
                str(stations.station_id[s]),
                kind,
                decide[k],
                arrive[k],
                start,
                end,
                energy,
                rng.uniform(0, 9),
                start - arrive[k],
                price,
            )
        )
    columns = [
        "replication",
        "vehicle_id",
        "station_id",
        "charger",
        "decide_min",
        "arrive_min",
        "start_min",
        "end_min",
        "energy_kwh",
        "detour_min",
        "wait_min",
        "price_per_kwh",
    ]
    frame = pd.DataFrame(rows, columns=columns)
    frame["replication"] = frame["replication"].astype(np.int32)
    return frame


def by_minute(begin, end, height=1.0, minutes: int = DAY) -> np.ndarray:
    """Mean height of intervals in every minute of a day, what lies beyond wrapped; slow and plain."""
    out = np.zeros(minutes)
    for a, b, h in zip(begin, end, np.broadcast_to(height, len(begin)), strict=True):
        for m in range(int(a), int(np.ceil(b))):
            out[m % minutes] += h * max(min(b, m + 1) - max(a, m), 0.0)
    return out


def hand_made(
    scenario: Scenario | None = None,
    *,
    replications: int = 3,
    vehicles: int = 120,
    share: float = 0.7,
    seed: int = 1,
) -> Simulation:
    """A simulation of a day whose tables, series and figures belong together."""
    scenario = scenario or town()
    rng = np.random.default_rng(seed)
    days = [charges(scenario, r, vehicles, share, rng) for r in range(replications)]
    ids = [f"v{i:04d}" for i in range(vehicles)]
    plan = itineraries(scenario, ids, days[0], rng)
    events = pd.concat(days, ignore_index=True)
    events["vehicle_id"] = pd.Categorical.from_codes(events["vehicle_id"], ids)
    events["station_id"] = pd.Categorical(events["station_id"], list(scenario.stations.station_id))
    events["charger"] = pd.Categorical(events["charger"], ["fast", "normal"])
    events = events.sort_values(["replication", "decide_min"], kind="stable", ignore_index=True)
    first = [day["vehicle_id"].iloc[0] for day in days]  # vehicles that did charge
    low = [
        (r, ids[v], float(rng.uniform(1200, DAY)), float(rng.uniform(0, 0.2)), reason)
        for r in range(replications)
        for v, reason in (
            (int(first[r]), "charged_today"),
            (7, "no_station_reachable"),
            (8, "no_station_reachable"),
        )
    ]
    unserved = pd.DataFrame(low, columns=["replication", "vehicle_id", "minute", "soc", "reason"])
    unserved["replication"] = unserved["replication"].astype(np.int32)
    unserved["vehicle_id"] = pd.Categorical(unserved["vehicle_id"], ids)
    unserved["reason"] = pd.Categorical(unserved["reason"])
    return labelled(scenario, events, unserved, plan, vehicles, replications, rng)


def labelled(scenario, events, unserved, plan, vehicles, m, rng) -> Simulation:
    """Series, tables and figures of given events."""
    stations, roads = scenario.stations, scenario.roads
    shape = (m, len(stations), DAY)
    power, revenue, queue, occupied = (np.zeros(shape) for _ in range(4))
    for (r, s), rows in events.groupby(["replication", "station_id"], observed=True):
        at = (r, list(stations.station_id).index(s))
        begin, end = rows["start_min"].to_numpy(), rows["end_min"].to_numpy()
        kw = rows["energy_kwh"].to_numpy() / ((end - begin) / 60)
        power[at] = by_minute(begin, end, kw)
        revenue[at] = by_minute(begin, end, kw * rows["price_per_kwh"].to_numpy())
        queue[at] = by_minute(rows["arrive_min"].to_numpy(), begin)
        occupied[at] = by_minute(begin, end)
    load, waiting = power.sum(axis=1), queue.sum(axis=1)
    ends = np.arange(1, DAY + 1)
    came, begun, gone = (
        np.searchsorted(np.sort(events[name]), ends, side="right") / m
        for name in ("arrive_min", "start_min", "end_min")
    )
    coming = by_minute(events["decide_min"].to_numpy(), events["arrive_min"].to_numpy()) / m
    driving = 0.2 * vehicles * np.exp(-(((np.arange(DAY) - 480) / 150) ** 2)) + 2
    states = np.stack([driving, coming, came - begun, begun - gone])
    states = np.vstack([vehicles - states.sum(axis=0), states])
    data = {
        "power_kw": (("station", "minute"), power.mean(axis=0), {"units": "kW"}),
        "revenue_per_h": (("station", "minute"), revenue.mean(axis=0), {"units": "cost/h"}),
        "queue_vehicles": (("station", "minute"), queue.mean(axis=0), {"units": "vehicles"}),
        "occupied_chargers": (("station", "minute"), occupied.mean(axis=0), {"units": "chargers"}),
        "destination_kw": (("minute",), 30 + 20 * np.sin(np.arange(DAY) / 229), {"units": "kW"}),
        "vehicles": (("state", "minute"), states, {"units": "vehicles"}),
    }
    for name, values, unit in (("load_kw", load, "kW"), ("queue_total", waiting, "vehicles")):
        mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1) if m > 1 else np.zeros(DAY)
        data[name] = (("minute",), mean, {"units": unit})
        half = student_t.ppf(0.975, m - 1) / np.sqrt(m) if m > 1 else np.nan
        for suffix, width in (("_low", -half), ("_high", half), ("_p05", -Z90), ("_p95", Z90)):
            data[name + suffix] = (("minute",), np.maximum(mean + width * spread, 0.0), {"units": unit})
    hour = np.arange(96) / 4
    rush = np.exp(-(((hour - 8) / 1.5) ** 2)) + np.exp(-(((hour - 17.5) / 2) ** 2))
    flow = rng.uniform(0.3, 1.1, (roads.links, 1)) * roads.capacity_veh_h[:, None] * (0.05 + 0.9 * rush)
    free = 60 * roads.length_km / roads.free_time_min
    slow = free[:, None] / (1 + 0.15 * (flow / roads.capacity_veh_h[:, None]) ** 4)
    data["flow_veh_h"] = (("link", "interval_min"), flow.astype(np.float32), {"units": "vehicles/h"})
    data["speed_kmh"] = (("link", "interval_min"), slow.astype(np.float32), {"units": "km/h"})
    coordinates = {
        "station": np.asarray(stations.station_id, str),
        "link": roads.link_id,
        "minute": ("minute", np.arange(DAY, dtype=float), {"units": "min"}),
        "interval_min": ("interval_min", np.arange(96) * 15.0, {"units": "min"}),
        "state": np.array(STATES),
    }
    dataset = xr.Dataset(data, coordinates)

    by_day = events.groupby("replication")
    charge = events["end_min"] - events["start_min"]
    paid = events["energy_kwh"] * events["price_per_kwh"]
    history = pd.DataFrame(
        {
            "replication": np.arange(m),
            "statistic": by_day["energy_kwh"].sum().to_numpy(),
            "charges": by_day.size().to_numpy(),
            "energy_kwh": by_day["energy_kwh"].sum().to_numpy(),
            "revenue": paid.groupby(events["replication"]).sum().to_numpy(),
            "mean_detour_min": by_day["detour_min"].mean().to_numpy(),
            "mean_wait_min": by_day["wait_min"].mean().to_numpy(),
            "mean_charge_min": charge.groupby(events["replication"]).mean().to_numpy(),
            "peak_load_kw": load.max(axis=1),
            "queue_peak": waiting.max(axis=1),
            "trips": len(plan.trips),
            "unserved": unserved.groupby("replication").size().reindex(range(m), fill_value=0).to_numpy(),
            "seconds": rng.uniform(0.1, 0.2, m),
        }
    )
    history.insert(2, "beta", [beta(history["statistic"].to_numpy()[: k + 1]) for k in range(m)])
    at_station = [events[events["station_id"] == s] for s in stations.station_id]
    table = pd.DataFrame(
        {
            "station_id": np.asarray(stations.station_id, str),
            "node_id": np.asarray(roads.node_id[stations.node], str),
            "x": roads.x[stations.node],
            "y": roads.y[stations.node],
            "fast": stations.fast,
            "normal": stations.normal,
            "charges": [len(rows) / m for rows in at_station],
            "energy_kwh": [rows["energy_kwh"].sum() / m for rows in at_station],
            "revenue": [(rows["energy_kwh"] * rows["price_per_kwh"]).sum() / m for rows in at_station],
            "mean_wait_min": [rows["wait_min"].mean() for rows in at_station],
            "p95_wait_min": [rows["wait_min"].quantile(0.95) for rows in at_station],
            "peak_load_kw": power.mean(axis=0).max(axis=1),
            "queue_peak": queue.mean(axis=0).max(axis=1),
            "utilisation": occupied.mean(axis=(0, 2)) / (stations.fast + stations.normal),
        }
    )
    waits = data["queue_total"][1]
    wait = events["wait_min"]
    figures = {
        "scenario": scenario.name,
        "status": "replications",
        "stop_rule": "replications",
        "replications": m,
        "beta": history["beta"].iloc[-1],
        "statistic": "energy_kwh",
        "days": 1,
        "vehicles": vehicles,
        "trips": float(history["trips"].mean()),
        "unreachable_trips": 0.0,
        "links": roads.links,
        "stations": len(stations),
        "charges_per_day": len(events) / m,
        "charges_fast": (events["charger"] == "fast").sum() / m,
        "charges_normal": (events["charger"] == "normal").sum() / m,
        "unserved": len(unserved) / m,
        "unserved_by_reason": {
            reason: (unserved["reason"] == reason).sum() / m
            for reason in ("charged_today", "no_station_reachable", "ran_empty", "within_zone")
        },
        "energy_kwh": history["energy_kwh"].mean(),
        "revenue": history["revenue"].mean(),
        "mean_detour_min": events["detour_min"].mean(),
        "mean_wait_min": wait.mean(),
        "mean_charge_min": charge.mean(),
        "p95_wait_min": wait.quantile(0.95),
        "queue_peak": waits.max(),
        "queue_peak_min": float(waits.argmax()),
        "peak_load_kw": history["peak_load_kw"].mean(),
        "peak_valley_kw": (load.max(axis=1) - load.min(axis=1)).mean(),
        "mean_profile_peak_kw": load.mean(axis=0).max(),
        "traffic_flow_veh_per_min": states[1:3].sum() / DAY,
        "mean_speed_kmh": 41.0,
        "energy_balance_error_kwh": 1e-9,
        "vehicle_conservation_error": 0.0,
        "littles_law_max_error": 1e-12,
        "wall_s": 1.0,
        "peak_memory_mib": 300.0,
        "seed": 0,
        "version": "0.1.0",
        "day_chains": 12.5,
        "scenario_sha256": scenario.sha256(),
        "parameters": {**SIMULATION.resolve(vehicles=vehicles, replications=m), "time_limit_s": None},
    }
    for key in ("mean_detour_min", "mean_wait_min", "mean_charge_min", "peak_load_kw"):
        error = history[key].to_numpy(float).std(ddof=1) / np.sqrt(m) if m > 1 else np.nan
        figures[f"{key}_ci95"] = student_t.ppf(0.975, m - 1) * error if m > 1 else np.nan
    run = RunInfo(0, "0.1.0", scenario.sha256(), 1.0, 300.0, {"python": "3", "numpy": "2", "numba": "0"})
    return Simulation(
        dataset, events, unserved, table, history, Status.REPLICATIONS, run, figures, plan, scenario
    )


def beta(values: np.ndarray) -> float:
    """Variance coefficient of the mean of some days."""
    return float(values.std(ddof=1) / np.sqrt(len(values)) / values.mean()) if len(values) > 1 else np.nan


def itineraries(scenario: Scenario, ids: list[str], day: pd.DataFrame, rng) -> Scenario:
    """Dwells and trips that the charges of one day fit into."""
    arrive, leave, kw, place, station, first = [], [], [], [], [], [0]
    energy, first_trip, gone, back = [], [0], [], []
    charged = day.set_index("vehicle_id")
    for v in range(len(ids)):
        stays = [(0.0, float(rng.uniform(300, 400)), 11.0, "home", "")]
        if v in charged.index:
            row = charged.loc[v]
            stays[0] = (0.0, min(stays[0][1], row["decide_min"] - 1), 11.0, "home", "")
            if row["end_min"] < DAY:
                power = row["energy_kwh"] / ((row["end_min"] - row["start_min"]) / 60)
                stays.append((row["start_min"], row["end_min"], power, "station", row["station_id"]))
        if stays[0][1] <= 0:
            stays = [(0.0, 1.0, 11.0, "home", "")]
        home = stays[-1][1] + 20
        if home < DAY:
            stays.append((home, float(DAY), 11.0, "home", ""))
        for a, b, power, where, name in stays:
            arrive.append(a)
            leave.append(b)
            kw.append(power)
            place.append(where)
            station.append(name)
        first.append(len(arrive))
        for before, after in pairwise(stays):
            gone.append(before[1])
            back.append(after[0])
            energy.append(1.5)
        first_trip.append(len(gone))
    n, steps = len(ids), scenario.horizon.steps
    full = np.full(n, 1.0)
    fleet = Fleet(
        np.array(ids, object),
        50 * full,
        0.6 * full,
        0.05 * full,
        full,
        0.1 * full,
        0.9 * full,
        100 * full,
        full,
        0.9 * full,
        0 * full,
    )
    carried = {"place": np.array(place, object), "station_id": np.array(station, object)}
    dwells = Dwells(first, arrive, leave, np.zeros(len(arrive)), kw, carried)
    grid = replace(
        empty_grid(steps),
        feeder_id=np.array(["F1"], object),
        bank=np.array([-1]),
        headroom_kw=np.full((1, steps), 500.0),
        cost=CostPieces.linear(np.ones(1)),
        rating_kw=np.array([np.nan]),
    )
    trips = Trips(first_trip, gone, back, energy)
    absent = dict.fromkeys(("roads", "demand", "types", "stations"))
    return replace(scenario, fleet=fleet, dwells=dwells, trips=trips, grid=grid, **absent)
