"""What verifies tariffs, against hand calculation, linear programs and enumeration."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import tidewatt
from tests.unit.tariffs.small_cases import past_forecasts, small_case
from tidewatt.verification.common.scenario_tables import read_tables
from tidewatt.verification.tariffs.grid import VerifiedNetwork, margins_of, rows_of
from tidewatt.verification.tariffs.prices import PlanCosts
from tidewatt.verification.tariffs.vehicles import ArcKind, energy_ahead

NO_LOAD = {"linearisation": "no-load", "loss_margin": 0.0}


def rows(scenario, **said):
    network = VerifiedNetwork(scenario.distribution)
    parts = scenario.distribution, scenario.injections, scenario.sites
    return network, rows_of(network, *parts, {**NO_LOAD, **said})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("derived", [False, True])
def test_the_second_reader_reads_the_same_scenario(tmp_path, suffix, derived) -> None:
    """Without it honest tariffs are refused as those of another scenario."""
    scenario = small_case()
    gammas = np.array([np.nan, 0.5, np.nan])
    injections = dataclasses.replace(scenario.injections, gamma=gammas)
    scenario = dataclasses.replace(scenario, injections=injections, forecasts=past_forecasts(injections, 5))
    folder = tmp_path / "s"
    tidewatt.write_scenario(scenario, folder)
    if derived:  # roads by length and time, of which steps are made
        links = pd.read_parquet(folder / "links.parquet")
        links["length_km"], links["free_time_min"] = (
            10.0 * links["energy_kwh"],
            20.0 * links["free_flow_steps"],
        )
        links["capacity_veh_h"] = 2.0 * links["capacity_per_step"]
        links.drop(columns=["energy_kwh", "free_flow_steps", "capacity_per_step"]).to_parquet(
            folder / "links.parquet"
        )
        nodes = pd.read_parquet(folder / "nodes.parquet")
        nodes.assign(x=0.0, y=0.0, zone_id=nodes["node_id"]).to_parquet(folder / "nodes.parquet")
        settings = folder / "scenario.toml"
        settings.write_text('crs = "km"\n' + settings.read_text())
    for path in list(folder.glob("*.parquet")) if suffix == "csv" else ():
        pd.read_parquet(path).to_csv(path.with_suffix(".csv"), index=False)
        path.unlink()
    read = tidewatt.read_scenario(folder)
    assert read.step_roads is not None
    assert (read.roads is not None) == derived
    assert read_tables(folder).sha256() == read.sha256()


def test_flows_and_voltages_of_a_chain_by_hand() -> None:
    """Without it a sign or a base of the balances would pass wrong flows as right."""
    scenario = small_case()
    network, found = rows(scenario)
    i, t = scenario.injections, 3
    net = i.sign * i.power_kw[:, t]
    kvar = i.reactive_kvar[:, t]
    flow = np.array([net.sum(), net[1] + net[2]])
    np.testing.assert_allclose(found.nominal[:2, t], flow, rtol=1e-12)
    reactive = np.array([kvar[0] + kvar[1], kvar[1]])
    drop = 2 * (np.array([4.0, 6.0]) * flow + np.array([3.0, 4.0]) * reactive) / 1e5  # 10 kV, per kW
    np.testing.assert_allclose(found.nominal[2:, t], 1 - np.cumsum(drop), rtol=1e-12)
    np.testing.assert_allclose(found.per_site[:2], [[1, 1], [0, 1]], atol=1e-15)
    np.testing.assert_allclose(found.per_site[2:], [[-8e-5, -8e-5], [-8e-5, -20e-5]], rtol=1e-12)
    np.testing.assert_allclose(network.away, 1.0)


def test_the_ac_flow_balances_at_every_bus() -> None:
    """Without it losses or the slack's voltage could be wrong and yet be called recomputed."""
    d = small_case().distribution
    network = VerifiedNetwork(d)
    active, reactive = np.array([[0.0], [150.0], [200.0]]), np.array([[0.0], [40.0], [-30.0]])
    found = network.alternating(active, reactive)[:, 0]
    # Admittances by hand: power drawn at each bus from complex voltages that give those magnitudes.
    z = (d.r_ohm + 1j * d.x_ohm) / 1e5
    v = np.ones(3, complex)
    for _ in range(200):
        drawn = np.conj((active + 1j * reactive)[:, 0] / v)
        near = 1 - z[0] * (drawn[1] + drawn[2])
        v = np.array([1.0, near, near - z[1] * drawn[2]])
    np.testing.assert_allclose(found[2:], np.abs(v[1:]) ** 2, rtol=1e-12)
    losses = np.abs((v[:2] - v[1:]) / z) ** 2 * z.real
    assert found[0] == pytest.approx(350 + losses.sum(), rel=1e-12)


