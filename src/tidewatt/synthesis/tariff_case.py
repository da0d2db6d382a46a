"""The 20-node, 17-bus case of robust dynamic tariffs, completed, with the provenance of every number."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.distribution import Distribution, Forecasts, Injections
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.synthesis.day_shapes import day_price_per_kwh

__all__ = ["PROVENANCE", "PROVENANCE_V2G", "tariff_case", "tariff_case_v2g"]

_PUBLISHED, _CHOSEN = "published", "chosen"
_DEMAND = "the source's table of travel demand"
_LIMITS = "the source's table of line limits"
_ROAD = "the source's example of road parameters (its hours read as time steps)"
_TEXT = "the source's text"
_FITTED = "chosen so that tariffs reach the published order of magnitude"
_PLAIN = "chosen: the source does not say"

# Table, field, value, status, source.
PROVENANCE: tuple[tuple[str, ...], ...] = (
    ("travel", "vehicles T9-T1, all departures", "5000", _PUBLISHED, _DEMAND),
    ("travel", "vehicles T4-T10, all departures", "5000", _PUBLISHED, _DEMAND),
    ("travel", "soc_initial, mean", "0.4", _PUBLISHED, f"{_DEMAND}: a total of 2000 for 5000 vehicles"),
    ("travel", "soc_initial, groups", "0.26 (44.5 %), 0.51225 (55.5 %)", _CHOSEN, _FITTED),
    ("travel", "depart_step", "proportional to exp(-((h-10)/3)^2), 7 < h < 14", _CHOSEN, _PLAIN),
    ("travel", "soc_final_min", "0.2", _CHOSEN, "chosen: the least state of charge"),
    ("nodes", "node_id", "20 nodes", _PUBLISHED, _TEXT),
    ("links", "capacity_per_step T1-T2", "200", _PUBLISHED, _ROAD),
    ("links", "free_flow_steps T1-T2", "5", _PUBLISHED, _ROAD),
    ("links", "every other link's ends, capacity and steps", "30 roads, both directions", _CHOSEN, _PLAIN),
    ("links", "energy_kwh", "0.72 per step of the road", _CHOSEN, _FITTED),
    ("charging_sites", "site_id", "F1 to F4", _PUBLISHED, _TEXT),
    ("charging_sites", "node_id", "T6, T5, T8, T12", _CHOSEN, _PLAIN),
    ("charging_sites", "chargers", "120", _CHOSEN, _FITTED),
    ("charger_levels", "power_kw", "15 and 7.5", _CHOSEN, _PLAIN),
    ("aggregators", "aggregator_id", "one for each origin and destination", _CHOSEN, _PLAIN),
    ("aggregators", "soc_min, soc_max", "0.2, 1", _PUBLISHED, _TEXT),
    ("aggregators", "battery_kwh", "40", _CHOSEN, _PLAIN),
    ("aggregators", "charge_efficiency, discharge_efficiency", "0.93", _CHOSEN, _PLAIN),
    ("aggregators", "time_value_per_h", "0.12", _CHOSEN, _FITTED),
    ("aggregators", "price_sensitivity_per_kwh_kw", "0.0007", _CHOSEN, _FITTED),
    (
        *("energy_prices", "price_per_kwh", "0.08 + 0.05 exp(-((h-12)/3)^2) + 0.04 exp(-((h-19)/2)^2)"),
        *(_CHOSEN, _PLAIN),
    ),
    ("buses", "bus_id", "17 buses", _PUBLISHED, _TEXT),
    ("buses", "voltage_min_pu, voltage_max_pu, base_kv", "0.95, 1.05, 10", _CHOSEN, _PLAIN),
    ("lines", "limit_kw L1 (E5-F1)", "800", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw L2 (E5-F2)", "300", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw L3 (E5-F3)", "750", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw L4 (E5-F4)", "350", _PUBLISHED, _LIMITS),
    ("lines", "limit_kw, all others", "5000", _CHOSEN, _PLAIN),
    ("lines", "from_bus_id, to_bus_id, except L1 to L4", "a tree from E1", _CHOSEN, _PLAIN),
    ("lines", "r_ohm, x_ohm", "0.35, 0.32", _CHOSEN, "chosen: a kilometre of medium-voltage overhead line"),
    ("injections", "half_width_kw", "10 % of the forecast", _PUBLISHED, _TEXT),
    ("injections", "power_kw, load-E2 to load-E13", "60 times the shape of load", _CHOSEN, _PLAIN),
    ("injections", "power_kw, load-F1 to load-F4", "100, 120, 500, 130 times it", _CHOSEN, _FITTED),
    ("injections", "power_kw, solar-F3, -E7, -F1", "100, 120, 80 times the shape of sun", _CHOSEN, _PLAIN),
    ("injections", "power_kw, wind-F2, -E9", "40, 150 times the shape of wind", _CHOSEN, _PLAIN),
    (
        *("injections", "shape of load", "0.55 + 0.35 exp(-((h-12)/4)^2) + 0.25 exp(-((h-19)/2.5)^2)"),
        *(_CHOSEN, _PLAIN),
    ),
    ("injections", "shape of sun", "max(0, sin(pi (h-6)/12))^1.2", _CHOSEN, _PLAIN),
    ("injections", "shape of wind", "0.5 + 0.2 cos(2 pi h/24)", _CHOSEN, _PLAIN),
    ("injections", "reactive_kvar", "loads at a power factor of 0.95", _CHOSEN, _PLAIN),
    ("forecasts", "outcome_kw", "60 days drawn within the half widths", _CHOSEN, "made up, by the seed"),
    ("scenario.toml", "tariff.gamma", "1", _PUBLISHED, _TEXT),
    ("scenario.toml", "horizon", "96 steps of 15 min; h = (step + 0.5) / 4", _CHOSEN, _PLAIN),
)

_INSTEAD = {
    ("travel", "soc_final_min"): (
        "0.2 and 0.3",
        "chosen, by group: what is left after the way, so that none sells it",
    ),
    ("charger_levels", "power_kw"): ("15, 7.5 and -15", _PLAIN),
}

PROVENANCE_V2G: tuple[tuple[str, ...], ...] = tuple(
    (table, field, _INSTEAD[table, field][0], _CHOSEN, _INSTEAD[table, field][1])
    if (table, field) in _INSTEAD
    else (table, field, *rest)
    for table, field, *rest in PROVENANCE
)


HORIZON = Horizon(datetime(2027, 1, 11), 15.0, 96)
# Ends, capacity per step in vehicles, steps; each road in both directions.
_ROADS = (
    *((1, 2, 200, 5), (2, 5, 79, 2), (5, 6, 82, 2), (1, 3, 180, 3), (3, 5, 90, 2), (3, 7, 150, 3)),
    *((2, 4, 160, 2), (4, 6, 120, 3), (6, 8, 100, 2), (7, 8, 110, 2), (7, 11, 140, 3), (8, 9, 150, 2)),
    *((6, 9, 90, 2), (9, 10, 160, 3), (8, 12, 120, 2), (11, 12, 130, 2), (12, 13, 120, 2)),
    *((9, 13, 140, 2), (10, 14, 150, 2), (13, 14, 120, 2), (11, 15, 130, 3), (15, 16, 120, 2)),
    *((12, 16, 110, 2), (16, 17, 120, 2), (13, 17, 120, 2), (17, 18, 110, 2), (14, 18, 130, 2)),
    *((15, 19, 120, 2), (19, 20, 110, 2), (16, 20, 120, 2)),
)
_KWH_PER_STEP = 0.72
_SITES = (("F1", 6), ("F2", 5), ("F3", 8), ("F4", 12))
_CHARGERS, _LEVELS_KW = 120, (15.0, 7.5)
_TRIPS = ((9, 1), (4, 10))
_VEHICLES = 5000.0
_SOC_GROUPS = ((0.26, 0.445), (0.51225, 0.555))
_SOC_FINAL, _SOC_FINAL_V2G = (0.2, 0.2), (0.2, 0.3)  # by group
_LINES = (
    *(("E1", "E2"), ("E2", "E3"), ("E2", "E10"), ("E2", "E13"), ("E3", "E4"), ("E3", "E8"), ("E4", "E5")),
    *(("E4", "E6"), ("E5", "F1"), ("E5", "F2"), ("E5", "F3"), ("E5", "F4"), ("E6", "E7"), ("E8", "E9")),
    *(("E10", "E11"), ("E11", "E12")),
)
_NAMED = {"F1": ("L1", 800.0), "F2": ("L2", 300.0), "F3": ("L3", 750.0), "F4": ("L4", 350.0)}
_OTHER_LIMIT_KW = 5000.0
_R_OHM, _X_OHM, _BASE_KV = 0.35, 0.32, 10.0
_LOADS_KW = {f"E{i}": 60.0 for i in range(2, 14)} | {"F1": 100.0, "F2": 120.0, "F3": 500.0, "F4": 130.0}
_SOLAR_KW = {"F3": 100.0, "E7": 120.0, "F1": 80.0}
_WIND_KW = {"F2": 40.0, "E9": 150.0}
_POWER_FACTOR, _HALF_WIDTH = 0.95, 0.10
_PAST_DAYS, _ERROR_SHARE, _ERROR_HOURS = 60, 0.045, 3.0


def tariff_case(seed: int) -> Scenario:
    """Return the case with charging only; the seed affects only the past days' forecast errors."""
    h = (np.arange(HORIZON.steps) + 0.5) * HORIZON.step_min / 60.0
    distribution, injections = _grid(h)
    return Scenario.bare(
        "tariff-20-17",
        HORIZON,
        parameters={"tariff": {"uncertainty": "box", "gamma": 1.0}},
        step_roads=_roads(),
        sites=_sites(h, distribution, _LEVELS_KW),
        aggregators=_aggregators(),
        travel=_travel(h, _SOC_FINAL),
        distribution=distribution,
        injections=injections,
        forecasts=past_days(injections, HORIZON.step_min, seed),
        provenance=PROVENANCE,
    )


