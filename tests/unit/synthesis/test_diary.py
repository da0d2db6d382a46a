"""Chains made from the embedded statistics."""

import numpy as np

from tidewatt.synthesis.diary import HOME, WORK, Diary, embedded_diary, travel_min


def test_chains_are_ordered_and_end_at_home():
    """A chain out of order or left away from home would shift every later day of a vehicle."""
    diary = embedded_diary(person_days=3000, seed=1)
    same = diary.person[1:] == diary.person[:-1]
    assert (diary.depart_min[1:] >= diary.arrive_min[:-1])[same].all()
    assert (diary.arrive_min > diary.depart_min).all()
    last = np.append(~same, True)
    assert (diary.purpose[last] == HOME).all()
    assert (diary.distance_km > 0).all()


def test_trips_per_day_resemble_the_survey():
    """MiD 2017: 2 trips on every second driving day and 3.2 a day; long chains would double the driving."""
    diary = embedded_diary(person_days=9000, seed=2)
    _, counts = np.unique(diary.person, return_counts=True)
    assert 2.7 < counts.mean() < 3.3
    assert 0.45 < (counts == 2).mean() < 0.62


def test_commutes_leave_in_the_morning_and_only_on_weekdays():
    """MiD 2017: six in ten departures to work fall between 6 and 9."""
    diary = embedded_diary(person_days=9000, seed=2)
    to_work = diary.purpose == WORK
    assert not diary.weekend[to_work].any()
    hour = diary.depart_min[to_work] / 60
    assert 0.5 < ((hour >= 6) & (hour < 9)).mean() < 0.75


def test_travel_times_are_those_of_car_trips():
    """MiD 2017: 5 km take 10-15 min, 20 km about 30, 100 km 60 to 90."""
    five, twenty, hundred = travel_min(np.array([5.0, 20.0, 100.0]))
    assert 10 < five < 15
    assert 23 < twenty < 33
    assert 60 < hundred < 95


def test_purposes_are_understood_by_name_and_unknown_ones_become_other():
    """Readers of surveys pass names; an unknown one must not become home by accident."""
    diary = Diary(
        ["p"] * 3,
        [1.0, 2.0, 3.0],
        [1.5, 2.5, 3.5],
        [1.0] * 3,
        ["work", "fishing", "home"],
        [False] * 3,
        [1.0] * 3,
    )
    assert diary.purpose.tolist() == [1, 6, 0]
