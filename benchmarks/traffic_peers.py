"""Other traffic simulators on the same roads and trips: UXsim (C++ mode) and SUMO (mesoscopic).

UXsim is under the MIT licence. SUMO (EPL-2.0 or GPL-2.0-or-later) is run as a program of its own and never
imported; its package only says where the program lies. Neither knows charging in the mode used here.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidewatt.domain.roads import Roads
from tidewatt.routing.network import network_of

__all__ = ["PEERS", "Answer", "Traffic", "missing", "run"]

PEERS = ("UXsim", "UXsim, platoons of 5", "SUMO meso")
_NEEDS = {"UXsim": "uxsim", "SUMO": "eclipse-sumo"}
_OVERTIME_S = 3 * 3600
VEHICLE_M = 7.5
"""Length of a vehicle in a queue with its gap, in both."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Roads and the trips on them.

    Attributes
    ----------
    roads : Roads
        With coordinates.
    depart_s : array, shape (trips,)
        Departures, sorted [s].
    origin, destination : array of int, shape (trips,)
        Nodes, as one departs from and arrives at them (`network_of`).
    renew_s : float
        How often travel times for routes are renewed [s].
    """

    roads: Roads
    depart_s: NDArray[Any]
    origin: NDArray[Any]
    destination: NDArray[Any]
    renew_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a simulator said, and how long it took.

    Attributes
    ----------
    setup_s, wall_s, cpu_s : float
        Building its model; the day itself, by the wall and by the processor [s].
    mean_min : float
        Mean time of the trips that ended [min].
    ended : int
        Trips that ended.
    """

    setup_s: float
    wall_s: float
    cpu_s: float
    mean_min: float
    ended: int


def missing(peer: str) -> str | None:
    """Why a peer cannot run; None where it can."""
    package = _NEEDS[peer.split()[0].rstrip(",")]
    try:
        distribution(package)
    except PackageNotFoundError:
        return f"{package} is not installed"
    return None


def run(peer: str, traffic: Traffic) -> Answer:
    """Return a day of one peer, on one thread."""
    if peer.startswith("UXsim"):
        return _uxsim(traffic, platoon=5 if "5" in peer else 1)
    return _sumo(traffic)


def _uxsim(traffic: Traffic, platoon: int) -> Answer:
    """Newell's car following on links, queues at their ends; routes by each node's dynamic choice."""
    from uxsim import World  # type: ignore[import-untyped]

    begin = time.perf_counter()
    roads, network = traffic.roads, network_of(traffic.roads)
    until = float(traffic.depart_s[-1]) + _OVERTIME_S
    world = World(
        name="day",
        deltan=platoon,
        tmax=until,
        duo_update_time=traffic.renew_s,
        random_seed=0,
        print_mode=0,
        save_mode=0,
        show_mode=0,
        vehicle_logging_timestep_interval=-1,
        threads=1,
        cpp=True,
    )
    for node in range(network.nodes):
        world.addNode(f"n{node}", float(network.x_km[node]), float(network.y_km[node]))
    metres, speed = 1000.0 * roads.length_km, roads.length_km / roads.free_time_min * 1000.0 / 60.0
    for k in range(roads.links):
        capacity = float(roads.capacity_veh_h[k]) / 3600.0
        world.addLink(
            f"l{k}",
            f"n{network.tail[k]}",
            f"n{network.head[k]}",
            length=float(metres[k]),
            free_flow_speed=float(speed[k]),
            jam_density_per_lane=1.0 / VEHICLE_M,
            number_of_lanes=max(int(roads.lanes[k]), 1),
            capacity_out=capacity,
            capacity_in=capacity,
        )
    some = slice(0, None, platoon)  # each stands for a platoon
    trips = zip(
        traffic.origin[some].tolist(),
        traffic.destination[some].tolist(),
        traffic.depart_s[some].tolist(),
        strict=True,
    )
    for origin, destination, depart in trips:
        world.addVehicle(f"n{origin}", f"n{destination}", depart)
    built, cpu = time.perf_counter(), time.process_time()
    world.exec_simulation()
    took, used = time.perf_counter() - built, time.process_time() - cpu
    world.analyzer.basic_analysis()
    mean, ended = world.analyzer.average_travel_time / 60.0, int(world.analyzer.trip_completed)
    return Answer(built - begin, took, used, float(mean), ended)


