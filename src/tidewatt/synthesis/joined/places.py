"""Where sites stand on the roads, and at which bus."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.distribution import Distribution
from tidewatt.domain.radial import feeder_of
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import ChargingSites
from tidewatt.synthesis.joined.rules import Rules

__all__ = ["chosen_sites", "station_sites"]


def chosen_sites(
    node_id: Array, passing: Array, distribution: Distribution, rules: Rules, price: Array
) -> ChargingSites:
    """Sites at the nodes that most trips pass, the busiest at the bus nearest to the slack.

    Parameters
    ----------
    node_id, passing : array, shape (nodes,)
        Ids, and trips that start at or pass each node.
    distribution : Distribution
    rules : Rules
        ``sites``, ``chargers`` and ``levels_kw``.
    price : array, shape (steps,)
        Of energy, the same everywhere.
    """
    busiest = np.argsort(-passing, kind="stable")[: rules.sites]
    nodes = busiest[passing[busiest] > 0]
    levels = tuple(rules.levels_kw)
    n = len(nodes)
    return ChargingSites(
        site_id=identifiers([f"site-{node_id[node]}" for node in nodes]),
        node=nodes,
        bus=spread_buses(distribution, n),
        chargers=np.full(n, rules.chargers),
        level_first=len(levels) * np.arange(n + 1),
        level_id=identifiers([f"{kw:g}" for kw in levels] * n),
        level_kw=np.tile(levels, n),
        price_per_kwh=np.broadcast_to(price, (n, len(price))),
    )


def station_sites(
    stations: Stations, node: Array, distribution: Distribution, rules: Rules, minutes: Array
) -> ChargingSites:
    """Stations as sites: one for the fast and one for the normal chargers, where there are any.

    Parameters
    ----------
    stations : Stations
        Their ``bus_id``, where it names a bus of the grid, says the bus; the others are spread as
        `chosen_sites` does.
    node : array of int64, shape (stations,)
        Their nodes.
    distribution : Distribution
    rules : Rules
        Of ``levels_kw``, whether there are negative ones: then chargers also discharge at their power.
    minutes : array, shape (steps,)
        Minute of the day at which each step begins: prices are theirs.
    """
    buses = {str(bus): i for i, bus in enumerate(distribution.bus_id)}
    named = stations.attributes.get("bus_id")
    bus = spread_buses(distribution, len(stations))
    if named is not None:
        bus = np.array([buses.get(str(name), other) for name, other in zip(named, bus, strict=True)])
    prices = [by_minute[:, minutes.astype(np.int64) % 1440] for by_minute in stations.prices_by_minute()]
    discharges = any(kw < 0 for kw in rules.levels_kw)
    ids, rows, chargers, levels, price = [], [], [], [], []
    for i, station in enumerate(stations.station_id):
        for kind, count, kw, paid in (
            ("fast", stations.fast[i], stations.fast_kw[i], prices[0][i]),
            ("normal", stations.normal[i], stations.normal_kw[i], prices[1][i]),
        ):
            if count > 0:
                ids.append(f"{station}-{kind}")
                rows.append(i)
                chargers.append(count)
                levels.append((kw, -kw) if discharges else (kw,))
                price.append(paid)
    first = np.concatenate([[0], np.cumsum([len(kws) for kws in levels])])
    flat = [kw for kws in levels for kw in kws]
    return ChargingSites(
        site_id=identifiers(ids),
        node=node[rows],
        bus=bus[rows],
        chargers=np.array(chargers, np.int64),
        level_first=first,
        level_id=identifiers([f"{kw:g}" for kw in flat]),
        level_kw=np.array(flat, np.float64),
        price_per_kwh=np.array(price).reshape(len(ids), len(minutes)),
    )


def spread_buses(distribution: Distribution, count: int) -> Array:
    """Buses other than the slack, evenly over the order of resistance from it, nearest first."""
    feeder = feeder_of(distribution)
    distance = feeder.along(feeder.r_pu)
    order = np.argsort(distance, kind="stable")
    order = order[order != feeder.root]
    chosen: Array = order[((np.arange(count) + 0.5) * len(order) / max(count, 1)).astype(np.int64)]
    return chosen
