"""Limits, tariffs from duals, the cost and its bound from cheapest plans, and aggregators' own optima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.common.findings import CheckList, amount
from tidewatt.verification.tariffs.claims import Published
from tidewatt.verification.tariffs.grid import LimitRows
from tidewatt.verification.tariffs.vehicles import ArcKind, Vehicles, energy_ahead

__all__ = [
    "ClaimedDuals",
    "PlanCosts",
    "Proved",
    "cheapest",
    "check_cost",
    "check_grid",
    "check_own",
    "check_tariffs",
]

_TINY = 1e-9


class PlanCosts:
    """Cheapest plans at the prices of all shared resources (tariff-9).

    Parameters
    ----------
    scenario : Scenario
    rounding : str
        ``inner`` or ``outer``, as the plan's.
    """

    def __init__(self, scenario: Scenario, rounding: str) -> None:
        assert scenario.step_roads is not None
        assert scenario.sites is not None
        assert scenario.aggregators is not None
        assert scenario.travel is not None
        self.roads, self.sites, self.who = scenario.step_roads, scenario.sites, scenario.aggregators
        self.travel, self.horizon = scenario.travel, scenario.horizon
        self.rounding = rounding
        self._least = energy_ahead(scenario)

    def of(self, kind: ArcKind, energy: Array, toll: Array, charger: Array) -> Array:
        """Return the least cost of one vehicle of every group of a kind, shape (groups,).

        Parameters
        ----------
        kind : ArcKind
        energy : array, shape (sites, steps)
            Price per kW and step.
        toll : array, shape (links, steps)
            Per vehicle that leaves the link in the step.
        charger : array, shape (sites, steps)
            Per charger and step.
        """
        roads, sites, steps = self.roads, self.sites, self.horizon.steps
        m, d, delta = kind.aggregator, kind.destination, kind.soc_step
        battery, dt = float(self.who.battery_kwh[m]), self.horizon.step_h
        time_cost = float(self.who.time_value_per_h[m]) * dt
        inner = self.rounding == "inner"
        up, down = (np.ceil, np.floor) if inner else (np.floor, np.ceil)
        sign = _TINY if inner else -_TINY  # of `up`; that of `down` is the opposite
        there = np.isfinite(kind.base)
        base = np.where(there, kind.base, 0.0)
        low = np.ceil((self.who.soc_min[m] - base) / delta - _TINY)
        high = down((self.who.soc_max[m] - base) / delta + sign)
        bottom, top = int(low[there].min()), int(high[there].max())
        low, high = low - bottom, np.where(there, high - bottom, -1)
        count = top - bottom + 1
        q = np.arange(count)
        inside = (q >= low[:, None]) & (q <= high[:, None])
        enough = np.ceil((kind.soc_final_min - base[d]) / delta - _TINY) - bottom
        # Links that lead on; what they use of the surplus.
        links = np.flatnonzero((roads.tail != d) & there[roads.tail] & there[roads.head])
        links = links[np.argsort(roads.tail[links], kind="stable")]
        tail, head, takes = roads.tail[links], roads.head[links], roads.free_flow_steps[links]
        ahead = self._least[:, d] / battery
        use = (roads.energy_kwh[links] / battery + ahead[head] - ahead[tail]) / delta
        use = np.maximum(up(use - sign), 0).astype(np.int64)
        first = np.flatnonzero(np.append(True, np.diff(tail) > 0)) if len(links) else np.zeros(0, np.int64)
        fall = q - use[:, None]
        tops = high.astype(np.int64)
        if not inner:  # what is beyond the highest level is dropped
            fall = np.minimum(fall, tops[head][:, None])
        options, owner = sites.level_kw, np.repeat(np.arange(len(sites)), np.diff(sites.level_first))
        eta = float(self.who.charge_efficiency[m]), float(self.who.discharge_efficiency[m])
        moves = [
            (y, *way)
            for y, power in zip(owner, options, strict=True)
            for way in _ways(float(power), dt, battery, delta, eta, inner)
        ]
        cost = np.full((steps + 1, roads.nodes, count), np.inf)
        cost[:, d] = np.where(inside[d] & (q >= enough), 0.0, np.inf)
        for t in range(steps - 1, -1, -1):
            now = cost[t + 1] + time_cost
            if len(links):
                runs = t + takes <= steps
                when = np.minimum(t + takes, steps)
                reached = cost[when[:, None], head[:, None], np.maximum(fall, 0)]
                reached = np.where((fall >= 0) & runs[:, None], reached, np.inf)
                reached += (time_cost * takes + toll[links, when - 1])[:, None]
                best = np.minimum.reduceat(reached, first, axis=0)
                now[tail[first]] = np.minimum(now[tail[first]], best)
            for y, k, power in moves:
                n = sites.node[y]
                if n == d or not there[n]:
                    continue
                after = q + k
                if not inner:
                    after = np.minimum(after, tops[n])
                shifted = cost[t + 1, n, np.clip(after, 0, count - 1)]
                shifted = np.where((after >= 0) & (after < count), shifted, np.inf)
                shifted += time_cost + energy[y, t] * power + charger[y, t]
                now[n] = np.minimum(now[n], shifted)
            now[~inside] = np.inf
            now[d] = cost[t, d]
            cost[t] = now
        g = kind.groups
        level = np.clip(kind.start - bottom, 0, count - 1)
        return np.asarray(cost[self.travel.depart_step[g], self.travel.origin[g], level])


def _ways(
    power: float, dt: float, battery: float, delta: float, eta: tuple[float, float], inner: bool
) -> list[tuple[int, float]]:
    """Return levels gained per step by a charger's power, and the power needed for that (tariff-7).

    Rounded outwards the charger's own power gains a level more where it is between two, or takes a level
    less; powers of whole levels are there, too.
    """
    through = eta[0] if power > 0 else 1.0 / eta[1]
    exact = power * dt * through / battery / delta
    k = int(np.sign(exact) * np.floor(abs(exact) + _TINY))
    whole = (k, k * delta * battery / (through * dt))
    if inner:
        return [whole] if k else []
    wide = int(np.ceil(exact - _TINY)) if power > 0 else k
    return [(wide, power), *([whole] if k else [])]


def cheapest(
    costs: PlanCosts, kinds: list[ArcKind], energy: Array, toll: Array, charger: Array, aggregator: int
) -> float:
    """Return the cost of an aggregator's cheapest plans, summed over its vehicles, ignoring limits."""
    total = 0.0
    for kind in kinds:
        if kind.aggregator == aggregator:
            each = costs.of(kind, energy, toll, charger)
            total += float(costs.travel.vehicles[kind.groups] @ each)
    return total


