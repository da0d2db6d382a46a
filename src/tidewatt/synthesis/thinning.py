"""A scenario at a different adoption than the one it was drawn at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.options.declaration import Seed, check_value

__all__ = ["thin"]

STREAM = 20


def thin(scenario: Scenario, adoption: float, seed: int = 0) -> Scenario:
    """Return the same region with the share `adoption` of all vehicles electric.

    Below the adoption a0 that the scenario was drawn at, every vehicle keeps its own uniform draw r
    and stays if r < adoption / a0: one that is there at 0.1 is there at 0.2, and weights stay.
    The kept weight is then scaled to exactly adoption / a0 of the whole, lest chance in the draw
    pass for an effect of adoption. Above a0 no more vehicles are known: all stay and their weights
    grow by adoption / a0, which assumes that later owners drive and charge as the first do.

    Parameters
    ----------
    scenario : Scenario
        Its ``sampling`` must state ``adoption``.
    adoption : float
        Wanted share of electric vehicles, (0, 1].
    seed : int
        Of the draws; one seed gives nested scenarios.

    Returns
    -------
    Scenario
        With ``sampling["adoption"]`` as wanted.

    Raises
    ------
    ScenarioError
        If the scenario does not say how it was sampled, or `adoption` or `seed` is out of range.
    """
    check_value("thin", "seed", Seed, seed)
    sampled = _sampled(scenario.sampling, adoption)
    n = len(scenario.fleet)
    share = adoption / sampled
    draws = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,))).random(n)
    keep = draws < share
    if not keep.any():
        keep[np.argmin(draws)] = True
    weight = scenario.fleet.weight
    factor = share * weight.sum() / weight[keep].sum()
    fleet, dwells, trips = select(scenario, keep)
    return replace(
        scenario,
        fleet=replace(fleet, weight=fleet.weight * factor),
        dwells=dwells,
        trips=trips,
        sampling={**scenario.sampling, "adoption": float(adoption)},
    )


def select(scenario: Scenario, keep: Array) -> tuple[Fleet, Dwells, Trips]:
    """Return vehicles selected by `keep`, shape (vehicles,), with their dwells and trips."""
    f, d, t = scenario.fleet, scenario.dwells, scenario.trips
    columns = {name: getattr(f, name) for name in f.__slots__}
    extra = {name: values[keep] for name, values in columns.pop("attributes").items()}
    fleet = Fleet(**{name: values[keep] for name, values in columns.items()}, attributes=extra)
    dwell_first, dwell_rows = _rows(d.first, keep)
    trip_first, trip_rows = _rows(t.first, keep)
    dwells = Dwells(
        dwell_first,
        d.arrive_min[dwell_rows],
        d.depart_min[dwell_rows],
        d.feeder[dwell_rows],
        d.charger_kw[dwell_rows],
        {name: values[dwell_rows] for name, values in d.attributes.items()},
    )
    trips = Trips(
        trip_first,
        t.depart_min[trip_rows],
        t.arrive_min[trip_rows],
        t.energy_kwh[trip_rows],
        {name: values[trip_rows] for name, values in t.attributes.items()},
    )
    return fleet, dwells, trips


def _rows(first: Array, keep: Array) -> tuple[Array, Array]:
    """Return the CSR offsets of what is kept, and a mask of the rows."""
    lengths = np.diff(first)
    return np.concatenate([[0], np.cumsum(lengths[keep])]), np.repeat(keep, lengths)


def _sampled(sampling: Any, adoption: float) -> float:
    issues = []
    sampled = sampling.get("adoption")
    if not isinstance(sampled, (int, float)) or isinstance(sampled, bool) or not 0 < sampled <= 1:
        issues.append(
            Issue(
                "sampling",
                "adoption",
                "missing" if sampled is None else f"{sampled!r} is not within 0..1",
                "In scenario.toml under [sampling], state the adoption (share of all vehicles, above "
                "0 up to 1) at which vehicles were drawn, for example adoption = 0.3",
            )
        )
    if not 0 < adoption <= 1:
        issues.append(Issue("options", "adoption", f"{adoption!r} given", "Give a share above 0, at most 1"))
    if issues:
        raise ScenarioError(issues)
    return float(sampled)