def tariff_case_v2g(seed: int) -> Scenario:
    """Return the same with discharging at the main level.

    Vehicles that set out with much may sell what little the way leaves them; without a state of charge to
    arrive with they would sell all. The lines could not recharge all to the mean at departure.
    """
    charging = tariff_case(seed)
    h = (np.arange(HORIZON.steps) + 0.5) * HORIZON.step_min / 60.0
    assert charging.distribution is not None
    levels = (*_LEVELS_KW, -_LEVELS_KW[0])
    return replace(
        charging,
        name="tariff-20-17-v2g",
        sites=_sites(h, charging.distribution, levels),
        travel=_travel(h, _SOC_FINAL_V2G),
        provenance=PROVENANCE_V2G,
    )


def past_days(injections: Injections, step_min: float, seed: int, days: int = _PAST_DAYS) -> Forecasts:
    """Return days with the same forecast but other outcomes, within the half widths.

    Relative errors follow an autoregression over time for each injection, cut off at the half width.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(60,)))
    steps = injections.power_kw.shape[1]
    keep = np.exp(-step_min / 60.0 / _ERROR_HOURS)
    shocks = rng.normal(0.0, 1.0, (days, len(injections), steps))
    errors = np.empty_like(shocks)
    errors[..., 0] = shocks[..., 0]
    for t in range(1, steps):
        errors[..., t] = keep * errors[..., t - 1] + np.sqrt(1.0 - keep**2) * shocks[..., t]
    forecast = np.broadcast_to(injections.power_kw, errors.shape)
    off = np.clip(errors * _ERROR_SHARE * forecast, -injections.half_width_kw, injections.half_width_kw)
    # Three decimals, as in a meter's records; the half width of the forecast still holds.
    outcome = np.clip(
        np.round(forecast + off, 3), forecast - injections.half_width_kw, forecast + injections.half_width_kw
    )
    return Forecasts(np.arange(days), forecast, outcome)


def _roads() -> StepRoads:
    ends = np.array([(a, b) for a, b, *_ in _ROADS] + [(b, a) for a, b, *_ in _ROADS])
    figures = np.array([row[2:] for row in _ROADS] * 2, np.float64)
    return StepRoads(
        node_id=identifiers([f"T{i}" for i in range(1, 21)]),
        link_id=identifiers([f"T{a}-T{b}" for a, b in ends]),
        tail=ends[:, 0] - 1,
        head=ends[:, 1] - 1,
        capacity_per_step=figures[:, 0],
        free_flow_steps=figures[:, 1].astype(np.int64),
        energy_kwh=np.round(_KWH_PER_STEP * figures[:, 1], 6),
    )


def _sites(h: Array, distribution: Distribution, levels: tuple[float, ...]) -> ChargingSites:
    buses = list(distribution.bus_id)
    price = day_price_per_kwh(h)
    n = len(_SITES)
    return ChargingSites(
        site_id=identifiers([site for site, _ in _SITES]),
        node=np.array([node - 1 for _, node in _SITES]),
        bus=np.array([buses.index(site) for site, _ in _SITES]),
        chargers=np.full(n, _CHARGERS),
        level_first=len(levels) * np.arange(n + 1),
        level_id=identifiers([f"{kw:g}" for kw in levels] * n),
        level_kw=np.tile(levels, n),
        price_per_kwh=np.broadcast_to(price, (n, len(h))),
    )


def _aggregators() -> Aggregators:
    n = len(_TRIPS)
    return Aggregators(
        aggregator_id=identifiers([f"T{o}-T{d}" for o, d in _TRIPS]),
        battery_kwh=np.full(n, 40.0),
        charge_efficiency=np.full(n, 0.93),
        discharge_efficiency=np.full(n, 0.93),
        soc_min=np.full(n, 0.2),
        soc_max=np.full(n, 1.0),
        time_value_per_h=np.full(n, 0.12),
        price_sensitivity_per_kwh_kw=np.full(n, 7e-4),
    )


def _travel(h: Array, soc_final: tuple[float, ...]) -> Travel:
    share = np.where((h > 7) & (h < 14), np.exp(-(((h - 10) / 3) ** 2)), 0.0)
    share /= share.sum()
    rows = [
        (m, o - 1, d - 1, t, soc, least, _VEHICLES * share[t] * part)
        for m, (o, d) in enumerate(_TRIPS)
        for t in np.flatnonzero(share)
        for (soc, part), least in zip(_SOC_GROUPS, soc_final, strict=True)
    ]
    return Travel(*map(np.array, zip(*rows, strict=True)))


def _grid(h: Array) -> tuple[Distribution, Injections]:
    buses = [f"E{i}" for i in range(1, 14)] + [site for site, _ in _SITES]
    place = {bus: i for i, bus in enumerate(buses)}
    named = [_NAMED.get(b, (f"{a}-{b}", _OTHER_LIMIT_KW)) for a, b in _LINES]
    distribution = Distribution(
        bus_id=identifiers(buses),
        slack=np.arange(len(buses)) == 0,
        voltage_min_pu=np.full(len(buses), 0.95),
        voltage_max_pu=np.full(len(buses), 1.05),
        base_kv=np.full(len(buses), _BASE_KV),
        line_id=identifiers([name for name, _ in named]),
        tail=np.array([place[a] for a, _ in _LINES]),
        head=np.array([place[b] for _, b in _LINES]),
        r_ohm=np.full(len(_LINES), _R_OHM),
        x_ohm=np.full(len(_LINES), _X_OHM),
        limit_kw=np.array([limit for _, limit in named]),
    )
    load = 0.55 + 0.35 * np.exp(-(((h - 12) / 4) ** 2)) + 0.25 * np.exp(-(((h - 19) / 2.5) ** 2))
    solar = np.clip(np.sin(np.pi * (h - 6) / 12), 0.0, None) ** 1.2
    wind = 0.5 + 0.2 * np.cos(2 * np.pi * h / 24)
    parts = ((0, "load", _LOADS_KW, load), (1, "wind", _WIND_KW, wind), (2, "solar", _SOLAR_KW, solar))
    power = np.concatenate([np.outer(list(kw.values()), shape) for _, _, kw, shape in parts])
    kind = np.concatenate([np.full(len(kw), number) for number, _, kw, _ in parts])
    tangent = np.tan(np.arccos(_POWER_FACTOR))
    injections = Injections(
        injection_id=identifiers([f"{word}-{bus}" for _, word, kw, _ in parts for bus in kw]),
        bus=np.array([place[bus] for _, _, kw, _ in parts for bus in kw]),
        kind=kind,
        power_kw=power,
        reactive_kvar=np.where((kind == 0)[:, None], power * tangent, 0.0),
        half_width_kw=power * _HALF_WIDTH,
        gamma=np.full(len(power), np.nan),
    )
    return distribution, injections
