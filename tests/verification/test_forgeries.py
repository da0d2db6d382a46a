"""Every forgery of every result is found, unless the verdict itself lists what was forged as not derived.

The forgeries are made from what the files hold: one of each kind for each column, variable, key and unit. By
default every twelfth is tried; ``make forge`` tries them all.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tidewatt
from tests.golden.commands import inputs
from tests.verification.forging import forgeries
from tidewatt.verification.common.expected import filed

EVERY = int(os.environ.get("TIDEWATT_FORGE_EVERY", "12"))
DAYS = {"vehicles": 200, "replications": 3}
SEARCH = {"days_train": 1, "days_test": 2, "evaluations": 30, "simulation": {"vehicles": 200}}


def coordination(folder: Path, seed: int) -> Any:
    """A ladder on a village, with states of charge."""
    return tidewatt.coordinate(folder, threads=1, seed=seed)


STUDIES: dict[str, tuple[str, Callable[[Path, int], Any]]] = {
    "coordination": ("village", coordination),
    "simulation": ("city", lambda folder, seed: tidewatt.simulate(folder, threads=1, seed=seed, **DAYS)),
    "equilibrium": ("city", lambda folder, seed: tidewatt.assign(folder, threads=1, relative_gap=1e-4)),
    "configuration": (
        "city",
        lambda folder, seed: tidewatt.configure(folder, threads=1, seed=seed, coordinated=True, **SEARCH),
    ),
    "tariffs": (
        "small_tariffs",
        lambda folder, seed: tidewatt.tariff(folder, threads=1, seed=seed, samples=200, sweep_gamma=(0, 0.5)),
    ),
}


def saved(kind: str, folder: Path, seed: int = 0) -> Path:
    """Run a study on a small scenario and save its result."""
    name, study = STUDIES[kind]
    scenario = folder / name
    if name == "small_tariffs":
        inputs.small_scenarios(folder)
    elif not scenario.exists():
        tidewatt.write_scenario(tidewatt.example(name), scenario)
    result = study(scenario, seed)
    return tidewatt.save(
        result, folder / f"{kind}-{seed}", scenario_folder=scenario, soc=kind == "coordination"
    )


@pytest.mark.parametrize("kind", STUDIES)
def test_forgeries_are_found(kind: str, tmp_path: Path) -> None:
    """Without it a figure can be changed, with its digest, and `verify` still calls the result proved."""
    result = saved(kind, tmp_path)
    scenario = tmp_path / STUDIES[kind][0]
    honest = tidewatt.verify(result, scenario_folder=scenario)
    assert honest.ok, honest.text()
    said = honest.text()
    known = {(file, name) for file, names in filed(kind).items() for name in names}
    made, accepted = 0, []
    for forgery in forgeries(result):
        # By name, so that a new column does not change which others are tried.
        if zlib.crc32(forgery.name.encode()) % EVERY:
            continue
        if not forgery.made_in(result, tmp_path / "forged" / result.name):
            continue
        made += 1
        forged = tmp_path / "forged" / result.name
        if not tidewatt.verify(forged, scenario_folder=scenario).ok:
            continue
        accepted += [forgery.name] if (forgery.file, forgery.subject) not in known else []
    assert made > 60 / EVERY
    assert not accepted
    assert all(f"{file}: as filed, not derived: " in said for file in filed(kind) if (result / file).exists())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", STUDIES)
def test_honest_results_are_not_refused(kind: str, seed: int, tmp_path: Path) -> None:
    """Without it `verify` cries wolf, and nobody heeds it when it matters."""
    result = saved(kind, tmp_path, seed)
    found = tidewatt.verify(result)
    assert found.ok, found.text()


@pytest.mark.parametrize("samples", [1, 2, 5, 20, 21, 101])
def test_few_outcomes_are_no_forgery(samples: int, tmp_path: Path) -> None:
    """Without it an honest result with 20 samples is refused: their median scatters."""
    inputs.small_scenarios(tmp_path)
    for seed in range(3):
        result = tidewatt.tariff(tmp_path / "small_tariffs", threads=1, samples=samples, seed=seed)
        out = tidewatt.save(result, tmp_path / "r", scenario_folder=tmp_path / "small_tariffs")
        found = tidewatt.verify(out)
        assert found.ok, found.text()


def test_what_systems_leave_in_folders_is_no_forgery(tmp_path: Path) -> None:
    """Without it a look at a result with a file manager makes it false; a checkpoint or pictures too."""
    result = saved("equilibrium", tmp_path)
    (result / ".DS_Store").write_bytes(b"x")
    (result / "figures").mkdir()
    (result / "figures" / "a.png").write_bytes(b"x")
    assert tidewatt.verify(result).ok
    (result / "notes.txt").write_text("mine", "utf-8")
    assert [check.name for check in tidewatt.verify(result).failures] == ["every file is listed"]
