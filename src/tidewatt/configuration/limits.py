"""Limits on plans: what is allowed, and how plans are made to fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.configuration.accounts import ages_of
from tidewatt.configuration.costs import salvage
from tidewatt.domain.arrays import Array, freeze
from tidewatt.domain.scenario import Scenario
from tidewatt.options.configuration import ConfigurationOptions

__all__ = [
    "ROUNDING",
    "Limits",
    "allowed",
    "capital",
    "limits_of",
    "repair",
    "smallest_headroom_kw",
    "station_cost_holds",
]

ROUNDING = 1e-9
"""Relative tolerance by which a sum may exceed its limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Limits on the numbers of chargers; arrays of shape (stations,) unless noted.

    All of them are upper limits, but for the fewest of each kind: whoever takes chargers away breaks none
    of the others. So the plan of fewest chargers is allowed if any is.

    Attributes
    ----------
    station_id : array
    fast_before, normal_before : array of int64
        Installed.
    fast_least, normal_least : array of int64
        Fewest of each kind that the table asks for.
    total_high : array of int64
        Most of both kinds together (conf-17).
    fixed : array of bool
        Stations that must stay as they are, for which `total_high` does not open anything.
    fast_kw, normal_kw : array
        Power of one charger.
    feeder : array of int32
        That supplies it, -1: none.
    feeder_id : array, shape (feeders,)
    feeder_room_kw : array, shape (feeders,)
        Nameplate power of chargers that its stations may have in all above what is installed, >= 0; inf: any.
    fast_price, normal_price : float
        Of a new charger [money_unit].
    resale : array
        What one that is sold brings, as a share of its price (conf-5).
    budget : float
        Most that all purchases less all sales may cost [money_unit], before annuity.
    station_cost_must_not_rise : bool
        Whether conf-18 holds.
    """

    station_id: Array
    fast_before: Array
    normal_before: Array
    fast_least: Array
    normal_least: Array
    total_high: Array
    fixed: Array
    fast_kw: Array
    normal_kw: Array
    feeder: Array
    feeder_id: Array
    feeder_room_kw: Array
    fast_price: float
    normal_price: float
    resale: Array
    budget: float
    station_cost_must_not_rise: bool

    def __post_init__(self) -> None:
        for name in ("fast_before", "normal_before", "fast_least", "normal_least", "total_high"):
            object.__setattr__(self, name, freeze(getattr(self, name), np.int64))
        for name in ("fast_kw", "normal_kw", "feeder_room_kw", "resale"):
            object.__setattr__(self, name, freeze(getattr(self, name)))
        object.__setattr__(self, "feeder", freeze(self.feeder, np.int32))
        object.__setattr__(self, "fixed", freeze(self.fixed, np.bool_))

    @property
    def stations(self) -> int:
        """Number of stations."""
        return len(self.station_id)

    @property
    def fast_low(self) -> Array:
        """Fewest fast chargers; the installed number where a station is fixed."""
        return np.where(self.fixed, self.fast_before, self.fast_least)

    @property
    def normal_low(self) -> Array:
        """Fewest normal chargers; the installed number where a station is fixed."""
        return np.where(self.fixed, self.normal_before, self.normal_least)

    @property
    def fast_high(self) -> Array:
        """Most fast chargers that a station may have, regardless of its other chargers."""
        return np.where(self.fixed, self.fast_before, self.total_high - self.normal_low)

    @property
    def normal_high(self) -> Array:
        """Most normal chargers that a station may have, regardless of its other chargers."""
        return np.where(self.fixed, self.normal_before, self.total_high - self.fast_low)


def limits_of(
    scenario: Scenario, parameters: ConfigurationOptions, feeder_headroom_kw: Array | None = None
) -> Limits:
    """Return the limits that a scenario and parameters set.

    Parameters
    ----------
    scenario : Scenario
        With stations.
    parameters : ConfigurationOptions
    feeder_headroom_kw : array, shape (feeders,), optional
        Headroom for chargers above those installed; where not given, `smallest_headroom_kw` if the parameter
        ``feeder_headroom`` says so, else none counts.
    """
    s = scenario.stations
    assert s is not None
    if feeder_headroom_kw is None:
        feeder_headroom_kw = smallest_headroom_kw(scenario)
        if not parameters["feeder_headroom"]:
            feeder_headroom_kw = np.full_like(feeder_headroom_kw, np.inf)
    life, age = ages_of(s, parameters)
    return Limits(
        station_id=s.station_id,
        fast_before=s.fast,
        normal_before=s.normal,
        fast_least=s.fast_min,
        normal_least=s.normal_min,
        total_high=np.where(np.isnan(s.max_total), s.fast + s.normal, np.floor(s.max_total)),
        fixed=s.fixed,
        fast_kw=s.fast_kw,
        normal_kw=s.normal_kw,
        feeder=s.feeder,
        feeder_id=scenario.grid.feeder_id,
        feeder_room_kw=np.maximum(feeder_headroom_kw, 0.0),
        fast_price=parameters["fast_cost"],
        normal_price=parameters["normal_cost"],
        resale=np.broadcast_to(np.nan_to_num(salvage(life, age, parameters["mode"]), posinf=0.0), len(s)),
        budget=parameters["budget"],
        station_cost_must_not_rise=parameters["station_cost_must_not_rise"],
    )


def smallest_headroom_kw(scenario: Scenario) -> Array:
    """Return each feeder's least headroom [kW], shape (feeders,); inf where it has no limit."""
    headroom = scenario.grid.headroom_kw
    return np.asarray(headroom.min(axis=1)) if headroom.size else np.full(scenario.grid.feeders, np.inf)


