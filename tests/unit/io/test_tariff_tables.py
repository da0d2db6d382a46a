"""Tables of tariffs: what is written is read again, in whatever form and order it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tidewatt
from tests.unit.io.small_roads import SmallRoads
from tests.unit.io.small_tariffs import STEPS, SmallTariffs
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import ScenarioError
from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
from tidewatt.io.scenario.writing import write_scenario

PARTS = ("step_roads", "sites", "aggregators", "travel", "distribution", "injections", "forecasts")


def assert_same(one: Scenario, other: Scenario) -> None:
    """Every array of every part is the same, to the last bit."""
    for name in PARTS:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        for column in () if mine is None else mine.__slots__:
            a, b = getattr(mine, column), getattr(theirs, column)
            assert a.dtype == b.dtype and a.shape == b.shape, (name, column)
            same = list(a) == list(b) if a.dtype == object else np.array_equal(a, b, equal_nan=True)
            assert same, (name, column, a, b)
    assert one.provenance == other.provenance and one.sha256() == other.sha256()


def read(small: SmallTariffs) -> Scenario:
    return scenario_from_tables(small.tables, small.config)


def parts(small: SmallTariffs) -> tuple:
    """The parts that the small scenario has, none of which is None."""
    scenario = read(small)
    assert all(getattr(scenario, name) is not None for name in PARTS)
    return tuple(getattr(scenario, name) for name in PARTS)


@pytest.mark.parametrize("name", ["tariff-20-17", "tariff-20-17-v2g"])
def test_examples_survive_writing(name: str, tmp_path: Path) -> None:
    """Who writes an example and solves it would solve another case than the one embedded."""
    scenario = tidewatt.example(name)
    write_scenario(scenario, tmp_path / "s")
    assert_same(scenario, read_scenario(tmp_path / "s"))


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_and_frames_say_the_same(form: str, tmp_path: Path) -> None:
    """A scenario would depend on the form of its files, or lose something when it is written again."""
    small = SmallTariffs()
    scenario = read(small)
    assert_same(scenario, read_scenario(small.write(tmp_path / form, form)))
    write_scenario(scenario, tmp_path / "again")
    assert_same(scenario, read_scenario(tmp_path / "again"))


def test_cells_mean_what_they_say() -> None:
    """Columns could be exchanged, or rows end up with another site, line or injection."""
    roads, sites, aggregators, travel, grid, injections, forecasts = parts(SmallTariffs())
    assert list(zip(roads.tail, roads.head)) == [(0, 1), (1, 2), (2, 3), (1, 0), (2, 1), (3, 2)]
    assert roads.capacity_per_step[1] == 40 and roads.free_flow_steps[1] == 2 and roads.energy_kwh[1] == 4
    assert list(sites.level_first) == [0, 2, 3] and list(sites.level_kw) == [20, 7, 20]
    assert list(sites.level_id) == ["fast", "slow", "fast"] and list(sites.bus) == [1, 2]
    assert sites.price_per_kwh.shape == (2, STEPS) and (sites.price_per_kwh[:, 3] == 0.13).all()
    assert list(aggregators.discharge_efficiency) == [0.93, 0.9] and list(aggregators.soc_max) == [1, 1]
    assert list(travel.aggregator) == [0, 1, 0] and list(travel.vehicles) == [10, 12.5, 4]
    assert list(travel.origin) == [0, 3, 0] and list(travel.destination) == [3, 0, 2]
    assert list(grid.slack) == [True, False, False] and grid.voltage_min_pu[0] == 0
    assert np.isinf(grid.voltage_max_pu).all() and list(grid.limit_kw) == [500, 150]
    assert list(injections.kind) == [0, 2] and list(injections.sign) == [1, -1]
    assert (
        list(injections.power_kw[1]) == [5.0 * t for t in range(STEPS)] and np.isnan(injections.gamma).all()
    )
    assert forecasts.outcome_kw.shape == (2, 2, STEPS) and (forecasts.outcome_kw[1, 0] == 58.5).all()
    assert np.isnan(forecasts.forecast_kw[:, 1]).all() and list(forecasts.day) == [1, 2]


def test_order_of_long_rows_does_not_count() -> None:
    """A table sorted by step instead of by injection would be read as another forecast."""
    small = SmallTariffs()
    scenario = read(small)
    for name in ("injections", "forecasts", "energy_prices"):
        frame = small.tables[name]
        mixed = frame.sample(frac=1.0, random_state=3)
        if name == "injections":  # the first row of each keeps their order
            mixed = pd.concat([frame[:1], mixed.drop(index=0)])
        small.tables[name] = mixed.reset_index(drop=True)
    assert_same(scenario, read(small))


def test_provenance_is_kept_and_changes_no_fingerprint() -> None:
    """A remark on a figure would make a result seem to be of another scenario, or be lost."""
    small = SmallTariffs()
    scenario = read(small)
    assert scenario.provenance[0] == ("lines", "limit_kw L2", "150", "published", "a report")
    assert scenario.provenance[1] == ("links", "energy_kwh", "", "chosen", "")
    assert replace(scenario, provenance=()).sha256() == scenario.sha256()


def test_defaults_of_absent_columns() -> None:
    """An absent column would mean something else than the data dictionary says."""
    small = SmallTariffs()
    for table, columns in {
        "aggregators": ["charge_efficiency", "soc_min"],
        "travel": ["soc_final_min"],
        "buses": ["voltage_min_pu"],
        "lines": ["limit_kw"],
        "injections": ["reactive_kvar", "half_width_kw"],
    }.items():
        small.tables[table] = small.tables[table].drop(columns=columns)
    _, _, aggregators, travel, grid, injections, _ = parts(small)
    assert (aggregators.charge_efficiency == 0.9).all() and (aggregators.discharge_efficiency == 0.9).all()
    assert (aggregators.soc_min == 0.1).all() and (travel.soc_final_min == 0.1).all()
    assert not grid.voltage_min_pu.any() and np.isinf(grid.limit_kw).all()
    assert not injections.reactive_kvar.any() and not injections.half_width_kw.any()


def test_prices_of_a_site_of_its_own() -> None:
    """A site's own prices would be ignored, or those of all others be lost."""
    small = SmallTariffs()
    everywhere = small.tables["energy_prices"]
    own = pd.DataFrame({"site_id": "S2", "step": range(STEPS), "price_per_kwh": -0.02})
    small.tables["energy_prices"] = pd.concat([everywhere.assign(site_id=None), own], ignore_index=True)
    price = parts(small)[1].price_per_kwh
    assert price[0, 5] == 0.1 + 0.01 * 5 and (price[1] == -0.02).all()


