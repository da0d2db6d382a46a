"""Road networks that benchmarks route on: a real one where it is at hand, and made-up ones of any size."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidewatt.routing.network import RoadNetwork, network_of

__all__ = ["PHILADELPHIA", "available", "load"]

PHILADELPHIA = "Philadelphia"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "roads"


def available(name: str) -> bool:
    """Whether the files of a network are there; made-up networks need none."""
    return name.isdigit() or (DATA / f"{name}.tar.xz").exists()


def load(name: str) -> tuple[RoadNetwork, NDArray[np.int32], NDArray[np.int32], NDArray[Any]]:
    """Return a network by name, or one of as many links as `name` says.

    Returns
    -------
    network : RoadNetwork
    time_ms : array of int32, shape (links,)
        On empty roads.
    zones : array of int32
        Nodes where trips start and end.
    corners : array
        Nodes that are driven through, where stations may stand.
    """
    if name.isdigit():
        from tidewatt.synthesis.city import streets

        roads = streets(int(name), max(int(name) // 50, 20))
    else:
        from tidewatt.io.importers.roads.tntp import import_tntp

        with tempfile.TemporaryDirectory() as folder:
            with lzma.open(DATA / f"{name}.tar.xz") as packed, tarfile.open(fileobj=packed) as files:
                files.extractall(folder, filter="data")
            place = next(Path(folder).rglob("*_net.tntp")).parent
            scenario, _ = import_tntp(place, length_unit="mi", node_unit="0.01mi", capacity_period_h=24.0)
        assert scenario.roads is not None
        roads = scenario.roads
    time_ms = np.rint(roads.free_time_min * 60_000).astype(np.int32)
    return network_of(roads), time_ms, roads.zone_node.astype(np.int32), np.flatnonzero(roads.through)
