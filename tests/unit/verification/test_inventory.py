"""Units that a result may state: those of its kind, in its money, and in the words of earlier versions."""

from __future__ import annotations

from typing import Any

import pytest

from tidewatt.verification.common.inventory import units_allowed


@pytest.mark.parametrize(
    ("unit", "summary", "allowed", "refused"),
    [
        ("kW", {"currency": "USD"}, ["kW"], ["MW", "USD"]),
        ("cost per kW", {"currency": "USD"}, ["USD per kW"], ["cost per kW", "EUR per kW"]),
        ("cost per kW", {"currency": "USD", "cost_unit": "kW"}, ["kW per kW"], ["USD per kW"]),
        ("cost per kW", {"currency": ""}, ["cost per kW"], ["money units per kW"]),
        ("cost/day", {}, ["cost/day", "money units/day"], ["USD/day"]),
        ("cost/h", {}, ["1/h"], ["kW"]),
    ],
)
def test_units_are_in_the_money_of_the_result(
    unit: str, summary: dict[str, Any], allowed: list[str], refused: list[str]
) -> None:
    """Without it results of earlier versions are refused, or a price per kWh passes as one per MWh."""
    found = units_allowed(unit, summary)
    assert set(allowed) <= found and not found & set(refused)