def _sumo(traffic: Traffic) -> Answer:
    """Vehicles from queue to queue on parts of links (mesoscopic); shortest way at departure."""
    binary = Path(str(distribution("eclipse-sumo").locate_file("sumo"))) / "bin"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        begin = time.perf_counter()
        _sumo_files(traffic, place)
        _call(
            [
                binary / "netconvert",
                "--node-files",
                "n.xml",
                "--edge-files",
                "e.xml",
                "--type-files",
                "t.xml",
                "-o",
                "net.xml",
                "--no-internal-links",
                "--no-turnarounds",
                "--no-warnings",
                "--offset.disable-normalization",
                "--geometry.min-radius.fix.railways",
                "false",
            ],
            place,
        )
        built, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        _call(
            [
                binary / "sumo",
                "--mesosim",
                "-n",
                "net.xml",
                "-r",
                "trips.xml",
                "-a",
                "t.xml",
                "--junction-taz",
                "--end",
                str(int(traffic.depart_s[-1]) + _OVERTIME_S),
                "--no-step-log",
                "--no-warnings",
                "--ignore-route-errors",
                "--statistic-output",
                "s.xml",
                "--duration-log.statistics",
                "--device.rerouting.probability",
                "1",
                "--device.rerouting.period",
                "0",
                "--device.rerouting.adaptation-interval",
                str(int(traffic.renew_s)),
                "--device.rerouting.adaptation-steps",
                "1",
                "--routing-algorithm",
                "astar",
                "--seed",
                "0",
            ],
            place,
        )
        took, after = time.perf_counter() - built, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found = ET.parse(place / "s.xml").getroot().find("vehicleTripStatistics")
        assert found is not None
        mean = float(found.attrib["duration"]) + float(found.attrib["departDelay"])
    return Answer(built - begin, took, used, mean / 60.0, int(found.attrib["count"]))


def _call(command: list[Any], folder: Path) -> None:
    done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{Path(str(command[0])).name}: {last}")


def _sumo_files(traffic: Traffic, folder: Path) -> None:
    """Plain XML of nodes, edges, types and trips; headways give links the capacities they have here."""
    roads, network = traffic.roads, network_of(traffic.roads)
    copies = np.arange(network.nodes) >= roads.nodes
    x, y = 1000.0 * network.x_km + 15.0 * copies, 1000.0 * network.y_km + 15.0 * copies
    lines = [f'<node id="n{i}" x="{x[i]:.1f}" y="{y[i]:.1f}"/>' for i in range(network.nodes)]
    _write(folder / "n.xml", "nodes", lines)
    lanes = np.maximum(roads.lanes.astype(int), 1)
    speed = roads.length_km / roads.free_time_min * 1000.0 / 60.0
    # A queue lets one vehicle pass per headway and its own length.
    headway = np.round(np.maximum(3600.0 * lanes / roads.capacity_veh_h - VEHICLE_M / speed, 0.3), 2)
    kinds = {value: f"h{k}" for k, value in enumerate(np.unique(headway).tolist())}
    lines = [
        f'<type id="{name}"><meso tauff="{v}" taufj="{v}" taujf="{v}" taujj="{v}"/></type>'
        for v, name in kinds.items()
    ]
    _write(folder / "t.xml", "additional", lines)
    metres = 1000.0 * roads.length_km
    lines = [
        f'<edge id="l{k}" from="n{network.tail[k]}" to="n{network.head[k]}" numLanes="{lanes[k]}" '
        f'speed="{speed[k]:.3f}" length="{metres[k]:.1f}" type="{kinds[float(headway[k])]}"/>'
        for k in range(roads.links)
    ]
    _write(folder / "e.xml", "edges", lines)
    lines = [
        f'<trip id="{i}" depart="{t:.1f}" fromJunction="n{a}" toJunction="n{b}" departLane="best"/>'
        for i, (t, a, b) in enumerate(
            zip(traffic.depart_s.tolist(), traffic.origin.tolist(), traffic.destination.tolist(), strict=True)
        )
    ]
    _write(folder / "trips.xml", "routes", lines)


def _write(path: Path, name: str, lines: list[str]) -> None:
    path.write_text("\n".join([f"<{name}>", *lines, f"</{name}>"]))
