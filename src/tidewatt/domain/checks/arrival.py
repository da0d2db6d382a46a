"""Groups of vehicles that cannot arrive regardless of other traffic: no road, no time, or no energy."""

from __future__ import annotations

import math

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.checks.findings import Findings
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel

__all__ = ["check_arrivals", "least_to"]

_ROUNDING = 1e-9
_MOST_SOC = 1e6
"""Batteries too small by more than this factor are not measured further."""


def least_to(roads: StepRoads, weight: Array, nodes: Array) -> Array:
    """Return the least sum of link weights from every node to each of some nodes.

    Parameters
    ----------
    roads : StepRoads
    weight : array, shape (links,)
        >= 0.
    nodes : array of int, shape (ends,)

    Returns
    -------
    array, shape (ends, nodes)
        inf where no road leads.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    if not len(nodes):
        return np.zeros((0, roads.nodes))
    # Of parallel links the least counts: a sparse matrix would add them up.
    order = np.lexsort((weight, roads.tail, roads.head))
    tail, head = roads.tail[order], roads.head[order]
    first = np.ones(len(order), bool)
    first[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    shape = (roads.nodes, roads.nodes)
    graph = csr_array((weight[order][first], (head[first], tail[first])), shape=shape)
    found: Array = dijkstra(graph, indices=np.asarray(nodes, np.int64))
    return found


def check_arrivals(scenario: Scenario, report: Findings) -> None:
    """Check that every group can arrive within the horizon on the energy it has or can charge on the way.

    Both tests are those of a vehicle that is alone: queues, and the time that charging takes, come on top.
    """
    roads, travel = scenario.step_roads, scenario.travel
    sites, aggregators = scenario.sites, scenario.aggregators
    assert roads is not None and travel is not None and sites is not None and aggregators is not None
    ends, which = np.unique(travel.destination, return_inverse=True)
    steps = least_to(roads, roads.free_flow_steps.astype(np.float64), ends)[which.reshape(-1), travel.origin]
    groups = _Groups(scenario)
    groups.report(
        report, "destination_node_id", np.flatnonzero(np.isinf(steps)), np.full(len(travel), np.inf)
    )
    late = travel.depart_step + steps - scenario.horizon.steps
    groups.report(report, "depart_step", np.flatnonzero((late > 0) & np.isfinite(late)), late)
    lacking, kwh = _lacking(roads, sites, aggregators, travel)
    groups.report(report, "soc_initial", np.flatnonzero(np.isfinite(steps) & lacking), kwh)


class _Groups:
    """Descriptions of groups of vehicles."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        assert scenario.travel is not None
        self.travel: Travel = scenario.travel

    def report(self, report: Findings, field: str, rows: Array, amount: Array) -> None:
        """Report groups that cannot arrive; `amount` is the steps they are late by, or the kWh they lack."""
        if not len(rows):
            return
        vehicles = float(self.travel.vehicles[rows].sum())
        total = float(self.travel.vehicles.sum())
        who = f"{vehicles:,.6g} of {total:,.6g} vehicles"
        horizon = self.scenario.horizon
        if field == "destination_node_id":
            problem = f"{who} go where no road leads"
            fix = "Add the links that are missing, or remove the rows"
        elif field == "depart_step":
            most = int(amount[rows].max())
            problem = (
                f"{who} cannot arrive within the horizon of {horizon.steps} steps: on empty roads the "
                f"last arrives {_counted(most, 'step')} ({most * horizon.step_min:g} min) late"
            )
            fix = "Let them depart earlier, add steps to the horizon, or remove the rows"
        else:
            problem = (
                f"{who} reach neither their destination with soc_final_min nor a charger from which they "
                f"could go on; up to {amount[rows].max():,.4g} kWh are missing"
            )
            fix = "Raise soc_initial or battery_kwh, lower soc_final_min, or add charging sites on the way"

        def name(row: int) -> str:
            return self._named(row, field, float(amount[row]))

        report.rows("travel", field, problem, fix, rows, name)

    def _named(self, row: int, field: str, amount: float) -> str:
        scenario, travel = self.scenario, self.travel
        assert scenario.step_roads is not None and scenario.aggregators is not None
        nodes, step = scenario.step_roads.node_id, int(travel.depart_step[row])
        words = (
            f"{travel.vehicles[row]:,.6g} of {scenario.aggregators.aggregator_id[travel.aggregator[row]]} "
            f"from {nodes[travel.origin[row]]} to {nodes[travel.destination[row]]} "
            f"at {scenario.horizon.named(step)}"
        )
        if field == "depart_step":
            return f"{words}: {_counted(int(amount), 'step')} late"
        return f"{words}: {amount:,.4g} kWh missing" if field == "soc_initial" else words


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _lacking(
    roads: StepRoads, sites: ChargingSites, aggregators: Aggregators, travel: Travel
) -> tuple[Array, Array]:
    """Return groups that cannot get through on their energy, and the kWh they lack, each of shape (groups,).

    A vehicle may charge up to soc_max at every site on its way, in no time. What it lacks is charge at
    departure, or, where no charge at departure would do, capacity of the battery.
    """
    charging = np.zeros(len(sites), bool)
    owner = np.repeat(np.arange(len(sites)), np.diff(sites.level_first))
    charging[owner[sites.level_kw > 0]] = True
    places = np.unique(sites.node[charging & (sites.chargers > 0)])
    ends, which = np.unique(travel.destination, return_inverse=True)
    to_end = least_to(roads, roads.energy_kwh, ends)
    to_site = least_to(roads, roads.energy_kwh, places)
    keys = np.stack([travel.aggregator, which.reshape(-1)], axis=1)
    keys, key = np.unique(keys, axis=0, return_inverse=True)
    lacking, missing = np.zeros(len(travel), bool), np.zeros(len(travel))
    order = np.argsort(key.reshape(-1), kind="stable")
    bounds = np.searchsorted(key.reshape(-1)[order], np.arange(len(keys) + 1))
    around: dict[int, Array] = {}
    for k, (m, d) in enumerate(keys):
        groups = order[bounds[k] : bounds[k + 1]]
        if d not in around:
            starts = np.union1d(places, travel.origin[which.reshape(-1) == d])
            around[d] = _around(roads, int(ends[d]), to_end[d], places, to_site, starts)
        battery = float(aggregators.battery_kwh[m])
        low, high = float(aggregators.soc_min[m]), float(aggregators.soc_max[m])
        others = places != ends[d]  # nobody leaves the destination again
        for final in np.unique(travel.soc_final_min[groups]):
            here = groups[travel.soc_final_min[groups] == final]
            way = _Ways(
                to_end[d] / battery, around[d][others] / battery, places[others], low, max(final, low)
            )
            need = way.need(high)[travel.origin[here]]
            short = need > travel.soc_initial[here] + _ROUNDING
            lacking[here] = short
            missing[here] = np.where(short, (need - travel.soc_initial[here]) * battery, 0.0)
            for row in here[np.isinf(need)]:
                more = way.least_top(int(travel.origin[row]), high) - high
                missing[row] = more * battery
    return lacking, missing


