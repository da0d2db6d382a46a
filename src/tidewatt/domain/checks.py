"""What is wrong with a scenario, as far as its arrays can tell."""

from __future__ import annotations

from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue

__all__ = ["check"]


def check(scenario: Scenario) -> list[Issue]:
    return []
