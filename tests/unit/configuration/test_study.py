"""configure end to end on a small town: what it asks for first, what its figures rest on, how it goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.configuration.made_plans import configured, crowded
from tidewatt.configuration.costs import Costs
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.search import Kept
from tidewatt.configuration.study import configure
from tidewatt.configuration.validation import validated
from tidewatt.configuration.verdict import FRESH, built, day_of, days_of
from tidewatt.errors import ScenarioError, TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.result import Status
from tidewatt.simulation.preparation import world_of

FEW = {"evaluations": 60, "population": 8, "days_train": 1, "days_test": 2, "seed": 5}


def test_costs_of_a_simulated_day_are_those_of_its_replay() -> None:
    """Without it the replay's error could be one of accounting: the same day priced differently."""
    scenario = crowded()
    asked = validated(scenario, FEW)
    with Threads(1) as threads:
        world = world_of(scenario, asked.simulation, threads)
        day = days_of(world, range(1), threads)[0]
        replayed = Evaluator(world, [day], asked.parameters, asked.limits, threads).before
        simulated = day_of(world, asked.parameters, day, None)
    assert simulated.figures["charges"] == replayed.figures["charges"][0] > 5
    for name in Costs._fields:
        mine, theirs = getattr(simulated.costs, name), getattr(replayed.costs, name)[0]
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-12), name
    for name in ("mean_wait_min", "mean_detour_min", "peak_load_kw", "energy_kwh", "revenue"):
        assert simulated.figures[name] == pytest.approx(replayed.figures[name][0], rel=1e-9), name


def test_the_summary_obeys_its_identities() -> None:
    """Without it whoever checks results from outside finds sums that do not add up."""
    f = configured().summary()
    for plan in (f["before"], f["after"]):
        assert plan["f1"] == pytest.approx(plan["f1_1"] - plan["f1_2"] + plan["f1_3"], abs=1e-12)
        assert plan["f2_2"] == pytest.approx(plan["f1_2"])
    weights = f["weights"].values()
    change = sum(w * (f["after"][f"f{k}"] - f["before"][f"f{k}"]) for k, w in enumerate(weights, 1))
    assert f["objective"] == pytest.approx(change)
    assert f["objective_train"] <= 0.0
    assert f["objective"] == pytest.approx(configured().days.query("plan == 'after'")["objective"].mean())
    assert f["evaluations"] == 120
    assert f["replays"] == 240


def test_the_verdict_is_on_days_that_the_search_did_not_see() -> None:
    """Without it a plan that fits its days by chance would be praised for it."""
    result = configured()
    p = result.summary()["parameters"]
    asked = validated(crowded(), {name: p[name] for name in ("days_train", "days_test", "seed")})
    with Threads(1) as threads:
        train = days_of(world_of(crowded(), asked.simulation, threads), range(p["days_train"]), threads)
    seen = {round(float(day.requests.energy_kwh.sum()), 6) for day in train}
    fresh = {round(value, 6) for value in result.days.query("plan == 'before'")["energy_kwh"]}
    assert len(seen) == 2
    assert len(fresh) == 3
    assert not seen & fresh
    assert p["days_train"] < FRESH


def test_more_fresh_days_leave_the_first_ones_as_they_were() -> None:
    """Without it two verdicts of different length could not be compared."""
    short = configure(crowded(), threads=1, **FEW)
    longer = configure(crowded(), threads=1, **{**FEW, "days_test": 3})
    for plan in ("before", "after"):
        two, three = (r.days[r.days["plan"] == plan].reset_index(drop=True) for r in (short, longer))
        assert two.equals(three.head(2))


def test_both_plans_meet_the_same_drivers() -> None:
    """Without it the change of a cost would be blurred by who happens to drive on which day."""
    days = configured().days
    before, after = (days[days["plan"] == plan].reset_index(drop=True) for plan in ("before", "after"))
    assert (before["charges"] == after["charges"]).all()
    np.testing.assert_allclose(before["energy_kwh"], after["energy_kwh"], rtol=0.02)


