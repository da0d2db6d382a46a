"""What was checked, what came out, and how it is reported."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tidewatt.domain.arrays import Array

__all__ = ["Check", "CheckList", "VerificationReport", "amount", "count"]


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 bank``, ``2,400 banks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def amount(value: float) -> str:
    """Return a number in six digits, all of them before the point, with separators: ``26,914.3``."""
    return f"{value:,.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:,.6g}"


class Check(NamedTuple):
    """One thing checked.

    Attributes
    ----------
    name : str
        What was checked.
    passed : bool
        Whether it holds.
    detail : str
        What was found, with the tolerance where there is one.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What `verify` found.

    Attributes
    ----------
    checks : tuple of Check
        Everything checked, in order.
    upgrade_cost : float
        Upgrade cost of the coordinated schedule, recomputed, in the scenario's money; nan where the
        files do not allow it.
    lower_bound_cost : float
        Bound that the stored prices prove, recomputed, in the scenario's money; nan likewise.
    facts : tuple of str
        Sentences on what was looked at.
    scenario_found : bool
        Whether the scenario was there to compare with; where not, nothing speaks against the result.
    derived : tuple of str
        What was derived anew, in sentences, where the result claims no bracket; empty where it does.
    others : str
        Of which schedules the bound is proved.
    """

    checks: tuple[Check, ...]
    upgrade_cost: float = math.nan
    lower_bound_cost: float = math.nan
    facts: tuple[str, ...] = ()
    scenario_found: bool = True
    derived: tuple[str, ...] = ()
    others: str = "no schedule whatsoever"

    @property
    def ok(self) -> bool:
        """Whether every check passed, and there is a bracket where one is claimed."""
        whole = bool(self.derived) or not math.isnan(self.absolute_gap)
        return bool(self.checks) and all(c.passed for c in self.checks) and whole

    @property
    def absolute_gap(self) -> float:
        """Upgrade cost less bound, in the scenario's money, >= 0; nan where there is no bracket."""
        gap = self.upgrade_cost - self.lower_bound_cost
        return 0.0 if gap < 0 else gap

    @property
    def gap(self) -> float:
        """Gap relative to the upgrade cost; 0 where both ends are 0."""
        if self.upgrade_cost > 0:
            return self.absolute_gap / self.upgrade_cost
        return math.nan if math.isnan(self.absolute_gap) else math.inf if self.absolute_gap > 0 else 0.0

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def text(self) -> str:
        """Return what was proved, or what does not hold, in plain words."""
        lines = [f"{'ok    ' if c.passed else 'FAILED'}  {c.name}: {c.detail}" for c in self.checks]
        if self.ok and self.derived:
            lines += ["", *self.derived, *self.facts]
        elif self.ok:
            lines += [
                "",
                "Proved: a schedule that every vehicle can follow costs "
                f"{amount(self.upgrade_cost)} in upgrades,",
                f"and {self.others} costs less than {amount(self.lower_bound_cost)}.",
                f"The best possible lies between the two; they are {100 * self.gap:.3g} % apart.",
                *self.facts,
            ]
        elif not self.scenario_found and len(self.failures) == 1:
            lines += ["", "not verified: the scenario was not found."]
        else:
            failed, made = len(self.failures), count(len(self.checks), "check")
            lines += [
                "",
                f"NOT {'verified' if self.derived else 'proved'}: {failed:,} of {made} failed. "
                "Do not rely on these files;",
                "run the study again, or find out what changed them.",
                *(f"FAILED  {c.name}: {c.detail}" for c in self.failures),
            ]
        return "\n".join(lines)


@dataclass(slots=True)
class CheckList:
    """Collects checks while they are made."""

    checks: list[Check] = field(default_factory=list)
    scenario_found: bool = True

    def add(self, name: str, passed: bool, detail: str) -> bool:
        """Record a check and return whether it passed."""
        self.checks.append(Check(name, bool(passed), detail))
        return bool(passed)

    def equal(
        self,
        name: str,
        claimed: ArrayLike,
        own: ArrayLike,
        tolerance: float | Array,
        unit: str = "",
        labels: Array | None = None,
    ) -> bool:
        """Record whether claimed values equal the recomputed ones within a tolerance; nan never does."""
        theirs, mine = np.asarray(claimed, np.float64), np.asarray(own, np.float64)
        unit = f" {unit}" if unit else ""
        if theirs.shape != mine.shape:
            return self.add(name, False, f"shape {theirs.shape}, should be {mine.shape}")
        if not mine.size:
            return self.add(name, True, "nothing there, as should be")
        with np.errstate(invalid="ignore"):
            distance = np.where(theirs == mine, 0.0, np.abs(theirs - mine))
            excess = distance - tolerance
        wrong = ~(excess <= 0)
        if not wrong.any():
            allowed = float(np.max(tolerance))
            return self.add(
                name, True, f"largest difference {distance.max():.2g}{unit}, allowed {allowed:.2g}{unit}"
            )
        worst = np.unravel_index(int(np.argmax(np.where(np.isnan(excess), np.inf, excess))), mine.shape)
        if not mine.ndim:
            where = ""
        elif labels is None:
            where = f" at {tuple(int(k) for k in worst)}"
        else:
            where = f" at {labels[worst[0]]}" + (f", step {int(worst[1])}" if mine.ndim > 1 else "")
        return self.add(
            name,
            False,
            f"{int(wrong.sum()):,} of {mine.size:,} differ; the files say {theirs[worst]:.9g}{unit}{where}, "
            f"recomputed {mine[worst]:.9g}{unit}",
        )

    def report(
        self,
        upgrade_cost: float = math.nan,
        bound: float = math.nan,
        facts: tuple[str, ...] = (),
        derived: tuple[str, ...] = (),
        others: str = "no schedule whatsoever",
    ) -> VerificationReport:
        """Return the report of all checks recorded so far."""
        return VerificationReport(
            tuple(self.checks), upgrade_cost, bound, facts, self.scenario_found, derived, others
        )
