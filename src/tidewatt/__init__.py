"""tidewatt: how electric vehicles drive, queue and charge, and how much feeder upgrading they can avoid.

The nouns that scenarios are made of are in `tidewatt.domain`, what results carry besides in
`tidewatt.result`, and what goes wrong in `tidewatt.errors`.

>>> import tidewatt
>>> scenario = tidewatt.read_scenario("alameda")  # doctest: +SKIP
>>> result = tidewatt.coordinate(scenario, relative_gap=1e-3)  # doctest: +SKIP
>>> tidewatt.save(result, "result", scenario_folder="alameda")  # doctest: +SKIP
>>> tidewatt.verify("result").ok  # doctest: +SKIP
True
"""

from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

from tidewatt.options import folders

if TYPE_CHECKING:
    from tidewatt.assignment.result import Equilibrium
    from tidewatt.assignment.study import assign
    from tidewatt.configuration.result import Configuration
    from tidewatt.configuration.study import configure
    from tidewatt.coordination.result import Coordination
    from tidewatt.coordination.study import coordinate
    from tidewatt.domain.checks.scenario import check
    from tidewatt.domain.scenario import Scenario
    from tidewatt.errors import ScenarioError, TidewattError
    from tidewatt.io.results import load, save
    from tidewatt.io.scenario.reading import read_scenario, scenario_from_tables
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.result import Status
    from tidewatt.simulation.result import Simulation
    from tidewatt.simulation.study import simulate
    from tidewatt.synthesis.examples import example
    from tidewatt.synthesis.thinning import thin
    from tidewatt.tariffs.result import Tariffs
    from tidewatt.tariffs.study import tariff
    from tidewatt.verification import verify

__version__ = "0.1.0"

__all__ = [
    "Configuration",
    "Coordination",
    "Equilibrium",
    "Scenario",
    "ScenarioError",
    "Simulation",
    "Status",
    "Tariffs",
    "TidewattError",
    "__version__",
    "assign",
    "check",
    "configure",
    "coordinate",
    "example",
    "load",
    "read_scenario",
    "save",
    "scenario_from_tables",
    "simulate",
    "tariff",
    "thin",
    "verify",
    "write_scenario",
]

# Where each public name lives: it is imported when it is first asked for, so that `import tidewatt` and
# the program's help stay quick.
_HOMES = {
    "Configuration": "configuration.result",
    "Coordination": "coordination.result",
    "Equilibrium": "assignment.result",
    "Scenario": "domain.scenario",
    "ScenarioError": "errors",
    "Simulation": "simulation.result",
    "Status": "result",
    "Tariffs": "tariffs.result",
    "TidewattError": "errors",
    "assign": "assignment.study",
    "check": "domain.checks.scenario",
    "configure": "configuration.study",
    "coordinate": "coordination.study",
    "example": "synthesis.examples",
    "load": "io.results.folder",
    "read_scenario": "io.scenario.reading",
    "save": "io.results.folder",
    "scenario_from_tables": "io.scenario.reading",
    "simulate": "simulation.study",
    "tariff": "tariffs.study",
    "thin": "synthesis.thinning",
    "verify": "verification.verify",
    "write_scenario": "io.scenario.writing",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tidewatt' has no attribute {name!r}")
    module = import_module(f"tidewatt.{home}")
    if name == "verify":
        module.settle = import_module("tidewatt.io.replacement").settled  # type: ignore[attr-defined]
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _read(folder: str | PathLike[str]) -> Any:
    return __getattr__("read_scenario")(folder)


folders.reader = _read
