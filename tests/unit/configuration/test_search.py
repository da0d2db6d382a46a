"""Searches: what they find, what they may not touch, and that they go on as if never stopped."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.unit.configuration.small_searches import evaluator_of
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.limits import allowed
from tidewatt.configuration.search import FoundPlan, SearchProgress, search
from tidewatt.errors import TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.options.configuration import CONFIGURATION

SEARCHES = CONFIGURATION.every["search"].words


def run(name: str, evaluator: Evaluator, **given: Any) -> FoundPlan:
    """Search from what is installed."""
    if name == "pareto":
        pytest.importorskip("pymoo", reason="the extra search is not installed")
    return search(name, evaluator, evaluator.limits, evaluator.stations.plan, evaluator.parameters, **given)


class Kept:
    """A checkpoint in memory that stops the search after some saves, as Ctrl-C would."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.kept: dict[str, dict[str, Any]] | None = None
        self.saves, self.stop_after = 0, stop_after

    def due(self) -> bool:
        return True

    def load(self) -> dict[str, dict[str, Any]] | None:
        return self.kept

    def save(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        self.kept = {
            part: {name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in values.items()}
            for part, values in state.items()
        }
        self.saves += 1
        if self.saves == self.stop_after:
            raise KeyboardInterrupt


def every_plan(evaluator: Evaluator) -> tuple[np.ndarray, np.ndarray]:
    """All plans that the sites hold."""
    site = [
        [(f, n) for f in range(most + 1) for n in range(most + 1 - f)]
        for most in evaluator.limits.total_high.tolist()
    ]
    plans = np.array(list(itertools.product(*site)))
    return plans[:, :, 0], plans[:, :, 1]


@pytest.mark.parametrize("name", SEARCHES)
def test_few_plans_the_best_is_found(name: str):
    """Fails if a search cannot reach some plans, or returns another than the best it has seen."""
    given = {"stations": 3, "requests": 25, "fast": [0, 1, 0], "normal": [2, 1, 2], "evaluations": 200}
    evaluator = evaluator_of(11, **given)
    fast, normal = every_plan(evaluator)
    every = evaluator.judge(fast, normal)
    best = every.score.min()
    assert best < 0.0
    assert (every.score > best + 1e-9).mean() > 0.95
    assert len(fast) == 6**3 - 0
    found = run(name, evaluator_of(11, **given))
    assert found.feasible
    assert found.objective == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_never_gets_worse_and_keeps_to_its_budget(name: str):
    """Fails if the best plan is lost on the way, or more plans are judged than were asked for."""
    evaluator = evaluator_of(12)
    reports: list[SearchProgress] = []
    found = run(name, evaluator, on_progress=reports.append)
    best = found.history["best_objective"]
    assert (np.diff(best) <= 1e-12).all()
    assert found.objective == best[-1] < 0.0
    assert found.evaluations == evaluator.evaluations == 300
    again = evaluator.judge(found.fast, found.normal)
    assert again.objective[0] == found.objective
    assert again.figures["mean_wait_min"][0] == found.history["mean_wait_min"][-1]
    assert [r.evaluations for r in reports] == found.history["evaluations"].astype(int).tolist()
    assert reports[-1].best_objective == found.objective


@pytest.mark.parametrize("name", SEARCHES)
def test_only_plans_within_the_limits_are_judged(name: str, monkeypatch: pytest.MonkeyPatch):
    """Fails if a search forgets to repair a plan, or changes a station that is fixed."""
    fixed = np.arange(12) % 3 == 0
    rooms = {
        "feeder": np.where(np.arange(12) < 6, 0, -1).astype(np.int32),
        "feeder_id": np.array(["north"]),
        "feeder_room_kw": np.array([100.0]),
        "total_high": np.full(12, 9),
    }
    evaluator = evaluator_of(13, fixed=fixed, limits=rooms, budget=25.0)
    judged = []

    def noted(method: Any) -> Any:
        def call(fast: Any, normal: Any) -> Any:
            judged.append((np.array(fast), np.array(normal)))
            return method(fast, normal)

        return call

    monkeypatch.setattr(evaluator, "judge", noted(evaluator.judge))
    monkeypatch.setattr(evaluator, "judge_by_station", noted(evaluator.judge_by_station))
    found = run(name, evaluator)
    fast, normal = (np.concatenate([pair[k] for pair in judged]) for k in (0, 1))
    assert allowed(evaluator.limits, fast, normal).all()
    assert (fast[:, fixed] == evaluator.stations.fast[fixed]).all()
    assert (normal[:, fixed] == evaluator.stations.normal[fixed]).all()
    assert len(np.unique(np.hstack([fast, normal]), axis=0)) >= 300
    assert found.feasible


@pytest.mark.parametrize("name", SEARCHES)
def test_threads_do_not_change_what_is_found(name: str):
    """Fails if the outcome depends on how many plans are judged at the same time."""
    one = run(name, evaluator_of(14))
    with Threads(2) as threads:
        two = run(name, evaluator_of(14, threads=threads))
    np.testing.assert_array_equal(one.fast, two.fast)
    np.testing.assert_array_equal(one.normal, two.normal)
    np.testing.assert_array_equal(one.history["best_objective"], two.history["best_objective"])


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_a_stopped_search_goes_on_as_if_it_had_not_been(name: str, stop_after: int):
    """Fails if anything that decides the course of a search is not in its checkpoint."""
    whole = run(name, evaluator_of(15, evaluations=400))
    kept = Kept(stop_after)
    with pytest.raises(KeyboardInterrupt):
        run(name, evaluator_of(15, evaluations=400), checkpoint=kept)
    resumed = run(name, evaluator_of(15, evaluations=400), checkpoint=kept, resume=True)
    np.testing.assert_array_equal(resumed.fast, whole.fast)
    np.testing.assert_array_equal(resumed.normal, whole.normal)
    assert resumed.objective == whole.objective
    assert resumed.evaluations == whole.evaluations
    for column in ("evaluations", "best_objective", "mean_wait_min"):
        np.testing.assert_array_equal(resumed.history[column], whole.history[column])
    assert (np.diff(resumed.history["seconds"]) >= 0.0).all()


def test_a_checkpoint_of_another_search_is_refused():
    """Fails if a search goes on from plans that another one with other parameters has left."""
    kept = Kept()
    run("local", evaluator_of(16), checkpoint=kept)
    assert kept.kept is not None
    with pytest.raises(TidewattError, match="another search"):
        run("genetic", evaluator_of(16), checkpoint=kept, resume=True)


def test_the_time_limit_stops_a_search():
    """Fails if a search runs on after its time, or does not say that it was stopped."""
    found = run("memetic", evaluator_of(17, evaluations=1_000_000, time_limit_s=0.2))
    assert found.on_time
    assert 0 < found.evaluations < 1_000_000
    assert found.feasible


def test_nothing_to_decide_ends_at_once():
    """Fails if a search of stations that are all fixed looks for new plans forever."""
    for name in ("memetic", "local", "genetic", "genetic-plain"):
        evaluator = evaluator_of(18, fixed=np.ones(12, bool), evaluations=50)
        found = run(name, evaluator)
        assert found.objective == 0.0
        np.testing.assert_array_equal(found.fast, evaluator.stations.fast)


def test_the_front_holds_plans_that_no_other_beats():
    """Fails if the Pareto search reports plans that are worse in all respects, or break limits."""
    evaluator = evaluator_of(19)
    found = run("pareto", evaluator)
    front = found.front
    assert front is not None
    assert len(front["f1"]) > 3
    judged = evaluator.judge(front["fast"], front["normal"])
    assert judged.feasible.all()
    totals = np.column_stack([front[f"f{k}"] for k in (1, 2, 3, 4)])
    np.testing.assert_allclose(totals, np.column_stack(list(judged.costs.totals())))
    for one, other in itertools.permutations(totals, 2):
        assert not ((one <= other).all() and (one < other).any())


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    """Fails if someone without pymoo meets an import error instead of what to install."""
    real = builtins.__import__

    def without(name: str, *args: Any, **given: Any) -> Any:
        if name.startswith("pymoo"):
            raise ImportError(name)
        return real(name, *args, **given)

    monkeypatch.setattr(builtins, "__import__", without)
    evaluator = evaluator_of(20)
    with pytest.raises(TidewattError, match=r"tidewatt\[search\]"):
        search("pareto", evaluator, evaluator.limits, evaluator.stations.plan, evaluator.parameters)
