"""assemble: a case for tariffs from a road network and a grid, from the shell."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tidewatt as tw
from tests.unit.io.importers.made_networks import CASE, CONVERSION, GRIDS
from tests.unit.simulation.made_days import town
from tests.verification.road_scenarios import DATA, roads_of, scenario_of
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario


@pytest.fixture(scope="module")
def roads(tmp_path_factory) -> Path:
    """Three nodes in a row with trips, as a folder."""
    folder = tmp_path_factory.mktemp("roads") / "row"
    ends = [(0, 1), (1, 0), (1, 2), (2, 1)]
    made = roads_of(
        3, ends, zones=(0, 1, 2), capacity_veh_h=900.0, free_time_min=20.0, length_km=9.0, period_h=24
    )
    write_scenario(
        replace(scenario_of(made, [(0, 2, 100.0), (2, 0, 60.0), (1, 0, 40.0)]), name="row"), folder
    )
    return folder


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> Path:
    """A MATPOWER case of four buses."""
    path = tmp_path_factory.mktemp("grids") / "made.m"
    path.write_text(CASE + CONVERSION)
    return path


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Path:
    """A simulated day of a town, whose scenario lies beside it."""
    folder = tmp_path_factory.mktemp("city")
    write_scenario(town(), folder / "scenario")
    result = tw.simulate(town(), vehicles=100, replications=1, threads=1)
    return tw.save(result, folder / "result", scenario_folder=folder / "scenario")


def test_a_case_is_written_and_found_good(tidewatt, roads, grid, tmp_path):
    """Without it: what is assembled cannot be read, or its options change nothing."""
    ended = tidewatt(
        "assemble",
        roads,
        grid,
        "--out",
        tmp_path / "c",
        "--step-min",
        "30",
        "--vehicles",
        "50",
        "--sites",
        "2",
        "--chargers",
        "9",
        "--levels-kw",
        "60",
        "-30",
        "--aggregators",
        "3",
        "--half-width",
        "0.2",
        "--soc-min",
        "0.15",
        "--efficiency",
        "0.9",
        "--depart-to-h",
        "12",
    )
    assert ended.status == 0, ended.err
    for words in (
        "sites: 2",
        "left out, branches out of service",
        "lines that had no limit: 2 of 3",
        "in steps of 30 min",
        "of every road's capacity is left",
        "off by 20 %",
    ):
        assert words in ended.out, words
    assert "--limit-kw" not in ended.out, "an option of another command"
    assert f"Next: tidewatt tariff {tmp_path / 'c'} --out RESULT" in ended.err
    assert tidewatt("check", tmp_path / "c").status == 0
    read = read_scenario(tmp_path / "c")
    assert (read.name, read.horizon.steps) == ("row with made", 48)
    assert read.travel.vehicles.sum() == pytest.approx(50.0)
    assert read.travel.depart_step.max() < 24
    assert read.sites.chargers.tolist() == [9, 9]
    assert read.sites.level_kw.tolist() == [60.0, -30.0] * 2
    assert set(read.aggregators.soc_min) == {0.15}
    assert set(read.aggregators.charge_efficiency) == {0.9}
    assert len(read.aggregators) == 3
    loads = read.injections.power_kw > 0
    assert read.injections.half_width_kw[loads] == pytest.approx(0.2 * read.injections.power_kw[loads])


def test_json_tells_what_was_chosen(tidewatt, roads, grid, tmp_path):
    """Without it: a script has to read sentences, or meets them before the object."""
    ended = tidewatt(
        "assemble", roads, grid, "--out", tmp_path / "c", "--name", "mine", "--contract", "--json"
    )
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["folder"] == str(tmp_path / "c")
    assert told["import"]["source"] == "mine"
    assert told["import"]["counts"]["links"] == 6
    assert any("in steps of 15 min" in note for note in told["import"]["assumptions"])


def test_a_grid_may_be_a_scenario(tidewatt, roads, tmp_path):
    """Without it: a grid of one's own tables has to be written as MATPOWER first."""
    assert tidewatt("example", "tariff-20-17", tmp_path / "g").status == 0
    ended = tidewatt("assemble", roads, tmp_path / "g", "--out", tmp_path / "c")
    assert ended.status == 0, ended.err
    given, made = (read_scenario(tmp_path / name) for name in ("g", "c"))
    assert made.distribution.limit_kw.tolist() == given.distribution.limit_kw.tolist()
    ended = tidewatt("assemble", roads, tmp_path / "g", "--out", tmp_path / "d", "--step-min", "15")
    assert ended.status == 2
    assert "whose own steps are used" in ended.err


