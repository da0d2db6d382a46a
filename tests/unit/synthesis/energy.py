"""An independent, plain account of charging at once at full power, for the tests of synthesis."""

import numpy as np


def charge_at_once(fleet, dwells, trips):
    """Grid-side energy of every dwell [kWh], and the least margins [kWh] over soc_min and soc_final_min."""
    energy = np.zeros(len(dwells.arrive_min))
    least, final = np.empty(len(fleet)), np.empty(len(fleet))
    for i in range(len(fleet)):
        capacity, eta = fleet.battery_kwh[i], fleet.charge_efficiency[i]
        stored = fleet.soc_initial[i] * capacity
        lowest = stored
        first = dwells.first[i]
        for row in range(first, dwells.first[i + 1]):
            hours = (dwells.depart_min[row] - dwells.arrive_min[row]) / 60
            power = min(dwells.charger_kw[row], fleet.max_charge_kw[i])
            drawn = min(power * hours, max((fleet.soc_max[i] * capacity - stored) / eta, 0.0))
            energy[row] = drawn
            stored += eta * drawn
            if row + 1 < dwells.first[i + 1]:
                stored -= trips.energy_kwh[trips.first[i] + row - first]
                lowest = min(lowest, stored)
        least[i] = lowest - fleet.soc_min[i] * capacity
        final[i] = stored - fleet.soc_final_min[i] * capacity
    return energy, least, final


def load_by_feeder(scenario):
    """Load of charging at once on every feeder and step [kW], shape (feeders, steps)."""
    fleet, dwells, horizon = scenario.fleet, scenario.dwells, scenario.horizon
    energy, _, _ = charge_at_once(fleet, dwells, scenario.trips)
    load = np.zeros((scenario.grid.feeders, horizon.steps))
    owner = np.repeat(np.arange(len(fleet)), np.diff(dwells.first))
    edges = np.arange(horizon.steps + 1) * horizon.step_min
    for row in np.flatnonzero((energy > 0) & (dwells.feeder >= 0)):
        power = min(dwells.charger_kw[row], fleet.max_charge_kw[owner[row]])
        begin = dwells.arrive_min[row]
        end = begin + 60 * energy[row] / power
        inside = np.clip(np.minimum(end, edges[1:]) - np.maximum(begin, edges[:-1]), 0, None)
        load[dwells.feeder[row]] += fleet.weight[owner[row]] * power * inside / horizon.step_min
    return load
