"""Compiled: lays day chains out over a vehicle's horizon."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["add_chargers", "lay_weeks"]

HOME, WORK = 0, 1
PLACES = 7


@njit(cache=True, nogil=True)
def _next(state):  # type: ignore[no-untyped-def]
    """Splitmix64: the next state and a uniform draw in [0, 1)."""
    state += np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return state, (z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def _stream(seed, a, b, c):  # type: ignore[no-untyped-def]
    """State of an own stream of draws for each (seed, a, b, c)."""
    state = np.uint64(seed)
    for key in (a, b, c):
        z = (state ^ (np.uint64(key) + np.uint64(0x632BE59BD9B4E019))) * np.uint64(0xFF51AFD7ED558CCD)
        state = z ^ (z >> np.uint64(32))
    return state


@njit(cache=True, nogil=True)
def _normal(state):  # type: ignore[no-untyped-def]
    state, u = _next(state)
    state, v = _next(state)
    return state, np.sqrt(-2.0 * np.log(1.0 - u)) * np.cos(2.0 * np.pi * v)


@njit(cache=True, nogil=True)
def _travel_min(km):  # type: ignore[no-untyped-def]
    return 4.0 + 60.0 * km / (22.0 + 18.0 * np.log1p(km / 5.0))


@njit(cache=True, nogil=True)
def _chosen(cumulative, u):  # type: ignore[no-untyped-def]
    return min(np.searchsorted(cumulative, u, side="right"), len(cumulative) - 1)


@njit(cache=True, nogil=True)
def lay_weeks(
    begin, end, seed, start_min, first_weekday, minutes, habit, spread, still, consumption_spread,
    off_grid_public, public_share, public_kw, public_kw_cumulative,
    home, work, workdays, home_kw, work_kw, work_km, battery_kwh, kwh_per_km, longest_kwh,
    place_cumulative, chain_first, chain_depart, chain_arrive, chain_km, chain_purpose, class_first, class_cumulative,
    fill, trip_first, trip_depart, trip_arrive, trip_energy, trip_km,
    dwell_arrive, dwell_depart, dwell_feeder, dwell_kw, dwell_place,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Trips and dwells of vehicles begin..end - 1.

    A first run with `fill` False counts: ``trip_first[i + 1]`` becomes the trips of vehicle i. A
    second, after summing, writes the rows; a vehicle has one dwell more than trips. Each vehicle,
    weekday and day has its own stream of draws, so that both runs, and any split, agree.

    Shapes: ``home`` .. ``longest_kwh`` (vehicles,), ``workdays`` bit masks with Monday lowest;
    ``place_cumulative`` (feeders or 1, feeders); chains in CSR order, those of class c (0 work day,
    1 other weekday, 2 weekend) ``class_first[c]:class_first[c + 1]``.
    """
    days = int(np.ceil((start_min + minutes) / 1440.0))
    for i in range(begin, end):
        trips = np.int64(0)
        row = trip_first[i] if fill else np.int64(0)
        dwell = row + i
        now = -1e9  # end of the last trip; the dwell that began there is still open
        over = False
        at, at_feeder = HOME, home[i]
        if fill:
            dwell_arrive[dwell], dwell_kw[dwell] = 0.0, home_kw[i]
        for day in range(-1, days):
            weekday = (first_weekday + day) % 7
            weekend = weekday >= 5
            # As usual on this weekday, or anew: the key of the stream says which.
            state = _stream(seed, i, 1, day + 1)
            state, u = _next(state)
            usual = u < habit
            plan = _stream(seed, i, 2, weekday) if usual else _stream(seed, i, 3, day + 1)
            plan, u = _next(plan)
            goes_to_work = not weekend and (workdays[i] >> weekday) & 1
            if not goes_to_work and u < still[1 if weekend else 0]:
                continue
            kind = 2 if weekend else (0 if goes_to_work else 1)
            chains = class_cumulative[class_first[kind] : class_first[kind + 1]]
            if len(chains) == 0:
                continue
            # A commuter's work days are alike: one usual chain for all of them.
            own = _stream(seed, i, 4, 0) if (usual and kind == 0) else plan
            own, u = _next(own)
            chain = class_first[kind] + _chosen(chains, u)
            state, shift = _normal(state)
            offset = day * 1440.0 - start_min + shift * spread
            stretch = 1.0
            if kind == 0 and work_km[i] > 0.0:
                for k in range(chain_first[chain], chain_first[chain + 1]):
                    if chain_purpose[k] == WORK:
                        stretch = min(max(work_km[i] / max(chain_km[k], 0.5), 0.1), 10.0)
                        break
            before = HOME
            for k in range(chain_first[chain], chain_first[chain + 1]):
                to = chain_purpose[k]
                km = chain_km[k]
                duration = chain_arrive[k] - chain_depart[k]
                if stretch != 1.0 and (to == WORK or before == WORK):
                    duration *= _travel_min(km * stretch) / _travel_min(km)
                    km *= stretch
                before = to
                # Where: home and work are fixed; other places are the usual ones of the habit.
                place, feeder, kw = to, np.int64(-1), 0.0
                plan, u_place = _next(plan)
                plan, u_off = _next(plan)
                plan, u_charger = _next(plan)
                plan, u_kw = _next(plan)
                if to == HOME:
                    feeder, kw = home[i], home_kw[i]
                elif to == WORK:
                    feeder, kw = work[i], work_kw[i]
                else:
                    if u_off >= off_grid_public:
                        feeder = _chosen(place_cumulative[home[i] % len(place_cumulative)], u_place)
                    if u_charger < public_share[i]:
                        kw = public_kw[_chosen(public_kw_cumulative, u_kw)]
                depart = max(np.round(chain_depart[k] + offset), now + 1.0)
                arrive = depart + max(np.round(duration), 1.0)
                state, spin = _normal(state)
                if over or arrive > minutes - 1.0:
                    over = True
                    break
                if depart < 1.0:
                    # Before the horizon, or across its start: only where it ends matters.
                    at, at_feeder = place, feeder
                    if fill:
                        dwell_kw[dwell] = kw
                    now = arrive
                    continue
                trips += 1
                if fill:
                    dwell_depart[dwell] = depart
                    dwell_place[dwell], dwell_feeder[dwell] = at, at_feeder
                    trip_depart[row], trip_arrive[row], trip_km[row] = depart, arrive, km
                    energy = km * kwh_per_km[i] * np.exp(consumption_spread * spin)
                    trip_energy[row] = min(energy, longest_kwh[i])
                    row += 1
                    dwell += 1
                    dwell_arrive[dwell], dwell_kw[dwell] = arrive, kw
                at, at_feeder, now = place, feeder, arrive
        if fill:
            dwell_depart[dwell] = minutes
            dwell_place[dwell], dwell_feeder[dwell] = at, at_feeder
        else:
            trip_first[i + 1] = trips


