"""The summary of a coordination on the terminal: the ladder, what is proved, and where the files are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidewatt.cli.console import print_table, wrapped
from tidewatt.report.words import (
    RUNG_NAMES,
    amount,
    at_least,
    count,
    in_money,
    money_note,
    percent,
    power,
)
from tidewatt.result import money

if TYPE_CHECKING:
    from tidewatt.coordination.result import Coordination

__all__ = ["NOTHING", "print_ladder", "print_sentences", "sentences"]

NOTHING = 1e-9
"""Share of the unmanaged cost below which a cost is rounding."""

_NARROW = 62  # columns below which the rungs do not stand side by side


def ladder(result: Coordination) -> dict[str, dict[str, str]]:
    """What each rung needs, in words: rung name to row label to cell."""
    figures = result.figures
    unmanaged = float(figures["unmanaged_upgrade_cost"])
    rungs = {}
    rounding = NOTHING * unmanaged
    upgrade = f"upgrade cost [{unit}]" if (unit := money(figures)) else "upgrade cost"
    for rung, name in RUNG_NAMES.items():
        if f"{rung}_upgrade_cost" not in figures or rung not in result.certificates:
            continue
        certificate = result.certificates[rung]
        decided = rung != "unmanaged"
        rungs[name] = {
            "feeders overloaded": f"{int(figures[f'{rung}_feeders_overloaded']):,}",
            "overload": power(float(figures[f"{rung}_overload_kw"])),
            upgrade: amount(certificate.upgrade_cost if certificate.upgrade_cost > rounding else 0.0),
            "proved lower bound": at_least(certificate.lower_bound_cost, 4) if decided else "-",
            "gap": percent(certificate.relative_gap(unmanaged)) if decided else "-",
        }
    return rungs


def print_ladder(result: Coordination) -> None:
    """Print the flexibility ladder as a table."""
    rungs = ladder(result)
    figures = result.figures
    title = f"{figures['scenario']}: {count(int(figures['vehicles']), 'vehicle')}, "
    title += f"{count(int(figures['feeders']), 'feeder')}, {count(int(figures['steps']), 'step')}"
    labels = next(iter(rungs.values()))
    rows = [(label, *(cells[label] for cells in rungs.values())) for label in labels]
    print_table(("", *rungs), rows, title=title, narrow=_NARROW)


def sentences(result: Coordination, relative_gap: float | None = None) -> list[str]:
    """What is proved, simulated and assumed, in plain words."""
    figures, certificate = result.figures, result.certificate
    unmanaged = float(figures["unmanaged_upgrade_cost"])
    gap = certificate.relative_gap(unmanaged)
    said = []
    if unmanaged <= 0:
        said.append("Nothing is overloaded even when charging is unmanaged: no upgrade is needed.")
    elif certificate.upgrade_cost <= NOTHING * unmanaged:
        said.append(
            "Proved: the mobility-aware plan found makes every trip possible and overloads nothing beyond "
            "rounding, so no upgrade is needed."
        )
    else:
        said.append(
            f"Proved: no charging plan that makes every trip possible needs upgrades of less than "
            f"{in_money(at_least(certificate.lower_bound_cost), figures)}; the plan found needs "
            f"{in_money(amount(certificate.upgrade_cost, 6), figures)} (gap {percent(gap)}), which spares "
            f"{percent(1 - certificate.upgrade_cost / unmanaged)} of the unmanaged cost."
        )
    if not result.status.reached:
        asked = f" Asked was a gap of {percent(relative_gap)}." if relative_gap is not None else ""
        said.append(f"Not reached: {result.status.value}{asked}")
    base = float(figures.get("base_overload_kw", 0.0))
    if base > 1e-3:
        due = float(figures.get("base_upgrade_cost") or 0.0)
        added = unmanaged - due
        spared = (
            f" Of the {in_money(amount(added), figures)} that unmanaged charging adds, the plan spares "
            f"{percent((unmanaged - certificate.upgrade_cost) / added)}."
            if added > NOTHING * unmanaged
            else ""
        )
        said.append(
            f"Of every rung, {power(base)} and a cost of {in_money(amount(due), figures)} are there before "
            f"any vehicle charges.{spared}"
        )
    said.append(
        "Simulated: unmanaged charging plugs in on arrival and draws full power until the battery is full."
    )
    said.append(
        "Assumed: trips and dwells are known in advance as the scenario gives them, and grid limits are the "
        "scenario's headroom per step (active power only)."
    )
    short = int(figures.get("vehicles_short", 0))
    if short:
        said.append(
            f"{count(short, 'vehicle')} cannot charge what the trips need, whatever the plan: "
            f"{amount(float(figures['missing_energy_kwh']))} kWh are missing, and the need was lowered by "
            "exactly that (vehicles.parquet names them)."
        )
    regret = max(float(figures.get("total_regret_cost", certificate.total_regret_cost)), 0.0)
    if regret <= 0:
        said.append("Equilibrium: under the prices found, no vehicle could pay less by leaving the plan.")
    else:
        cost = certificate.upgrade_cost
        share = f" ({percent(regret / cost)} of the upgrade cost)" if cost > NOTHING * unmanaged else ""
        said.append(
            "Equilibrium: under the prices found, all vehicles together could pay "
            f"{in_money(amount(regret, 3), figures)} less{share} by leaving the plan."
        )
    return said + money_note(figures)


def print_sentences(result: Coordination, relative_gap: float | None = None) -> None:
    """Print `sentences`, wrapped."""
    for sentence in sentences(result, relative_gap):
        print(wrapped(sentence))
