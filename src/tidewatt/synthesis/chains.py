"""Compiled: lay day chains out over every vehicle's horizon, and make sure that its energy suffices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidewatt.compilation.kernel import kernel
from tidewatt.domain.arrays import Array

__all__ = [
    "Chains",
    "DwellRows",
    "LayoutRules",
    "Traits",
    "TripRows",
    "add_chargers",
    "choose_by_row",
    "lay_weeks",
]

HOME, WORK = 0, 1
WARM_UP_DAYS = 4
"""Most days driven and charged before minute 0, so that vehicles start as they would be found."""


class LayoutRules(NamedTuple):
    """What applies to all vehicles: calendar [min], probabilities, public chargers."""

    seed: np.uint64
    start_min: float  # minute of the day at which the horizon starts
    first_weekday: int  # of the start, Monday 0
    minutes: float  # length of the horizon
    habit_strength: float
    departure_spread_min: float
    still: Array  # (2,) share of days without driving: weekday, weekend
    consumption_spread: float
    efficiency: float
    off_grid_public: float
    public_kw: Array
    public_kw_cumulative: Array
    place_cumulative: Array  # (feeders or 1, feeders): choice of public places by feeder of the home
    warm_up_days: int  # driven before minute 0, at most WARM_UP_DAYS
    open_ends: bool  # first stays tell when they began, before 0; trips may be under way at the end


class Traits(NamedTuple):
    """What stays the same for a vehicle all week; all of shape (vehicles,)."""

    home: Array  # feeder, int32
    work: Array  # feeder or -1, int32
    workdays: Array  # bit mask, Monday lowest, int8
    home_kw: Array
    work_kw: Array
    work_km: Array
    public_share: Array
    kwh_per_km: Array
    longest_kwh: Array  # most that a trip takes from the battery
    stored_kwh: Array  # at the start of the warm-up
    least_kwh: Array
    most_kwh: Array


class Chains(NamedTuple):
    """Day chains in CSR order; class 0 work day, 1 other weekday, 2 weekend day."""

    first: Array
    depart: Array
    arrive: Array
    km: Array
    purpose: Array
    class_first: Array  # (4,) chains of class c: class_first[c]:class_first[c + 1]
    cumulative: Array  # (chains,) cumulative weight within the class


class TripRows(NamedTuple):
    """Columns of trips to be written, in CSR order."""

    first: Array
    depart: Array
    arrive: Array
    energy: Array
    km: Array


class DwellRows(NamedTuple):
    """Columns of dwells to be written; vehicle i has one more than trips."""

    arrive: Array
    depart: Array
    feeder: Array
    kw: Array
    place: Array


@kernel
def _next(state):  # type: ignore[no-untyped-def]
    """Return splitmix64's next state and a uniform draw in [0, 1)."""
    state += np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return state, np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@kernel
def _stream(seed, a, b, c):  # type: ignore[no-untyped-def]
    """Return the state of a separate stream of draws for each (seed, a, b, c)."""
    state = np.uint64(seed)
    for key in (a, b, c):
        z = (state ^ (np.uint64(key) + np.uint64(0x632BE59BD9B4E019))) * np.uint64(0xFF51AFD7ED558CCD)
        state = z ^ (z >> np.uint64(32))
    return state


@kernel
def _normal(state):  # type: ignore[no-untyped-def]
    """Return the next state and a standard normal draw (Box-Muller)."""
    state, u = _next(state)
    state, v = _next(state)
    return state, np.sqrt(-2.0 * np.log(1.0 - u)) * np.cos(2.0 * np.pi * v)


@kernel
def _travel_min(km):  # type: ignore[no-untyped-def]
    return 4.0 + 60.0 * km / (22.0 + 18.0 * np.log1p(km / 5.0))


@kernel
def _chosen(cumulative, u):  # type: ignore[no-untyped-def]
    return min(np.searchsorted(cumulative, u, side="right"), len(cumulative) - 1)


@kernel
def choose_by_row(cumulative, row, uniform, chosen):  # type: ignore[no-untyped-def]
    """Draw ``chosen[i]``: a column from row ``row[i]`` of a table of cumulative probabilities."""
    for i in range(len(row)):
        chosen[i] = _chosen(cumulative[row[i]], uniform[i])


