"""The command `configure`: chargers of every station, its progress and its summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from json import dumps
from json import loads as json_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import print_table, wrapped
from tidewatt.cli.flags import Json, Switch, takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.progress import span
from tidewatt.cli.run import carry_out, conclude, earlier_result, has_checkpoint, read
from tidewatt.options.configuration import CONFIGURATION, DAY_OPTIONS, ConfigurationOptions
from tidewatt.options.simulation import SIMULATION, SimulationOptions
from tidewatt.report.words import amount, at_least, count, money_name, percent

if TYPE_CHECKING:
    from tidewatt.configuration.result import Configuration
    from tidewatt.configuration.validation import Asked
    from tidewatt.domain.scenario import Scenario
    from tidewatt.result import Progress

__all__ = [
    "Plans",
    "comparison_rows",
    "configure",
    "coordinated_rows",
    "print_comparison",
    "print_verdict",
    "run_configuration",
    "show_configuration",
    "station_rows",
    "totals",
    "verdict",
]


class Plans:
    """Reports of `configure`: days simulated, then plans tried, then fresh days.

    Parameters
    ----------
    parameters : ConfigurationOptions
        For how many of each there will be.
    """

    def __init__(self, parameters: ConfigurationOptions) -> None:
        self._most = {
            "simulating days": parameters["days_train"],
            "searching": parameters["evaluations"],
            "fresh days": parameters["days_test"],
        }
        self._limit_s = parameters["time_limit_s"]
        self.begin()

    def name(self, phase: str) -> str:
        """Return the phase's name as it is shown to the user."""
        return {"fresh days": "judging on fresh days"}.get(phase, phase)

    def begin(self) -> None:
        """Forget the speed of the previous phase."""
        self._first: tuple[int, float] | None = None

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Return how many are done; best objective, wait and time left."""
        most, noun = self._most.get(report.phase), "plan" if report.phase == "searching" else "day"
        done = f"{noun} {report.iteration:,} of {most:,}" if most and report.iteration else ""
        parts = []
        if math.isfinite(report.primal):
            parts.append(f"best objective {amount(report.primal)}")
        if report.note and not short:
            parts.append(report.note)
        left = self._left_s(report)
        if math.isfinite(left):
            parts.append(f"about {span(left)} left")
        return done, ", ".join(parts)

    def share(self, report: Progress) -> float | None:
        """Return the share of this phase that is done."""
        most = self._most.get(report.phase)
        if not most or not report.iteration:
            return None
        share = report.iteration / most
        if report.phase == "searching" and math.isfinite(self._limit_s):
            share = max(share, report.seconds / max(self._limit_s, 1e-9))
        return min(share, 1.0)

    def _left_s(self, report: Progress) -> float:
        most = self._most.get(report.phase)
        if not most or not report.iteration:
            return math.inf
        if self._first is None:
            self._first = report.iteration, report.seconds
        done, seconds = report.iteration - self._first[0], report.seconds - self._first[1]
        if done < 1:
            return math.inf
        more = max(most - report.iteration, 0) * seconds / done
        return min(more, max(self._limit_s - report.seconds, 0.0)) if report.phase == "searching" else more


_CHANGED = 12  # stations shown
_CLOSED = 5  # ids shown
_ROUNDING = 1e-9  # relative; less is no change

LABELS = {
    "f1": "stations",
    "f1_1": "  retrofit",
    "f1_2": "  revenue (earned)",
    "f1_3": "  expansion",
    "f2": "drivers",
    "f2_1": "  time",
    "f2_2": "  fees",
    "f2_3": "  dissatisfaction",
    "f3": "grid",
    "f3_peak_valley": "  peak minus valley",
    "f3_variance": "  variance",
    "f4": "traffic",
    "mean_detour_min": "detour [min]",
    "mean_wait_min": "wait [min]",
    "mean_charge_min": "charging [min]",
    "peak_load_kw": "peak load [kW]",
    "peak_valley_kw": "peak minus valley [kW]",
    "queue_peak": "longest queue, mean over days",
    "charges": "charges",
    "unserved": "ran low without charging",
}
"""Rows of the table, by figure."""

_WHAT = {
    "site": "a site's minimum or maximum number of chargers",
    "cost_18": "the stations' cost, which must not rise",
    "budget": "the budget",
    "feeder": "the headroom of a feeder",
    "fixed": "stations that must not change",
}


def comparison_rows(result: Configuration) -> list[tuple[str, str, str, str, str]]:
    """Return the label, before, after, change and half of the change's 95 % interval."""
    table = result.costs.set_index("figure")
    rows = []
    for name, label in LABELS.items():
        of = {column: float(table[column][name]) for column in ("before", "after", "change", "change_ci95")}
        rounding = _ROUNDING * max(abs(of["before"]), abs(of["after"]))
        if abs(of["change"]) <= rounding:
            of["change"] = 0.0
        sign = "+" if of["change"] > 0 else ""
        half = f"± {amount(of['change_ci95'], 2)}" if of["change_ci95"] > rounding else ""
        rows.append(
            (label, amount(of["before"]), amount(of["after"]), f"{sign}{amount(of['change'], 3)}", half)
        )
    return rows