def test_prices_that_differ_are_written_by_site(tmp_path: Path) -> None:
    """The prices of the first site would be written for all of them."""
    scenario = read(SmallTariffs())
    assert scenario.sites is not None
    price = scenario.sites.price_per_kwh * np.array([[1.0], [2.0]])
    scenario = replace(scenario, sites=replace(scenario.sites, price_per_kwh=price))
    write_scenario(scenario, tmp_path / "s")
    assert_same(scenario, read_scenario(tmp_path / "s"))


def by_length(small: SmallTariffs) -> SmallTariffs:
    """Links described by length, capacity and speed alone."""
    links = small.tables["links"][["link_id", "from_node_id", "to_node_id"]]
    figures = {"length_km": [10.0, 40, 2] * 2, "capacity_veh_h": 800.0, "free_speed_kmh": 40.0}
    small.tables["links"] = links.assign(**figures)
    small.config["tariff"] = {"kwh_per_km": 0.2, "vehicle_share": 0.25}
    return small


def test_steps_are_derived_from_roads(tmp_path: Path) -> None:
    """Roads in steps would have other times, capacities or energies than the page says."""
    scenario = read(by_length(SmallTariffs()))
    roads = scenario.step_roads
    assert roads is not None and scenario.roads is not None
    assert list(roads.free_flow_steps[:3]) == [1, 2, 1]  # 15 min: half a step rounds to even, at least 1
    assert (roads.capacity_per_step == 800 * 0.5 * 0.25).all()
    assert list(roads.energy_kwh[:3]) == [2.0, 8.0, 0.4]
    write_scenario(scenario, tmp_path / "s")
    assert {"capacity_per_step", "length_km"} <= set(
        pd.read_parquet(tmp_path / "s" / "links.parquet").columns
    )
    assert_same(scenario, read_scenario(tmp_path / "s"))


