"""The same charges, coordinated: who may stay how long, and what that spares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.configuration.made_plans import configured, crowded
from tidewatt.configuration.loads import coordinated_load, departures
from tidewatt.options.configuration import CONFIGURATION
from tidewatt.simulation.queueing.charges import Sessions


def sessions(station, start, end, power_kw=60.0, kind=None) -> Sessions:
    n = len(station)
    start, end = np.asarray(start, float), np.asarray(end, float)
    power = np.broadcast_to(np.asarray(power_kw, float), n)
    none = np.zeros(n)
    return Sessions(
        request=np.arange(n),
        vehicle=np.arange(n),
        station=np.asarray(station),
        kind=np.zeros(n, np.int8) if kind is None else np.asarray(kind, np.int8),
        decide_min=start,
        arrive_min=start,
        start_min=start,
        end_min=end,
        detour_min=none,
        energy_kwh=power * (end - start) / 60,
        power_kw=power,
        price_per_kwh=none,
        soc=none,
        battery_kwh=none + 50.0,
    )


def test_a_charger_that_is_needed_is_left_and_another_is_not() -> None:
    """Without it a vehicle could stay at a charger where the next one already charges."""
    s = sessions([0, 0, 0], [600, 600, 640], [630, 650, 670])
    until = departures(s, (np.array([2]), np.array([0])), 15.0)
    # The third takes the charger that became free at 630.
    np.testing.assert_array_equal(until, [640.0, 665.0, 685.0])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_charger_is_used_by_two_at_once(data) -> None:
    """Without it coordination would count on chargers that do not exist."""
    chargers, accepted = data.draw(st.integers(1, 3)), data.draw(st.floats(0, 60))
    free, rows = [0.0] * chargers, []
    for _ in range(data.draw(st.integers(1, 12))):  # first come, first served
        arrive = (rows[-1][0] if rows else 0.0) + data.draw(st.floats(0, 30))
        slot = int(np.argmin(free))
        start = max(arrive, free[slot])
        free[slot] = start + data.draw(st.floats(1, 50))
        rows.append((arrive, start, free[slot]))
    start, end = (np.array([r[k] for r in rows]) for k in (1, 2))
    until = departures(sessions([0] * len(rows), start, end), (np.array([chargers]), np.array([0])), accepted)
    assert (until >= end - 1e-9).all()
    assert (until <= end + accepted + 1e-9).all()
    for t in start:
        assert ((start <= t) & (until > t + 1e-9)).sum() <= chargers


def test_two_charges_that_meet_are_spread_as_far_as_the_wait_allows() -> None:
    """Without it the peaks reported could be far above what is possible, or below it."""
    # Each 60 kW for 30 min; both may take an hour: 30 kWh in 60 min, twice, at once: 60 kW together.
    s = sessions([1, 1], [600, 600], [630, 630])
    found = coordinated_load(crowded(), s, (np.full(4, 2), np.zeros(4, int)), 30.0, 1440, 1)
    assert found.unmanaged_station_peaks_kw == pytest.approx(120.0)
    assert found.station_peaks_kw == pytest.approx(60.0, rel=2e-3)
    assert found.lower_bound_kw <= 60.0 + 1e-6
    assert found.lower_bound_kw == pytest.approx(60.0, rel=2e-3)
    assert found.coordinated_kw.sum() / 12 == pytest.approx(60.0, rel=1e-6)
    none = coordinated_load(crowded(), s, (np.full(4, 2), np.zeros(4, int)), 0.0, 1440, 1)
    assert none.station_peaks_kw == pytest.approx(120.0, rel=1e-6)


def test_late_charges_go_on_in_the_first_hours() -> None:
    """Without it energy after midnight would be lost from the load of the day."""
    s = sessions([0], [1430], [1460])
    found = coordinated_load(crowded(), s, (np.ones(4, int), np.zeros(4, int)), 0.0, 1440, 1)
    assert found.unmanaged_kw.shape == (4, 288)
    assert found.unmanaged_kw[0, :4].sum() / 12 == pytest.approx(20.0)
    assert found.coordinated_kw.sum() / 12 == pytest.approx(30.0, rel=1e-6)


def test_without_charges_there_is_nothing_to_coordinate() -> None:
    """Without it a plan whose stations nobody uses on that day ends the run."""
    found = coordinated_load(crowded(), sessions([], [], []), (np.ones(4), np.ones(4)), 15.0, 1440)
    assert found.figures(CONFIGURATION.resolve())["coordinated"]["f3"] == 0.0


def test_both_plans_are_shown_under_both_ways_of_charging() -> None:
    """Without it one cannot see what coordination leaves of the peaks that a plan makes."""
    told = configured().figures["coordinated"]
    for plan in ("before", "after"):
        loose, tight = told[plan]["unmanaged"], told[plan]["coordinated"]
        assert tight["lower_bound_kw"] <= tight["station_peaks_kw"] <= loose["station_peaks_kw"]
        assert tight["station_peaks_kw"] - tight["lower_bound_kw"] <= 1.1e-3 * tight["station_peaks_kw"]
    data = configured().data
    for plan in ("before", "after"):
        one, spread = (data[name].sel(plan=plan).sum() for name in ("load_one_day_kw", "load_coordinated_kw"))
        assert float(spread) == pytest.approx(float(one), rel=1e-6)
    assert configured(coordinated=False).figures["coordinated"] is None
    assert "load_coordinated_kw" not in configured(coordinated=False).data
