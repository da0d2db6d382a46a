"""Searches over random worlds: limits hold, nothing is lost, parts add up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.configuration.small_searches import evaluator_of
from tidewatt.configuration.evaluation import INFEASIBLE
from tidewatt.configuration.limits import allowed
from tidewatt.configuration.search import search

WORLDS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "stations": st.integers(1, 10),
        "requests": st.integers(1, 60),
        "days": st.integers(1, 3),
        "station_cost_must_not_rise": st.booleans(),
        "budget": st.sampled_from([0.0, 30.0, np.inf]),
    }
)


@settings(max_examples=25, deadline=None)
@given(world=WORLDS, name=st.sampled_from(["memetic", "local", "genetic", "genetic-plain"]))
def test_what_is_found_is_allowed_and_not_worse(world: dict, name: str):
    """Fails if some world drives a search out of its limits, over its budget, or to a worse plan."""
    evaluator = evaluator_of(**{**world, "evaluations": 80})
    limits, plan = evaluator.limits, evaluator.stations.plan
    found = search(name, evaluator, limits, plan, evaluator.parameters)
    assert allowed(limits, found.fast, found.normal).all()
    assert found.feasible
    assert found.objective <= 0.0
    assert found.evaluations <= 80
    anew = evaluator_of(**world).judge(found.fast, found.normal)
    assert anew.objective[0] == found.objective


@settings(max_examples=25, deadline=None)
@given(world=WORLDS, plans=st.integers(1, 5))
def test_scores_tell_plans_within_limits_from_others(world: dict, plans: int):
    """Fails if a plan's score and what is said of its limits differ, in whatever order plans are judged."""
    evaluator = evaluator_of(**world)
    rng = np.random.default_rng(world["seed"])
    fast, normal = rng.integers(0, 4, (2, plans, world["stations"]))
    found = evaluator.judge(fast, normal)
    np.testing.assert_array_equal(found.feasible, found.score < INFEASIBLE)
    np.testing.assert_array_equal(found.objective[found.feasible], found.score[found.feasible])
    assert (found.feasible <= allowed(evaluator.limits, fast, normal)).all()
    backwards = evaluator_of(**world).judge(fast[::-1], normal[::-1])
    np.testing.assert_array_equal(backwards.score[::-1], found.score)
