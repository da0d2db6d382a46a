"""The command `tariff`: prices that keep the grid within its limits, its progress and its summary."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tidewatt.cli.console import print_table, wrapped
from tidewatt.cli.flags import Json, takes_options
from tidewatt.cli.folders import holds_result, prepared
from tidewatt.cli.run import carry_out, conclude, read
from tidewatt.options.tariffs import TARIFF, TariffOptions
from tidewatt.report.words import amount, at_least, clock, count, in_money, money_name, percent
from tidewatt.result import Status

if TYPE_CHECKING:
    from tidewatt.domain.scenario import Scenario
    from tidewatt.result import Progress
    from tidewatt.tariffs.result import Tariffs

__all__ = [
    "Steps",
    "diagnosis_rows",
    "gamma_rows",
    "print_tariffs",
    "run_tariff",
    "sentences",
    "site_rows",
    "tariff",
]

_ASKED = 1e-9
_NAMES = {
    "central": "the operator's problem",
    "outer": "rounding outwards",
    "paths": "pooling on paths",
    "deterministic": "trusting the forecasts",
    "own problems": "aggregators' own problems",
    "outcomes": "drawing outcomes",
    "sweep, outcomes": "sweep, drawing outcomes",
    "AC flow": "checking by AC flow",
    "intervals": "how far prices may move",
    "diagnosis": "what stands in the way",
}


class Steps:
    """Reports of `tariff`; the gap falls, on a log scale, to the default tolerance."""

    def name(self, phase: str) -> str:
        """Return the phase's name as it is shown to the user."""
        return _NAMES.get(phase, phase)

    def begin(self) -> None:
        """Begin a phase; nothing is carried over from the one before."""

    def words(self, report: Progress, *, short: bool = False) -> tuple[str, str]:
        """Return the round, or how many aggregators or steps are done; cost and gap as far as known."""
        if _counted(report):
            return f"{report.iteration:,} {report.note}", ""
        rounds = f"round {report.iteration:,}" if report.iteration else ""
        parts = []
        if math.isfinite(report.primal) and not short:
            parts.append(f"cost {amount(report.primal)}")
        if math.isfinite(report.gap):
            parts.append(f"gap {percent(report.gap)}" if report.gap > 1e-6 else f"gap {report.gap:.0e}")
        if report.note:
            parts.append(report.note)
        return rounds, ", ".join(parts)

    def share(self, report: Progress) -> float | None:
        """Return how far the gap has fallen from 1 to the tolerance, or the share of a count that is done."""
        if most := _counted(report):
            return min(report.iteration / most, 1.0)
        if not math.isfinite(report.gap):
            return None
        return min(max(math.log(max(report.gap, _ASKED)) / math.log(_ASKED), 0.0), 1.0)


def _counted(report: Progress) -> int:
    """Return the total that a report counts towards, or 0 if it counts nothing."""
    of, _, number = report.note.partition(" ")
    return int(number) if of == "of" and report.iteration else 0


_SHOWN = 12  # rows of a table
_DECENTRALISED_KW = 0.05
_NOTHING = 1e-9
_LINEAR = {"no-load": "without losses", "forecast": "about the AC flow of the forecast"}
_PRICES = {"tariff": "the tariff", "tolls": "tolls on roads", "charger_prices": "prices of chargers"}
_SETS = {
    "box": "all injections may be off by gamma times their half width at once",
    "budget": "at most a share gamma of the injections that move a limit are off by their half width at once",
    "ellipsoid": "injections lie in an ellipsoid of radius gamma times the root of their number",
    "row_step": "past days resemble the coming one, and each limit is kept by itself, step by step",
    "joint": "past days resemble the coming one, and all limits are kept together",
}
_SITES = ("site", "kWh charged", "peak kW", "largest tariff", "at", "kWh at a tariff")
_SWEEP = ("gamma", "status", "cost", "largest tariff", "mean tariff", "violations")
_DIAGNOSIS = ("limit", "where", "when", "by", "what would help")


