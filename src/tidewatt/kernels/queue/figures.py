"""Per-minute series and figures of a replayed day, and days of many plans."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.kernels.queue.events import price_at
from tidewatt.kernels.queue.records import inner, uncounted
from tidewatt.kernels.queue.replaying import replay_day
from tidewatt.kernels.queue.stations import LEAST_POWER

__all__ = [
    "BY_STATION",
    "FIGURES",
    "Minutes",
    "delivered_kwh",
    "figures_of_day",
    "replay_plans",
    "station_series",
]


@inner
def delivered_kwh(elapsed_min, power_kw, energy, soc, battery, taper_soc, efficiency):
    """Return the energy delivered `elapsed_min` after a charge began (sim-10) [kWh], grid side.

    Full power up to `taper_soc`, then falling linearly in the state of charge, hence exponentially in time;
    what a full battery is still asked to take, it takes at 20 %.
    """
    given = power_kw * elapsed_min / 60.0
    if taper_soc >= 1.0:
        return min(given, energy)
    per_soc = battery / efficiency
    level = max(taper_soc - soc, 0.0) * per_soc
    if given <= level:
        return min(given, energy)
    slope = (1.0 - LEAST_POWER) / (1.0 - taper_soc)
    low = min(max(soc, taper_soc), 1.0)
    share = 1.0 - slope * (low - taper_soc)
    # `given` counts what full power would deliver: a clock that runs alike for all powers.
    until_full = per_soc * math.log(share / LEAST_POWER) / slope
    if given - level <= until_full:
        tail = per_soc * share / slope * (1.0 - math.exp(-slope * (given - level) / per_soc))
    else:
        tail = per_soc * (1.0 - low) + LEAST_POWER * (given - level - until_full)
    return min(level + tail, energy)


@inner
def _cover(row, begin, end, height):
    """Add `height` to the minutes from `begin` to `end`; minutes beyond the row wrap around."""
    n = len(row)
    minute = math.floor(begin)
    i = int(minute) % n
    while minute < end:
        row[i] += height * (min(end, minute + 1.0) - max(begin, minute))
        minute += 1.0
        i = i + 1 if i + 1 < n else 0


@kernel
def station_series(
    station, arrive, start, end, power_kw, energy, soc, battery, price, taper_soc, efficiency, out
):
    """Add charges to series by station and minute.

    Parameters
    ----------
    station, ..., price : array, shape (sessions,)
        As in `Sessions`.
    out : array, shape (4, stations, minutes)
        Power [kW], revenue [money/h], vehicles in the queue, chargers in use: means over each minute.
        Minutes beyond the last wrap to the first ones.
    """
    n = out.shape[2]
    for i in range(len(station)):
        s = station[i]
        _cover(out[2, s], arrive[i], start[i], 1.0)
        _cover(out[3, s], start[i], end[i], 1.0)
        if taper_soc >= 1.0:
            _cover(out[0, s], start[i], end[i], power_kw[i])
            _cover(out[1, s], start[i], end[i], power_kw[i] * price[i])
            continue
        minute = math.floor(start[i])
        before = 0.0
        while minute < end[i]:
            elapsed = min(end[i], minute + 1.0) - start[i]
            until = delivered_kwh(elapsed, power_kw[i], energy[i], soc[i], battery[i], taper_soc, efficiency)
            mean_kw = 60.0 * (until - before)
            out[0, s, int(minute) % n] += mean_kw
            out[1, s, int(minute) % n] += mean_kw * price[i]
            before = until
            minute += 1.0


FIGURES = (
    "charges",
    "charges_fast",
    "charges_normal",
    "unserved",
    "energy_kwh",
    "revenue",
    "mean_detour_min",
    "mean_wait_min",
    "mean_charge_min",
    "peak_load_kw",
    "peak_valley_kw",
    "queue_peak",
    "dissatisfaction",
)
"""Figures of one day for all stations together; peaks are those of one-minute means."""

BY_STATION = (
    "charges",
    "energy_kwh",
    "revenue",
    "detour_min",
    "wait_min",
    "charge_min",
    "dissatisfaction",
    "peak_load_kw",
    "valley_load_kw",
    "load_variance_kw2",
)
"""Figures of one day for one station; minutes are summed over its charges."""


class Minutes(NamedTuple):
    """Work arrays, zero between days: how load and queue change from minute to minute.

    Attributes
    ----------
    load : array, shape (minutes + 2, stations)
        Change of each station's mean power against the minute before [kW].
    total, queue : array, shape (minutes + 2, 1)
        The same of all stations' power, and of vehicles in queues.
    state : array, shape (5, stations)
        Power now, highest, lowest, sum, sum of squares.
    """

    load: np.ndarray
    total: np.ndarray
    queue: np.ndarray
    state: np.ndarray


@inner
def _change(change, column, begin, end, height):
    """Raise a series by `height` from `begin` to `end`; minutes beyond the last wrap around.

    As changes of means over each minute: a minute partly covered is two changes, however long the span.
    """
    n = change.shape[0] - 2
    while begin < end:
        day = math.floor(begin / n) * n
        stop = min(end, day + float(n))
        i = int(begin - day)
        j = int(stop - day)
        f = begin - day - i
        g = stop - day - j
        change[i, column] += height * (1.0 - f)
        change[i + 1, column] += height * f
        change[j, column] -= height * (1.0 - g)
        change[j + 1, column] -= height * g
        begin = stop


@inner
def _change_tapered(minutes, charge, power, rules):
    """Do as `_change` for the load of a charge whose power falls near the end (sim-10)."""
    begin = charge.start
    end = charge.end
    before = 0.0
    while begin < end:
        stop = min(end, math.floor(begin) + 1.0)
        until = delivered_kwh(
            stop - charge.start,
            power,
            charge.energy_kwh,
            charge.soc,
            charge.battery_kwh,
            rules.taper_soc,
            rules.efficiency,
        )
        mean_kw = 60.0 * (until - before) / (stop - begin)
        _change(minutes.load, charge.station, begin, stop, mean_kw)
        _change(minutes.total, 0, begin, stop, mean_kw)
        before = until
        begin = stop


@kernel
def figures_of_day(queue, rules, requests, patience, minutes, figures, by_station):
    """Sum up a replayed day.

    Parameters
    ----------
    requests : int
        How many there are.
    patience : array, shape (2,)
        Wait that half of the drivers put up with [min]; steepness [1/min].
    minutes : Minutes
    figures : array, shape (len(FIGURES),)
        Out.
    by_station : array, shape (stations, len(BY_STATION))
        Out.
    """
    queue = uncounted(queue)
    minutes = uncounted(minutes)
    figures[:] = 0.0
    by_station[:] = 0.0
    detours = 0.0
    waits = 0.0
    stays = 0.0
    for r in range(requests):
        charge = queue.charges[r]
        s = np.int64(charge.station)
        if s < 0:
            figures[3] += 1.0
            continue
        station = queue.stations[s]
        kind = charge.kind
        wait = charge.start - charge.arrive
        stay = charge.end - charge.start
        revenue = price_at(queue, 2 * s + kind, charge.start) * charge.energy_kwh
        dissatisfied = 1.0 / (1.0 + math.exp(min(patience[1] * (patience[0] - wait), 700.0)))
        if kind == 0:
            power = min(station.fast_kw, charge.fast_kw)
        else:
            power = min(station.normal_kw, charge.normal_kw)
        figures[0] += 1.0
        figures[1 + kind] += 1.0
        figures[4] += charge.energy_kwh
        figures[5] += revenue
        figures[12] += dissatisfied
        detours += charge.detour_min
        waits += wait
        stays += stay
        row = by_station[s]
        row[0] += 1.0
        row[1] += charge.energy_kwh
        row[2] += revenue
        row[3] += charge.detour_min
        row[4] += wait
        row[5] += stay
        row[6] += dissatisfied
        _change(minutes.queue, 0, charge.arrive, charge.start, 1.0)
        if rules.taper_soc >= 1.0:
            _change(minutes.load, s, charge.start, charge.end, power)
            _change(minutes.total, 0, charge.start, charge.end, power)
        else:
            _change_tapered(minutes, charge, power, rules)
    count = max(figures[0], 1.0)
    figures[6] = detours / count
    figures[7] = waits / count
    figures[8] = stays / count
    _extremes_of_all(minutes, figures)
    _extremes_by_station(minutes, by_station)


@inner
def _extremes_of_all(minutes, figures):
    n = minutes.total.shape[0] - 2
    load = 0.0
    queue = 0.0
    low = np.inf
    for m in range(n):
        load += minutes.total[m, 0]
        queue += minutes.queue[m, 0]
        figures[9] = max(figures[9], load)
        low = min(low, load)
        figures[11] = max(figures[11], queue)
    figures[10] = figures[9] - max(low, 0.0)
    minutes.total[:, 0] = 0.0
    minutes.queue[:, 0] = 0.0


@inner
def _extremes_by_station(minutes, by_station):
    """Compute highest, lowest and variance of each station's load, minute by minute for all at once."""
    n = minutes.load.shape[0] - 2
    load = minutes.state[0]
    high = minutes.state[1]
    low = minutes.state[2]
    total = minutes.state[3]
    squares = minutes.state[4]
    load[:] = 0.0
    high[:] = 0.0
    low[:] = np.inf
    total[:] = 0.0
    squares[:] = 0.0
    for m in range(n):
        change = minutes.load[m]
        for s in range(len(load)):
            now = load[s] + change[s]
            load[s] = now
            high[s] = now if now > high[s] else high[s]
            low[s] = now if now < low[s] else low[s]
            total[s] += now
            squares[s] += now * now
    minutes.load[:] = 0.0
    for s in range(len(load)):
        mean = total[s] / n
        by_station[s, 7] = high[s]
        by_station[s, 8] = max(low[s], 0.0)
        by_station[s, 9] = max(squares[s] / n - mean * mean, 0.0)


@kernel
def _sum_of_chosen(queue, table):
    """Return the sum of a table's entries, each request's at the station where it was sent."""
    charges = uncounted(queue).charges
    total = 0.0
    for r in range(len(table)):
        s = charges[r].station
        if s >= 0:
            total += table[r, s]
    return total


@kernel
def replay_plans(
    queue, rules, table, to, onward, patience, minutes, effect, fast, normal, figures, by_station, effects
):
    """Replay a day for several plans.

    Parameters
    ----------
    effect : array of float32, shape (requests, stations) or (0, stations)
        What each request brings about at each station, if that is asked for.
    fast, normal : array of int64, shape (plans, stations)
    figures : array, shape (plans, len(FIGURES))
        Out.
    by_station : array, shape (plans, stations, len(BY_STATION))
        Out.
    effects : array, shape (plans,)
        Out: sums of `effect` over the stations chosen.
    """
    for p in range(len(fast)):
        replay_day(queue, rules, table, to, onward, fast[p], normal[p])
        figures_of_day(queue, rules, len(to), patience, minutes, figures[p], by_station[p])
        effects[p] = _sum_of_chosen(queue, effect)
