"""The options of all studies, by the section of ``scenario.toml`` that holds them."""

from __future__ import annotations

from typing import Any

from tidewatt.options.assignment import ASSIGNMENT
from tidewatt.options.configuration import CONFIGURATION
from tidewatt.options.coordination import COORDINATION
from tidewatt.options.declaration import OptionSet
from tidewatt.options.simulation import SIMULATION
from tidewatt.options.tariffs import TARIFF

__all__ = ["STUDIES"]

_EVERY: tuple[OptionSet[Any], ...] = (COORDINATION, SIMULATION, ASSIGNMENT, CONFIGURATION, TARIFF)
STUDIES = {options.section: options for options in _EVERY}