def site_rows(result: Tariffs) -> list[tuple[str, ...]]:
    """Return the sites in order: energy, largest power, largest tariff and its time, energy at a tariff."""
    step_min, begin = float(result.figures["step_min"]), _begin(result)
    power = result.aggregators.groupby(["site_id", "step"], sort=False)["central_kw"].sum()
    rows: list[tuple[str, ...]] = []
    for site, of in result.tariffs.groupby("site_id", sort=False):
        kw = power[site].reindex(of["step"]).to_numpy()
        tariff = of["tariff_per_kwh"].to_numpy()
        top = int(tariff.argmax())
        paid = kw[tariff > _NOTHING].clip(min=0).sum() * step_min / 60
        when = clock(begin + int(of["step"].iloc[top]) * step_min) if tariff[top] > _NOTHING else "-"
        rows.append(
            (
                str(site),
                amount(float(kw.clip(min=0).sum() * step_min / 60)),
                amount(float(kw.max())),
                amount(float(tariff[top]) if tariff[top] > _NOTHING else 0.0),
                when,
                amount(float(paid)),
            )
        )
    return rows


def gamma_rows(result: Tariffs) -> list[tuple[str, ...]]:
    """Return the rows of the sweep: gamma, status, cost, largest and mean tariff, violations."""
    if result.gamma is None:
        return []
    keys = ("cost", "largest_tariff_per_kwh", "mean_tariff_per_kwh")
    return [
        (
            f"{row['gamma']:g}",
            str(row["status"]).lower(),
            *(amount(float(row[key])) for key in keys),
            percent(float(row["violation_rate"])),
        )
        for row in result.gamma.to_dict("records")
    ]


def diagnosis_rows(result: Tariffs) -> list[tuple[str, ...]]:
    """Return what makes the problem infeasible, the largest amounts of each limit first."""
    step_min, begin = float(result.figures["step_min"]), _begin(result)
    table = result.diagnosis.sort_values(["limit", "amount"], ascending=[True, False], kind="stable")
    return [
        (
            str(row["limit"]),
            str(row["element_id"]),
            clock(begin + int(row["step"]) * step_min),
            f"{amount(float(row['amount']))} {row['unit']}",
            str(row["remedy"]),
        )
        for row in table.to_dict("records")
    ]


def sentences(result: Tariffs) -> list[str]:
    """Return in plain words what is proved, simulated and assumed."""
    if result.status is Status.INFEASIBLE:
        return [f"No prices: {_lower(result.status.value)}", *_notes(result)]
    f = result.figures
    said = [_proved(f)]
    if not result.status.reached:
        said.append(f"Not reached: {_lower(result.status.value)}")
    if f["published"] is None:
        return [*said, "No prices are published.", *_notes(result)]
    said += [*_decentralised(f), *_uncertain(f), *_compared(f)]
    said.append(
        f"Assumed: power flow is linear ({_LINEAR[f['linearisation']]}), "
        f"{_SETS[f['coverage_scope'] or f['uncertainty']]}; vehicles are "
        "divisible, leave and return to chargers freely, and know prices in advance."
    )
    return [*said, *_notes(result)]


def print_tariffs(result: Tariffs) -> None:
    """Print tables of sites, of the sweep, or of what makes it infeasible; then sentences."""
    f = result.figures
    title = (
        f"{f['scenario']}: {count(int(f['sites']), 'site')}, {count(int(f['aggregators']), 'aggregator')}, "
        f"{count(round(f['vehicles']), 'vehicle')}, {count(int(f['steps']), 'step')}"
    )
    of = f"gamma {f['gamma']:g}" if f["gamma"] is not None else f"coverage {percent(f['coverage'])}"
    print()
    print(wrapped(f"{title}; {f['formulation']}, {f['uncertainty']}, {of}"))
    if result.status is Status.INFEASIBLE:
        _table(_DIAGNOSIS, diagnosis_rows(result), "diagnosis.csv")
    elif len(result.tariffs):
        _table(_SITES, site_rows(result), "tariffs.parquet")
        print(wrapped(_binding(f)))
    rows = gamma_rows(result)
    if rows:
        _table(_SWEEP, rows, "gamma.csv", most=len(rows))
    for sentence in sentences(result):
        print(wrapped(sentence))


