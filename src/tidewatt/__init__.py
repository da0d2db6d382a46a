"""tidewatt: what electric-vehicle charging does to distribution feeders, and how far it can be spared.

>>> import tidewatt
>>> scenario = tidewatt.read_scenario("alameda")  # doctest: +SKIP
>>> result = tidewatt.coordinate(scenario, relative_gap=1e-3)  # doctest: +SKIP
>>> tidewatt.save(result, "result", scenario_folder="alameda")  # doctest: +SKIP
>>> tidewatt.verify("result").ok  # doctest: +SKIP
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidewatt.coordination.result import Coordination
    from tidewatt.coordination.study import coordinate
    from tidewatt.domain.checks import check
    from tidewatt.domain.fleet import Fleet
    from tidewatt.domain.grid import CostPieces, Grid
    from tidewatt.domain.horizon import Horizon
    from tidewatt.domain.mobility import Dwells, Trips
    from tidewatt.domain.scenario import Scenario
    from tidewatt.errors import Issue, ScenarioError, TidewattError
    from tidewatt.io.results import load, save
    from tidewatt.io.scenario import read_scenario, scenario_from_tables
    from tidewatt.io.writing import write_scenario
    from tidewatt.result import Certificate, Progress, Status
    from tidewatt.synthesis.examples import example
    from tidewatt.synthesis.thinning import thin
    from tidewatt.verification import verify

__version__ = "0.1.0"

__all__ = [
    "Certificate",
    "Coordination",
    "CostPieces",
    "Dwells",
    "Fleet",
    "Grid",
    "Horizon",
    "Issue",
    "Progress",
    "Scenario",
    "ScenarioError",
    "Status",
    "TidewattError",
    "Trips",
    "__version__",
    "check",
    "coordinate",
    "example",
    "load",
    "read_scenario",
    "save",
    "scenario_from_tables",
    "thin",
    "verify",
    "write_scenario",
]

# Where each public name lives: it is imported when it is first asked for, so that `import tidewatt` and
# the program's help stay quick.
_HOMES = {
    "Certificate": "result",
    "Coordination": "coordination.result",
    "CostPieces": "domain.grid",
    "Dwells": "domain.mobility",
    "Fleet": "domain.fleet",
    "Grid": "domain.grid",
    "Horizon": "domain.horizon",
    "Issue": "errors",
    "Progress": "result",
    "Scenario": "domain.scenario",
    "ScenarioError": "errors",
    "Status": "result",
    "TidewattError": "errors",
    "Trips": "domain.mobility",
    "check": "domain.checks",
    "coordinate": "coordination.study",
    "example": "synthesis.examples",
    "load": "io.results",
    "read_scenario": "io.scenario",
    "save": "io.results",
    "scenario_from_tables": "io.scenario",
    "thin": "synthesis.thinning",
    "verify": "verification",
    "write_scenario": "io.writing",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tidewatt' has no attribute {name!r}")
    value = getattr(import_module(f"tidewatt.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