def station_rows(result: Configuration) -> list[tuple[str, ...]]:
    """Return the stations that change, busiest first, with their chargers, retrofit cost and wait."""
    plan = result.plan
    changed = plan[
        (plan["fast_after"] != plan["fast_before"]) | (plan["normal_after"] != plan["normal_before"])
    ]
    shown = changed.sort_values("charges_before", ascending=False, kind="stable")
    return [
        (
            str(row["station_id"]),
            f"{row['fast_before']} → {row['fast_after']}",
            f"{row['normal_before']} → {row['normal_after']}",
            amount(float(row["retrofit_cost"]), 3),
            f"{amount(float(row['wait_before_min']), 2)} → {amount(float(row['wait_after_min']), 2)}",
        )
        for row in shown.head(_CHANGED).to_dict("records")
    ]


def totals(result: Configuration) -> str:
    """Return the chargers of all stations, before and after, and which stations are closed."""
    plan = result.plan
    said = []
    for kind in ("fast", "normal"):
        before, after = (int(plan[f"{kind}_{when}"].sum()) for when in ("before", "after"))
        said.append(f"{kind} {before:,} to {after:,}")
    had, has = (plan[f"fast_{when}"] + plan[f"normal_{when}"] > 0 for when in ("before", "after"))
    closed = plan["station_id"][had & ~has].astype(str).tolist()
    words = f"All stations: {', '.join(said)}"
    if closed:
        more = ", ..." if len(closed) > _CLOSED else ""
        words += f"; {count(len(closed), 'station')} closed ({', '.join(closed[:_CLOSED])}{more})"
    return f"{words}."