def _proved(f: Mapping[str, Any]) -> str:
    if f["lower_bound_cost"] is None:
        return "Nothing has been proved yet, and no plan has been found."
    words = (
        f"Proved: within the limits and their margins, serving all {count(round(f['vehicles']), 'vehicle')} "
        f"costs at least {in_money(at_least(float(f['lower_bound_cost']), 7), f)}"
    )
    # Without a gap, some vehicles are not served yet.
    found = f["cost"] is not None and f["relative_gap"] is not None
    return f"{words}; " + (
        f"the plan found costs {in_money(amount(float(f['cost']), 7), f)}."
        if found
        else "no such plan has been found yet."
    )


def _decentralised(f: Mapping[str, Any]) -> list[str]:
    """Say whether aggregators follow the plan, and which prices they have to be told."""
    error, alone = f["decentralisation_error_kw"], f["decentralisation_error_tariff_only_kw"]
    told = _listed([_PRICES[name] for name in f["published"]])
    if error < _DECENTRALISED_KW:
        said = [
            f"Checked: given {told}, every aggregator's own best plan matches the operator's plan "
            f"at every site and step, within {amount(float(error), 2)} kW."
        ]
    else:
        # A note of the study says by how much, and which prices are needed.
        said = [f"NOT decentralised: given {told}, aggregators' own best plans differ from the operator's."]
    if alone is not None and alone >= _DECENTRALISED_KW and list(f["published"]) != ["tariff"]:
        said.append(
            "The tariff alone is not enough: aggregators share roads or chargers that are full, and would be "
            f"off the plan by up to {amount(float(alone), 3)} kW."
        )
    return said


def _uncertain(f: Mapping[str, Any]) -> list[str]:
    """Say what robustness costs and what it achieves."""
    said = []
    certain = f["robust_cost_increase"] == 0  # one and the same plan: there are no margins
    if f["robust_cost_increase"] is not None and not certain:
        said.append(
            f"Margins against the uncertainty cost {percent(float(f['robust_cost_increase']))} more than "
            "trusting the forecasts."
        )
    rate, trusting = f["violation_rate_robust"], f["violation_rate_deterministic"]
    if rate is not None:
        other = ", which trusts the forecasts" if certain else ""
        if trusting is not None and not certain:
            other = f", {percent(float(trusting))} under the one that trusts the forecasts"
        said.append(
            f"Simulated: of {amount(float(f['samples']))} drawn outcomes, {percent(float(rate))} exceed a "
            f"limit of the linear model of the grid under this plan{other}."
        )
    return said


def _beyond(f: Mapping[str, Any]) -> str:
    """Say in a sentence which limits the AC flow exceeds."""
    ids = {"lines": f["ac_exceeded_lines"], "voltages at": f["ac_exceeded_buses"]}
    parts = [f"{what} {_shortened(of)}" for what, of in ids.items() if of]
    if not parts:
        return "Under the AC flow, too, the plan keeps all limits at the forecast."
    remedy = "--linearisation forecast or --loss-margin brings it closer to the AC flow"
    return f"It exceeds the limits of {' and '.join(parts)} at the forecast: {remedy}."


def _compared(f: Mapping[str, Any]) -> list[str]:
    """Say what linear flow, discrete states of charge and pooling change."""
    said = []
    if f["ac_voltage_error_pu"] is not None:
        said.append(
            "Checked by a full AC power flow: the linear flow is off by at most "
            f"{amount(float(f['ac_voltage_error_pu']), 2)} per unit in voltage and "
            f"{amount(float(f['ac_flow_error_kw']), 3)} kW in flow. {_beyond(f)}"
        )
    if f["soc_gap"] is not None:
        said.append(f"Rounding the state of charge costs at most {percent(max(float(f['soc_gap']), 0.0))}.")
    if f["formulation"] == "paths":
        said.append(
            "It is not shown that single vehicles can do this. Paths pool the charge of vehicles, so the "
            "true "
            "cost may be far above this; --formulation both says how far."
        )
    if f["pooling_gap"] is not None:
        said.append(
            f"The paths formulation, which pools vehicles' energy, is {percent(float(f['pooling_gap']))} "
            "cheaper, which is how much it overpromises."
        )
    return said


