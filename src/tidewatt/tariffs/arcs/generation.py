"""Exact arc generation: restricted programs, cheapest plans at their prices, and the bound that they prove.

In a first phase prices stay near those of the best bound so far (a proximal bundle method): otherwise they
swing, and plans that no one will drive fill the program. In a second phase limits are held exactly, at
penalties that rise where they are still exceeded, until the gap is proved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.tariffs.arcs.choices import Arcs, arcs_of
from tidewatt.tariffs.arcs.limits import Active, Duals, Penalties
from tidewatt.tariffs.arcs.pricing import Pricing, TimeOver, merged
from tidewatt.tariffs.arcs.program import Solved, solve_restricted
from tidewatt.tariffs.arcs.states import ChargeStates
from tidewatt.tariffs.problem import Progressed, TariffProblem

__all__ = ["Generated", "Generation"]

LOOSEST, TIGHTEST, LAST = (
    1e-2,
    1e-10,
    1e-12,
)  # tolerances of the solver: at first, to prove a gap, if that fails
NEAR_ENOUGH = 2e-5  # relative gap at which the first phase ends
MOST_NEAR, MOST_EXACT = 100, 300  # programs of either phase
STIFF = 0.05  # curvature of prices about their centre at first, against that of prices over power
GOOD, SERIOUS = (
    0.25,
    0.1,
)  # share of the promised rise of the bound that makes prices looser, or the centre move
BETWEEN = (0.4, 0.8)  # where else on the way from the centre plans are looked for
SMOOTH = 0.8  # share of the earlier prices in smoothed ones of the second phase
LARGE = 15_000  # variables from which on arcs without vehicles are given up
UNUSED = 0.02  # of the vehicles that depart together
MOST_RAISED = 1e6  # times a penalty rises before there is no hope
UNMET = 1e-5  # vehicles or kW by which rows of a solved program may not be met
EXCEEDED = 1e-6  # vehicles, kW or squared per unit; less is what the solver leaves


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """The outcome of arc generation.

    Attributes
    ----------
    status : str
        As in `Solution`.
    arcs : Arcs
    solved : Solved
    bound : float
    relative_gap : float
    iterations : int
    weight : float
        Of all cost but penalties.
    """

    status: str
    arcs: Arcs
    solved: Solved
    bound: float
    relative_gap: float
    iterations: int
    weight: float


class Generation:
    """Arcs, prices and penalties of a problem while it is solved.

    Parameters
    ----------
    problem : TariffProblem
    levels : ChargeStates
    penalties : Penalties
    weight : float
        Of all cost but penalties.
    elastic : bool
        Penalties stay as they are: limits may be exceeded.
    first : Duals, optional
        Prices to start from.
    seeds : list of array, optional
        Arcs of every kind to start from.
    on_progress : callable, optional
    until : float
        When to stop (of `time.perf_counter`).
    on_kind : callable, optional
        Receives the number of programs solved, of how many kinds plans are found, and of how many there are.

    Raises
    ------
    TimeOver
        Where no program can be solved in time.
    """

    def __init__(
        self,
        problem: TariffProblem,
        levels: ChargeStates,
        penalties: Penalties,
        *,
        weight: float = 1.0,
        elastic: bool = False,
        first: Duals | None = None,
        seeds: list[Array] | None = None,
        on_progress: Callable[[Progressed], None] | None = None,
        until: float = np.inf,
        on_kind: Callable[[int, int, int], None] | None = None,
    ) -> None:
        self.problem, self.levels, self.penalties = problem, levels, penalties
        self.weight, self.elastic, self.report = weight, elastic, on_progress
        self.began = time.perf_counter()
        self.iteration, self.until = 0, until
        told = None if on_kind is None else lambda done, kinds: on_kind(self.iteration, done, kinds)
        self.pricing = Pricing(problem, levels, weight, until=until, on_kind=told)
        self.duals = self.pricing.free() if first is None else _known(first, problem)
        if elastic:
            self.duals = _capped(self.duals, penalties)
        self.dearest = self.pricing.dearest()
        self.active = Active(
            self.duals.high + self.duals.low > 0, self.duals.roads > 0, self.duals.chargers > 0
        )
        self.keys, self.best = self.pricing.price(self.duals, seeds)
        self.tolerance = LOOSEST if first is None else EXCEEDED
        self.arcs = arcs_of(problem, levels, self.keys)
        self.solved: Solved

    def run(self, relative_gap: float) -> Generated:
        """Solve until the gap is proved, or nothing more can be done."""
        gap = np.inf
        try:
            # Penalties of an elastic problem are prices already, and keep the others near.
            status = "" if self.elastic else self._near()
            if not status:
                status, gap = self._exactly(relative_gap)
        except TimeOver:
            status = "time"
        return Generated(status, self.arcs, self.solved, self.best, gap, self.iteration, self.weight)

    def _solve(self, centre: Duals | None = None, stiff: float = 1.0) -> int:
        """Solve the program over the arcs so far; return how many limits outside it are exceeded."""
        self.iteration += 1
        self.arcs = arcs_of(self.problem, self.levels, self.keys)
        self.solved = solve_restricted(
            self.problem,
            self.levels,
            self.arcs,
            self.active,
            self.penalties,
            weight=self.weight,
            tolerance=self.tolerance,
            centre=centre,
            stiff=stiff,
            until=self.until,
        )
        self.duals = _capped(self.solved.duals, self.penalties) if self.elastic else self.solved.duals
        return _hold(self.problem, self.solved, self.active)

    def _add(self, found: list[list[Array]]) -> int:
        """Add arcs; return how many are new."""
        before = sum(map(len, self.keys))
        self.keys = [merged(*one) for one in zip(self.keys, *found, strict=True)]
        return sum(map(len, self.keys)) - before

    def _near(self) -> str:
        """Run the first phase; return a status only if time is up or nothing can keep the limits."""
        centre, stiff, kept = self.duals, STIFF, 0
        for _ in range(MOST_NEAR):
            broken = self._solve(centre, stiff)
            model, old, duals = self.solved.cost, centre, self.duals
            arcs, bound = self.pricing.price(duals)
            found = [arcs]
            part = (bound - self.best) / max(1e-12, model - self.best)
            if part > SERIOUS:
                centre, self.best = duals, bound
            if part > GOOD:
                stiff *= 2.0
            elif part < -1.0:
                stiff /= 1.5
            for share in BETWEEN:
                between = old.towards(duals, share)
                arcs, bound = self.pricing.price(between)
                found.append(arcs)
                if bound > self.best:
                    centre, self.best = between, bound
            if part > SERIOUS and self.solved.columns > LARGE and len(self.arcs) > 1.1 * kept:
                self.keys, _ = self.pricing.price(duals, self._used(UNUSED * float(self.arcs.supply.mean())))
                kept = sum(map(len, self.keys))
            self._add(found)
            rough = abs(model - self.best) / max(1.0, abs(model))
            self._tell(np.inf)
            if self.best > self.dearest:
                return "infeasible"
            if time.perf_counter() > self.until:
                return "time"
            if rough < NEAR_ENOUGH and not broken:
                break
            self.tolerance = float(np.clip(rough * 0.05, 1e-7, LOOSEST))
        self.duals = centre
        return ""

    def _exactly(self, relative_gap: float) -> tuple[str, float]:
        """Run the second phase; return status and relative gap."""
        smoothed, least, gap, pared = self.duals, self.penalties, np.inf, False
        for _ in range(MOST_EXACT):
            broken = self._solve()
            found, bound = self.pricing.price(self.duals)
            smoothed = smoothed.towards(self.duals, 1.0 - SMOOTH)
            more, bound_smoothed = self.pricing.price(smoothed)
            self.best = max(self.best, bound, bound_smoothed)
            new = self._add([found, more])
            size = max(1.0, abs(self.solved.cost))
            apart = (self.solved.cost - self.best) / size
            kept = not broken and (self.elastic or self._exceeded() <= EXCEEDED)
            exact, gap = self.tolerance <= TIGHTEST, apart if kept else np.inf
            self._tell(gap)
            if not self.elastic and self.best > self.dearest:
                return "infeasible", np.inf
            if exact and abs(gap) <= relative_gap and self.solved.residual <= UNMET:
                return "solved", gap
            if time.perf_counter() > self.until:
                return "time", gap
            # A bound above the cost also says that limits are exceeded rather than kept at these penalties.
            if not self.elastic and apart < max(0.05, relative_gap) and self._raise():
                if _ratio(self.penalties, least) > MOST_RAISED:
                    return "stalled", np.inf
                if exact:
                    continue
            if exact and new == 0 and not broken:
                if self.tolerance > LAST:
                    self.tolerance = LAST
                elif pared:
                    return "stalled", gap
                else:
                    # With fewer arcs that nobody takes, the last digits are often to be had.
                    self.keys, _ = self.pricing.price(self.duals, self._used(EXCEEDED))
                    self.tolerance, pared = TIGHTEST, True
                continue
            self.tolerance = float(np.clip(abs(apart) * 0.05, TIGHTEST, LOOSEST))
            if (new == 0 and not broken) or abs(apart) < 100 * relative_gap:
                self.tolerance = TIGHTEST
        return "stalled", gap

    def _used(self, few: float) -> list[Array]:
        """Return arcs with more than a negligible number of vehicles."""
        cuts = np.cumsum([len(k) for k in self.keys])[:-1]
        return [k[f > few] for k, f in zip(self.keys, np.split(self.solved.flow, cuts), strict=True)]

    def _over(self) -> tuple[Array, Array, Array]:
        """Return by how much limits of the program are exceeded: rows, roads, chargers."""
        s = self.solved
        return np.maximum(s.excess_high, s.excess_low), s.excess_roads, s.excess_chargers

    def _exceeded(self) -> float:
        return max(float(e.max(initial=0.0)) for e in self._over())

    def _raise(self) -> bool:
        """Double penalties where limits are exceeded; return whether any is."""
        if self._exceeded() <= EXCEEDED:
            return False
        over = self._over()
        every = (self.penalties.rows, self.penalties.roads, self.penalties.chargers)
        self.penalties = Penalties(
            *(np.where(e > 0.1 * EXCEEDED, 2.0 * p, p) for e, p in zip(over, every, strict=True))
        )
        return True

    def _tell(self, gap: float) -> None:
        if self.report is not None:
            seconds = time.perf_counter() - self.began
            self.report(
                Progressed(self.iteration, self.solved.columns, self.solved.cost, self.best, gap, seconds)
            )


def _ratio(now: Penalties, least: Penalties) -> float:
    """Return the largest factor by which penalties have risen."""
    pairs = ((now.rows, least.rows), (now.roads, least.roads), (now.chargers, least.chargers))
    return max(float((a / np.maximum(b, 1e-300)).max(initial=1.0)) for a, b in pairs)


def _known(first: Duals, problem: TariffProblem) -> Duals:
    """Return prices of an earlier solution that are numbers and belong to limits of this problem."""
    high, low, roads, chargers, power = (
        np.where(np.isfinite(x), x, 0.0)
        for x in (first.high, first.low, first.roads, first.chargers, first.power_kw)
    )
    if problem.rows is not None:
        high = np.where(np.isfinite(problem.rows.most), np.maximum(high, 0.0), 0.0)
        low = np.where(np.isfinite(problem.rows.least), np.maximum(low, 0.0), 0.0)
    limited = np.isfinite(problem.roads.capacity_per_step)[:, None]
    return Duals(high, low, np.where(limited, np.maximum(roads, 0.0), 0.0), np.maximum(chargers, 0.0), power)


def _capped(duals: Duals, penalties: Penalties) -> Duals:
    """Cap prices at the penalty for exceeding a limit, so that the bound holds with relaxed limits."""
    rows, roads, chargers = penalties.rows, penalties.roads, penalties.chargers
    return Duals(
        np.minimum(duals.high, rows),
        np.minimum(duals.low, rows),
        np.minimum(duals.roads, roads),
        np.minimum(duals.chargers, chargers),
        duals.power_kw,
    )


def _hold(problem: TariffProblem, solved: Solved, active: Active) -> int:
    """Activate limits that are exceeded or nearly so; return how many are exceeded."""
    count = 0
    roads, chargers = problem.roads.capacity_per_step, problem.sites.chargers.astype(float)
    for flow, held, limit in (
        (solved.roads, active.roads, roads[:, None]),
        (solved.chargers, active.chargers, chargers[:, None]),
    ):
        broken = (flow > limit * (1 + 1e-9) + 1e-7) & ~held
        count += int(broken.sum())
        if broken.any():
            held |= (flow > 0.95 * limit) & np.isfinite(limit)
    if problem.rows is not None:
        rows = problem.rows
        power = solved.power_kw.sum(axis=0)
        at = rows.sensitivity @ power
        size = np.abs(rows.sensitivity) @ np.abs(power).max(axis=1)
        room = 1e-7 * np.abs(rows.sensitivity).max(axis=1)[:, None]
        broken = ((at > rows.most + room) | (at < rows.least - room)) & ~active.rows
        count += int(broken.sum())
        if broken.any():
            near = 0.05 * size[:, None]
            active.rows[...] |= (at > rows.most - near) | (at < rows.least + near)
    return count
