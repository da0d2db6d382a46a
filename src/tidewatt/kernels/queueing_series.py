"""From charges to series by minute: exact means over each minute, partly covered ones by their share."""

from __future__ import annotations

import math

from numba import njit

from tidewatt.kernels.queueing_costs import LEAST_POWER
from tidewatt.kernels.queueing_views import inner

__all__ = ["delivered_kwh", "station_series"]


@inner
def delivered_kwh(elapsed_min, power_kw, energy, soc, battery, taper_soc, efficiency):
    """Energy delivered `elapsed_min` after a charge began (sim-10) [kWh], grid side.

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
    """Add `height` to the minutes from `begin` to `end`; minutes beyond the row begin anew."""
    n = len(row)
    minute = math.floor(begin)
    i = int(minute) % n
    while minute < end:
        row[i] += height * (min(end, minute + 1.0) - max(begin, minute))
        minute += 1.0
        i = i + 1 if i + 1 < n else 0


@njit(cache=True, nogil=True)
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
