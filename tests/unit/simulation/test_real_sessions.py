"""Simulated charges beside recorded ones; skipped where the data are not at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tidewatt

FILE = Path(__file__).parents[3].parent / "shared" / "data" / "sessions" / "dundee.csv.xz"


@pytest.mark.skipif(not FILE.exists(), reason="real data not at hand: shared/data/sessions/dundee.csv.xz")
def test_charges_on_the_way_have_the_hours_of_real_rapid_charging() -> None:
    """Drivers who run low at night, or charge at powers no charger has, would load feeders at wrong hours.

    Energies are not compared: the model fills up, real drivers top up (docs/simulate.md says by how much).
    """
    rows = pd.read_csv(FILE)
    rows = rows[(rows.Energy > 0.5) & (rows["Park.Duration"] > 2)]
    rapid = rows[60 * rows.Energy / rows["Park.Duration"] > 22]
    result = tidewatt.simulate(tidewatt.example("city"), vehicles=4000, replications=2, threads=1)
    events = result.events
    assert len(events) > 200
    hour = events["start_min"] % 1440 / 60
    for share in (0.25, 0.5, 0.75):
        assert abs(hour.quantile(share) - rapid.Arrival.quantile(share)) < 3.5
    minutes = events["end_min"] - events["start_min"]
    power = 60 * events["energy_kwh"] / minutes
    real = 60 * rapid.Energy / rapid["Park.Duration"]
    assert real.quantile(0.05) < np.median(power) < 3 * real.quantile(0.95)
    assert minutes.quantile(0.5) < 3 * rapid["Park.Duration"].quantile(0.5)
