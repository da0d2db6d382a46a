"""What every vehicle needs and may draw, and what unmanaged charging does: derived from scratch.

Written from the contract (coord-1) and nothing else: one pass over a vehicle's trips and opportunities
in time order, with the battery's content as the only state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.domain.arrays import Array
from tidewatt.domain.scenario import Scenario
from tidewatt.verification.coordination.cheapest import _share, step_span

__all__ = ["Needs", "derive_needs"]


@dataclass(frozen=True, slots=True, eq=False)
class Needs:
    """Charging opportunities of every vehicle and the energy bounds at their ends.

    Attributes
    ----------
    first : array of int64, shape (vehicles + 1,)
        CSR offsets of the opportunities.
    dwell : array of int64, shape (opportunities,)
        Row of the scenario's dwells.
    arrive_min, depart_min, power_kw : array, shape (opportunities,)
        When, and the most power over a whole step [kW].
    feeder : array of int32, shape (opportunities,)
        Feeder, negative: none that is studied.
    lower_kwh, upper_kwh : array, shape (opportunities,)
        Least (already lowered by what is missing) and most energy drawn by the end, grid side [kWh].
    unmanaged_kwh : array, shape (opportunities,)
        Energy drawn by the end when charging early and at full power, grid side [kWh].
    missing_kwh : array, shape (vehicles,)
        What no schedule can deliver, battery side [kWh].
    unmanaged_kw : array, shape (feeders, steps)
        Load of unmanaged charging, weighted [kW].
    variables : int
        Pairs of opportunity and step touched.
    """

    first: Array
    dwell: Array
    arrive_min: Array
    depart_min: Array
    power_kw: Array
    feeder: Array
    lower_kwh: Array
    upper_kwh: Array
    unmanaged_kwh: Array
    missing_kwh: Array
    unmanaged_kw: Array
    variables: int


@kernel
def _simulate(
    first: Array,
    arrive_min: Array,
    depart_min: Array,
    power_kw: Array,
    feeder: Array,
    trip_first: Array,
    trip_middle: Array,
    trip_kwh: Array,
    battery: Array,
    soc_initial: Array,
    soc_min: Array,
    soc_max: Array,
    soc_final_min: Array,
    efficiency: Array,
    weight: Array,
    step_min: float,
    lower: Array,
    upper: Array,
    drawn_by_end: Array,
    missing: Array,
    load: Array,
) -> int:
    """Fill `lower`, `upper`, `drawn_by_end`, `missing` and `load`; return the number of variables."""
    steps = load.shape[1]
    step_h = step_min / 60.0
    variables = 0
    for i in range(first.shape[0] - 1):
        start = battery[i] * soc_initial[i]
        least, most = battery[i] * soc_min[i], battery[i] * soc_max[i]
        last = battery[i] * max(soc_min[i], soc_final_min[i])
        trip, driven = trip_first[i], 0.0
        drawn = 0.0
        for q in range(first[i], first[i + 1] + 1):
            # Energy driven before opportunity q, or by the end of the horizon after the last one.
            final = q == first[i + 1]
            middle = 0.0 if final else 0.5 * (arrive_min[q] + depart_min[q])
            while trip < trip_first[i + 1] and (final or trip_middle[trip] < middle):
                driven += trip_kwh[trip]
                trip += 1
            need = (last if final else least) + driven - start
            shortfall = need - efficiency[i] * drawn
            # Rounding of a need that is met exactly is not a shortfall.
            if shortfall > 1e-9 * max(battery[i], 1.0):
                missing[i] = max(missing[i], shortfall)
            if q > first[i]:
                lower[q - 1] = max(min(need / efficiency[i], drawn), 0.0)
            if final:
                break
            upper[q] = max((most - start + driven) / efficiency[i], 0.0)
            begin, end = step_span(arrive_min[q], depart_min[q], step_min, steps)
            variables += end - begin
            for t in range(begin, end):
                room = upper[q] - drawn
                if room <= 0.0:
                    break
                energy = power_kw[q] * _share(arrive_min[q], depart_min[q], step_min, t) * step_h
                energy = min(energy, room)
                drawn += energy
                if feeder[q] >= 0:
                    load[feeder[q], t] += weight[i] * energy / step_h
            drawn_by_end[q] = drawn
    return variables


def derive_needs(scenario: Scenario) -> Needs:
    """Derive the bounds of coord-1 for every vehicle, and unmanaged charging.

    Parameters
    ----------
    scenario : Scenario
        As read from its files.

    Returns
    -------
    Needs
        Opportunities in the order of the scenario's dwells.
    """
    fleet, dwells, trips = scenario.fleet, scenario.dwells, scenario.trips
    owner = np.repeat(np.arange(len(fleet)), np.diff(dwells.first))
    dwell = np.flatnonzero((dwells.charger_kw > 0) & (dwells.depart_min > dwells.arrive_min))
    owner = owner[dwell]
    first = np.zeros(len(fleet) + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=len(fleet)), out=first[1:])
    arrive, depart = dwells.arrive_min[dwell], dwells.depart_min[dwell]
    power = np.minimum(dwells.charger_kw[dwell], fleet.max_charge_kw[owner])
    feeder = dwells.feeder[dwell]
    lower, upper, drawn = (np.zeros(len(dwell)) for _ in range(3))
    missing = np.zeros(len(fleet))
    load = np.zeros((scenario.grid.feeders, scenario.horizon.steps))
    variables = _simulate(
        first,
        arrive,
        depart,
        power,
        feeder,
        trips.first,
        0.5 * (trips.depart_min + trips.arrive_min),
        trips.energy_kwh,
        fleet.battery_kwh,
        fleet.soc_initial,
        fleet.soc_min,
        fleet.soc_max,
        fleet.soc_final_min,
        fleet.charge_efficiency,
        fleet.weight,
        scenario.horizon.step_min,
        lower,
        upper,
        drawn,
        missing,
        load,
    )
    return Needs(
        first, dwell, arrive, depart, power, feeder, lower, upper, drawn, missing, load, int(variables)
    )
