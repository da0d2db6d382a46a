"""The command `warm-up`: small studies, so that later runs find every kernel compiled."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidewatt.cli.console import say
from tidewatt.cli.progress import span
from tidewatt.compilation.record import RECORD

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario

__all__ = ["share_of_compiling", "warm_up"]

_WORTH_TELLING_S = 1.0


def warm_up() -> None:
    """Compile everything once, so that no later run waits for it.

    Runs every study on small embedded scenarios and verifies the results, in a temporary folder. Compiled
    kernels are kept beside the installed package, or in the folder that the environment variable
    NUMBA_CACHE_DIR names, until tidewatt, numba or Python changes.
    """
    begin = RECORD.kernels, RECORD.seconds
    with (
        tempfile.TemporaryDirectory(prefix="tidewatt-", ignore_cleanup_errors=True) as folder,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of studies cut short on purpose
        for name, study in _STUDIES.items():
            before = RECORD.kernels, RECORD.seconds
            say(f"{name} ...")
            study(Path(folder) / name)
            kernels, seconds = RECORD.kernels - before[0], RECORD.seconds - before[1]
            found = f"{kernels} kernels compiled in {span(seconds)}" if kernels else "nothing to compile"
            say(f"{name}: {found}")
    kernels, seconds = RECORD.kernels - begin[0], RECORD.seconds - begin[1]
    if not kernels:
        print("Everything is already compiled: runs start at once.")
    elif RECORD.kept:
        print(f"Compiled {kernels} kernels in {span(seconds)}; they are kept, and later runs start at once.")
    else:
        print(f"Compiled {kernels} kernels in {span(seconds)}, but {_NOT_KEPT}.")


_NOT_KEPT = "they cannot be kept for later runs: set NUMBA_CACHE_DIR to a folder that can be written"


@contextmanager
def share_of_compiling() -> Iterator[None]:
    """Say at the end how much of the time went into compiling, if it is worth a line."""
    begin, before = time.perf_counter(), RECORD.seconds
    try:
        yield
    finally:
        spent = RECORD.seconds - before
        if spent >= _WORTH_TELLING_S:
            later = "later runs skip this" if RECORD.kept else _NOT_KEPT
            whole = time.perf_counter() - begin
            say(f"Of {whole:,.0f} s, {spent:,.0f} s were spent compiling kernels; {later}.")


def _read(example: str, folder: Path) -> tuple[Scenario, Path]:
    """Return an embedded scenario, read from files as in a real run."""
    from tidewatt.io.scenario.reading import read_scenario
    from tidewatt.io.scenario.writing import write_scenario
    from tidewatt.synthesis.examples import example as made

    write_scenario(made(example), folder / "scenario")
    return read_scenario(folder / "scenario"), folder / "scenario"


def _kept_and_verified(result: Any, folder: Path, scenario: Path, **how: bool) -> None:
    from tidewatt.io.results import load, save
    from tidewatt.verification import verify

    save(result, folder, scenario_folder=scenario, **how)
    load(folder)
    verify(folder)


def _coordination(folder: Path) -> None:
    from tidewatt.coordination.study import coordinate

    scenario, home = _read("village", folder)
    for solver in ("newton", "admm"):
        result = coordinate(scenario, solver=solver, max_passes=50)
        _kept_and_verified(result, folder / solver, home, soc=True)


def _simulation(folder: Path) -> None:
    from tidewatt.simulation.study import simulate

    scenario, home = _read("city", folder)
    for choice in ("cost", "logit", "regret"):
        result = simulate(scenario, choice=choice, vehicles=200, replications=2)
        _kept_and_verified(result, folder / choice, home)


def _assignment(folder: Path) -> None:
    from tidewatt.assignment.study import assign

    scenario, home = _read("city", folder)
    for method in ("gradient-projection", "biconjugate-frank-wolfe"):
        result = assign(scenario, method=method, max_iterations=5)
        _kept_and_verified(result, folder / method, home)


def _configuration(folder: Path) -> None:
    from tidewatt.configuration.study import configure

    scenario, home = _read("city", folder)
    result = configure(scenario, simulation={"vehicles": 200}, evaluations=30, days_train=1, days_test=2)
    _kept_and_verified(result, folder / "result", home)


def _tariffs(folder: Path) -> None:
    from tidewatt.tariffs.study import tariff

    scenario, home = _read("tariff-20-17", folder)
    _kept_and_verified(tariff(scenario, sweep_gamma=[0.0, 1.0]), folder / "result", home)


_STUDIES: Mapping[str, Callable[[Path], None]] = {
    "coordination": _coordination,
    "simulation": _simulation,
    "assignment": _assignment,
    "configuration": _configuration,
    "tariffs": _tariffs,
}