@kernel
def _choose_chain(i, day, rules, traits, chains):  # type: ignore[no-untyped-def]
    """Return the chain of a day (-1 if not driven), whether it is a work day, and two streams.

    The streams are those of place and day.
    """
    weekday = (rules.first_weekday + day) % 7
    # As usual on this weekday, or anew: the key of the plan's stream says which.
    state = _stream(rules.seed, i, 1, day + WARM_UP_DAYS)
    state, u = _next(state)
    usual = u < rules.habit_strength
    plan = _stream(rules.seed, i, 2, weekday) if usual else _stream(rules.seed, i, 3, day + WARM_UP_DAYS)
    plan, u = _next(plan)
    works = weekday < 5 and (traits.workdays[i] >> weekday) & 1 == 1
    if not works and u < rules.still[0 if weekday < 5 else 1]:
        return -1, works, plan, state
    kind = 2 if weekday >= 5 else (0 if works else 1)
    begin, end = chains.class_first[kind], chains.class_first[kind + 1]
    if begin == end:
        return -1, works, plan, state
    plan, u = _next(plan)
    if usual and works:
        # A commuter's work days are alike: one usual chain for all of them.
        _, u = _next(_stream(rules.seed, i, 4, 0))
    return begin + _chosen(chains.cumulative[begin:end], u), works, plan, state


@kernel
def _choose_place(i, to, plan, rules, traits):  # type: ignore[no-untyped-def]
    """Return feeder and charger [kW] at the end of a trip; always takes the same number of draws."""
    plan, u_place = _next(plan)
    plan, u_off = _next(plan)
    plan, u_charger = _next(plan)
    plan, u_kw = _next(plan)
    if to == HOME:
        return plan, np.int64(traits.home[i]), traits.home_kw[i]
    if to == WORK:
        return plan, np.int64(traits.work[i]), traits.work_kw[i]
    feeder, kw = np.int64(-1), 0.0
    if u_off >= rules.off_grid_public:
        table = rules.place_cumulative
        feeder = np.int64(_chosen(table[traits.home[i] % len(table)], u_place))
    if u_charger < traits.public_share[i]:
        kw = rules.public_kw[_chosen(rules.public_kw_cumulative, u_kw)]
    return plan, feeder, kw


@kernel
def _commute_stretch(chain, work_km, chains):  # type: ignore[no-untyped-def]
    """Return the factor that makes a chain's way to work as long as the vehicle's own."""
    for k in range(chains.first[chain], chains.first[chain + 1]):
        if chains.purpose[k] == WORK:
            return min(max(work_km / max(chains.km[k], 0.5), 0.1), 10.0)
    return 1.0


@kernel
def lay_weeks(begin, end, fill, rules, traits, chains, trips, dwells, initial_kwh):  # type: ignore[no-untyped-def]
    """Write trips and dwells of vehicles begin..end - 1.

    A first run with `fill` False counts: ``trips.first[i + 1]`` becomes the trips of vehicle i. A
    second, after summing, writes the rows and `initial_kwh`, the energy stored at minute 0 when
    every charger before was used at once. Each vehicle, weekday and day has its own stream of
    draws, so that both runs, and any split, agree.
    """
    days = int(np.ceil((rules.start_min + rules.minutes) / 1440.0))
    for i in range(begin, end):
        count = np.int64(0)
        row = trips.first[i] if fill else np.int64(0)
        dwell = row + i
        since = -rules.warm_up_days * 1440.0 - rules.start_min  # arrival at the place of the moment
        at, at_feeder, at_kw = np.int64(HOME), np.int64(traits.home[i]), traits.home_kw[i]
        stored, most = traits.stored_kwh[i], traits.most_kwh[i]
        over = False
        for day in range(-rules.warm_up_days, days):
            chain, works, plan, state = _choose_chain(i, day, rules, traits, chains)
            if chain < 0 or over:
                continue
            state, shift = _normal(state)
            offset = day * 1440.0 - rules.start_min + shift * rules.departure_spread_min
            stretch = _commute_stretch(chain, traits.work_km[i], chains) if works else 1.0
            before = np.int64(HOME)
            for k in range(chains.first[chain], chains.first[chain + 1]):
                to = np.int64(chains.purpose[k])
                km = chains.km[k]
                duration = chains.arrive[k] - chains.depart[k]
                if to == WORK or before == WORK:
                    duration *= _travel_min(km * stretch) / _travel_min(km)
                    km *= stretch
                before = to
                feeder, kw, energy = np.int64(-1), 0.0, 0.0
                if fill:  # no number of trips depends on these
                    plan, feeder, kw = _choose_place(i, to, plan, rules, traits)
                    state, spin = _normal(state)
                    energy = km * traits.kwh_per_km[i] * np.exp(rules.consumption_spread * spin)
                    energy = min(energy, traits.longest_kwh[i])
                depart = max(np.round(chains.depart[k] + offset), since + 1.0)
                arrive = depart + max(np.round(duration), 1.0)
                if (depart if rules.open_ends else arrive) > rules.minutes - 1.0:
                    over = True
                    break
                if depart < 1.0:
                    # Before the horizon, or across its start: where it ends and what it takes matter.
                    stored = min(stored + at_kw * (depart - since) / 60.0 * rules.efficiency, most)
                    stored = max(stored - energy, traits.least_kwh[i] + 0.1 * most)
                else:
                    count += 1
                    if fill:
                        if count == 1:
                            dwells.arrive[dwell] = min(since, 0.0) if rules.open_ends else 0.0
                            wait = max(-since, 0.0) / 60.0
                            initial_kwh[i] = min(stored + at_kw * wait * rules.efficiency, most)
                        dwells.depart[dwell], dwells.kw[dwell] = depart, at_kw
                        dwells.place[dwell], dwells.feeder[dwell] = at, at_feeder
                        trips.depart[row], trips.arrive[row] = depart, arrive
                        trips.energy[row], trips.km[row] = energy, km
                        row += 1
                        dwell += 1
                        dwells.arrive[dwell] = arrive
                at, at_feeder, at_kw, since = to, feeder, kw, arrive
        if fill:
            if count == 0:
                dwells.arrive[dwell] = min(since, 0.0) if rules.open_ends else 0.0
                wait = max(-since, 0.0) / 60.0
                initial_kwh[i] = min(stored + at_kw * wait * rules.efficiency, most)
            dwells.depart[dwell], dwells.kw[dwell] = rules.minutes, at_kw
            dwells.place[dwell], dwells.feeder[dwell] = at, at_feeder
        else:
            trips.first[i + 1] = count


