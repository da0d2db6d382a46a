"""Vehicles on links: movement within a step, energy on the way."""

from __future__ import annotations

from tidewatt.compilation.kernel import kernel

__all__ = ["ARRIVED", "AT_NODE", "AT_STATION", "append_paths", "move", "path_kwh", "rest_kwh", "tally"]

ARRIVED, AT_STATION, AT_NODE = 0, 1, 2
"""Reasons why a vehicle left the list of driving vehicles."""


@kernel
def move(
    active,
    begin,
    n,
    until_min,
    row,
    now_min,
    pos,
    end,
    part,
    leg_row,
    station_min,
    wants,
    path,
    link_ms,
    link_kwh,
    link_km,
    factor,
    stored_kwh,
    driven_kwh,
    rescued_kwh,
    driven_km,
    entered,
    out_vehicle,
    out_what,
):
    """Move vehicles ``active[begin:n]`` until `until_min`; those that arrive leave the list.

    A vehicle stands on link ``path[pos]`` of its path (which ends before `end`), of which the share `part`
    lies behind it, at the time `now_min`. Times and energies of links are those of `row` of the tables, but
    for a vehicle on its way to a station (``leg_row >= 0``) those of the row that held when it chose; it
    arrives exactly at `station_min`. A vehicle in `wants` leaves the list at the next node, to look for
    a station. What an empty battery cannot give is `rescued_kwh`.

    Returns
    -------
    n, out : int
        Vehicles that still drive, and how many left: ``out_vehicle[:out]``, why in ``out_what[:out]``.
    """
    left = begin
    out = 0
    for k in range(begin, n):
        i = active[k]
        to_station = leg_row[i] >= 0
        r = leg_row[i] if to_station else row
        finishes = to_station and station_min[i] <= until_min
        now, p, share = now_min[i], pos[i], part[i]
        used, km = 0.0, 0.0
        what = -1
        while True:
            if p >= end[i]:
                if to_station and not finishes:
                    # Rounding: the path is done a hair before the arrival that was promised.
                    now = until_min
                    break
                what = AT_STATION if to_station else ARRIVED
                break
            link = path[p]
            if share == 0.0 and wants[i]:
                what = AT_NODE
                break
            if now >= until_min and not finishes:
                break
            if share == 0.0:
                entered[link] += 1
            whole = link_ms[r, link] / 60000.0
            rest = whole * (1.0 - share)
            if finishes or now + rest <= until_min:
                now += rest
                used += (1.0 - share) * link_kwh[r, link]
                km += (1.0 - share) * link_km[link]
                share = 0.0
                p += 1
            else:
                step = (until_min - now) / whole
                share += max(step, 1e-12)  # entered: no longer at the node before
                used += step * link_kwh[r, link]
                km += step * link_km[link]
                now = until_min
                break
        if what == AT_STATION:
            now = station_min[i]
        now_min[i], pos[i], part[i] = now, p, share
        used *= factor[i]
        driven_kwh[i] += used
        driven_km[i] += km
        stored_kwh[i] -= used
        if stored_kwh[i] < 0.0:
            rescued_kwh[i] -= stored_kwh[i]
            stored_kwh[i] = 0.0
        if what < 0:
            active[left] = i
            left += 1
        else:
            out_vehicle[out], out_what[out] = i, what
            out += 1
    return left, out


@kernel
def tally(state, out):
    """Count vehicles by state."""
    # A pass a state: counting one runs in SIMD lanes, four times as fast as scattered additions.
    for kind in range(len(out)):
        count = 0
        for i in range(len(state)):
            count += state[i] == kind
        out[kind] += count


@kernel
def path_kwh(first, links, link_kwh, total):
    """Sum `link_kwh` along each path of a CSR, into `total`."""
    for k in range(len(total)):
        energy = 0.0
        for j in range(first[k], first[k + 1]):
            energy += link_kwh[links[j]]
        total[k] = energy


@kernel
def rest_kwh(active, n, pos, end, part, path, link_kwh, total):
    """Write to ``total[:n]`` the energy for the remaining way of ``active[:n]`` at today's speeds."""
    for k in range(n):
        i = active[k]
        energy = 0.0
        for j in range(pos[i], end[i]):
            energy += link_kwh[path[j]]
        if pos[i] < end[i]:
            energy -= part[i] * link_kwh[path[pos[i]]]
        total[k] = energy


@kernel
def append_paths(first, links, path, begin):
    """Append paths to `path` one after another, from `begin` on."""
    count = first[len(first) - 1] - first[0]
    for j in range(count):
        path[begin + j] = links[first[0] + j]
    return begin + count