_KEPT = 1e-6
"""Share of a limit (of at least 1 kW or 1 per unit) by which it may be exceeded and count as kept."""
_NO_PRICE = 1e-7
"""Tolls and charger prices up to this are published as 0."""
_GAP = 1e-7
"""Relative gap up to which a plan is called proved, whatever was asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class ClaimedDuals:
    """Duals of rows in `LimitRows` order, >= 0, shape (rows, steps), and the slack of limits likewise."""

    high: Array
    low: Array
    room_high: Array
    room_low: Array


@dataclass(frozen=True, slots=True)
class Proved:
    """The recomputed cost and bound."""

    cost: float
    bound: float


def check_grid(
    ledger: CheckList, found: Published, rows: LimitRows, margins: tuple[Array, Array], power: Array
) -> ClaimedDuals:
    """Compare flows, voltages, margins and limits with the files (tariff-11 to tariff-16).

    Parameters
    ----------
    margins : tuple of array, shape (rows, steps)
        Below and above.
    power : array, shape (sites, steps)
        Of all vehicles.
    """
    lines, buses = found.tables["lines"], found.tables["voltages"]
    value = rows.nominal + rows.per_site @ power
    high, low = value + margins[1], value - margins[0]
    n, steps = rows.lines, value.shape[1]
    most, least = (np.repeat(limit[:, None], steps, axis=1) for limit in (rows.high, rows.low))
    scale = 1.0 + np.abs(value[:n]).max(initial=0.0)
    ledger.equal(
        "lines: limits",
        lines["limit_kw"],
        most[:n],
        1e-9 * np.maximum(1.0, np.where(np.isfinite(most[:n]), most[:n], 1.0)),
        "kW",
    )
    for name, own in (("nominal", value), ("worst_high", high), ("worst_low", low)):
        ledger.equal(f"lines: {name}", lines[f"{name}_kw"], own[:n], _KEPT * scale, "kW")
        magnitude = np.sqrt(np.clip(own[n:], 0.0, None))
        ledger.equal(f"voltages: {name}", buses[f"{name}_pu"], magnitude, 1e-7, "pu")
    for name, own in (("voltage_min_pu", least), ("voltage_max_pu", most)):
        ledger.equal(f"voltages: {name}", buses[name], np.sqrt(np.clip(own[n:], 0.0, None)), 1e-12, "pu")
    # Vehicles cannot help where they have no effect.
    moved = (rows.per_site != 0).any(axis=1)[:, None]
    room_high = np.where(moved, most - high, np.inf)
    room_low = np.where(moved, low - least, np.inf)
    for name, part, unit in (("lines", slice(0, n), "kW"), ("voltages", slice(n, None), "squared pu")):
        room = np.minimum(room_high[part], room_low[part])
        near = np.where(np.isfinite(most[part]), np.abs(most[part]), 1.0)
        over = (-room / np.maximum(near, 1.0)).max(initial=-np.inf)
        ledger.add(
            f"{name}: limits kept at the worst",
            bool(over <= _KEPT),
            f"exceeded by at most {max(over, 0.0):.2g} of the limit ({unit})",
        )
    duals = [np.concatenate([lines[name], buses[name]]) for name in ("dual_high", "dual_low")]
    ledger.add("duals: signs", min(float(d.min(initial=0.0)) for d in duals) >= 0.0, "none is negative")
    none = (duals[0] > 0) & ~np.isfinite(room_high) | (duals[1] > 0) & ~np.isfinite(room_low)
    ledger.add("duals: limits", not none.any(), f"{int(none.sum()):,} belong to limits that do not exist")
    return ClaimedDuals(duals[0], duals[1], room_high, room_low)


def check_tariffs(
    ledger: CheckList, found: Published, rows: LimitRows, duals: ClaimedDuals, step_h: float
) -> Array:
    """Re-derive tariffs from the duals (tariff-10) and return them, shape (sites, steps)."""
    t = found.tables["tariffs"]
    dual = (duals.high - duals.low) / step_h
    parts = {
        "line_part_per_kwh": rows.per_site[: rows.lines].T @ dual[: rows.lines],
        "voltage_part_per_kwh": rows.per_site[rows.lines :].T @ dual[rows.lines :],
    }
    tariff = sum(parts.values(), np.zeros_like(t["tariff_per_kwh"]))
    # Derivatives of the AC flow are differences here.
    slack = 1e-7 if found.summary["linearisation"] == "forecast" else 1e-9
    for name, own in {**parts, "tariff_per_kwh": tariff}.items():
        ledger.equal(f"tariffs: {name} (tariff-10)", t[name], own, slack * (1.0 + np.abs(own)), "per kWh")
    low, high = t["interval_low"], t["interval_high"]
    given = ~(np.isnan(low) & np.isnan(high))
    inside = (low <= tariff + 1e-9) & (tariff <= high + 1e-9)
    ledger.add(
        "tariffs: intervals", bool(inside[given].all()), f"{int(given.sum()):,}; each must hold its tariff"
    )
    for name, price, dual in (
        ("charger_price", t["charger_price"], found.flows["charger_dual"].to_numpy()),
        ("toll", found.toll, found.flows["road_dual"].to_numpy()),
    ):
        ledger.add(f"{name}: sign", bool((price >= 0).all() and (dual >= 0).all()), "none is negative")
        told = np.where(dual > _NO_PRICE, dual, 0.0) if price.any() else np.zeros_like(dual)
        ledger.equal(f"{name}: published", price, told, 1e-12 * (1.0 + told))
    return tariff


def check_cost(
    ledger: CheckList,
    found: Published,
    scenario: Scenario,
    rounding: str,
    vehicles: Vehicles,
    duals: ClaimedDuals,
    tariff: Array,
) -> Proved:
    """Recompute the cost (tariff-8) and a bound that the published duals prove (tariff-9).

    For any prices of what is shared, all >= 0, and any P*, no plan costs less than what single vehicles pay
    for their cheapest plans at them, with energy at dt (c + 2 beta P* + R), less dt beta P*^2, less each dual
    times what its limit leaves beside the base: relaxing limits and the sum of power gives this Lagrangian,
    whose least over P is reached at P*.
    """
    s, f = scenario, found.summary
    assert s.aggregators is not None
    assert s.sites is not None
    assert s.step_roads is not None
    dt = s.horizon.step_h
    beta = s.aggregators.price_sensitivity_per_kwh_kw[:, None, None]
    power = found.tables["aggregators"]["central_kw"]
    time_cost = float(vehicles.steps_travelled @ s.aggregators.time_value_per_h) * dt
    cost = time_cost + dt * float((s.sites.price_per_kwh * power + beta * power**2).sum())
    scale = max(1.0, abs(cost))
    ledger.equal("cost (tariff-8)", float(f["cost"]), cost, 1e-7 * scale)
    road, charger = (found.flows[name].to_numpy() for name in ("road_dual", "charger_dual"))
    costs = PlanCosts(s, rounding)
    price = dt * (s.sites.price_per_kwh + 2.0 * beta * power + tariff)
    bound = sum(
        cheapest(costs, vehicles.kinds, price[m], road, charger, m) for m in range(len(s.aggregators))
    )
    bound -= dt * float((beta * power**2).sum())
    bound -= _worth(road, s.step_roads.capacity_per_step) + _worth(charger, s.sites.chargers)
    # What is left of limits for vehicles, times the duals: limits less nominal less margin.
    drawn = dt * float((tariff * power.sum(axis=0)).sum())
    high, low = (np.where(np.isfinite(r), r, 0.0) for r in (duals.room_high, duals.room_low))
    rent = float((duals.high * high).sum() + (duals.low * low).sum())
    bound -= drawn + rent
    gap = (cost - bound) / scale
    claimed = float(f["lower_bound_cost"])
    asked = max(_GAP, 2.0 * max(float(f["relative_gap"]), 0.0))
    ledger.add(
        "bound (tariff-9)",
        bool(-1e-9 <= gap <= asked),
        f"{bound:.10g}, relative gap {gap:.2g}, allowed {asked:.2g}",
    )
    ledger.equal("bound: claimed", claimed, bound, asked * scale)
    ledger.add("bound: side", claimed <= float(f["cost"]) + 1e-9 * scale, "must not exceed the cost")
    relative = (float(f["cost"]) - claimed) / scale
    ledger.equal("relative_gap", float(f["relative_gap"]), relative, 1e-10)
    _check_complementarity(ledger, s, found, vehicles, rent, asked * scale)
    return Proved(cost, bound)


def _worth(dual: Array, limit: Array) -> float:
    """Return duals times their limits; duals where there is no limit must be 0."""
    finite = np.isfinite(limit)
    if dual[~finite].any():
        return np.inf
    return float((dual[finite] * limit[finite, None]).sum())


def _check_complementarity(
    ledger: CheckList, s: Scenario, found: Published, vehicles: Vehicles, rent: float, most: float
) -> None:
    """Check that only scarce things have a price: duals times slack are within the gap."""
    assert s.sites is not None
    assert s.step_roads is not None
    for name, spare in (
        ("road_dual", s.step_roads.capacity_per_step[:, None] - vehicles.link_flow.sum(axis=0)),
        ("charger_dual", s.sites.chargers[:, None] - vehicles.chargers.sum(axis=0)),
    ):
        dual = found.flows[name].to_numpy()
        some = dual > 0
        rent_of = float((dual[some] * spare[some]).sum())
        ledger.add(f"complementarity: {name}", abs(rent_of) <= most, f"{rent_of:.2g}, allowed {most:.2g}")
    ledger.add("complementarity: lines and voltages", abs(rent) <= most, f"{rent:.2g}, allowed {most:.2g}")


def check_own(
    ledger: CheckList, found: Published, scenario: Scenario, rounding: str, vehicles: Vehicles, tariff: Array
) -> float:
    """Check that the central plan is each aggregator's own optimum at published prices (tariff-17, -18).

    At the published prices the central plan is one that the aggregator could choose; what it costs there,
    less a bound on what any plan of its own costs, bounds how far its best power is from the central one.
    Limits that the aggregator meets alone (a road that only its vehicles fill) enter with their duals.

    Returns
    -------
    float
        Largest of these distances, a norm over all sites and steps [kW].
    """
    s, f = scenario, found.summary
    assert s.aggregators is not None
    assert s.sites is not None
    assert s.step_roads is not None
    dt, table = s.horizon.step_h, found.tables["aggregators"]
    central, own = table["central_kw"], table["own_kw"]
    beta = s.aggregators.price_sensitivity_per_kwh_kw
    energy = s.sites.price_per_kwh + tariff
    paid = dt * (energy + beta[:, None, None] * central) * central
    ledger.equal("aggregators: cost", table["cost"], paid, 1e-9 + 1e-7 * np.abs(paid))
    told = found.tables["tariffs"]["charger_price"]
    costs, farthest, apart = PlanCosts(s, rounding), 0.0, 0.0
    for m in range(len(s.aggregators)):
        if not any(kind.aggregator == m for kind in vehicles.kinds):
            continue
        p = central[m]
        use, flow = vehicles.chargers[m], vehicles.link_flow[m]
        alone = (
            _alone(found.flows["road_dual"].to_numpy() - found.toll, flow, s.step_roads.capacity_per_step),
            _alone(found.flows["charger_dual"].to_numpy() - told, use, s.sites.chargers),
        )
        upper = dt * float(s.aggregators.time_value_per_h[m] * vehicles.steps_travelled[m])
        upper += float(paid[m].sum() + (found.toll * flow).sum() + (told * use).sum())
        price = dt * (energy + 2.0 * beta[m] * p)
        lower = cheapest(costs, vehicles.kinds, price, found.toll + alone[0], told + alone[1], m)
        lower -= dt * float(beta[m] * (p**2).sum())
        lower -= _worth(alone[0], s.step_roads.capacity_per_step) + _worth(alone[1], s.sites.chargers)
        gap = max(upper - lower, 0.0)
        distance = float(np.sqrt(gap / (beta[m] * dt)))
        solver = float(np.sqrt(_GAP * max(1.0, abs(upper)) / (beta[m] * dt)))
        off = float(np.sqrt(((own[m] - p) ** 2).sum()))
        farthest, apart = max(farthest, distance), max(apart, off - distance - solver)
    if f["status"] == "certified":
        ledger.add(
            "aggregators: own optimum (tariff-18)",
            apart <= 0.0,
            f"proved within {amount(farthest)} kW (norm) of the central plan; own_kw beyond that by "
            f"{max(apart, 0.0):.2g}",
        )
    return farthest


def _alone(dual: Array, use: Array, limit: Array) -> Array:
    """Return unpublished duals, where an aggregator alone fills the limit."""
    return np.asarray(np.where((use >= limit[:, None] * (1 - 1e-6)) & (dual > _NO_PRICE), dual, 0.0))