def test_stations_of_a_simulated_city_become_sites(tidewatt, city, grid, tmp_path):
    """Without it: the way from simulate to tariff ends, or fast chargers are run at normal power."""
    ended = tidewatt("assemble", city, grid, "--out", tmp_path / "c", "--vehicles", "300")
    assert ended.status == 0, ended.err
    stations = town().stations
    made = read_scenario(tmp_path / "c")
    kinds = [str(site).rpartition("-")[2] for site in made.sites.site_id]
    assert kinds.count("fast") == (stations.fast > 0).sum()
    assert kinds.count("normal") == (stations.normal > 0).sum()
    assert made.sites.chargers.sum() == stations.fast.sum() + stations.normal.sum()
    assert set(made.sites.level_kw) == {*stations.fast_kw, *stations.normal_kw}
    assert made.travel.vehicles.sum() == pytest.approx(300.0)
    # The same from the scenario's folder, with the result's stations named.
    again = tidewatt(
        "assemble",
        city.parent / "scenario",
        grid,
        "--stations",
        city,
        "--out",
        tmp_path / "d",
        "--vehicles",
        "300",
    )
    assert again.status == 0, again.err
    assert read_scenario(tmp_path / "d").sites.site_id.tolist() == made.sites.site_id.tolist()


def test_stations_of_a_plan_are_those_of_the_plan(tidewatt, grid, tmp_path):
    """Without it: `--stations city-plan` takes the chargers that the plan has moved away."""
    from tests.unit.configuration.made_plans import configured, crowded

    write_scenario(crowded(), tmp_path / "s")
    plan = configured()
    tw.save(plan, tmp_path / "plan", scenario_folder=tmp_path / "s")
    words = ["assemble", tmp_path / "s", grid, "--stations", tmp_path / "plan", "--out", tmp_path / "c"]
    ended = tidewatt(*words)
    assert ended.status == 0, ended.err
    made = read_scenario(tmp_path / "c").sites
    after = plan.plan["fast_after"].sum() + plan.plan["normal_after"].sum()
    assert made.chargers.sum() == after


def test_a_result_with_a_grid_of_its_own_needs_no_second_argument(tidewatt, tmp_path):
    """Without it: what stands in one folder has to be named twice."""
    own, base = tw.example("tariff-20-17"), town()
    days = base.horizon.steps // own.horizon.steps
    longer = {
        name: np.tile(getattr(own.injections, name), (1, days))
        for name in ("power_kw", "reactive_kvar", "half_width_kw")
    }
    both = replace(base, distribution=own.distribution, injections=replace(own.injections, **longer))
    write_scenario(both, tmp_path / "both")
    result = tw.simulate(both, vehicles=100, replications=1, threads=1)
    tw.save(result, tmp_path / "r", scenario_folder=tmp_path / "both")
    ended = tidewatt("assemble", tmp_path / "r", "--out", tmp_path / "c", "--vehicles", "100")
    assert ended.status == 0, ended.err
    made = read_scenario(tmp_path / "c")
    assert made.distribution.bus_id.tolist() == own.distribution.bus_id.tolist()
    assert len(made.sites) == (base.stations.fast > 0).sum() + (base.stations.normal > 0).sum()
    assert made.travel.vehicles.sum() == pytest.approx(100.0 * days)


def test_bad_input_is_exit_status_2_and_leaves_nothing(tidewatt, roads, grid, city, village, tmp_path):
    """Without it: a slip ends in a traceback, or leaves half a scenario."""
    (tmp_path / "notes.txt").write_text("a grid, once")
    cases = {
        "there is no such folder": [tmp_path / "nowhere", grid],
        "has no roads": [village, grid],
        "lacks buses, lines or injections": [roads, village],
        "no such file or folder": [roads, tmp_path / "nowhere.m"],
        "not a grid format that tidewatt reads": [roads, tmp_path / "notes.txt"],
        "found 7. Give minutes that divide a day": [roads, grid, "--step-min", "7"],
        "found 0. Give minutes": [roads, grid, "--step-min", "0"],
        "4 problems found": [
            roads,
            grid,
            "--vehicles",
            "-1",
            "--sites",
            "0",
            "--low-share",
            "2",
            "--soc-low",
            "0.05",
        ],
        "has no stations": [roads, grid, "--stations", village],
        "the roads have no such node": [roads, grid, "--stations", city],
        "below the least state of charge under way, 0.3": [roads, grid, "--soc-min", "0.3"],
        "not before depart_to_h, 6": [roads, grid, "--depart-from-h", "7", "--depart-to-h", "6"],
        "--levels-kw": [roads, grid, "--levels-kw", "much"],
    }
    for said, words in cases.items():
        ended = tidewatt("assemble", *words, "--out", tmp_path / "c")
        assert ended.status == 2, said
        assert said in " ".join(ended.err.split()), ended.err
        assert "Traceback" not in ended.err
        assert ended.out == ""
        assert not (tmp_path / "c").exists(), said