def test_own_steps_win_over_derived_ones() -> None:
    """Who gives steps beside lengths would get roads of rounded free times all the same."""
    small = SmallTariffs()
    steps = small.tables["links"]
    by_length(small)
    small.tables["links"] = small.tables["links"].assign(
        **{name: steps[name] for name in ("capacity_per_step", "free_flow_steps", "energy_kwh")}
    )
    scenario = read(small)
    assert scenario.roads is not None and scenario.step_roads is not None
    assert list(scenario.step_roads.energy_kwh[:3]) == [2, 4, 2]


def test_a_grid_may_stand_alone(tmp_path: Path) -> None:
    """An imported network could not be checked before sites and vehicles are known."""
    small = SmallTariffs()
    small.tables = {name: small.tables[name] for name in ("buses", "lines", "injections", "forecasts")}
    scenario = read(small)
    assert scenario.travel is None and scenario.step_roads is None and scenario.distribution is not None
    write_scenario(scenario, tmp_path / "s")
    assert {file.stem for file in (tmp_path / "s").glob("*.parquet")} == set(small.tables)
    assert_same(scenario, read_scenario(tmp_path / "s"))


def test_beside_roads_to_simulate(tmp_path: Path) -> None:
    """One folder could not hold both a city to simulate and its tariffs, or lose one of them."""
    city, small = SmallRoads(), SmallTariffs()
    steps = 192
    for name in ("charging_sites", "charger_levels", "aggregators", "travel", "buses", "lines"):
        city.tables[name] = small.tables[name]
    city.tables["energy_prices"] = pd.DataFrame({"step": range(steps), "price_per_kwh": 0.2})
    # The city's centroids are entered and left, which travel in steps cannot bar.
    city.tables["nodes"]["through"] = True
    city.tables["links"].loc[8:, "free_time_min"] = 1.0
    scenario = scenario_from_tables(city.tables, city.config)
    assert scenario.demand is not None and scenario.stations is not None and scenario.travel is not None
    write_scenario(scenario, tmp_path / "s")
    again = read_scenario(tmp_path / "s")
    assert_same(scenario, again)
    assert again.roads is not None and again.stations is not None


def test_forecast_steps_may_be_missing(tmp_path: Path) -> None:
    """A gap in the records of a day would be filled with something, or make the table useless."""
    small = SmallTariffs()
    small.tables["forecasts"] = small.tables["forecasts"].drop(index=3).reset_index(drop=True)
    scenario = read(small)
    assert scenario.forecasts is not None
    assert np.isnan(scenario.forecasts.outcome_kw[0, 0, 3]) and scenario.forecasts.outcome_kw[0, 0, 4] == 61
    write_scenario(scenario, tmp_path / "s")
    assert_same(scenario, read_scenario(tmp_path / "s"))


def test_without_a_horizon_the_tables_are_checked_all_the_same() -> None:
    """A slip in [horizon] would bring one message a table about steps, and hide the others."""
    small = SmallTariffs().set("lines", "r_ohm", 0, -1).set("travel", "depart_step", 0, 40)
    small.set("injections", "power_kw", 7, -1.0)
    small.config.pop("horizon")
    with pytest.raises(ScenarioError) as caught:
        read(small)
    found = {f"{issue.table}.{issue.field}" for issue in caught.value.issues}
    assert found >= {"scenario.toml.horizon", "lines.r_ohm", "injections.power_kw"}
    assert not any(place.startswith("travel") for place in found)


@pytest.mark.parametrize("header", [False, True])
def test_no_injections_are_none_everywhere(header: bool, tmp_path: Path) -> None:
    """Who has nothing but vehicles on the grid would have to make up a load to be let in."""
    small = SmallTariffs()
    named = ",".join(small.tables["injections"].columns)
    del small.tables["injections"], small.tables["forecasts"]
    small.write(tmp_path / "s")
    if header:
        (tmp_path / "s" / "injections.csv").write_text(named + "\n")
    scenario = read_scenario(tmp_path / "s")
    assert scenario.injections is not None and len(scenario.injections) == 0
    assert scenario.injections.power_kw.shape == (0, STEPS)
    write_scenario(scenario, tmp_path / "again")
    assert_same(scenario, read_scenario(tmp_path / "again"))
    assert not list((tmp_path / "again").glob("injections.*"))
