"""The domain: vehicles, trips, roads, stations and the grid, as arrays; no numerics, no files.

>>> from tidewatt.domain import Fleet, Grid  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidewatt.domain.distribution import Distribution, Forecasts, Injections
    from tidewatt.domain.fleet import Dwells, Fleet, Schedule, Trips
    from tidewatt.domain.grid import CostPieces, Grid
    from tidewatt.domain.horizon import Horizon
    from tidewatt.domain.roads import Demand, FleetTypes, Roads
    from tidewatt.domain.scenario import Scenario
    from tidewatt.domain.stations import StationPlan, Stations
    from tidewatt.domain.travel import Aggregators, ChargingSites, StepRoads, Travel

__all__ = [
    "Aggregators",
    "ChargingSites",
    "CostPieces",
    "Demand",
    "Distribution",
    "Dwells",
    "Fleet",
    "FleetTypes",
    "Forecasts",
    "Grid",
    "Horizon",
    "Injections",
    "Roads",
    "Scenario",
    "Schedule",
    "StationPlan",
    "Stations",
    "StepRoads",
    "Travel",
    "Trips",
]

# Where each name lives; imported when first asked for, as in `tidewatt` itself.
_HOMES = {
    "Aggregators": "travel",
    "ChargingSites": "travel",
    "CostPieces": "grid",
    "Demand": "roads",
    "Distribution": "distribution",
    "Dwells": "fleet",
    "Fleet": "fleet",
    "FleetTypes": "roads",
    "Forecasts": "distribution",
    "Grid": "grid",
    "Horizon": "horizon",
    "Injections": "distribution",
    "Roads": "roads",
    "Scenario": "scenario",
    "Schedule": "fleet",
    "StationPlan": "stations",
    "Stations": "stations",
    "StepRoads": "travel",
    "Travel": "travel",
    "Trips": "fleet",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tidewatt.domain' has no attribute {name!r}")
    value = getattr(import_module(f"tidewatt.domain.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
