"""Numbers as figures and tables write them."""

from __future__ import annotations

import math

import pytest

from tidewatt.report.words import amount, at_least, count, percent, power


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12340.6, "12,340"),
        (0.0123456, "0.01235"),
        (99.999, "100"),
        (-3.0, "-3"),
        (math.nan, "-"),
        (math.inf, "inf"),
        (1e-12, "1.0e-12"),
        (123456789.0, "123,500,000"),
    ],
)
def test_amount_keeps_four_digits(value, text):
    """Without it: costs lose the digits that tell two results apart, or drown in them."""
    assert amount(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 kW"), (870.4, "870 kW"), (1999.0, "2,000 kW"), (12345.0, "12.3 MW"), (3e6, "3 GW")],
)
def test_power_takes_the_unit_that_reads_best(value, text):
    """Without it: a power is off by a factor of a thousand next to its unit."""
    assert power(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.42, "42 %"), (8.3e-4, "0.083 %"), (1e-9, "under 0.0001 %"), (12.0, "1,200 %")],
)
def test_percent_never_rounds_a_gap_to_nothing(share, text):
    """Without it: a gap that is left reads as 0 %, which would be a false claim of optimality."""
    assert percent(share) == text


def test_count_takes_the_right_number():
    """Without it: messages say '1 feeders'."""
    assert (count(1, "feeder"), count(2400, "feeder")) == ("1 feeder", "2,400 feeders")


@pytest.mark.parametrize(
    ("bound", "text"),
    [(1099999.9, "1,099,990"), (65462.12536, "65,462.1"), (0.0, "0"), (-3.0, "0"), (5.0, "5")],
)
def test_a_bound_is_never_rounded_up(bound, text):
    """Without it: what is printed as proved lies above what was proved."""
    assert at_least(bound) == text
