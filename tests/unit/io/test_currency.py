"""What costs and prices are in: from the scenario to files, terminal and figures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import tidewatt
from tidewatt.domain.grid import CostPieces
from tidewatt.report.coordination.conclusions import ladder, sentences
from tidewatt.report.style import cost_scale
from tidewatt.report.words import in_money, money_name, money_note

VILLAGE = tidewatt.example("village")


def plain(currency: str) -> tidewatt.Scenario:
    """The village without a price of an upgrade."""
    grid = VILLAGE.grid
    costs = {
        name: CostPieces.linear(getattr(grid, name).cost_per_kw * 0 + 1) for name in ("cost", "bank_cost")
    }
    return dataclasses.replace(VILLAGE, grid=dataclasses.replace(grid, **costs), currency=currency)


def test_currency_is_written_and_read_and_leaves_the_fingerprint(tmp_path: Path) -> None:
    """Naming a currency must not make every result from before another scenario's."""
    for currency in ("", "USD", "10,000 yuan", 'Kč "new"'):
        scenario = dataclasses.replace(VILLAGE, currency=currency)
        tidewatt.write_scenario(scenario, tmp_path / "s")
        back = tidewatt.read_scenario(tmp_path / "s")
        assert back.currency == currency
        assert back.sha256() == VILLAGE.sha256()
        assert ("currency" in (tmp_path / "s" / "scenario.toml").read_text("utf-8")) == bool(currency)
    assert tidewatt.thin(dataclasses.replace(VILLAGE, currency="EUR"), 0.1).currency == "EUR"


@pytest.mark.parametrize("wrong", ['"US\\nD"', '"\\u0007"', f'"{"x" * 41}"', "3"])
def test_what_is_no_currency_is_refused(tmp_path: Path, wrong: str) -> None:
    """A line break or a novel would break tables and axes far from here."""
    tidewatt.write_scenario(VILLAGE, tmp_path / "s")
    file = tmp_path / "s" / "scenario.toml"
    file.write_text(file.read_text("utf-8").replace('currency = "USD"', f"currency = {wrong}"), "utf-8")
    with pytest.raises(tidewatt.ScenarioError, match=r"currency: the value is .*It should be"):
        tidewatt.read_scenario(tmp_path / "s")


def test_a_coordination_says_what_its_costs_are_in(tmp_path: Path) -> None:
    """A number without its currency, or kW called money, misleads whoever reads it."""
    priced = tidewatt.coordinate(VILLAGE, relative_gap=0.1, session=False)
    assert priced.data["price"].attrs["units"] == "USD per kW"
    assert "upgrade cost [USD]" in ladder(priced)["unmanaged"]
    assert " USD; the plan found needs " in sentences(priced)[0]
    assert not any("no currency" in each for each in sentences(priced))
    tidewatt.save(priced, tmp_path / "r")
    kept = json.loads((tmp_path / "r" / "summary.json").read_text("utf-8"))
    assert (kept["currency"], kept["cost_unit"]) == ("USD", "USD")
    assert sentences(tidewatt.load(tmp_path / "r")) == sentences(priced)
    assert tidewatt.verify(tmp_path / "r").ok
    unnamed = tidewatt.coordinate(dataclasses.replace(VILLAGE, currency=""), relative_gap=0.1, session=False)
    assert "upgrade cost" in ladder(unnamed)["unmanaged"]
    assert sum("which it does not name" in each for each in sentences(unnamed)) == 1
    assert unnamed.data["price"].attrs["units"] == "cost per kW"
    without = tidewatt.coordinate(plain("USD"), relative_gap=0.1, session=False)
    assert "upgrade cost [kW]" in ladder(without)["unmanaged"]
    assert "no price of an upgrade was given" in sentences(without)[-1]
    assert without.data["price"].attrs["units"] == "cost per kW"


def test_results_of_days_carry_the_currency(tmp_path: Path) -> None:
    """Revenue, prices and costs of stations are in the scenario's currency in tables too."""
    city = dataclasses.replace(tidewatt.example("city"), currency="CHF")
    days = tidewatt.simulate(city, vehicles=100, replications=1, threads=1)
    assert days.data["revenue_per_h"].attrs["units"] == "CHF/h"
    assert days.itineraries is not None and days.itineraries.currency == "CHF"
    tidewatt.save(days, tmp_path / "d")
    assert units(tmp_path / "d" / "events.parquet", "price_per_kwh") == "CHF per kWh"
    assert units(tmp_path / "d" / "stations.parquet", "revenue") == "CHF/day"
    plan = tidewatt.configure(
        city, simulation={"vehicles": 100}, evaluations=3, days_train=1, days_test=2, threads=1
    )
    unit = dict(zip(plan.costs["figure"], plan.costs["unit"], strict=True))
    assert (unit["f1"], unit["revenue"], unit["mean_wait_min"]) == ("1,000 CHF/day", "CHF/day", "min")
    assert plan.figures["cost_unit"] == "1,000 CHF"
    tidewatt.save(plan, tmp_path / "p")
    assert units(tmp_path / "p" / "plan.parquet", "retrofit_cost") == "1,000 CHF/day"


def units(path: Path, column: str) -> str:
    """The unit that a Parquet file says of a column."""
    found: dict[bytes, bytes] = pq.read_schema(path).field(column).metadata
    return found[b"units"].decode()


def test_numbers_and_units_stay_apart() -> None:
    """A number beside a unit that begins with one would read as another number."""
    yuan: dict[str, Any] = {"currency": "10,000 yuan"}
    assert in_money("5", yuan) == "5 × 10,000 yuan"
    assert in_money("5", {"currency": "USD"}) == "5 USD"
    assert in_money("5", {}) == in_money("5", {"currency": float("nan")}) == "5"
    assert money_name({}) == "the scenario's money" and money_name({"cost_unit": "kW"}) == "kW"
    assert money_note({"currency": "USD"}) == []
    assert cost_scale([3e6], "USD") == (1e-6, "upgrade cost [millions of USD]")
    assert cost_scale([3e6], "kW") == (1e-6, "upgrade cost [GW]")
    assert cost_scale([3.0], "") == (1.0, "upgrade cost [the scenario's money]")
