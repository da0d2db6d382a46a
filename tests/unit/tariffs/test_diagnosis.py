"""What is said where no plan keeps all limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.tariffs.small_cases import small_case
from tidewatt.errors import SolveWarning
from tidewatt.result import Status
from tidewatt.tariffs.result import Tariffs
from tidewatt.tariffs.study import tariff


def infeasible(**changes: Any) -> Tariffs:
    with pytest.warns(SolveWarning, match="Least relaxation"):
        found = tariff(small_case(**changes))
    assert found.status is Status.INFEASIBLE
    assert len(found.tariffs) == 0
    return found


def test_a_line_too_weak_is_named_with_the_kilowatts_that_would_do() -> None:
    """Would break if the diagnosis named another limit, or less than what makes the case solvable."""
    table = infeasible(line_kw=(200.0, 122.0)).diagnosis
    lines = table[table["limit"] == "line"]
    assert set(lines["element_id"]) == {"L1"}
    assert (lines["unit"] == "kW").all()
    worst = lines.sort_values("amount").iloc[-1]
    assert "2027-01-11" in worst["remedy"]
    assert f"{worst['amount']:.4g}" in worst["remedy"]
    raised = tariff(small_case(line_kw=(200.0 + lines["amount"].max() + 1e-3, 122.0)))
    assert raised.status is Status.CERTIFIED


def test_vehicles_that_cannot_arrive_are_named() -> None:
    """Would break if demand that no relaxation serves were reported as a limit of roads or lines."""
    found = infeasible(steps=4)
    demand = found.diagnosis[found.diagnosis["limit"] == "demand"]
    assert len(demand) > 0
    assert found.summary()["unserved_vehicles"] > 1.0
    assert demand["amount"].sum() == pytest.approx(found.summary()["unserved_vehicles"], rel=1e-3)
    assert "m2: d to a" in set(demand["element_id"])
    (said,) = (note for note in found.summary()["notes"] if note.startswith("Least relaxation"))
    assert said.startswith("Least relaxation: demand m2: d to a at 2027-01-11 07:00: 12 vehicles; line L1 at")


@pytest.mark.parametrize(
    ("changes", "limit", "unit"),
    [
        ({"road_capacity": 1.0}, "road", "vehicles"),
        ({"chargers": (1, 1)}, "chargers", "chargers"),
        ({"line_kw": (1e6, 1e6), "voltage_min_pu": 0.9862}, "voltage", "pu"),
    ],
)
def test_each_kind_of_limit_is_told_apart(changes: dict[str, Any], limit: str, unit: str) -> None:
    """Would break if a shortage were blamed on another kind of limit, or given in another unit."""
    table = infeasible(**changes).diagnosis
    named = table[table["limit"] == limit]
    assert len(named) > 0
    assert (named["unit"] == unit).all()
    assert (named["amount"] > 0).all()
