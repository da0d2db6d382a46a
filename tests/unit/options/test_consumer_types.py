"""Type checkers see the options of every study in a project that uses tidewatt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tidewatt

_CONSUMER = """\
import tidewatt
from tidewatt.options.simulation import SimulationOptions

place = tidewatt.example("village")
days: SimulationOptions = {"vehicles": 5}
tidewatt.coordinate("folder", solver="admm", relative_gap=1e-3).certificate
tidewatt.simulate(place, vehicles=5, threshold_soc=(0.1, 0.3), progress=print).summary()
tidewatt.assign(place, method="gradient-projection", start_min=None).status
tidewatt.configure(place, coordinated=True, simulation=days, weights=(1, 1, 1, 1)).plan
tidewatt.tariff(place, gamma=0.5, soc_step="auto", sweep_gamma=[0.1]).tariffs
tidewatt.coordinate(place, relativ_gap=1e-3)  # wrong
tidewatt.simulate(place, vehicels=5)  # wrong
tidewatt.assign(place, method="all-or-nothing")  # wrong
tidewatt.configure(place, simulation={"vehicels": 5})  # wrong
tidewatt.tariff(place, gamma="much")  # wrong
"""


@pytest.mark.slow
def test_mypy_takes_right_options_and_refuses_wrong_ones(tmp_path: Path) -> None:
    """Without it a misspelt option of a script is found by running it, hours later or never."""
    pytest.importorskip("mypy")
    home = Path(tidewatt.__file__).parent
    assert (
        home / "py.typed"
    ).is_file()  # else checkers look for stubs and see nothing of an installed tidewatt
    (tmp_path / "consumer.py").write_text(_CONSUMER, "utf-8")
    words = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"]
    done = subprocess.run(
        [*words, "--cache-dir", str(tmp_path / "cache"), "consumer.py"],
        cwd=tmp_path,
        env=dict(os.environ, MYPYPATH=str(home.parent)),
        capture_output=True,
        text=True,
        check=False,
    )
    refused = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    wrong = {k for k, line in enumerate(_CONSUMER.splitlines(), 1) if line.endswith("# wrong")}
    assert refused == wrong, done.stdout + done.stderr