def capital(limits: Limits, fast: Array, normal: Array) -> Array:
    """Return the cost of all purchases less all sales [money_unit], before annuity, shape (...,)."""
    total: Array = np.zeros(np.shape(fast)[:-1])
    for change, price in (
        (np.subtract(fast, limits.fast_before), limits.fast_price),
        (np.subtract(normal, limits.normal_before), limits.normal_price),
    ):
        total = total + price * np.where(change >= 0, change, change * limits.resale).sum(axis=-1)
    return total


def added_kw(limits: Limits, fast: Array, normal: Array) -> Array:
    """Return the nameplate power added on each feeder [kW], shape (..., feeders)."""
    change = np.subtract(fast, limits.fast_before) * limits.fast_kw
    change = change + np.subtract(normal, limits.normal_before) * limits.normal_kw
    supplied = limits.feeder[:, None] == np.arange(len(limits.feeder_id))
    return np.asarray(change @ supplied.astype(np.float64))


def allowed(limits: Limits, fast: Array, normal: Array) -> Array:
    """Return whether plans keep all limits on numbers of chargers; for conf-18 see `station_cost_holds`.

    Parameters
    ----------
    fast, normal : array of int, shape (plans, stations)

    Returns
    -------
    array of bool, shape (plans,)
    """
    fast, normal = np.atleast_2d(fast), np.atleast_2d(normal)
    good: Array = np.logical_and.reduce(
        [(~wrong).all(axis=-1) for wrong in broken_sites(limits, fast, normal)]
    )
    good &= ~broken_feeders(limits, fast, normal).any(axis=-1)
    return np.asarray(good & ~broken_budget(limits, fast, normal))


def broken_sites(limits: Limits, fast: Array, normal: Array) -> tuple[Array, Array, Array]:
    """Return which stations exceed the site limit (conf-17), fall below a minimum, or change though fixed."""
    above = fast + normal > limits.total_high
    below = (fast < limits.fast_least) | (normal < limits.normal_least)
    changed = limits.fixed & ((fast != limits.fast_before) | (normal != limits.normal_before))
    return above, below, changed


def broken_feeders(limits: Limits, fast: Array, normal: Array) -> Array:
    """Return the feeders without room for what is added, shape (plans, feeders)."""
    added, room = added_kw(limits, fast, normal), limits.feeder_room_kw
    return np.asarray(added > room + ROUNDING * np.maximum(1.0, np.where(np.isfinite(room), room, 1.0)))


def broken_budget(limits: Limits, fast: Array, normal: Array) -> Array:
    """Return the plans that exceed the budget, shape (plans,)."""
    slack = ROUNDING * max(1.0, abs(limits.budget)) if np.isfinite(limits.budget) else 0.0
    return np.asarray(capital(limits, fast, normal) > limits.budget + slack)


def station_cost_holds(f1: Array, f1_before: Array) -> Array:
    """Return whether the cost of all stations does not rise (conf-18), once a plan has been judged."""
    return np.asarray(f1 <= np.add(f1_before, ROUNDING * np.maximum(1.0, np.abs(f1_before))))


