"""A tiny scenario of tariffs made in memory: four nodes, two sites, three buses, two aggregators."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution, Forecasts, Injections
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel

__all__ = ["no_vehicles", "past_forecasts", "small_case"]

STEPS, STEP_MIN = 12, 30.0


def no_vehicles(steps: int) -> dict[str, Any]:
    """The parts of a scenario that tariffs do not need, empty."""
    none = np.zeros(0)
    fleet = {f.name: none for f in dataclasses.fields(Fleet) if f.name != "attributes"}
    grid = Grid(
        feeder_id=none.astype(np.int64),
        bank_id=none.astype(np.int64),
        bank=none,
        headroom_kw=np.zeros((0, steps)),
        cost=CostPieces.linear(none),
        bank_headroom_kw=np.zeros((0, steps)),
        bank_cost=CostPieces.linear(none),
        rating_kw=none,
        bank_rating_kw=none,
    )
    return {
        "fleet": Fleet(**{**fleet, "vehicle_id": none.astype(np.int64)}),
        "dwells": Dwells(np.zeros(1), none, none, none, none),
        "trips": Trips(np.zeros(1), none, none, none),
        "grid": grid,
    }


def small_case(
    *,
    steps: int = STEPS,
    line_kw: tuple[float, float] = (320.0, 122.0),
    voltage_min_pu: float = 0.0,
    chargers: tuple[int, int] = (12, 12),
    road_capacity: float = 30.0,
    levels_kw: tuple[float, ...] = (20.0, 10.0),
    price_sensitivity: float = 2e-3,
    half_width: float = 0.1,
    vehicles: float = 1.0,
    **parameters: Any,
) -> Scenario:
    """Vehicles from a to d and from d to a that must charge under way, at b or c.

    Line L1 (bus 0 to 1) feeds both sites, line L2 (bus 1 to 2) only site s2. Energy gets dearer step by
    step at s1 and is cheaper at s2; both lines bind, L2 for longer with fewer vehicles.

    Parameters
    ----------
    line_kw : tuple of float
        Limits of L1 and L2; inf: none.
    voltage_min_pu : float
        At buses 1 and 2; 0: no limit.
    road_capacity : float
        Vehicles per step on every link; below about 8 roads bind.
    levels_kw : tuple of float
        At both sites; negative: discharging.
    half_width : float
        Of the loads' and the solar plant's power, as a share.
    vehicles : float
        Factor on the 56 vehicles.
    **parameters
        Of ``[tariff]``.
    """
    ends = [(0, 1), (0, 2), (1, 3), (2, 3), (1, 2)]
    ends += [(j, i) for i, j in ends]
    roads = StepRoads(
        node_id=list("abcd"),
        link_id=[f"{'abcd'[i]}{'abcd'[j]}" for i, j in ends],
        tail=[i for i, _ in ends],
        head=[j for _, j in ends],
        capacity_per_step=np.full(len(ends), road_capacity),
        free_flow_steps=[1, 2, 1, 1, 1] * 2,
        energy_kwh=[1.8, 2.7, 1.8, 1.8, 0.9] * 2,
    )
    n, t = len(levels_kw), np.arange(steps)
    sites = ChargingSites(
        site_id=["s1", "s2"],
        node=[1, 2],
        bus=[1, 2],
        chargers=chargers,
        level_first=[0, n, 2 * n],
        level_id=[f"l{k}" for k in range(n)] * 2,
        level_kw=levels_kw * 2,
        price_per_kwh=np.stack([0.12 + 0.01 * t, 0.08 + 0.005 * t]),
    )
    aggregators = Aggregators(
        aggregator_id=["m1", "m2"],
        battery_kwh=[36.0, 36.0],
        charge_efficiency=[0.9, 0.9],
        discharge_efficiency=[0.9, 0.9],
        soc_min=[0.2, 0.2],
        soc_max=[1.0, 1.0],
        time_value_per_h=[0.6, 0.6],
        price_sensitivity_per_kwh_kw=[price_sensitivity] * 2,
    )
    travel = Travel(
        aggregator=[0, 0, 0, 1, 1],
        origin=[0, 0, 0, 3, 3],
        destination=[3, 3, 3, 0, 0],
        depart_step=[0, 1, 1, 0, 2],
        soc_initial=[0.35, 0.35, 0.5, 0.4, 0.35],
        soc_final_min=[0.5] * 5,
        vehicles=np.array([12.0, 8.0, 10.0, 14.0, 12.0]) * vehicles,
    )
    distribution = Distribution(
        bus_id=[0, 1, 2],
        slack=[True, False, False],
        voltage_min_pu=[0.0, voltage_min_pu, voltage_min_pu],
        voltage_max_pu=[np.inf, 1.1, 1.1],
        base_kv=[10.0] * 3,
        line_id=["L1", "L2"],
        tail=[0, 1],
        head=[1, 2],
        r_ohm=[4.0, 6.0],
        x_ohm=[3.0, 4.0],
        limit_kw=line_kw,
    )
    base = np.array([80.0, 60.0, 30.0])[:, None] * (1.0 + 0.2 * np.sin(t / 3.0))
    base[2] *= np.clip(np.sin(t / 4.0), 0.0, None)
    injections = Injections(
        injection_id=["load 1", "load 2", "sun 2"],
        bus=[1, 2, 2],
        kind=[0, 0, 2],
        power_kw=base,
        reactive_kvar=base * np.array([0.3, 0.2, 0.0])[:, None],
        half_width_kw=half_width * base,
        gamma=[np.nan] * 3,
    )
    return Scenario(
        name="small case",
        horizon=Horizon(datetime(2027, 1, 11, 6), STEP_MIN, steps),
        parameters={"tariff": {"samples": 500, **parameters}},
        step_roads=roads,
        sites=sites,
        aggregators=aggregators,
        travel=travel,
        distribution=distribution,
        injections=injections,
        **no_vehicles(steps),
    )


def past_forecasts(injections: Injections, days: int = 40, seed: int = 1) -> Forecasts:
    """Forecasts of past days and outcomes that differ by up to the half width, more often by less."""
    rng = np.random.default_rng(seed)
    shape = (days, *injections.power_kw.shape)
    forecast: Array = injections.power_kw * rng.uniform(0.8, 1.2, (days, 1, 1))
    error = injections.half_width_kw * (rng.beta(4, 4, shape) * 2 - 1)
    return Forecasts(np.arange(days), forecast, forecast + error)
