"""A made-up city: streets, trips, charging stations, vehicle types and feeders that fit together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.roads import ROAD_CLASSES, Demand, Roads
from tidewatt.domain.scenario import Scenario
from tidewatt.domain.stations import Stations
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.day_shapes import busiest_share
from tidewatt.synthesis.demand import zone_trips
from tidewatt.synthesis.feeders import KW_PER_CUSTOMER, FeederPlan, base_load, draw_feeders, grid_of
from tidewatt.synthesis.region import WEEK
from tidewatt.synthesis.statistics import VEHICLES_PER_HOUSEHOLD, default_types

__all__ = ["city", "streets"]

EXPRESSWAY, ARTERIAL, BRANCH, CONNECTOR = range(len(ROAD_CLASSES))

BLOCK_KM, RING_KM = 0.4, 0.9
"""Distance of parallel streets in the grid, and of rings [km]."""

ARTERIAL_EVERY = 4
"""One in this many grid streets and spokes is an arterial; for rings, one in one fewer."""

HOMES_PER_ZONE = 3000.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """Class, free speed [km/h], lanes, capacity of a lane [veh/h], detour and cost of a kind of street."""

    road_class: int
    speed_kmh: float
    lanes: int
    lane_veh_h: float
    detour: float
    bpr_alpha: float


MOTORWAY = _Kind(EXPRESSWAY, 90.0, 2, 1900.0, 1.02, 0.15)
RAMP = _Kind(EXPRESSWAY, 50.0, 1, 1500.0, 1.2, 0.15)
AVENUE = _Kind(ARTERIAL, 50.0, 2, 650.0, 1.0, 0.8)
ARTERY = _Kind(ARTERIAL, 60.0, 2, 750.0, 1.05, 0.8)
STREET = _Kind(BRANCH, 30.0, 1, 500.0, 1.0, 0.8)
ROAD = _Kind(BRANCH, 45.0, 1, 700.0, 1.1, 0.8)
ACCESS = _Kind(CONNECTOR, 25.0, 1, 5000.0, 1.2, 0.15)


class _Builder:
    """Nodes and two-way streets as they are laid."""

    def __init__(self) -> None:
        self.xy: list[Array] = []
        self.nodes = 0
        self.pairs: list[Array] = []
        self.kinds: list[tuple[int, _Kind]] = []

    def add_nodes(self, x: Array, y: Array) -> Array:
        """Add nodes at these places [km] and return their numbers."""
        self.xy.append(np.stack([np.ravel(x), np.ravel(y)], axis=1))
        numbers = self.nodes + np.arange(np.size(x)).reshape(np.shape(x))
        self.nodes += np.size(x)
        return numbers

    def join(self, one: Array, other: Array, kind: _Kind) -> None:
        """Add a street in both directions between each pair."""
        pairs = np.stack([np.ravel(one), np.ravel(other)], axis=1)
        self.pairs.append(pairs)
        self.kinds.append((len(pairs), kind))


def streets(links: int = 3000, zones: int = 60, *, seed: int = 0) -> Roads:
    """Return a city's roads with about `links` directed links.

    The middle is a grid of streets 400 m apart, every fourth an arterial. Around it lie rings, 900 m apart,
    and spokes; a quarter of the spokes and a third of the rings are arterials. An expressway ring, joined by
    ramps to the arterial spokes, has four branches out of town. Every street goes both ways, so that each
    node can be reached from each other one. Larger cities have more such streets and cover more ground.

    Zones are what is nearest to each of `zones` centres (Lloyd's iteration). Their centroids are not driven
    through and have connectors to the three nearest streets. Homes thin out slowly away from the middle, jobs
    fast, other destinations in between. Speeds, lanes and capacities are usual planning values; streets with
    signals lose more time to traffic (`bpr_alpha` 0.8) than expressways (0.15). All of it is assumed.

    Parameters
    ----------
    links : int
        Directed links, connectors included; met within a tenth. At least 500.
    zones : int
        At least 2, at most a twentieth of `links`.
    seed : int
        Same seed, same city.

    Returns
    -------
    Roads
        In km; costs hold for one hour; `zone_feeder` is `OFF_GRID`.

    Raises
    ------
    ScenarioError
        Sizes out of range, all at once.
    """
    issues = []
    if links < 500:
        issues.append(Issue("streets", "links", f"{links} asked for", "Ask for 500 or more"))
    if not 2 <= zones <= max(links // 20, 2):
        fix = f"Ask for 2 to {max(links // 20, 2)}"
        issues.append(Issue("streets", "zones", f"{zones} asked for with {links} links", fix))
    if issues:
        raise ScenarioError(issues)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(20,)))
    town = _Builder()
    # 2,670 directed links at scale 1, besides connectors.
    scale = np.sqrt(max(links - 6 * zones, 300) / 2670.0)
    local = _lay(town, scale, rng)
    xy = np.concatenate(town.xy)
    centre, zone_of = _zones(xy[:local], zones, rng)
    access = _connect(town, xy[:local], centre)
    return _roads(town, centre, xy, zone_of, access, rng)


def _lay(town: _Builder, scale: float, rng: np.random.Generator) -> int:
    """Lay grid, rings, spokes and expressway; return the number of nodes before the expressway's."""
    side, rings, spokes = round(15 * scale), max(round(9 * scale), 4), 4 * max(round(12 * scale), 3)
    line = (np.arange(side) - (side - 1) / 2) * BLOCK_KM
    x, y = np.meshgrid(line, line, indexing="ij")
    grid = town.add_nodes(*(v + rng.normal(0.0, 0.07 * BLOCK_KM, v.shape) for v in (x, y)))
    wide = np.arange(side) % ARTERIAL_EVERY == ARTERIAL_EVERY // 2
    for lines, kind in ((wide, AVENUE), (~wide, STREET)):
        town.join(grid[lines, :-1], grid[lines, 1:], kind)
        town.join(grid[:-1, lines], grid[1:, lines], kind)

    radius = 0.75 * (side - 1) * BLOCK_KM + RING_KM * (0.5 + np.arange(rings))
    angle = 2.0 * np.pi * np.arange(spokes) / spokes
    r = radius[:, None] + rng.normal(0.0, 0.08 * RING_KM, (rings, spokes))
    a = angle + rng.normal(0.0, 0.08 / spokes * 2.0 * np.pi, (rings, spokes))
    web = town.add_nodes(r * np.cos(a), r * np.sin(a))
    main_ring, main_spoke = np.arange(rings) % 3 == 1, np.arange(spokes) % ARTERIAL_EVERY == 0
    for part, kind in ((main_ring, ARTERY), (~main_ring, ROAD)):
        town.join(web[part], np.roll(web, -1, axis=1)[part], kind)
    edge = _nearest_on_edge(grid, line, angle)
    for part, kind in ((main_spoke, ARTERY), (~main_spoke, ROAD)):
        town.join(web[:-1, part], web[1:, part], kind)
        town.join(edge[part], web[0, part], kind)
    before = town.nodes

    # The expressway runs a quarter of the way out, with an interchange at every arterial spoke.
    at, out = rings // 4, rings - 2
    exits = np.flatnonzero(main_spoke)
    r = radius[at] + 0.5 * RING_KM
    motorway = town.add_nodes(r * np.cos(angle[exits]), r * np.sin(angle[exits]))
    town.join(motorway, np.roll(motorway, -1), MOTORWAY)
    town.join(motorway, web[at, exits], RAMP)
    four = np.arange(0, len(exits), max(len(exits) // 4, 1))[:4]
    inner = motorway[four]
    for ring in np.unique([(at + out) // 2, out]):
        r = radius[ring] + 0.5 * RING_KM
        ends = town.add_nodes(r * np.cos(angle[exits[four]]), r * np.sin(angle[exits[four]]))
        town.join(inner, ends, MOTORWAY)
        town.join(ends, web[ring, exits[four]], RAMP)
        inner = ends
    return before


def _nearest_on_edge(grid: Array, line: Array, angle: Array) -> Array:
    """Return the node on the grid's edge in each direction."""
    half = line[-1]
    x, y = np.cos(angle), np.sin(angle)
    stretch = half / np.maximum(np.abs(x), np.abs(y))
    i, j = (np.rint((v * stretch + half) / BLOCK_KM).astype(np.int64) for v in (x, y))
    found: Array = grid[np.clip(i, 0, len(line) - 1), np.clip(j, 0, len(line) - 1)]
    return found


def _zones(xy: Array, zones: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the centres of zones, shape (zones, 2) [km], and the zone of every node."""
    from scipy.spatial import cKDTree

    centre = xy[rng.choice(len(xy), zones, replace=False)]
    for _ in range(12):
        zone_of = cKDTree(centre).query(xy)[1]
        count = np.bincount(zone_of, minlength=zones)
        total = np.stack([np.bincount(zone_of, v, minlength=zones) for v in xy.T], axis=1)
        # A zone that lost all nodes stays where it is.
        centre = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centre)
    order = np.argsort(np.hypot(*centre.T), kind="stable")
    centre = centre[order]
    return centre, np.asarray(cKDTree(centre).query(xy)[1])


def _connect(town: _Builder, xy: Array, centre: Array) -> Array:
    """Lay connectors from every centre to the three nearest streets; return the centroids' numbers."""
    from scipy.spatial import cKDTree

    centroids = town.add_nodes(*centre.T)
    near = cKDTree(xy).query(centre, k=3)[1]
    town.join(np.repeat(centroids, 3), near.ravel(), ACCESS)
    return centroids


def _roads(
    town: _Builder, centre: Array, xy: Array, zone_of: Array, centroids: Array, rng: np.random.Generator
) -> Roads:
    """Return the tables of the town: centroids first, each street as two consecutive links."""
    zones, nodes = len(centre), town.nodes
    # Centroids were laid last; they get the first numbers, as in most networks.
    number = np.concatenate([zones + np.arange(nodes - zones), np.arange(zones)])
    place = np.concatenate([centre, xy])
    pairs = number[np.concatenate(town.pairs)]
    kind = np.repeat(np.arange(len(town.kinds)), [n for n, _ in town.kinds])
    road_class, speed, lanes, lane_veh_h, detour, alpha = (
        np.array([getattr(k, field) for _, k in town.kinds], np.float64)[kind]
        for field in ("road_class", "speed_kmh", "lanes", "lane_veh_h", "detour", "bpr_alpha")
    )
    length = np.hypot(*(place[pairs[:, 0]] - place[pairs[:, 1]]).T) * detour
    length = np.maximum(np.round(length * rng.uniform(1.0, 1.08, len(length)), 3), 0.02)
    speed = np.where(
        road_class == CONNECTOR, speed, 5.0 * np.rint(speed * rng.uniform(0.92, 1.08, len(speed)) / 5)
    )

    def both(values: Array) -> Array:
        return np.repeat(values, 2)

    links = 2 * len(pairs)
    far = np.hypot(*centre.T)
    streets_in = np.bincount(zone_of, minlength=zones) / max(len(zone_of) / zones, 1.0)
    reach = far.max()
    spread = np.exp(rng.normal(0.0, 0.25, (3, zones)))
    density = np.exp(-far / reach * np.array([[0.8], [3.2], [2.0]])) * spread * streets_in
    density *= zones * HOMES_PER_ZONE / density.sum(axis=1, keepdims=True) * np.array([[1.0], [1.2], [0.8]])
    homes, jobs, other = np.round(density)
    return Roads(
        node_id=np.arange(1, nodes + 1),
        x=np.round(place[:, 0], 4),
        y=np.round(place[:, 1], 4),
        through=np.arange(nodes) >= zones,
        link_id=np.arange(1, links + 1),
        tail=pairs.ravel(),
        head=pairs[:, ::-1].ravel(),
        length_km=both(length),
        capacity_veh_h=both(lanes * lane_veh_h),
        free_time_min=both(np.round(60.0 * length / speed, 4)),
        road_class=both(road_class),
        bpr_alpha=both(alpha),
        bpr_beta=np.full(links, 4.0),
        toll=np.zeros(links),
        lanes=both(lanes),
        zone_id=np.arange(1, zones + 1),
        zone_node=np.arange(zones),
        homes=homes,
        jobs=jobs,
        other=other,
        zone_feeder=np.full(zones, OFF_GRID),
        crs="km",
    )


KW_PER_JOB = 1.2
"""Peak load of a feeder per job [kW], assumed: offices, shops and workshops together."""

TRIPS_PER_HOME = 4.6
"""Vehicle trips of a weekday per home: 1.8 vehicles, 0.85 of them driven, 3 trips each."""

DECAY_PER_MIN = 0.05
"""Deterrence of travel time [1/min], assumed: trips of 10 km, most of what a city of this width has."""

NIGHT_MIN = (22 * 60.0, 7 * 60.0)
"""Begin and end of the night tariff of stations [minute of the day]."""


TIGHTNESS = 10.0
"""Headroom is divided by this (see `region`), so that the few electric vehicles of the city matter."""

MOST_RATING = 2.5
"""Largest ratio of rating to peak load: lightly loaded feeders would be larger than any built."""

SOC_INITIAL = (0.1, 0.9)
"""State of charge at midnight, assumed; wide, so that enough vehicles run low for queues to form."""

MONEY: dict[str, float] = {
    "money_unit": 1000.0,
    "fast_cost": 40.0,
    "normal_cost": 4.0,
    "expansion_cost_per_kw": 0.3,
    "income_per_month": 4800.0,
    "variance_cost_per_kw2": 1e-7,
    "congestion_cost": 0.17,
}
"""Costs for `configure`, assumed: prices of stations are in dollars, costs in thousands of them; a driver's
hour is worth 20, as in `simulate`."""


def city(
    seed: int = 0,
    *,
    vehicles: int = 10_000,
    stations: int = 40,
    links: int = 3000,
    zones: int = 60,
    horizon: Horizon = WEEK,
    name: str = "city",
) -> Scenario:
    """Return a city for `simulate`: `streets`, a gravity demand table, stations, and one feeder per zone.

    Everything is made up. Demand is that of the busiest hour: 4.6 vehicle trips a home and weekday. Each
    station has one to five fast and some normal chargers, more where there are more jobs and other
    destinations, and is cheaper at night. Feeders take headroom and rating from the quantiles of
    `draw_feeders`, customers and commercial load from their zone.

    Parameters
    ----------
    seed : int
        Same seed, same city.
    vehicles : int
        Electric vehicles to simulate (`[simulation] vehicles`).
    stations : int
        Charging stations, at most a fifth of the nodes.
    links, zones : int
        Size of the road network, see `streets`.
    horizon : Horizon
        Time axis of base load and headroom.
    name : str
        Name of the scenario.

    Raises
    ------
    ScenarioError
        If a size is out of range.
    """
    roads = streets(links, zones, seed=seed)
    if not 1 <= stations <= roads.nodes // 5 or vehicles < 1:
        problem, most = f"{stations} stations and {vehicles} vehicles asked for", roads.nodes // 5
        fix = f"Ask for 1 to {most} stations and at least 1 vehicle"
        raise ScenarioError([Issue("city", "stations", problem, fix)])
    plan = _feeders(roads, seed)
    roads = replace(roads, zone_feeder=np.arange(roads.zones))
    # Vehicles are drawn anew by every replication: none in the scenario.
    bare = Scenario.bare(
        name,
        horizon,
        currency="USD",
        parameters={
            "simulation": {"vehicles": vehicles, "replications": 20, "soc_initial": list(SOC_INITIAL)},
            "configuration": dict(MONEY),
        },
        sampling={
            "adoption": round(min(vehicles / (roads.homes.sum() * VEHICLES_PER_HOUSEHOLD), 1.0), 4),
            "vehicles_total": round(float(roads.homes.sum()) * VEHICLES_PER_HOUSEHOLD),
            "method": "independent",
            "seed": seed,
        },
        roads=roads,
        demand=_demand(roads),
        types=default_types(),
        stations=_stations(roads, stations, seed),
    )
    return replace(bare, grid=grid_of(plan, base_load(plan, horizon, seed), TIGHTNESS, seed))


def _demand(roads: Roads) -> Demand:
    """Return trips of the busiest hour by gravity, to the hundredth; pairs with fewer are left out."""
    trips = zone_trips(roads, decay_per_min=DECAY_PER_MIN) * (
        TRIPS_PER_HOME * roads.homes.sum() * busiest_share(roads.period_h)
    )
    trips = np.round(trips, 2)
    origin, destination = np.nonzero(trips)
    nan = np.full(len(origin), np.nan)
    return Demand(origin, destination, trips[origin, destination], nan, nan)


def _feeders(roads: Roads, seed: int) -> FeederPlan:
    """Return one feeder per zone; rating over peak load, banks and names drawn from published feeders."""
    drawn = draw_feeders(roads.zones, (3, 6), 0.06, 0.0, seed)
    homes_kw, jobs_kw = KW_PER_CUSTOMER * roads.homes, KW_PER_JOB * roads.jobs
    peak = np.maximum(homes_kw + jobs_kw, 1.0)
    x, y = (v[roads.zone_node] for v in roads.xy_km())
    return replace(
        drawn,
        rating_kw=np.minimum(drawn.rating_kw / drawn.peak_kw, MOST_RATING) * peak,
        peak_kw=peak,
        commercial=jobs_kw / peak,
        customers=np.maximum(roads.homes, 1).astype(np.int64),
        x_km=x,
        y_km=y,
    )


def _stations(roads: Roads, count: int, seed: int) -> Stations:
    """Return stations at street corners, likelier where many people go; no two in one place."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(21,)))
    x, y = roads.xy_km()
    ends = np.zeros(roads.nodes, bool)
    ends[roads.head[roads.road_class == BRANCH]] = True
    ends[roads.head[np.isin(roads.road_class, (EXPRESSWAY, CONNECTOR))]] = False
    candidate = np.flatnonzero(ends & roads.through)
    distance = np.hypot(x[candidate, None] - x[roads.zone_node], y[candidate, None] - y[roads.zone_node])
    zone = distance.argmin(axis=1)
    busy = (roads.homes + roads.jobs + roads.other)[zone]
    in_zone = np.bincount(zone, minlength=roads.zones)[zone]
    chosen = np.sort(rng.choice(len(candidate), count, replace=False, p=_share(busy / in_zone)))
    node, zone = candidate[chosen], zone[chosen]

    size = _share((roads.jobs + roads.other)[zone] + 200.0) * count
    fast = np.clip(np.round(rng.gamma(4.0, 0.5, count) * size), 1, 5).astype(np.int64)
    normal = np.clip(np.round(rng.gamma(4.0, 0.6, count) * size), 0, 6).astype(np.int64)
    fast_kw = rng.choice([60.0, 75.0, 90.0], count, p=[0.4, 0.4, 0.2])
    price_fast = np.round(rng.normal(0.55, 0.015, count), 2)
    price_normal = np.round(rng.normal(0.36, 0.01, count), 2)
    unknown, evening, morning = np.full(count, np.nan), *NIGHT_MIN
    return Stations(
        station_id=np.array([f"S{i + 1:03d}" for i in range(count)], dtype=object),
        node=node,
        fast=fast,
        normal=normal,
        fast_kw=fast_kw,
        normal_kw=np.full(count, 11.0),
        feeder=zone,
        price_fast_per_kwh=price_fast,
        price_normal_per_kwh=price_normal,
        max_total=fast + normal + rng.integers(2, 7, count),
        age_years=np.round(rng.uniform(0.5, 6.0, count), 1),
        life_years=np.full(count, 10.0),
        fixed=np.zeros(count, bool),
        fast_min=np.zeros(count),
        normal_min=np.zeros(count),
        snap_km=unknown,
        price_first=2 * np.arange(count + 1),
        price_start_min=np.tile([0.0, evening], count),
        price_end_min=np.tile([morning, 1440.0], count),
        window_price_fast_per_kwh=np.repeat(np.round(0.75 * price_fast, 2), 2),
        window_price_normal_per_kwh=np.repeat(np.round(0.7 * price_normal, 2), 2),
    )


def _share(weight: Array) -> Array:
    share: Array = weight / weight.sum()
    return share
