"""Where vehicles of the path formulation are, added up over paths (tariff-19)."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.paths.model import PathModel
from tidewatt.tariffs.paths.stops import PathStop
from tidewatt.tariffs.problem import Problem, Traffic

__all__ = ["path_traffic"]


def path_traffic(problem: Problem, model: PathModel, x: Array) -> Traffic:
    """Traffic of a solution `x`; no arcs, for energy is not any single vehicle's.

    Whoever leaves a site's node in the step of arriving there counts as driving by, as far as numbers allow.
    Those that wait at a site count as its queue while anyone of their path charges there later, and as the
    queue of the link ahead from then on.
    """
    steps, soc_min = problem.steps, problem.aggregators.soc_min
    at_site = (len(problem.sites), steps)
    entering, bypassing, queue, charging, discharging, energy = (np.zeros(at_site) for _ in range(6))
    flow, link_queue = (np.zeros((problem.roads.links, steps)) for _ in range(2))
    for aggregator, stops in model.paths:
        for stop in stops:
            takes = int(problem.roads.free_flow_steps[stop.link])
            start = stop.first + np.arange(len(stop.flow))
            flow[stop.link, start + takes - 1] += x[stop.flow]
            waiting, held = x[stop.wait], start[:-1]
            if stop.charging:
                # Of several sites at one node, arrivals and the queue stand at the first.
                site = stop.charging[0].site
                came, by = _arrivals(stop, x)
                bypassing[site, start] += by
                entering[site, start] += came - by
                plugged = np.zeros(len(held))
                for plug in stop.charging:
                    charge, level_kw = x[plug.vehicles], problem.sites.level_kw[plug.levels]
                    charging[plug.site, held] += charge[level_kw > 0.0].sum(axis=0)
                    discharging[plug.site, held] += charge[level_kw < 0.0].sum(axis=0)
                    plugged += charge.sum(axis=0)
                    # At the start of the step: what exceeds soc_min.
                    energy[plug.site, held] += x[plug.surplus] + soc_min[aggregator] * charge.sum(axis=0)
                before = _charges_later(plugged)
                queue[site, held] += np.where(before, waiting, 0.0)
                waiting_energy = x[stop.wait_surplus] + stop.wait_least * waiting
                energy[site, held] += np.where(before, waiting_energy, 0.0)
                waiting = np.where(before, 0.0, waiting)
            link_queue[stop.link, held + takes] += waiting
    present = queue + charging + discharging
    # Below this many vehicles a mean SOC is the solver's round-off.
    soc = np.full(at_site, np.nan)
    np.divide(energy, present, out=soc, where=present > 1e-6)
    return Traffic(entering, bypassing, queue, charging, discharging, soc, flow, link_queue)


def _arrivals(stop: PathStop, x: Array) -> tuple[Array, Array]:
    """Who comes to a stop in each step, and how many of them can be those who leave at once."""
    came = np.bincount(stop.arriving_step - stop.first, x[stop.arriving], minlength=len(stop.flow))
    return came, np.minimum(came, x[stop.flow])


def _charges_later(plugged: Array) -> Array:
    """Whether more than round-off charges in a later step."""
    later = np.cumsum(plugged[::-1])[::-1] - plugged
    found: Array = later > 1e-6
    return found
