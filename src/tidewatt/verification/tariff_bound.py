"""What no plan costs less than, from published duals: cheapest plans of single vehicles, level by level."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.tariff_vehicles import Kind, energy_ahead

__all__ = ["Costs", "cheapest"]

_TINY = 1e-9


class Costs:
    """Cheapest plans at prices of everything that is shared (tariff-9).

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

    def of(self, kind: Kind, energy: Array, toll: Array, charger: Array) -> Array:
        """Least cost of one vehicle of every group of a kind, shape (groups,).

        Parameters
        ----------
        kind : Kind
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
    """Levels gained in a step by a charger's power, and the power that takes (tariff-7).

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
    costs: Costs, kinds: list[Kind], energy: Array, toll: Array, charger: Array, aggregator: int
) -> float:
    """Sum over an aggregator's vehicles of the cost of their cheapest plans, without regard to limits."""
    total = 0.0
    for kind in kinds:
        if kind.aggregator == aggregator:
            each = costs.of(kind, energy, toll, charger)
            total += float(costs.travel.vehicles[kind.groups] @ each)
    return total