@kernel
def _left_at_end(i, trips, dwells, initial, least, most, efficiency):  # type: ignore[no-untyped-def]
    """Return the energy left at the end if charging at once at full power [kWh]; -1 if below `least`."""
    stored = initial
    for t in range(trips.first[i], trips.first[i + 1] + 1):
        d = t + i
        hours = (dwells.depart[d] - dwells.arrive[d]) / 60.0
        stored = min(stored + dwells.kw[d] * hours * efficiency, most)
        if t < trips.first[i + 1]:
            stored -= trips.energy[t]
            if stored < least:
                return -1.0
    return stored


@kernel
def add_chargers(  # type: ignore[no-untyped-def]
    rules, traits, trips, dwells, initial_kwh, final_kwh, refill_until_min, shortest_stop_min, remedy
):
    """Give vehicles that would be short of energy more chargers; ``remedy[i]`` says how far it went.

    0 nothing; 1 a charger of 11 kW at every other place; 2 of 50 kW there; 3 one of 7.2 kW at home;
    4 of 11 kW at home; 5 and more: a third of every trip's energy is charged on the way, again and
    again until it suffices. It suffices when the week ends with `initial_kwh` less what trips after
    `refill_until_min` take. `final_kwh` becomes what must be stored at the end: `initial_kwh`, or what
    charging at once leaves where that is less, so that a flexible plan borrows nothing from the next week.
    """
    for i in range(len(initial_kwh)):
        begin, end = trips.first[i], trips.first[i + 1]
        while True:
            late = 0.0
            for t in range(begin, end):
                if trips.depart[t] >= refill_until_min:
                    late += trips.energy[t]
            left = _left_at_end(
                i, trips, dwells, initial_kwh[i], traits.least_kwh[i], traits.most_kwh[i], rules.efficiency
            )
            if remedy[i] == 12 or left >= max(initial_kwh[i] - late, traits.least_kwh[i]):
                final_kwh[i] = max(min(initial_kwh[i], left), traits.least_kwh[i])
                break
            remedy[i] += 1
            if remedy[i] > 4:
                for t in range(begin, end):
                    trips.energy[t] *= 2.0 / 3.0
            for d in range(begin + i, end + i + 1):
                away = dwells.place[d] > WORK and dwells.depart[d] - dwells.arrive[d] >= shortest_stop_min
                if remedy[i] <= 2 and away:
                    dwells.kw[d] = max(dwells.kw[d], 11.0 if remedy[i] == 1 else 50.0)
                elif 3 <= remedy[i] <= 4 and dwells.place[d] == HOME:
                    dwells.kw[d] = max(dwells.kw[d], 7.2 if remedy[i] == 3 else 11.0)
