"""Who can reach whom: against a search by hand on random networks; and arrays that do not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.io.small_roads import SmallRoads
from tidewatt.domain.checks.scenario import check
from tidewatt.domain.reach import Reach
from tidewatt.domain.roads import Roads
from tidewatt.io.importers.roads.parts import repaired
from tidewatt.io.scenario.reading import scenario_from_tables


def random_roads(seed: int) -> Roads:
    """Some tens of nodes with few links, so that there are several pieces, dead ends and one-way traps."""
    random = np.random.default_rng(seed)
    nodes, links, zones = int(random.integers(4, 30)), int(random.integers(3, 50)), int(random.integers(1, 8))
    tail, head = random.integers(0, nodes, (2, links))
    through = random.random(nodes) < 0.75
    one, none = np.ones(links), np.full(zones, np.nan)
    return Roads(
        node_id=np.arange(nodes),
        x=random.random(nodes),
        y=random.random(nodes),
        through=through,
        link_id=np.arange(links),
        tail=tail,
        head=head,
        length_km=one,
        capacity_veh_h=one,
        free_time_min=one,
        road_class=np.zeros(links),
        bpr_alpha=one,
        bpr_beta=one,
        toll=0 * one,
        lanes=one,
        zone_id=np.arange(zones),
        zone_node=random.choice(nodes, zones, replace=zones > nodes),
        homes=none,
        jobs=none,
        other=none,
        zone_feeder=np.full(zones, -1),
        crs="km",
    )


def arrives(roads: Roads, start: int) -> set[int]:
    """Nodes where a trip from a node can end, by search over links; nodes not passes through end it."""
    following: dict[int, list[int]] = {}
    for tail, head in zip(roads.tail.tolist(), roads.head.tolist()):
        following.setdefault(tail, []).append(head)
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for head in following.get(waiting.pop(), []):
            if head not in found:
                found.add(head)
                if roads.through[head]:
                    waiting.append(head)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_reach_is_what_a_search_finds(seed: int) -> None:
    """Sound networks would be refused, or trips without a road accepted and lost in the simulation."""
    roads = random_roads(seed)
    reach = Reach(roads)
    ends = [arrives(roads, int(node)) for node in roads.zone_node]
    zones = range(roads.zones)
    place = roads.zone_node.tolist()
    # A zone at the same node as another one reaches it where one may stay, or by a way round.

    def reached(one: int, other: int) -> bool:
        stay = place[one] == place[other] and bool(roads.through[place[one]])
        return stay or place[other] in ends[one]

    hit = [[reached(o, d) for d in zones] for o in zones]
    origin, destination = (a.ravel() for a in np.meshgrid(zones, zones, indexing="ij"))
    expected = [o == d or hit[o][d] for o, d in zip(origin.tolist(), destination.tolist())]
    assert reach.pairs(origin, destination).tolist() == expected
    leaves, entered = reach.zones_connected()
    assert leaves.tolist() == [any(hit[o][d] for d in zones if d != o) for o in zones]
    assert entered.tolist() == [any(hit[o][d] for o in zones if o != d) for d in zones]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("how", ["drop", "connect"])
def test_repaired_networks_hang_together(seed: int, how: str) -> None:
    """`--repair` would leave zones that cannot be reached, and the import refuse its own result."""
    roads = random_roads(seed)
    if not roads.through.any():
        pytest.skip("no node is passes through: there is nothing to keep or to connect to")
    mended = repaired(roads, None, how).roads  # type: ignore[arg-type]
    pairs = np.meshgrid(np.arange(mended.zones), np.arange(mended.zones), indexing="ij")
    assert Reach(mended).pairs(*(side.ravel() for side in pairs)).all()
    if how == "connect":
        assert mended.zones == roads.zones and mended.links >= roads.links
        assert (mended.free_time_min[roads.links :] > 0).all()


def test_arrays_that_do_not_fit_are_named() -> None:
    """A scenario made in Python would end in an IndexError far from its cause."""
    small = SmallRoads()
    sound = scenario_from_tables(small.tables, small.config)
    roads, demand, stations, types = sound.roads, sound.demand, sound.stations, sound.types
    assert roads is not None and demand is not None and stations is not None and types is not None
    spoilt = replace(
        sound,
        roads=replace(roads, toll=roads.toll[:-1], head=roads.head + 9, zone_feeder=roads.zone_feeder + 1),
        demand=replace(demand, destination=demand.destination + 5),
        stations=replace(stations, fast=stations.fast[:1], price_first=stations.price_first + 1),
        types=replace(types, battery_kwh=types.battery_kwh[:1]),
    )
    found = {(issue.table, issue.field) for issue in check(spoilt)}
    assert found == {
        ("links", "toll"),
        ("links", "to_node_id"),
        ("zones", "feeder_id"),
        ("demand", "destination_zone_id"),
        ("stations", "fast"),
        ("station_prices", "price_first"),
        ("fleet", "battery_kwh"),
    }
    lost = check(replace(sound, roads=None))
    assert [issue.table for issue in lost] == ["demand", "stations"]
    assert check(sound) == []
