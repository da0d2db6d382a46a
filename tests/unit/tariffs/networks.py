"""Radial networks for tests: drawn by seed, and published ones where they are at hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tidewatt.domain.arrays import Array
from tidewatt.domain.distribution import Distribution

__all__ = ["drawn_network", "published_network"]

GRIDS = Path(__file__).parents[3].parent / "shared" / "data" / "grids"


def drawn_network(seed: int, buses: int) -> tuple[Distribution, Array, Array]:
    """A tree with buses and lines in any order, and what its buses draw in three steps; plants among them."""
    rng = np.random.default_rng(seed)
    name = rng.permutation(buses)
    ends = np.array([(name[rng.integers(max(0, k - 3), k)], name[k]) for k in range(1, buses)]).reshape(-1, 2)
    flipped = rng.random(buses - 1) < 0.5
    ends[flipped] = ends[flipped, ::-1]
    ends = rng.permutation(ends)
    slack = np.zeros(buses, bool)
    slack[name[0]] = True
    network = Distribution(
        bus_id=np.arange(buses),
        slack=slack,
        voltage_min_pu=np.full(buses, 0.9),
        voltage_max_pu=np.full(buses, 1.1),
        base_kv=np.full(buses, 10.0),
        line_id=np.arange(buses - 1),
        tail=ends[:, 0],
        head=ends[:, 1],
        r_ohm=rng.uniform(0.05, 1.0, buses - 1),
        x_ohm=rng.uniform(0.0, 1.0, buses - 1),
        limit_kw=rng.uniform(100.0, 1000.0, buses - 1),
    )
    return network, rng.uniform(-40.0, 90.0, (buses, 3)), rng.uniform(-20.0, 40.0, (buses, 3))


def published_network(name: str) -> tuple[Distribution, Array, Array]:
    """A MATPOWER case whose tables are in ohm and kW, as `case33bw`, and its load, shape (buses, 1)."""
    path = GRIDS / f"{name}.m"
    if not path.exists():
        pytest.skip(f"network not at hand: shared/data/grids/{name}.m")
    text = path.read_text()
    assert "Vbase^2 / Sbase" in text and "[PD, QD]) / 1e3" in text
    bus, branch = (_rows(text, table) for table in ("bus", "branch"))
    branch = branch[branch[:, 10] > 0]
    place = {number: k for k, number in enumerate(bus[:, 0])}
    power, reactive = bus[:, 2:3], bus[:, 3:4]
    if factor := re.search(r"^pf = ([\d.]+)", text, re.MULTILINE):
        cos = float(factor[1])
        power, reactive = power * cos, power * np.sqrt(1 - cos**2)
    network = Distribution(
        bus_id=bus[:, 0].astype(int),
        slack=bus[:, 1] == 3,
        voltage_min_pu=bus[:, 12],
        voltage_max_pu=bus[:, 11],
        base_kv=bus[:, 9],
        line_id=np.arange(len(branch)),
        tail=[place[number] for number in branch[:, 0]],
        head=[place[number] for number in branch[:, 1]],
        r_ohm=branch[:, 2],
        x_ohm=branch[:, 3],
        limit_kw=np.full(len(branch), np.inf),
    )
    return network, power, reactive


def _rows(text: str, table: str) -> Array:
    block = text.split(f"mpc.{table} = [")[1].split("];")[0].splitlines()[1:]
    return np.array([[float(cell) for cell in row.strip(" \t;").split()] for row in block if row.strip()])