def _notes(result: Tariffs) -> list[str]:
    return [str(note) for note in result.figures["notes"]]


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _binding(f: Mapping[str, Any]) -> str:
    """Say in a sentence which limits bind."""
    lines, buses = (list(f[f"binding_{kind}"]) for kind in ("lines", "buses"))
    if not lines and not buses:
        # Tariffs come from binding limits; where rounding leaves one without, the sentence must not deny it.
        some = float(f["largest_tariff_per_kwh"] or 0.0) > _NOTHING
        return f"No limit of the grid binds{'' if some else ': the tariff is 0 throughout'}."
    parts = [f"{kind} {_shortened(ids)}" for kind, ids in (("lines", lines), ("voltages at", buses)) if ids]
    return f"Binding limits: {'; '.join(parts)}. Tariffs are in {money_name(f)} per kWh."


def _shortened(ids: Sequence[object]) -> str:
    """Return the first few ids of a list."""
    return f"{', '.join(map(str, ids[:_SHOWN]))}{', ...' if len(ids) > _SHOWN else ''}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _begin(result: Tariffs) -> float:
    """Return the minute of the day at which the horizon starts."""
    from datetime import datetime

    start = datetime.fromisoformat(str(result.figures["start"]))
    return start.hour * 60.0 + start.minute


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]], file: str, most: int = _SHOWN) -> None:
    """Print a table, or only the first rows of a long one."""
    left = {0, head.index(_DIAGNOSIS[-1])} if _DIAGNOSIS[-1] in head else {0}
    print_table(head, rows[:most], left=left)
    if len(rows) > most:
        print(f"... and {len(rows) - most:,} more in {file}")


@takes_options(TARIFF)
def tariff(
    scenario: Path,
    /,
    *,
    out: Path,
    options: TariffOptions | None = None,
    sweep_gamma: str | None = None,
    figures: Annotated[bool, Parameter(negative="--no-figures")] = True,
    json: Json = False,
) -> int:
    """Find prices per site and step under which charging keeps the grid within its limits.

    Solves the operator's problem within limits narrowed for uncertain wind, sun and load, publishes the
    prices that its limits imply, lets every aggregator solve its own problem under them, and compares. The
    defaults of the options come from the scenario's [tariff], else they are as given below. Needs roads in
    steps, charging sites, aggregators with travel, buses, lines and injections: `tidewatt example
    tariff-20-17` writes such a scenario, `tidewatt assemble` makes one of a road network and a grid.

    Parameters
    ----------
    scenario
        Folder of the scenario.
    out
        Folder for the result; made where it does not exist. A result of this study in it is replaced as a
        whole; anything else is refused.
    sweep_gamma
        Solve for several gammas too: FROM:TO:STEP, for example 0:1:0.1, or values separated by commas:
        gamma.csv and a figure of cost, tariffs and violations. Not for conformal, which has no gamma
        [default: no sweep].
    figures
        Draw the figures into RESULT/figures.
    """
    from tidewatt.cli.ranges import values_of

    options = options or {}
    TARIFF.check(**options)
    gammas = None
    if sweep_gamma is not None:
        gammas = values_of("--sweep-gamma", sweep_gamma, "gammas", "0:1:0.1", zero=True)
    with prepared(out, ours=holds_result, what="result", study="tariff"):
        result = run_tariff(read(scenario), out, options, gammas, scenario_folder=scenario)
        return conclude(
            result,
            out,
            lambda: print_tariffs(result),
            json=json,
            figures=figures,
            hints=[f"To check it: tidewatt verify {out}"],
        )


def run_tariff(
    scenario: Scenario,
    out: Path,
    options: TariffOptions,
    gammas: list[float] | None = None,
    *,
    scenario_folder: Path | None = None,
) -> Tariffs:
    """Find tariffs with progress, and save the result; `gammas` are those of the sweep, see `carry_out`."""
    from tidewatt.tariffs.study import tariff as study

    result: Tariffs = carry_out(
        partial(study, scenario, sweep_gamma=gammas, **options),
        scenario,
        out,
        Steps(),
        name="tariff",
        scenario_folder=scenario_folder,
        first="limits and margins",
    )
    return result
