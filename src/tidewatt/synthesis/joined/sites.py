"""Where sites stand on the roads, and at which bus."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array, identifiers
from tidewatt.domain.distribution import Distribution
from tidewatt.domain.radial import feeder_of
from tidewatt.domain.stations import Stations
from tidewatt.domain.travel import ChargingSites
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.joined.rules import JoiningRules

__all__ = ["chosen_sites", "station_sites"]


def chosen_sites(
    node_id: Array, passing: Array, distribution: Distribution, rules: JoiningRules, price: Array
) -> ChargingSites:
    """Return sites at the nodes that most trips pass, the busiest at the bus nearest to the slack.

    Parameters
    ----------
    node_id, passing : array, shape (nodes,)
        Ids, and trips that start at or pass each node.
    distribution : Distribution
    rules : JoiningRules
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
    stations: Stations, distribution: Distribution, rules: JoiningRules, minutes: Array, price: Array
) -> ChargingSites:
    """Return stations as sites: one for the fast and one for the normal chargers, if there are any.

    Parameters
    ----------
    stations : Stations
        Their ``bus_id``, where it names a bus of the grid, says the bus; the others are spread as
        `chosen_sites` does.
    distribution : Distribution
    rules : JoiningRules
        Of ``levels_kw``, whether there are negative ones: then chargers also discharge at their power.
    minutes : array, shape (steps,)
        Minutes since some midnight at which stations' prices are taken.
    price : array, shape (steps,)
        Of energy where a station has no price.

    Raises
    ------
    ScenarioError
        Where there is no charger.
    """
    buses = {str(bus): i for i, bus in enumerate(distribution.bus_id)}
    bus = spread_buses(distribution, len(stations))
    if (named := stations.attributes.get("bus_id")) is not None:
        bus = np.array([buses.get(str(name), other) for name, other in zip(named, bus, strict=True)])
    minute = minutes.astype(np.int64) % 1440
    discharges = any(kw < 0 for kw in rules.levels_kw)
    kinds = [
        ("fast", stations.fast, stations.fast_kw, stations.prices_by_minute()[0]),
        ("normal", stations.normal, stations.normal_kw, stations.prices_by_minute()[1]),
    ]
    ids, rows, chargers, levels, prices = [], [], [], [], []
    for i, station in enumerate(stations.station_id):
        for kind, count, kw, by_minute in kinds:
            if count[i] > 0:
                ids.append(f"{station}-{kind}")
                rows.append(i)
                chargers.append(count[i])
                levels.append((kw[i], -kw[i]) if discharges else (kw[i],))
                prices.append(by_minute[i, minute] if by_minute[i].any() else price)
    if not ids:
        problem = "no station has a charger"
        raise ScenarioError([Issue("stations", "fast", problem, "Give stations with chargers")])
    flat = [kw for kws in levels for kw in kws]
    return ChargingSites(
        site_id=identifiers(ids),
        node=stations.node[rows],
        bus=bus[rows],
        chargers=np.array(chargers),
        level_first=np.concatenate([[0], np.cumsum([len(kws) for kws in levels])]),
        level_id=identifiers([f"{kw:g}" for kw in flat]),
        level_kw=np.array(flat),
        price_per_kwh=np.stack(prices),
    )


def spread_buses(distribution: Distribution, count: int) -> Array:
    """Return buses other than the slack, spread evenly in order of resistance from it, nearest first."""
    feeder = feeder_of(distribution)
    distance = feeder.along(feeder.r_pu)
    order = np.argsort(distance, kind="stable")
    order = order[order != feeder.root]
    chosen: Array = order[((np.arange(count) + 0.5) * len(order) / max(count, 1)).astype(np.int64)]
    return chosen