def test_meshes_and_islands_are_no_tree() -> None:
    """Without it a loop's flows, which no balance determines, would be made up."""
    d = small_case().distribution
    with pytest.raises(ValueError, match="no tree"):
        VerifiedNetwork(dataclasses.replace(d, slack=[True, True, False]))
    with pytest.raises(ValueError, match="connected"):
        VerifiedNetwork(dataclasses.replace(d, tail=[0, 0], head=[1, 1]))


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_margins_are_those_of_vertices_and_programs(gamma) -> None:
    """Without it two wrong margins could agree with each other."""
    scenario = small_case(half_width=0.3)
    _, found = rows(scenario)
    effect, width = found.terms(scenario.injections), scenario.injections.half_width_kw
    box, budget, ellipsoid = (
        margins_of(found, scenario.injections, None, {"uncertainty": word, "gamma": gamma})[0]
        for word in ("box", "budget", "ellipsoid")
    )
    corners = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    for r, t in itertools.product(range(4), (0, 5, 9)):
        z = effect[r, :, t] * width[:, t]
        assert box[r, t] == pytest.approx(gamma * (corners @ z).max(), abs=1e-12)
        n = int((np.abs(z) > 1e-9 * np.abs(z).max()).sum())
        program = linprog(-np.abs(z), A_ub=np.ones((1, 3)), b_ub=[gamma * n], bounds=[(0, 1)] * 3)
        assert budget[r, t] == pytest.approx(-program.fun, abs=1e-9)
        points = np.random.default_rng(1).normal(size=(4000, 3))
        points *= gamma * math.sqrt(n) / np.linalg.norm(points, axis=1, keepdims=True)
        reached = float((points @ z).max())
        assert reached <= ellipsoid[r, t] + 1e-12
        assert reached >= 0.98 * ellipsoid[r, t]


def test_conformal_margins_cover_the_days_they_say() -> None:
    """Without it a rank off by one would be called the same coverage."""
    scenario = small_case()
    _, found = rows(scenario)
    past = past_forecasts(scenario.injections, 39)
    said = {"uncertainty": "conformal", "coverage": 0.9, "coverage_scope": "row_step"}
    low, high = margins_of(found, scenario.injections, past, said)
    effect = found.terms(scenario.injections)
    error = np.einsum("rit,dit->drt", effect, past.outcome_kw - past.forecast_kw)
    # Of 39 days, the 36th smallest: 36 are within, 3 beyond.
    some = np.abs(error).max(axis=0) > 1e-9
    assert set((error <= high + 1e-12).sum(axis=0)[some & (high > 0)]) == {36}
    assert set((-error <= low + 1e-12).sum(axis=0)[some & (low > 0)]) == {36}
    with pytest.raises(ValueError, match="too few"):
        margins_of(found, scenario.injections, past_forecasts(scenario.injections, 5), said)


@pytest.mark.parametrize("levels_kw", [(20.0, 10.0), (20.0, -10.0)])
def test_the_cheapest_plan_is_that_of_enumeration(levels_kw) -> None:
    """Without it the bound could lie above what a single vehicle pays, and prove what is not so."""
    steps, delta = 6, 0.125
    scenario = small_case(steps=steps, levels_kw=levels_kw)
    s, who, roads = scenario.sites, scenario.aggregators, scenario.step_roads
    random = np.random.default_rng(7)
    energy = random.uniform(0.02, 0.2, (2, steps))
    toll, charger = random.uniform(0, 0.3, (roads.links, steps)), random.uniform(0, 0.2, (2, steps))
    base = 0.5 + energy_ahead(scenario)[:, 3] / 36.0
    travel = scenario.travel
    groups = np.flatnonzero(travel.aggregator == 0)
    start = np.floor((travel.soc_initial[groups] - base[0]) / delta + 1e-9).astype(int)
    kind = ArcKind(0, 3, 0.5, np.zeros(0, int), groups, delta, base, start)
    found = PlanCosts(scenario, "inner").of(kind, energy, toll, charger)
    battery, dt = 36.0, 0.5
    gains = []
    for power in levels_kw:
        through = 0.9 if power > 0 else 1 / 0.9
        k = math.floor(abs(power) * dt * through / battery / delta) * (1 if power > 0 else -1)
        gains.append((k, k * delta * battery / dt / through))

    def least(t, n, q):
        if n == 3:
            return 0.0 if q >= 0 else math.inf
        if not 0.2 - 1e-12 <= base[n] + q * delta <= 1.0 + 1e-12:
            return math.inf
        best = math.inf
        if t == steps:
            return best
        best = 0.3 + least(t + 1, n, q)
        for a in np.flatnonzero(roads.tail == n):
            then, j = t + int(roads.free_flow_steps[a]), int(roads.head[a])
            if then <= steps:
                use = math.ceil((roads.energy_kwh[a] / battery + base[j] - base[n]) / delta - 1e-9)
                paid = 0.3 * (then - t) + toll[a, then - 1]
                best = min(best, paid + least(then, j, q - max(use, 0)))
        for y in np.flatnonzero(s.node == n):
            for k, power in gains:
                if k:
                    paid = 0.3 + energy[y, t] * power + charger[y, t]
                    best = min(best, paid + least(t + 1, n, q + k))
        return best

    assert float(who.time_value_per_h[0]) * dt == pytest.approx(0.3)
    mine = [least(int(travel.depart_step[g]), 0, int(q)) for g, q in zip(groups, start, strict=True)]
    assert np.isfinite(mine).all()
    np.testing.assert_allclose(found, mine, rtol=1e-12)
    outer = PlanCosts(scenario, "outer").of(dataclasses.replace(kind, start=start + 1), energy, toll, charger)
    assert (outer <= found + 1e-12).all()
