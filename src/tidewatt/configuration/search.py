"""The search for a good plan of stations: which search, for how long, and what is kept on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tidewatt.configuration.candidates import Candidates, Searcher
from tidewatt.configuration.evaluation import Evaluator
from tidewatt.configuration.genetic import Genetic
from tidewatt.configuration.limits import Limits
from tidewatt.configuration.local import Local
from tidewatt.configuration.memetic import Memetic
from tidewatt.configuration.validation import Asked
from tidewatt.domain.arrays import Array
from tidewatt.domain.stations import StationPlan
from tidewatt.errors import TidewattError
from tidewatt.options.configuration import ConfigurationOptions
from tidewatt.options.simulation import days_drawn
from tidewatt.result import Checkpoint

__all__ = ["FoundPlan", "Kept", "SearchProgress", "search"]

_ANY = ("threads", "time_limit_s", "days_test", "accepted_wait_min")
"""Parameters of `configure` that may differ: they change no plan's score."""

_PART = "study"


class Kept:
    """A checkpoint of the search for one question; one of another question is refused.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where states are kept.
    asked : Asked
        The question.
    """

    def __init__(self, checkpoint: Checkpoint, asked: Asked) -> None:
        self._inner = checkpoint
        every = {name: v for name, v in asked.parameters.items() if name not in _ANY}
        self._question = json.loads(
            json.dumps({"configuration": every, "simulation": days_drawn(asked.simulation)}, default=str)
        )

    def due(self) -> bool:
        """Return whether it is time to save again."""
        return self._inner.due()

    def save(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Save a state together with its question."""
        self._inner.save({**state, _PART: {"question": json.dumps(self._question)}})

    def load(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return what was saved last, or None if nothing was.

        Raises
        ------
        TidewattError
            It is of another question: with what differs.
        """
        state = self._inner.load()
        if state is None:
            return None
        former = json.loads(str(state.get(_PART, {}).get("question", "{}")))
        changed = [
            f"{name} = {former.get(study, {}).get(name)}, now {value}"
            for study, values in self._question.items()
            for name, value in values.items()
            if former.get(study, {}).get(name) != value
        ]
        if changed:
            raise TidewattError(
                f"The checkpoint was made with other parameters ({'; '.join(changed)}). "
                "Resume with those, or start anew without resuming."
            )
        return {name: part for name, part in state.items() if name != _PART}


ASKED = 20
"""Budgets of proposals after which a search ends that keeps proposing known plans, where few exist."""


class SearchProgress(NamedTuple):
    """One report of a search.

    Attributes
    ----------
    evaluations, budget : int
        Different plans judged, and how many may be.
    best_objective : float
        Of the best plan that keeps all limits; infinite while there is none.
    mean_wait_min : float
        Of that plan.
    seconds : float
        Since the search began, or went on.
    """

    evaluations: int
    budget: int
    best_objective: float
    mean_wait_min: float
    seconds: float


class FoundPlan(NamedTuple):
    """The state in which a search ended.

    Attributes
    ----------
    fast, normal : array of int64, shape (stations,)
        The best plan.
    objective : float
        Its objective on the days of the search (conf-1).
    feasible : bool
        Whether it keeps all limits.
    evaluations : int
        Different plans judged.
    history : dict of str to array
        A row a step: ``evaluations``, ``best_objective``, ``mean_wait_min``, ``seconds``.
    on_time : bool
        Whether the time limit ended it.
    front : dict of str to array or None
        Of the Pareto search: ``fast``, ``normal`` of shape (plans, stations) and ``f1`` ... ``f4``.
    """

    fast: Array
    normal: Array
    objective: float
    feasible: bool
    evaluations: int
    history: dict[str, Array]
    on_time: bool
    front: dict[str, Array] | None


def search(
    name: str,
    evaluator: Evaluator,
    limits: Limits,
    plan: StationPlan,
    parameters: ConfigurationOptions,
    *,
    seed: int | None = None,
    on_progress: Callable[[SearchProgress], None] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
) -> FoundPlan:
    """Seek the plan with the lowest score.

    Parameters
    ----------
    name : str
        ``memetic``, ``local``, ``genetic``, ``genetic-plain`` or ``pareto``.
    evaluator : Evaluator
    limits : Limits
    plan : StationPlan
        Where to start, repaired where it breaks limits.
    parameters : ConfigurationOptions
        For ``evaluations``, ``population``, ``elites`` and ``time_limit_s``.
    seed : int, optional
        Instead of the parameters'.
    on_progress : callable, optional
    checkpoint : Checkpoint, optional
        Saved between steps where due, on Ctrl-C and at the end.
    resume : bool
        Go on from `checkpoint`: the outcome is the one of a search that was never stopped.

    Returns
    -------
    Found

    Raises
    ------
    TidewattError
        The checkpoint is of another search, or the extra ``search`` lacks.
    KeyboardInterrupt
        On Ctrl-C, after the checkpoint was saved.
    """
    rng = np.random.default_rng(np.random.SeedSequence(parameters["seed"] if seed is None else seed))
    given = (
        f"{name} with seed {parameters['seed'] if seed is None else seed}, "
        f"evaluations {parameters['evaluations']}, population {parameters['population']}, "
        f"elites {parameters['elites']}"
    )
    run = _Run(evaluator, rng, parameters, given)
    kept = checkpoint.load() if checkpoint is not None and resume else None
    run.searcher = _searcher(name, evaluator, limits, plan, rng, parameters)
    if kept:
        run.restore(kept)
    state = run.state()
    try:
        while run.room() > 0 and not run.late():
            run.step()
            if on_progress:
                on_progress(run.progress())
            if checkpoint is not None:
                state = run.state()
                if checkpoint.due():
                    checkpoint.save(state)
    except KeyboardInterrupt:
        if checkpoint is not None:
            checkpoint.save(state)
        raise
    if checkpoint is not None:  # also where it is done: what comes after it may be stopped
        checkpoint.save(run.state())
    return run.found()


def _searcher(
    name: str,
    evaluator: Evaluator,
    limits: Limits,
    plan: StationPlan,
    rng: np.random.Generator,
    p: ConfigurationOptions,
) -> Searcher:
    start = (evaluator, limits, plan.fast, plan.normal, rng)
    if name == "local":
        return Local(*start)
    if name == "genetic":
        return Genetic(*start, population=p["population"], elites=p["elites"])
    if name == "genetic-plain":
        return Genetic(*start, population=p["population"], elites=p["elites"], strengthened=False)
    if name == "memetic":
        return Memetic(*start, evaluations=p["evaluations"], population=p["population"], elites=p["elites"])
    from tidewatt.configuration.pareto import Pareto

    return Pareto(*start, population=p["population"])


class _Run:
    """A search in progress."""

    searcher: Searcher

    def __init__(
        self, evaluator: Evaluator, rng: np.random.Generator, p: ConfigurationOptions, given: str
    ) -> None:
        self.evaluator, self.rng, self.parameters, self.given = evaluator, rng, p, given
        self.rows: list[tuple[float, float, float, float]] = []
        self.begin = time.perf_counter()
        self.earlier_s = 0.0
        self.idle = False

    def room(self) -> int:
        """Return how many different plans may still be judged."""
        budget = self.parameters["evaluations"]
        if self.idle or self.evaluator.asked >= ASKED * budget:
            return 0
        return budget - self.evaluator.evaluations

    def late(self) -> bool:
        return time.perf_counter() - self.begin >= self.parameters["time_limit_s"]

    def step(self) -> None:
        asked = self.evaluator.asked
        self.searcher.step(self.room())
        self.idle = self.evaluator.asked == asked
        self.rows.append((float(self.evaluator.evaluations), *self._best(), self._seconds()))

    def _seconds(self) -> float:
        return self.earlier_s + time.perf_counter() - self.begin

    def _best(self) -> tuple[float, float]:
        best = self.searcher.best
        found = self.evaluator.remembered(best.fast, best.normal)
        return (
            float(found.objective[0]) if found.feasible[0] else float("inf"),
            float(best.wait_min[0]),
        )

    def progress(self) -> SearchProgress:
        evaluations, objective, wait, seconds = self.rows[-1]
        return SearchProgress(int(evaluations), self.parameters["evaluations"], objective, wait, seconds)

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the whole state that determines how the search continues."""
        return {
            "search": {
                "given": self.given,
                "idle": int(self.idle),
                "random": json.dumps(self.rng.bit_generator.state),
                "history": np.array(self.rows, np.float64).reshape(-1, 4),
            },
            "plans": self.searcher.state(),
            "judged": self.evaluator.state(),
        }

    def restore(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Resume from a saved state; remembered plans are restored last, as the others look them up."""
        given = str(state["search"]["given"])
        if given != self.given:
            raise TidewattError(
                f"The checkpoint is of another search ({given}, not {self.given}). "
                "Ask for the same, or start without --resume."
            )
        self.searcher.restore(state["plans"])
        self.evaluator.restore(state["judged"])
        self.rng.bit_generator.state = json.loads(str(state["search"]["random"]))
        self.rows = [tuple(row) for row in np.asarray(state["search"]["history"]).tolist()]
        self.earlier_s = self.rows[-1][3] if self.rows else 0.0
        self.idle = bool(state["search"].get("idle", 0))

    def found(self) -> FoundPlan:
        best: Candidates = self.searcher.best
        judged = self.evaluator.remembered(best.fast, best.normal)
        columns = np.array(self.rows, np.float64).reshape(-1, 4).T
        names = ("evaluations", "best_objective", "mean_wait_min", "seconds")
        return FoundPlan(
            fast=np.asarray(best.fast[0], np.int64),
            normal=np.asarray(best.normal[0], np.int64),
            objective=float(judged.objective[0]),
            feasible=bool(judged.feasible[0]),
            evaluations=self.evaluator.evaluations,
            history=dict(zip(names, columns, strict=True)),
            on_time=self.room() > 0,
            front=getattr(self.searcher, "front", None),
        )
