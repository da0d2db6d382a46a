"""Sentences and titles say what their figures allow, on either side of their conditions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pandas as pd
import pytest

import tidewatt
from tidewatt.coordination.result import Coordination
from tidewatt.report.coordination.conclusions import causes, causes_note, ladder, named, sentences
from tidewatt.report.coordination.feeders import feeder_ranking, feeder_week
from tidewatt.report.coordination.ladder import upgrade_need
from tidewatt.result import Certificate


@pytest.fixture(scope="module")
def village() -> Coordination:
    """An upgrade is needed, and every vehicle can charge."""
    return tidewatt.coordinate(tidewatt.example("village"), threads=1, session=False)


@pytest.fixture
def changed(village: Coordination) -> Callable[..., Coordination]:
    """The same result with other figures, costs of the rungs, or energy."""

    def change(
        unmanaged: float | None = None,
        coordinated: float | None = None,
        energy: float = 1.0,
        **figures: object,
    ) -> Coordination:
        certificates, vehicles = dict(village.certificates), village.vehicles.copy()
        if unmanaged is not None:
            figures |= {"unmanaged_upgrade_cost": unmanaged, "unmanaged_overload_kw": 0.0}
            figures["coordinated_overload_kw"] = 0.0
        if coordinated is not None:
            figures["coordinated_upgrade_cost"] = coordinated
            certificates["coordinated"] = Certificate(coordinated, min(coordinated, 26_000.0), {})
        vehicles["energy_kwh"] *= energy
        return dataclasses.replace(
            village, figures={**village.figures, **figures}, certificates=certificates, vehicles=vehicles
        )

    return change


def title(figure: object) -> str:
    """The headline of a picture, on one line."""
    return " ".join(figure._suptitle.get_text().split())  # type: ignore[attr-defined]


SHORT = {"vehicles_short": 3, "missing_energy_kwh": 12.0}
COSTS = {
    "needed": (None, None, "needs upgrades of less than 26,914"),
    "spared": (None, 0.0, "overloads nothing beyond rounding"),
    "never": (0.0, 0.0, "Nothing is overloaded even when charging is unmanaged"),
}


@pytest.mark.parametrize("case", COSTS)
@pytest.mark.parametrize("short", [False, True])
def test_upgrades_are_denied_only_where_every_vehicle_charges(changed, case, short):
    """Without it: "no upgrade is needed" stands above vehicles that were not charged."""
    unmanaged, coordinated, finding = COSTS[case]
    result = changed(unmanaged, coordinated, **(SHORT if short else {}))
    text = " ".join(sentences(result))
    assert finding in text
    assert ("makes every trip possible" in text) == (not short and case != "never")
    assert ("so no upgrade is needed" in text) == (not short and case == "spared")
    assert (": no upgrade is needed" in text) == (not short and case == "never")
    assert ("3 of 40 vehicles cannot charge what their trips need" in text) == short
    drawn = title(upgrade_need(result))
    assert ("cannot charge" in drawn) == (short and case != "needed")
    assert ("No upgrade is needed" in drawn) == (not short and case == "never")


def test_a_fleet_that_needs_no_energy_shows_nothing(changed):
    """Without it: a scenario whose dwells were lost proves that no upgrade is needed."""
    assert sentences(changed(0.0, 0.0, energy=0.0))[0].startswith("No vehicle needs to charge")


def test_one_vehicle_that_falls_short_is_one(changed):
    """Without it: "1 of 40 vehicles cannot charge what their trips need"."""
    assert "1 of 40 vehicles cannot charge what its trips need" in " ".join(
        sentences(changed(vehicles_short=1, missing_energy_kwh=2.0))
    )


def test_a_plan_no_better_than_unmanaged_spares_nothing(changed):
    """Without it: a search that was cut off at once "spares -3 % of the unmanaged cost"."""
    worse = changed(coordinated=340_000.0)
    assert "avoids" not in sentences(worse)[0]


def test_regret_is_told_where_there_is_any(changed):
    """Without it: an equilibrium is claimed that is not one, or denied that is."""
    assert "no vehicle could pay less" in " ".join(sentences(changed(total_regret_cost=0.0)))
    assert "could pay 5.5 USD less (0.02 % of" in " ".join(sentences(changed(total_regret_cost=5.5)))


def test_what_is_there_anyway_is_told_where_there_is_any(changed):
    """Without it: what charging causes is mixed with what was overloaded before it."""
    assert "any vehicle charges" not in " ".join(sentences(changed()))
    there = sentences(changed(base_overload_kw=10.0, base_upgrade_cost=11_300.0))
    assert "10 kW of overload, costing 11,300 USD, from before any vehicle charges" in " ".join(there)


def test_causes_add_up_to_the_unmanaged_cost(village):
    """Without it: parts of the cost are counted twice, or the wrong ones are called proved."""
    figures = village.figures
    parts = [figures[f"{part}_upgrade_cost"] for part in ("base", "unavoidable", "avoidable")]
    assert sum(parts) == pytest.approx(figures["unmanaged_upgrade_cost"])
    assert figures["unavoidable_upgrade_cost"] <= village.certificate.lower_bound_cost + 1e-9
    rows = causes(village)
    assert rows[0][0] == "all, proved" and rows[0][2].startswith("at least")
    assert rows[1][0] == "bank Hillside bank (mill)" and rows[2][0] == "feeder Hillside (hillside)"
    assert "The first row is proved" in causes_note(village)
    for frame in (village.feeders, village.banks):
        left = frame["coordinated_upgrade_cost"] - frame["base_upgrade_cost"]
        assert (left >= -1e-6).all()


def test_base_overload_is_nobodys_doing(changed):
    """Without it: what was overloaded before any vehicle is charged to them."""
    scenario = tidewatt.example("village")
    grid = dataclasses.replace(scenario.grid, headroom_kw=scenario.grid.headroom_kw - 60.0)
    result = tidewatt.coordinate(dataclasses.replace(scenario, grid=grid), threads=1, session=False)
    figures = result.figures
    assert figures["base_upgrade_cost"] > 0
    assert result.feeders["base_upgrade_cost"].sum() == pytest.approx(figures["base_upgrade_cost"])
    parts = [figures[f"{part}_upgrade_cost"] for part in ("base", "unavoidable", "avoidable")]
    assert sum(parts) == pytest.approx(figures["unmanaged_upgrade_cost"]) and min(parts) >= 0


def test_no_causes_without_a_cost(changed):
    """Without it: a table of zeros stands under a grid that needs nothing."""
    assert causes(changed(0.0, 0.0)) == []


def test_the_worst_are_counted_where_more_have_a_cost(village):
    """Without it: five rows look as if they were all."""
    many = pd.concat([village.feeders] * 3, ignore_index=True)
    assert "The 5 with the highest unmanaged cost of 10." in causes_note(
        dataclasses.replace(village, feeders=many)
    )


def test_banks_are_in_the_ladder_where_there_are_any(village, changed):
    """Without it: a bank that is overloaded is in no headline."""
    assert ladder(village)["unmanaged"]["banks overloaded"] == "1"
    assert "banks overloaded" not in ladder(changed(banks=0))["unmanaged"]
    assert title(feeder_ranking(village)).endswith("; banks: 1 of 1, then 0")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"feeder_id": "F1", "name": "Mill Lane"}, "feeder Mill Lane (F1)"),
        ({"feeder_id": "F1", "name": "F1"}, "feeder F1"),
        ({"feeder_id": "F1", "name": None}, "feeder F1"),
        ({"feeder_id": "F1", "name": float("nan")}, "feeder F1"),
        ({"feeder_id": 7}, "feeder 7"),
    ],
)
def test_feeders_go_by_their_names(row, words):
    """Without it: readers meet ids that they do not know, or "nan"."""
    assert named(row, "feeder") == words


def test_a_feeder_that_takes_on_load_is_not_within_its_limit(village):
    """Without it: a feeder overloaded by the plan alone is said to be within its limit under every rung."""
    feeders = village.feeders.copy()
    for name in ("unmanaged", "session", "coordinated"):
        if f"{name}_overload_kw" in feeders:
            feeders[f"{name}_overload_kw"] = 0.0
    none = dataclasses.replace(village, feeders=feeders)
    assert "Market Street (market): within its limit under every rung" in title(feeder_week(none, "market"))
    some = dataclasses.replace(village, feeders=feeders.assign(coordinated_overload_kw=5.0))
    assert "within its limit when unmanaged, 5 kW over it" in title(feeder_week(some, "market"))
