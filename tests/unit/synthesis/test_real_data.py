"""Synthesised weeks beside real driving and charging; skipped where the data are not at hand."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.synthesis.energy import charge_at_once
from tidewatt.domain.horizon import Horizon
from tidewatt.synthesis import statistics as st
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.week import synthesise

DATA = Path(__file__).parents[3].parent / "shared" / "data"
WEEK = Horizon(datetime(2027, 1, 11), 15.0, 672)


@pytest.fixture(scope="module")
def week():
    return synthesise(FeederPlaces(np.ones(4), np.ones(4), np.ones(4)), 4000, WEEK, seed=1)


def _table(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real data not at hand: shared/data/{name}")
    return pd.read_csv(path, low_memory=False)


def _median_h(values):
    return float(np.median(values)) / 60


def test_trips_resemble_a_diary(week):
    """VISTA's drivers: if distances, durations or hours drift off, so do energy and time of charging."""
    rows = _table("mobility/vista/T_VISTA1218_V1.sample.csv.xz")
    rows = rows[rows.LINKMODE == "Vehicle Driver"]
    _, dwells, trips = week
    # American cars drive half as far again as Melbourne's; order of magnitude and spread must agree.
    km = np.quantile(trips.attributes["distance_km"], [0.25, 0.5, 0.75])
    ratio = km / rows.CUMDIST.quantile([0.25, 0.5, 0.75]).to_numpy()
    assert ((ratio > 1) & (ratio < 2)).all()
    minutes = np.median(trips.arrive_min - trips.depart_min)
    assert abs(minutes - rows.TRAVTIME.median()) < 5
    home = (dwells.attributes["place"] == "home") & (dwells.arrive_min > 0)
    ours = _median_h(dwells.arrive_min[home] % 1440)
    assert abs(ours - _median_h(rows[rows.DESTPURP1 == "Go Home"].ARRTIME)) < 1.5


def test_work_sessions_resemble_a_campus(week):
    """Caltech's weekday sessions: arrivals and stays at work bound what charging there can do by day."""
    rows = _table("sessions/caltech.csv.xz")
    rows = rows[(rows.Weekend == 0) & (rows["Park.Duration"] > 240)]  # all-day parking, not visits
    _, dwells, _ = week
    stay = dwells.depart_min - dwells.arrive_min
    work = (dwells.attributes["place"] == "work") & (stay > 240) & (dwells.depart_min < 10080)
    assert abs(_median_h(stay[work]) - _median_h(rows["Park.Duration"])) < 1.0
    assert abs(_median_h(dwells.arrive_min[work] % 1440) - rows.Arrival.median()) < 1.5


def test_public_sessions_resemble_a_city(week):
    """Dundee's public sessions: energies of another order would mean wrong batteries or habits."""
    rows = _table("sessions/dundee.csv.xz")
    fleet, dwells, trips = week
    energy, _, _ = charge_at_once(fleet, dwells, trips)
    public = ~np.isin(dwells.attributes["place"], ["home", "work"]) & (energy > 1.0)
    ratio = np.quantile(energy[public], [0.5, 0.75]) / rows.Energy.quantile([0.5, 0.75]).to_numpy()
    assert ((ratio > 0.5) & (ratio < 2)).all()


def test_embedded_quantiles_are_the_filings():
    """A slip in copying the quantiles of ratings or headroom would go unseen for ever."""
    rows = _table("pge_gna_2023/pge_gna_2023_flat.csv.gz")
    bay = [
        "San Francisco",
        "Peninsula",
        "San Jose",
        "De Anza",
        "Mission",
        "East Bay",
        "Diablo",
        "North Bay",
        "Sonoma",
    ]
    rows = rows[rows.Division.isin(bay)]
    rating, loading = (
        pd.to_numeric(rows[f"Facility {what} (MW) 2027"], errors="coerce") for what in ("Rating", "Loading")
    )
    for kind, headroom in (("Feeder", st.FEEDER_HEADROOM), ("Bank", st.BANK_HEADROOM)):
        use = (rows["Facility Type"] == kind) & rating.gt(0) & loading.notna()
        real = ((rating - loading) / rating)[use]
        np.testing.assert_allclose(np.quantile(real, st.QUANTILES), headroom, atol=6e-4)
        if kind == "Feeder":
            np.testing.assert_allclose(np.quantile(rating[use], st.QUANTILES), st.FEEDER_RATING_MW, atol=6e-3)
