"""Parameters of `coordinate`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from tidewatt.errors import Issue, ScenarioError

__all__ = ["Parameters"]

SOLVERS = ("newton", "admm")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What to ask of `coordinate`, and how to go about it.

    Attributes
    ----------
    relative_gap : float
        Stop when upgrade cost less bound is at most this fraction of the upgrade cost. 1e-3 is far below
        what is known of any input.
    absolute_gap : float
        Stop when the gap is at most this fraction of the unmanaged upgrade cost, so that an optimum of
        zero ends too.
    solver : str
        ``newton`` (proximal point with a semismooth Newton dual) or ``admm`` (decentralised sharing).
    time_limit_s : float
        Stop each rung after this many seconds.
    max_passes : int
        Stop each rung after this many passes over the vehicles.
    threads : int
        Worker threads; 0: one per processor. Does not change the result.
    seed : int
        Seed of the order in which vehicle blocks move.
    shards : int
        Shards of vehicles; 0: by problem size. Changes results by rounding only.
    session : bool
        Whether to solve the session-flexible rung too.
    """

    relative_gap: float = 1e-3
    absolute_gap: float = 1e-6
    solver: str = "newton"
    time_limit_s: float = float("inf")
    max_passes: int = 5000
    threads: int = 0
    seed: int = 0
    shards: int = 0
    session: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any], **overrides: Any) -> Parameters:
        """Parameters from a scenario's table, then from those `overrides` that are not None.

        Raises
        ------
        ScenarioError
            With everything that is wrong at once.
        """
        values = {**given, **{k: v for k, v in overrides.items() if v is not None}}
        known = {f.name: f.default for f in dataclasses.fields(cls)}
        issues = [
            Issue("coordination", k, f"unknown parameter {k!r}", f"Use one of {', '.join(known)}.")
            for k in values
            if k not in known
        ]
        limits = {
            "relative_gap": (0.0, 1.0),
            "absolute_gap": (0.0, 1.0),
            "time_limit_s": (0.0, float("inf")),
            "max_passes": (1, 10**9),
            "threads": (0, 4096),
            "seed": (0, 2**63),
            "shards": (0, 10**6),
        }
        for key, (low, high) in limits.items():
            value = values.get(key, known[key])
            number = isinstance(value, Real) and not isinstance(value, bool)
            whole = not isinstance(known[key], int) or isinstance(value, Integral)
            if not number or not whole or not low <= value <= high:
                kind = "a whole number" if isinstance(known[key], int) else "a number"
                issues.append(
                    Issue("coordination", key, f"found {value!r}", f"Give {kind} from {low:g} to {high:g}.")
                )
        if values.get("solver", "newton") not in SOLVERS:
            issues.append(
                Issue("coordination", "solver", f"found {values['solver']!r}", "Use newton or admm.")
            )
        if not isinstance(values.get("session", True), bool):
            issues.append(
                Issue("coordination", "session", f"found {values['session']!r}", "Use true or false.")
            )
        if issues:
            raise ScenarioError(issues)
        return cls(**values)