def test_a_scenario_is_replaced_only_where_that_is_asked_for(tidewatt, roads, grid, tmp_path):
    """Without it: a case that was edited by hand is lost by pressing the arrow key and return."""
    words = ["assemble", roads, grid, "--out", tmp_path / "c", "--vehicles"]
    assert tidewatt(*words, "10").status == 0
    ended = tidewatt(*words, "20")
    assert ended.status == 2
    assert "--overwrite" in ended.err
    assert read_scenario(tmp_path / "c").travel.vehicles.sum() == pytest.approx(10.0)
    assert tidewatt(*words, "20", "--overwrite").status == 0
    assert read_scenario(tmp_path / "c").travel.vehicles.sum() == pytest.approx(20.0)


def test_every_rule_is_an_option_with_its_default(tidewatt):
    """Without it: a rule can be changed in Python only, or --help names another default."""
    import inspect
    from dataclasses import fields

    from tidewatt.cli.assembly import assemble
    from tidewatt.synthesis.joined.rules import JoiningRules

    assert {f.name for f in fields(JoiningRules)} <= set(inspect.signature(assemble).parameters)
    out = " ".join(tidewatt("assemble", "--help", columns=120).out.replace("│", " ").split())
    for f in fields(JoiningRules):
        part = out.partition(f"--{f.name.replace('_', '-')} ")[2].partition(" --")[0]
        if f.name in ("road_share", "contract"):
            continue
        shown = f"{f.default:,g}" if isinstance(f.default, float | int) else "50 25"
        assert f"[default: {shown}]" in part, f.name


def test_sioux_falls_on_33_buses(tidewatt, tmp_path):
    """Without it: the larger case that the pages promise is tried by nobody."""
    archive, case = DATA / "SiouxFalls.tar.xz", GRIDS / "case33bw.m"
    if not archive.exists() or not case.exists():
        pytest.skip(
            "real data not at hand: shared/data/roads/SiouxFalls.tar.xz, shared/data/grids/case33bw.m"
        )
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    network = next(tmp_path.rglob("*_net.tntp")).parent
    ended = tidewatt("import", "tntp", network, "--out", tmp_path / "roads", "--capacity-period-h", "24")
    assert ended.status == 0, ended.err
    ended = tidewatt(
        "assemble",
        tmp_path / "roads",
        case,
        "--out",
        tmp_path / "large",
        "--step-min",
        "5",
        "--depart-every-min",
        "60",
    )
    assert ended.status == 0, ended.err
    assert "sites: 8" in ended.out
    assert "lines that had no limit: 32 of 32" in ended.out
    checked = tidewatt("check", tmp_path / "large")
    assert checked.status == 0, checked.err
    assert "nothing is wrong" in checked.out
    assert "76 links between 24 nodes" in checked.out
    travel = pd.read_parquet(tmp_path / "large" / "travel.parquet")
    assert travel["vehicles"].sum() == pytest.approx(5000.0)
    assert len(travel) == 528 * 14 * 2  # pairs of zones, hours from 6 to 20, states of charge
    links = pd.read_parquet(tmp_path / "large" / "links.parquet")
    assert links["free_flow_steps"].between(1, 2).all()


def test_rounding_that_changes_travel_times_much_is_a_warning(tidewatt, roads, grid, tmp_path):
    """Without it: trips three times as long as on the roads stand among twenty lines of assumptions."""
    ended = tidewatt("assemble", roads, grid, "--out", tmp_path / "c", "--step-min", "60")
    assert ended.status == 0, ended.err
    (warning,) = (line for line in ended.out.splitlines() if line.startswith("Warning: "))
    assert "in steps of 60 min" in warning and "--step-min" in warning and "--contract" in warning
    ended = tidewatt("assemble", roads, grid, "--out", tmp_path / "d", "--step-min", "20", "--json")
    assert json.loads(ended.out)["import"]["warnings"] == []
