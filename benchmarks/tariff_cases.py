"""Cases that tariffs are timed on: the published one, one of real roads and a real grid, and any size."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.scenario import Scenario
from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel
from tidewatt.tariffs.problem import GridRows, TariffProblem

__all__ = ["EXAMPLES", "JOINED", "SOC_STEP", "grown", "missing", "problem_of", "scenario_of"]

EXAMPLES = ("tariff-20-17", "tariff-20-17-v2g")
JOINED = ("sioux-falls-33", "sioux-falls-33-crowded", "sioux-falls-33-contracted")
"""With 5,000 vehicles, with 20,000, and with direct links between all places."""
CROWDED = 20_000.0
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SOC_STEP = 0.05
"""Of `grown`: there, every link and every level moves SOC by whole steps."""


def missing(name: str) -> str | None:
    """Why a case cannot be had here, or None."""
    if name in JOINED:
        for path in ("roads/SiouxFalls.tar.xz", "grids/case33bw.m"):
            if not (DATA / path).exists():
                return f"real data not at hand: shared/data/{path}"
    return None


def scenario_of(name: str, seed: int = 0) -> Scenario:
    """Return an example, a joined case, or the folder of any scenario of tariffs."""
    if name in EXAMPLES:
        from tidewatt.synthesis.examples import example

        return example(name, seed=seed)
    if name in JOINED:
        return _joined(contract=name.endswith("contracted"), crowded=name.endswith("crowded"))
    from tidewatt.io.scenario.reading import read_scenario

    return read_scenario(Path(name))


def problem_of(scenario: Scenario, **asked: Any) -> TariffProblem:
    """Its central problem."""
    from tidewatt.tariffs.validation import validated

    return validated(scenario, asked).problem()


def _joined(contract: bool, crowded: bool) -> Scenario:
    """Sioux Falls and case33bw as `tidewatt assemble` joins them; roads not contracted in 5-minute steps."""
    from tidewatt.io.importers.grids.matpower import import_matpower
    from tidewatt.io.importers.grids.network_choices import NetworkChoices
    from tidewatt.io.importers.roads.tntp import import_tntp
    from tidewatt.synthesis.joined.case import join
    from tidewatt.synthesis.joined.rules import JoiningRules

    with tempfile.TemporaryDirectory() as folder:
        with lzma.open(DATA / "roads" / "SiouxFalls.tar.xz") as packed, tarfile.open(fileobj=packed) as files:
            files.extractall(folder, filter="data")
        place = next(Path(folder).rglob("*_net.tntp")).parent
        roads, _ = import_tntp(place)
    step_min = 15.0 if contract else 5.0
    choices = NetworkChoices(steps=round(1440 / step_min), step_min=step_min, load_shape="residential")
    grid = import_matpower(DATA / "grids" / "case33bw.m", choices=choices)[0]
    rules = JoiningRules.of(contract=contract or None, vehicles=CROWDED if crowded else None)
    return join(roads, grid, rules, name="Sioux Falls with case33bw").scenario


def grown(side: int, steps: int, *, v2g: bool = False, seed: int = 0) -> TariffProblem:
    """Square roads of `side` x `side` nodes, a site on every third node, a line for each and one for all.

    Two aggregators send vehicles from corner to corner, one each way; lines hold about half of what vehicles
    that charge when it is cheapest would draw.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, side, steps]))
    nodes = side * side
    at = np.arange(nodes).reshape(side, side)
    one_way = np.concatenate(
        [
            np.stack([at[:, :-1].ravel(), at[:, 1:].ravel()], axis=1),
            np.stack([at[:-1].ravel(), at[1:].ravel()], axis=1),
        ]
    )
    ends = np.concatenate([one_way, one_way[:, ::-1]])
    links = len(ends)
    roads = StepRoads(
        np.arange(nodes),
        np.arange(links),
        ends[:, 0],
        ends[:, 1],
        rng.uniform(20.0, 40.0, links),
        np.ones(links, np.int64),
        rng.choice([0.5, 0.5, 0.5, 1.0], links),
    )
    battery, efficiency, step_h = 10.0, 0.8, 24.0 / 96
    gain = SOC_STEP * battery
    levels = [gain / efficiency / step_h, 2 * gain / efficiency / step_h]
    levels += [-gain * efficiency / step_h] if v2g else []
    site_node = at.ravel()[1:-1:3]
    sites_count = len(site_node)
    price = 0.1 + 0.1 * np.sin(2 * np.pi * (np.arange(steps)[None] / 48 + rng.random((sites_count, 1)))) ** 2
    sites = ChargingSites(
        np.arange(sites_count),
        site_node,
        np.arange(sites_count),
        np.full(sites_count, 40),
        np.arange(sites_count + 1) * len(levels),
        np.arange(sites_count * len(levels)),
        np.tile(levels, sites_count),
        price,
    )
    two = np.ones(2)
    fleet = Aggregators(
        np.arange(2), battery * two, efficiency * two, efficiency * two, 0.2 * two, two, 0.4 * two, 1e-3 * two
    )
    departs = np.arange(0, max(1, steps - 4 * side), 2)
    rows = [
        (m, o, d, t, soc, 0.2, 4.0)
        for m, (o, d) in enumerate([(0, nodes - 1), (nodes - 1, 0)])
        for t in departs
        for soc in (0.4, 0.6)
    ]
    table = np.array(rows)
    travel = Travel(*(table[:, k] for k in range(7)))
    each = 6.0 * levels[0]
    sensitivity = np.concatenate([np.eye(sites_count), np.ones((1, sites_count))])
    high = np.append(np.full(sites_count, each), 0.6 * sites_count * each)[:, None] * np.ones(steps)
    zero = np.zeros_like(high)
    grid = GridRows(
        np.zeros(sites_count + 1, np.int8),
        np.arange(sites_count + 1, dtype=np.int32),
        sensitivity,
        zero,
        -high,
        high,
        zero,
        zero,
    )
    return TariffProblem(
        steps,
        step_h,
        roads,
        sites,
        fleet,
        travel,
        grid,
        np.repeat(price[None], 2, axis=0),
        np.zeros((links, steps)),
        np.zeros((sites_count, steps)),
    )