@njit(cache=True, nogil=True)
def _short(dwells, arrive, depart, kw, energy, initial, least, most, efficiency):  # type: ignore[no-untyped-def]
    """Whether charging at once at full power leaves a vehicle below `least`, or below `initial` at the end [kWh]."""
    stored = initial
    for d in range(dwells):
        stored = min(stored + kw[d] * (depart[d] - arrive[d]) / 60.0 * efficiency, most)
        if d < dwells - 1:
            stored -= energy[d]
            if stored < least:
                return True
    return stored < initial


@njit(cache=True, nogil=True)
def add_chargers(
    begin, end, trip_first, trip_energy, dwell_arrive, dwell_depart, dwell_kw, dwell_place,
    initial_kwh, least_kwh, most_kwh, efficiency, shortest_stop_min, remedy,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Give vehicles that would be short of energy more chargers; ``remedy[i]`` says how far it went.

    0 nothing; 1 a charger of 11 kW at every other place; 2 of 50 kW there; 3 one of 7.2 kW at home;
    4 of 11 kW at home; 5 and more: a third of the energy of every trip is charged on the way,
    again and again until it suffices.
    """
    for i in range(begin, end):
        t0, t1 = trip_first[i], trip_first[i + 1]
        d0, d1 = t0 + i, t1 + i + 1
        while remedy[i] < 12 and _short(
            d1 - d0, dwell_arrive[d0:d1], dwell_depart[d0:d1], dwell_kw[d0:d1], trip_energy[t0:t1],
            initial_kwh[i], least_kwh[i], most_kwh[i], efficiency,
        ):  # fmt: skip
            remedy[i] += 1
            for d in range(d0, d1):
                away = dwell_place[d] > WORK and dwell_depart[d] - dwell_arrive[d] >= shortest_stop_min
                if remedy[i] <= 2 and away:
                    dwell_kw[d] = max(dwell_kw[d], 11.0 if remedy[i] == 1 else 50.0)
                elif 3 <= remedy[i] <= 4 and dwell_place[d] == HOME:
                    dwell_kw[d] = max(dwell_kw[d], 7.2 if remedy[i] == 3 else 11.0)
            if remedy[i] > 4:
                for t in range(t0, t1):
                    trip_energy[t] *= 2.0 / 3.0
