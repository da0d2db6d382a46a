"""Everything that a study needs, aligned once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from tidewatt.domain.distribution import Distribution, Forecasts, Injections
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Demand, FleetTypes, Roads
from tidewatt.domain.shown import Shown
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.options import folders

__all__ = ["Scenario", "scenario_of"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scenario(Shown):
    """Vehicles with their trips and dwells, the roads they drive on and the grid they charge from.

    A study needs only its own parts: the others are empty (`fleet`, `dwells`, `trips`, `grid`) or None.

    Attributes
    ----------
    name : str
        Name of the scenario.
    horizon : Horizon
        Time axis.
    fleet : Fleet
        Vehicles.
    dwells : Dwells
        Where and when each vehicle is parked.
    trips : Trips
        When each vehicle drives and what that takes.
    grid : Grid
        Feeders and banks.
    parameters : mapping of str to mapping
        Parameters of studies as given in ``scenario.toml``, by study.
    sampling : mapping
        How vehicles were sampled (``adoption``, ``vehicles_total``, ...), where known.
    roads, demand, types, stations : Roads, Demand, FleetTypes, Stations, optional
        Road network with zones, trips between zones, types of vehicles and their shares, charging stations.
    step_roads, sites, aggregators, travel : StepRoads, ChargingSites, Aggregators, Travel, optional
        What tariffs are found for: roads in steps, charging sites, who buys energy, and groups of vehicles.
    distribution, injections, forecasts : Distribution, Injections, Forecasts, optional
        Buses and lines, loads and plants there, and past forecasts beside their outcomes.
    currency : str
        What costs and prices are in, such as ``"USD"``, in the words of ``scenario.toml``; empty: not named.
        Like the name, it is a word for people: no figure, and so not the fingerprint, depends on it.
    provenance : tuple of tuple of str
        Rows (table, field, value, status, source) that say where figures come from; no study computes with
        them.
    """

    name: str
    horizon: Horizon
    fleet: Fleet
    dwells: Dwells
    trips: Trips
    grid: Grid
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    roads: Roads | None = None
    demand: Demand | None = None
    types: FleetTypes | None = None
    stations: Stations | None = None
    step_roads: StepRoads | None = None
    sites: ChargingSites | None = None
    aggregators: Aggregators | None = None
    travel: Travel | None = None
    distribution: Distribution | None = None
    injections: Injections | None = None
    forecasts: Forecasts | None = None
    provenance: tuple[tuple[str, ...], ...] = ()
    currency: str = ""

    @classmethod
    def bare(cls, name: str, horizon: Horizon, **parts: Any) -> Scenario:
        """Return a scenario without vehicles, dwells, trips and feeders; `parts` gives the others by name."""
        none, nobody = np.zeros(0), np.zeros(1, np.int64)
        empty, headroom = np.zeros(0, object), np.zeros((0, horizon.steps))
        pieces = CostPieces.linear(none)
        return cls(
            name,
            horizon,
            Fleet(empty, none, none, none, none, none, none, none, none, none, none),
            Dwells(nobody, none, none, none, none),
            Trips(nobody, none, none, none),
            Grid(empty, empty, none, headroom, headroom, pieces, pieces, none, none),
            **parts,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        """Yield the name, the time axis, how many of each there are, and what to do next."""
        h = self.horizon
        yield "", self.name or "(without a name)"
        yield "horizon", f"{h.steps:,} steps of {h.step_min:g} min from {h.start:%Y-%m-%d %H:%M}"
        if self.currency:
            yield "currency", self.currency
        counts = {
            "vehicles": len(self.fleet),
            "dwells": len(self.dwells),
            "trips": len(self.trips),
            "feeders": self.grid.feeders,
            "banks": self.grid.banks,
            "road links": self.roads.links if self.roads is not None else 0,
            "zones": len(self.roads.zone_id) if self.roads is not None else 0,
            "stations": len(self.stations) if self.stations is not None else 0,
            "charging sites": len(self.sites) if self.sites is not None else 0,
            "groups of vehicles": len(self.travel) if self.travel is not None else 0,
            "buses": self.distribution.buses if self.distribution is not None else 0,
        }
        yield "holds", ", ".join(f"{what} {number:,}" for what, number in counts.items() if number)
        yield "go on with", "tidewatt.check(scenario), a study such as tidewatt.coordinate(scenario)"

    def sha256(self) -> str:
        """Return the fingerprint of all that a result depends on: same for CSV and Parquet, hexadecimal."""
        digest = hashlib.sha256()
        h, g = self.horizon, self.grid
        digest.update(f"{h.start.isoformat()} {float(h.step_min)!r} {int(h.steps)}".encode())
        f, d, t = self.fleet, self.dwells, self.trips
        for ids in (f.vehicle_id, g.feeder_id, g.bank_id):
            digest.update("\0".join(map(str, ids)).encode())
        arrays = [getattr(f, name) for name in f.__slots__ if name not in ("vehicle_id", "attributes")]
        arrays += [d.first, d.arrive_min, d.depart_min, d.feeder, d.charger_kw]
        arrays += [t.first, t.depart_min, t.arrive_min, t.energy_kwh]
        arrays += [g.bank, g.headroom_kw, g.bank_headroom_kw]
        for cost in (g.cost, g.bank_cost):
            arrays += [cost.first, cost.above_kw, cost.cost_per_kw]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        parts: tuple[object, ...] = (self.roads, self.demand, self.types, self.stations)
        parts += (self.step_roads, self.sites, self.aggregators, self.travel)
        parts += (self.distribution, self.injections, self.forecasts)
        for part in parts:
            if part is not None:
                _update(digest, part)
        return digest.hexdigest()


def _update(digest: hashlib._Hash, part: Any) -> None:
    """Add every array and number of a part, by name, to the fingerprint."""
    digest.update(type(part).__name__.encode())
    for name in part.__slots__:
        value = getattr(part, name)
        if name.endswith("attributes"):
            continue
        digest.update(f"\0{name}\0".encode())
        if not isinstance(value, np.ndarray):
            digest.update(repr(value).encode())
        elif value.dtype == object or name.endswith("_id"):
            digest.update("\0".join(map(str, value)).encode())
        else:
            digest.update(np.ascontiguousarray(value).data)


def scenario_of(given: Scenario | str | PathLike[str]) -> Scenario:
    """Return a scenario as it is, or read the one in a folder.

    Raises
    ------
    TypeError
        Where it is neither a scenario nor a path.
    ScenarioError
        With everything that is wrong with the folder.
    """
    if isinstance(given, (str, PathLike)):
        read: Scenario = folders.reader(given)
        return read
    if not isinstance(given, Scenario):
        raise TypeError(f"a study takes a scenario or the path of its folder, found {type(given).__name__}")
    return given