def _around(roads: StepRoads, end: int, to_end: Array, places: Array, to_site: Array, starts: Array) -> Array:
    """Return the least energy to sites on ways that avoid destinations, which nobody leaves again.

    Parameters
    ----------
    roads : StepRoads
    end : int
        The destination.
    to_end : array, shape (nodes,)
        Least energy to it.
    places : array of int, shape (sites,)
    to_site : array, shape (sites, nodes)
        Least energy to the sites on any way.
    starts : array of int
        Nodes whose ways count.
    """
    starts = starts[starts != end]
    through = to_end[starts] + to_site[:, [end]]
    shared = np.isfinite(through) & (to_site[:, starts] >= through - _ROUNDING)
    again = np.flatnonzero(shared.any(axis=1) & (places != end))
    if not len(again):
        return to_site
    barred = np.where(roads.tail == end, np.inf, roads.energy_kwh)
    result = to_site.copy()
    result[again] = least_to(roads, barred, places[again])
    return result


class _Ways:
    """Ways of one kind of vehicle to its destination, considering charge alone.

    Parameters
    ----------
    to_end : array, shape (nodes,)
        Charge that the least-energy way to the destination takes.
    to_site : array, shape (sites, nodes)
        The same to each site.
    places : array of int, shape (sites,)
        Nodes of the sites.
    low : float
        Least charge anywhere.
    final : float
        Least charge at the destination.
    """

    def __init__(self, to_end: Array, to_site: Array, places: Array, low: float, final: float) -> None:
        self.to_end, self.to_site, self.places = to_end, to_site, places
        self.low, self.final = low, final

    def need(self, top: float) -> Array:
        """Return the least charge at every node from which the destination can be reached, shape (nodes,).

        Parameters
        ----------
        top : float
            Most charge; inf where it does not suffice.
        """
        need = self.final + self.to_end
        need = np.where(need <= top + _ROUNDING, need, np.inf)
        # Sites from which the destination can be reached with a full battery, found one after the other.
        left = np.arange(len(self.places))
        while len(left):
            good = need[self.places[left]] <= top + _ROUNDING
            if not good.any():
                break
            reached = self.low + self.to_site[left[good]].min(axis=0)
            need = np.minimum(need, np.where(reached <= top + _ROUNDING, reached, np.inf))
            left = left[~good]
        return np.asarray(need)

    def least_top(self, origin: int, top: float) -> float:
        """Return the least upper limit of charge that suffices to reach the destination from a node."""
        high = top
        while math.isinf(self.need(high)[origin]):
            high = 2.0 * high + 1.0
            if high > _MOST_SOC:
                return high
        low = top
        while high - low > 1e-6 * high:
            middle = (low + high) / 2.0
            low, high = (middle, high) if math.isinf(self.need(middle)[origin]) else (low, middle)
        return high