def repair(limits: Limits, fast: Array, normal: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return plans near those given that keep all limits on numbers of chargers.

    Chargers are taken away, at random stations, until all limits hold. What is taken depends on the plan and
    on one number drawn from `rng`, not on the plan's place in the population: equal plans stay equal.
    A plan that is allowed is not touched.

    Parameters
    ----------
    fast, normal : array of int, shape (plans, stations)
    rng : numpy.random.Generator

    Returns
    -------
    fast, normal : array of int64, shape (plans, stations)
        Allowed if any plan is; else what the limits allow of it (`clash` says why).
    """
    fast, normal = (np.array(np.atleast_2d(given), np.int64) for given in (fast, normal))
    noise = _noise(int(rng.integers(0, 2**63)), fast, normal)
    fast = np.where(limits.fixed, limits.fast_before, np.maximum(fast, limits.fast_low))
    normal = np.where(limits.fixed, limits.normal_before, np.maximum(normal, limits.normal_low))
    _fit_sites(limits, fast, normal, noise[:, :, 0])
    for step in (_fit_feeders, _fit_budget):
        rows = np.flatnonzero(~allowed(limits, fast, normal))
        if len(rows):
            fast[rows], normal[rows] = step(limits, fast[rows], normal[rows], noise[rows])
    return fast, normal


def _fit_sites(limits: Limits, fast: Array, normal: Array, noise: Array) -> None:
    """Remove chargers of both kinds in proportion, in place, until sites can hold them (conf-17)."""
    spare_fast, spare_normal = fast - limits.fast_low, normal - limits.normal_low
    excess = np.clip(fast + normal - limits.total_high, 0, spare_fast + spare_normal)
    share = excess * spare_fast / np.maximum(spare_fast + spare_normal, 1)
    of_fast = np.clip(
        np.floor(share + noise).astype(np.int64), excess - spare_normal, np.minimum(spare_fast, excess)
    )
    fast -= of_fast
    normal -= excess - of_fast


def _fit_feeders(limits: Limits, fast: Array, normal: Array, noise: Array) -> tuple[Array, Array]:
    """Remove chargers from feeders that have no room for them."""
    over = broken_feeders(limits, fast, normal)
    excess = added_kw(limits, fast, normal) - limits.feeder_room_kw
    for feeder in np.flatnonzero(over.any(axis=0)):
        rows, at = np.flatnonzero(over[:, feeder]), np.flatnonzero(limits.feeder == feeder)
        block = np.ix_(rows, at)
        spare = _side_by_side(fast[block] - limits.fast_low[at], normal[block] - limits.normal_low[at])
        kw = np.broadcast_to(_side_by_side(limits.fast_kw[at], limits.normal_kw[at]), spare.shape)
        order = np.argsort(_side_by_side(noise[block][..., 0], noise[block][..., 1]), axis=1)
        taken = _taken(spare, kw, excess[rows, feeder], order)
        fast[block] -= taken[:, : len(at)]
        normal[block] -= taken[:, len(at) :]
    return fast, normal


def _fit_budget(limits: Limits, fast: Array, normal: Array, noise: Array) -> tuple[Array, Array]:
    """Buy fewer, then sell, until the plan is within the budget."""
    rows = np.flatnonzero(broken_budget(limits, fast, normal))
    if not len(rows):
        return fast, normal
    f, n = fast[rows], normal[rows]
    both, low = _side_by_side(f, n), _side_by_side(limits.fast_low, limits.normal_low)
    before = _side_by_side(limits.fast_before, limits.normal_before)
    bought = np.maximum(both - np.maximum(before, low), 0)
    sellable = np.maximum(np.minimum(both, before) - low, 0)
    price = np.repeat([limits.fast_price, limits.normal_price], limits.stations)
    resale = price * np.tile(limits.resale, 2)
    spare = _side_by_side(bought, sellable)
    worth = np.broadcast_to(_side_by_side(price, resale), spare.shape)
    rank = _side_by_side(noise[rows, :, 0], noise[rows, :, 1])
    order = np.argsort(_side_by_side(rank, rank + 1.0), axis=1)  # what would be bought comes first
    excess = capital(limits, f, n) - limits.budget
    taken = _taken(spare, worth, excess, order)
    taken = taken[:, : both.shape[1]] + taken[:, both.shape[1] :]
    fast[rows], normal[rows] = f - taken[:, : limits.stations], n - taken[:, limits.stations :]
    return fast, normal


def _taken(spare: Array, worth: Array, excess: Array, order: Array) -> Array:
    """Return how many of each to take, in order, until they cover the excess; (rows, entries) each."""
    spare_sorted = np.where(
        (unit := np.take_along_axis(worth, order, axis=1)) > 0.0, np.take_along_axis(spare, order, axis=1), 0
    )
    gains = spare_sorted * unit
    still = excess[:, None] - (np.cumsum(gains, axis=1) - gains)
    # Less a hair, so that rounding of sums takes no charger more than needed.
    needed = np.ceil(np.maximum(still, 0.0) / np.where(unit > 0.0, unit, 1.0) - 1e-9)
    taken = np.minimum(np.maximum(needed, 0.0).astype(np.int64), spare_sorted)
    result = np.zeros_like(spare)
    np.put_along_axis(result, order, taken, axis=1)
    return result


def _side_by_side(*parts: Array) -> Array:
    return np.concatenate(parts, axis=-1)


def _noise(key: int, fast: Array, normal: Array) -> Array:
    """Return numbers in [0, 1) that depend on a key and the whole plan, shape (plans, stations, 2)."""
    stations = fast.shape[1]
    place = _mixed(np.arange(2 * stations, dtype=np.uint64) + np.uint64(key))
    counts = _side_by_side(fast, normal).astype(np.uint64)
    plan = _mixed(counts * (place | np.uint64(1)) + place).sum(axis=1, dtype=np.uint64)
    bits = _mixed(plan[:, None] + place)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53).reshape(-1, 2, stations).swapaxes(1, 2)


def _mixed(value: Array) -> Array:
    """Apply SplitMix64's finishing steps: every bit of the value flips half of the result's bits."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))