def coordinated_rows(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return grid costs and peaks of the same stations, unmanaged and coordinated, before and after."""
    found = figures["coordinated"]
    names = {
        "f3": "grid",
        "f3_peak_valley": "  peak less valley",
        "f3_variance": "  variance",
        "peak_load_kw": "peak load [kW]",
        "station_peaks_kw": "sum of station peaks [kW]",
    }
    ways = [(plan, way) for plan in ("before", "after") for way in ("unmanaged", "coordinated")]
    rows = [
        (label, *(amount(float(found[plan][way][key])) for plan, way in ways)) for key, label in names.items()
    ]
    bounds = [found[plan]["coordinated"]["lower_bound_kw"] for plan in ("before", "after")]
    return [
        *rows,
        ("  proved bound", "", at_least(float(bounds[0]), 4), "", at_least(float(bounds[1]), 4)),
    ]


def print_comparison(result: Configuration) -> None:
    """Print tables of costs, of stations that change, and of coordinated charging."""
    f = result.figures
    title = (
        f"{f['scenario']}: {count(int(f['stations']), 'station')}, {count(int(f['vehicles']), 'vehicle')}; "
    )
    title += (
        f"means of {count(int(f['days_test']), 'fresh day')}, simulated in full; "
        f"costs in {money_name(f)} a day"
    )
    print_table(("a day", "before", "after", "change", "± 95 %"), comparison_rows(result), title=title)
    rows, changed = station_rows(result), int(f["stations_changed"])
    if rows:
        more = f", showing the {len(rows)} with the most charges" if changed > len(rows) else ""
        title = f"{count(changed, 'station')} of {int(f['stations']):,} changed{more}"
        print_table(("station", "fast", "normal", "retrofit a day", "wait [min]"), rows, title=title)
        print(wrapped(totals(result)))
    if f.get("coordinated"):
        wait = amount(float(f["coordinated"]["accepted_wait_min"]), 3)
        title = f"Charging coordinated with at most {wait} min of delay; one day, 5-min means"
        columns = ("", "before", "coordinated", "after", "coordinated")
        print_table(columns, coordinated_rows(dict(f)), title=title)


def verdict(result: Configuration) -> list[str]:
    """Say in plain words what was found, which limits bind and how far the figures can be trusted."""
    f = result.figures
    return [_found(result), _limits(f), *_broken(f), _replay(f), *_coordinated(f), _assumed(f)]


def _found(result: Configuration) -> str:
    f = result.figures
    better, half = float(f["objective"]), float(f["objective_ci95"])
    half = 0.0 if half <= _ROUNDING * abs(better) else half
    said = f"Found by {f['search']} search among {count(int(f['evaluations']), 'plan')}: objective "
    said += f"{amount(better, 3)} ± {amount(half, 2)} on the fresh days (below 0 is better than installed)"
    said += f", {amount(float(f['objective_train']), 3)} on the {count(int(f['days_train']), 'day')} of the "
    said += "search"
    if better - half > 0:
        said += ". On fresh days the plan is WORSE than what is installed: search on more days"
    elif better + half >= 0:
        said += ". No measurable benefit: keep what is installed"
        said += ", or search and judge on more days" if half > 0 else ""
    said += ". This is the best plan found; a better one may exist."
    if not result.status.reached:
        said += f" {result.status.value}"
    return said


def _limits(f: Any) -> str:
    room = f["limits"]
    said = [f"{int(room['sites_full']):,} of {count(int(room['sites']), 'site')} full"]
    if room["feeders"]:
        full, every = int(room["feeders_full"]), int(room["feeders"])
        said.append(f"{full:,} of {count(every, 'feeder')} without room for a charger")
    if room["budget_left"] is not None:
        said.append(f"{amount(float(room['budget_left']), 3)} of the budget left")
    left = float(room["station_cost_left"])
    said.append(f"stations' cost {amount(abs(left), 3)} {'below' if left >= 0 else 'ABOVE'} before")
    spent = float(room["capital"])
    paid = (
        f"purchases minus sales cost {amount(spent, 4)}"
        if spent >= 0
        else f"sales bring {amount(-spent, 4)} more than purchases cost"
    )
    return f"Limits: {', '.join(said)}; {paid} (in {money_name(f)}, before interest)."


def _broken(f: Any) -> list[str]:
    broken = [_WHAT[name] for name, kept in f["constraints"].items() if not kept]
    if not broken:
        return []
    return [f"Limits NOT kept on the fresh days: {'; '.join(broken)}."]


def _replay(f: Any) -> str:
    error = {
        name: 0.0 if abs(float(value)) < _ROUNDING else float(value)
        for name, value in f["replay_error"].items()
    }
    return (
        f"Simulated: both plans were run with the same drivers and days. The replays used in the search were "
        f"off by {amount(error['objective'], 2)} in the objective and "
        f"{amount(error['mean_wait_min'], 2)} min in the mean wait."
    )


def _coordinated(f: Any) -> list[str]:
    if not f.get("coordinated"):
        return []
    after = f["coordinated"]["after"]
    loose, tight = (float(after[way]["station_peaks_kw"]) for way in ("unmanaged", "coordinated"))
    if not loose > 0:
        return ["No charge on the way is left to coordinate after the change."]
    spared = f"{percent(abs(1 - tight / loose))} {'below' if tight <= loose else 'ABOVE'} unmanaged"
    return [
        f"Proved: with these charges at these chargers, station peaks cannot add up to less than "
        f"{at_least(float(after['coordinated']['lower_bound_kw']), 4)} kW after the change; coordinated "
        f"charging reaches {amount(tight)} kW, {spared}."
    ]


def _assumed(f: Any) -> str:
    weights = ", ".join(f"{what} {amount(float(w), 3)}" for what, w in f["weights"].items())
    known = {
        "none": "nothing of queues",
        "arrived": "who is at a station, not who is on the way there",
        "reserved": "who is at a station and who is on the way there",
    }[str(f["information"])]
    return (
        f"Assumed: weights of {weights}; drivers know {known}; in the search, when and how much they charge "
        "does not depend on the plan. Days are synthesised from travel statistics, not observed."
    )


def print_verdict(result: Configuration) -> None:
    """Print `verdict`, wrapped."""
    print()
    for sentence in verdict(result):
        print(wrapped(sentence))


@takes_options(CONFIGURATION)
@takes_options(SIMULATION, "days", only=DAY_OPTIONS, group="The simulated days")
def configure(
    scenario: Path,
    /,
    *,
    out: Path,
    options: ConfigurationOptions | None = None,
    days: SimulationOptions | None = None,
    coordinated: Annotated[bool, Switch] = False,
    resume: Annotated[bool, Switch] = False,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Find how many fast and normal chargers every station should have, given how drivers react.

    Plans are judged on replayed days by what they cost stations, drivers, grid and traffic, within the limits
    of sites, feeders and budget; the best one is simulated in full on fresh days beside what is installed.
    The defaults of the options come from the scenario's [configuration] ([simulation] for the days), else
    they are as given below. Needs roads and stations with prices.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result of this study in it is replaced as a
        whole; anything else is refused.
    coordinated
        Judge both plans under coordinated charging too.
    resume
        Go on from the checkpoint in the result folder.
    figures
        Draw the figures into RESULT/figures.
    """
    options, days = options or {}, days or {}
    CONFIGURATION.check(**options)
    SIMULATION.check(**days)
    with prepared(out, ours=holds_result, what="result", study="configure"):
        given = read(scenario)
        result = run_configuration(
            given, out, options, days, coordinated=coordinated, resume=resume, scenario_folder=scenario
        )
        return conclude(
            result,
            out,
            lambda: show_configuration(result),
            json=json,
            figures=figures,
            roads=given.roads,
            hints=[
                f"To check it: tidewatt verify {out}",
                f"To simulate days with the new plan: tidewatt simulate {out / 'scenario'} --out DAYS",
            ],
        )


def run_configuration(
    scenario: Scenario,
    out: Path,
    options: ConfigurationOptions,
    days: SimulationOptions,
    *,
    coordinated: bool = False,
    resume: bool = False,
    scenario_folder: Path | None = None,
) -> Configuration:
    """Configure with a checkpoint and progress, and save the result; see `carry_out`.

    Parameters
    ----------
    scenario : Scenario
    out : Path
    options : ConfigurationOptions
        Those of the call.
    days : SimulationOptions
        Those of the call for the simulated days.
    coordinated : bool
        Whether to coordinate the charges of both plans.
    resume : bool
        Keep a result that answers the same question, or go on from the checkpoint.
    scenario_folder : Path, optional
    """
    from tidewatt.configuration.study import configure as study
    from tidewatt.configuration.validation import validated

    question = validated(scenario, options, days)

    def enough(figures: Mapping[str, Any]) -> bool:
        return not has_checkpoint(out) and _meets(figures, question, coordinated=coordinated)

    result: Configuration | None = earlier_result(out, scenario, enough) if resume else None
    return result or carry_out(
        partial(study, scenario, coordinated=coordinated, simulation=days, **options),
        scenario,
        out,
        Plans(question.parameters),
        name="configure",
        scenario_folder=scenario_folder,
        resume=resume,
    )


def _meets(figures: Mapping[str, Any], question: Asked, *, coordinated: bool) -> bool:
    """Tell whether a summary answers the same question."""
    same = figures["status"] == "evaluations" and (figures["coordinated"] is not None) == coordinated
    for name, asked in (("parameters", question.parameters), ("simulation", question.simulation)):
        found, wanted = figures[name], json_of(dumps(asked), parse_constant=lambda word: None)
        same &= all(found[key] == value for key, value in wanted.items() if key != "threads")
    return same


def show_configuration(result: Configuration) -> None:
    """Print what changed, which limits bind and what the result rests on."""
    print_comparison(result)
    print_verdict(result)