def test_threads_do_not_change_the_result() -> None:
    """Without it a result could not be repeated on another machine."""
    one, two = (configure(crowded(), threads=n, **FEW) for n in (1, 2))
    assert one.plan.equals(two.plan)
    assert one.days.equals(two.days)
    assert one.figures["objective"] == two.figures["objective"]


class Memory:
    """A checkpoint that is always due, or never."""

    state = None

    def __init__(self, due: bool = True) -> None:
        self._due = due

    def due(self) -> bool:
        return self._due

    def save(self, state) -> None:
        self.state = {
            part: {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in values.items()}
            for part, values in state.items()
        }

    def load(self):
        return self.state


def test_an_interrupted_search_goes_on_as_if_it_never_stopped() -> None:
    """Without it --resume could lead to another plan, or count plans twice."""
    kept = Memory()

    def stop(report) -> None:
        if report.phase == "searching" and report.iteration >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        configure(crowded(), threads=1, checkpoint=kept, progress=stop, **FEW)
    resumed = configure(crowded(), threads=1, checkpoint=kept, resume=True, **FEW)
    straight = configure(crowded(), threads=1, **FEW)
    assert resumed.plan.equals(straight.plan)
    assert resumed.figures["evaluations"] == straight.figures["evaluations"]
    assert resumed.figures["objective"] == straight.figures["objective"]


def test_a_stop_while_the_plan_is_judged_keeps_the_search() -> None:
    """Without it Ctrl-C among the fresh days loses hours of search."""
    kept, said = Memory(due=False), []  # a search shorter than the time between checkpoints

    def stop(report) -> None:
        if report.phase == "fresh days":
            raise KeyboardInterrupt

    few = {**FEW, "search": "local"}
    with pytest.raises(KeyboardInterrupt):
        configure(crowded(), threads=1, checkpoint=kept, progress=stop, **few)
    resumed = configure(crowded(), threads=1, checkpoint=kept, resume=True, progress=said.append, **few)
    straight = configure(crowded(), threads=1, **few)
    assert "searching" not in {report.phase for report in said}
    assert resumed.plan.equals(straight.plan)
    assert resumed.days.equals(straight.days)
    assert resumed.figures["evaluations"] == straight.figures["evaluations"]


@pytest.mark.parametrize(
    "other", [{"weights": (1, 2, 1, 1)}, {"days_train": 2}, {"mode": "paper-table"}], ids=str
)
def test_a_checkpoint_of_another_question_is_refused(other) -> None:
    """Without it scores under old weights would decide which plan is best under new ones."""
    memory = Memory()
    Kept(memory, validated(crowded(), FEW)).save({"search": {"given": "x"}})
    with pytest.raises(TidewattError, match=next(iter(other))):
        Kept(memory, validated(crowded(), {**FEW, **other})).load()
    assert Kept(memory, validated(crowded(), {**FEW, "threads": 2})).load() == {"search": {"given": "x"}}


