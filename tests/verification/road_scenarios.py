"""Small road networks with trips, made by hand or at random, and real ones where the data are at hand."""

from __future__ import annotations

import tarfile
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.grid import CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import Demand, Roads
from tidewatt.domain.scenario import Scenario

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "roads"


def roads_of(nodes, ends, *, zones=(), closed=(), **figures):
    """Roads with `nodes` nodes and links between `ends`; zones stand at the nodes in `zones`."""
    links = len(ends)
    tail, head = np.array(ends, np.int32).reshape(-1, 2).T
    unknown = np.full(len(zones), np.nan)
    given = {
        "length_km": 1.0,
        "capacity_veh_h": 1.0,
        "free_time_min": 1.0,
        "road_class": 2,
        "bpr_alpha": 0.15,
        "bpr_beta": 4.0,
        "toll": 0.0,
        "lanes": np.nan,
    }
    units = {name: figures.pop(name) for name in list(figures) if name in _UNITS}
    columns = {name: np.broadcast_to(figures.get(name, value), links) for name, value in given.items()}
    return Roads(
        node_id=np.array([f"n{k}" for k in range(nodes)], object),
        x=np.full(nodes, np.nan),
        y=np.full(nodes, np.nan),
        through=~np.isin(np.arange(nodes), closed),
        link_id=np.array([f"L{k}" for k in range(links)], object),
        tail=tail,
        head=head,
        zone_id=np.array([f"z{k}" for k in range(len(zones))], object),
        zone_node=np.array(zones, np.int32),
        homes=unknown,
        jobs=unknown,
        other=unknown,
        zone_feeder=np.full(len(zones), -1),
        **columns,
        **units,
    )


_UNITS = ("period_h", "toll_weight_min", "distance_weight_min_per_km", "time_unit_min")


def scenario_of(roads, rows):
    """A scenario of roads and trips: rows of (origin, destination, trips[, start_min, end_min])."""
    full = [(*row, np.nan, np.nan)[:5] for row in rows]
    demand = Demand(*(np.array(column) for column in zip(*full, strict=True)))
    none, ids = np.zeros(0), np.zeros(0, object)
    first, free = np.zeros(1, np.int64), CostPieces.linear(none)
    return Scenario(
        name="made",
        horizon=Horizon(datetime(2027, 1, 11), 15.0, 96),
        fleet=Fleet(ids, *[none] * 10),
        dwells=Dwells(first, none, none, none, none),
        trips=Trips(first, none, none, none),
        grid=Grid(ids, ids, none, np.zeros((0, 96)), np.zeros((0, 96)), free, free, none, none),
        roads=roads,
        demand=demand,
    )


def at_random(seed, nodes=8, *, beta=None):
    """A ring with chords, parallel links, centroids and links of constant cost; trips between all zones."""
    rng = np.random.default_rng(seed)
    ring = [(k, (k + 1) % nodes) for k in range(nodes)]
    ends = ring + [(j, i) for i, j in ring]
    ends += [tuple(rng.choice(nodes, 2, replace=False)) for _ in range(nodes)]
    ends += [ends[k] for k in rng.integers(0, len(ends), 3)]
    streets = len(ends)
    zones = rng.choice(nodes, 4, replace=False)
    # Two zones have a centroid of their own, with connectors that take no time.
    for k in range(2):
        ends += [(nodes + k, zones[k]), (zones[k], nodes + k), (nodes + k, (zones[k] + 1) % nodes)]
        ends += [((zones[k] + 1) % nodes, nodes + k)]
    places = [nodes, nodes + 1, *zones[2:]]
    count = len(ends)
    street = np.arange(count) < streets
    roads = roads_of(
        nodes + 2,
        ends,
        zones=places,
        closed=(nodes, nodes + 1),
        capacity_veh_h=rng.uniform(5, 20, count),
        free_time_min=np.where(street, rng.uniform(1, 10, count), 0.0),
        bpr_alpha=np.where(rng.random(count) < 0.8, rng.uniform(0.1, 1.0, count), 0.0),
        bpr_beta=rng.choice([1.0, 2.5, 4.0, 0.0], count) if beta is None else beta,
        road_class=np.where(street, 2, 3),
        length_km=rng.uniform(0.1, 5, count),
        toll=rng.choice([0.0, 1.0], count),
        toll_weight_min=0.5,
        distance_weight_min_per_km=0.2,
    )
    trips = rng.uniform(5, 40, (4, 4))
    return scenario_of(roads, [(o, d, trips[o, d]) for o in range(4) for d in range(4)])


@cache
def real(name, folder):
    """A real network as the importer reads it; skips where the data are not at hand."""
    archive = DATA / f"{name}.tar.xz"
    if not archive.exists():
        pytest.skip(f"real data not at hand: shared/data/roads/{archive.name}")
    from tidewatt.io.importers.roads.tntp import import_tntp

    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    where = next(Path(folder).rglob("*_net.tntp")).parent
    return import_tntp(where)[0], where