def test_everything_wrong_is_said_at_once_and_before_any_day_is_simulated() -> None:
    """Without it a run of hours ends on a missing price, and the next on a limit."""
    scenario = crowded()
    s = scenario.stations
    bad = replace(
        scenario,
        stations=replace(
            s,
            price_fast_per_kwh=np.array([0.0, 0.5, 0.6, 0.5]),
            fast_min=np.array([9.0, 0.0, 0.0, 0.0]),
        ),
    )
    said: list[object] = []
    with pytest.raises(ScenarioError) as caught:
        configure(bad, progress=said.append, simulation={"vehicles": -3}, **FEW)
    fields = {issue.field for issue in caught.value.issues}
    assert {"price_fast_per_kwh", "max_total", "vehicles"} <= fields
    assert [report.phase for report in said] == ["preparing"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"weights": (0, 0, 0, 0)}, "weights"),
        ({"weights": (1, -1, 1, 1)}, "weights"),
        ({"days_test": 1}, "days_test"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(given, field) -> None:
    """Without it a search would run for plans that no weight tells apart, or days without an interval."""
    with pytest.raises(ScenarioError) as caught:
        configure(crowded(), **given)
    assert [issue.field for issue in caught.value.issues] == [field]


def test_a_scenario_without_stations_is_told_so() -> None:
    """Without it whoever configures roads alone sees a traceback."""
    with pytest.raises(ScenarioError, match="no charging station"):
        configure(replace(crowded(), stations=None), **FEW)


def test_stations_that_nobody_reaches_are_found_first() -> None:
    """Without it chargers would be moved to a place without a road."""
    scenario = crowded()
    roads = scenario.roads
    lonely = int(scenario.stations.node[0])
    keep = (roads.tail != lonely) & (roads.head != lonely)
    names = (
        "link_id",
        "tail",
        "head",
        "length_km",
        "capacity_veh_h",
        "free_time_min",
        "road_class",
        "bpr_alpha",
        "bpr_beta",
        "toll",
        "lanes",
    )
    cut = replace(roads, **{name: getattr(roads, name)[keep] for name in names})
    with pytest.raises(ScenarioError, match="can reach the station"):
        configure(replace(scenario, roads=cut), **FEW)


def test_a_fixed_station_stays_and_sites_keep_their_limit() -> None:
    """Without it limits would hold in the search and be lost on the way to the result."""
    scenario = crowded()
    fixed = replace(scenario.stations, fixed=np.array([True, False, False, False]))
    result = configure(replace(scenario, stations=fixed), threads=1, **FEW)
    plan = result.plan
    assert (plan["fast_after"][0], plan["normal_after"][0]) == (
        plan["fast_before"][0],
        plan["normal_before"][0],
    )
    total = plan["fast_after"] + plan["normal_after"]
    assert (total <= fixed.max_total).all()
    assert all(result.figures["constraints"][name] for name in ("site", "fixed", "budget", "feeder"))
    assert result.figures["limits"]["sites"] == 3


def test_the_time_limit_is_a_status_and_the_plan_is_still_judged() -> None:
    """Without it a run that was cut short looks like one that was not."""
    result = configure(crowded(), threads=1, **{**FEW, "time_limit_s": 0.0})
    assert result.status is Status.TIME_LIMIT
    assert not result.status.reached
    assert len(result.days) == 4
    assert result.figures["stations_changed"] == 0
    assert result.figures["objective"] == 0.0


def test_building_keeps_the_former_limit_of_a_site() -> None:
    """Without it a station that lost a charger could never get it back: its limit was what was installed."""
    scenario = crowded()
    s = replace(scenario.stations, max_total=np.array([np.nan, 4.0, np.nan, 9.0]))
    done = built(replace(scenario, stations=s), np.array([0, 1, 1, 0]), np.zeros(4, np.int64)).stations
    np.testing.assert_array_equal(done.max_total, [3.0, 4.0, 1.0, 9.0])
    np.testing.assert_array_equal(done.fast, [0, 1, 1, 0])


def test_several_days_in_one_replication_count_as_days() -> None:
    """Without it costs of a week would be compared with those of a day."""
    result = configure(crowded(), threads=1, simulation={"days": 2}, **FEW)
    one = configured().costs.set_index("figure")["before"]
    two = result.costs.set_index("figure")["before"]
    assert two["charges"] < 1.9 * one["charges"]
    assert two["f4"] < 1.5 * one["f4"]
    assert result.data["load_kw"].shape == (2, 2880)
    energy = result.data["load_kw"].sel(plan="after").to_numpy().sum() / 60
    assert energy == pytest.approx(2 * result.costs.set_index("figure")["after"]["energy_kwh"], rel=1e-9)


def test_a_search_that_is_not_installed_is_said_before_days_are_simulated(monkeypatch) -> None:
    """Without it a Pareto search fails after an hour of days, for want of a package."""
    from tidewatt.configuration import validation

    monkeypatch.setattr(validation, "find_spec", lambda name: None)
    with pytest.raises(ScenarioError, match="tidewatt\\[search\\]"):
        validated(crowded(), {"search": "pareto"})
    assert validated(crowded(), {"search": "local"}).parameters["search"] == "local"
