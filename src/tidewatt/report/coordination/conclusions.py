"""What a coordination shows, in words: the ladder, the causes of upgrades, and what is proved of them.

Each sentence stands beside the condition under which it is true; nothing is said of upgrades that are not
needed where vehicles fall short of what their trips need, since what they lack was not charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidewatt.report.words import (
    RUNG_NAMES,
    amount,
    at_least,
    at_most,
    count,
    in_money,
    money_note,
    percent,
    power,
)
from tidewatt.result import money

if TYPE_CHECKING:
    from tidewatt.coordination.result import Coordination

__all__ = ["NOTHING", "causes", "causes_note", "ladder", "named", "network", "sentences", "short_of"]

NOTHING = 1e-9
"""Costs below this share of the unmanaged cost count as rounding error."""
_WORST = 5  # feeders and banks shown by cause
_NO_POWER_KW = 1e-3  # an overload that is there before any vehicle is worth a sentence above it


def network(figures: Mapping[str, Any]) -> str:
    """Return how many feeders and banks there are: ``60 feeders under 20 banks``."""
    banks = int(figures["banks"])
    return count(int(figures["feeders"]), "feeder") + (f" under {count(banks, 'bank')}" if banks else "")


def ladder(result: Coordination) -> dict[str, dict[str, str]]:
    """Return what each rung needs, in words: rung name to row label to cell."""
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
        cells = {"feeders overloaded": f"{int(figures[f'{rung}_feeders_overloaded']):,}"}
        if int(figures["banks"]) and figures.get(f"{rung}_banks_overloaded") is not None:
            cells["banks overloaded"] = f"{int(figures[f'{rung}_banks_overloaded']):,}"
        rungs[name] = cells | {
            "overload": power(float(figures[f"{rung}_overload_kw"])),
            upgrade: amount(certificate.upgrade_cost if certificate.upgrade_cost > rounding else 0.0),
            "proved lower bound": at_least(certificate.lower_bound_cost, 4) if decided else "-",
            "gap": percent(certificate.relative_gap(unmanaged)) if decided else "-",
        }
    return rungs


def causes(result: Coordination) -> list[tuple[str, str, str, str]]:
    """Return what of the upgrade cost has which cause: all, then the feeders and banks that need most.

    Returns
    -------
    list of tuple
        Label; there anyway, before any vehicle; caused and unavoidable; caused and avoidable. Of all the
        last two are proved; of a feeder or bank they are what the plan found leaves and spares. Empty where
        unmanaged charging needs no upgrade.
    """
    figures = result.figures
    unmanaged = float(figures["unmanaged_upgrade_cost"])
    if unmanaged <= 0:
        return []
    base = float(figures.get("base_upgrade_cost") or 0.0)
    least = min(max(float(result.certificate.lower_bound_cost), base), unmanaged)
    rows = [
        (
            "all, proved",
            amount(base),
            f"at least {at_least(least - base, 4)}",
            f"at most {at_most(unmanaged - least, 4)}",
        )
    ]
    found = []
    for kind, table in (("feeder", result.feeders), ("bank", result.banks)):
        if "base_upgrade_cost" not in table:  # a result of an earlier version
            continue
        for row in table.to_dict("records"):
            there, before, after = (
                float(row[f"{what}_upgrade_cost"]) for what in ("base", "unmanaged", "coordinated")
            )
            if max(before, after) > NOTHING * unmanaged:
                found.append((before, named(row, kind), (there, after - there, before - after)))
    found.sort(key=lambda each: -each[0])
    rounding = NOTHING * unmanaged
    for _, label, parts in found[:_WORST]:
        cells = [amount(part if abs(part) > rounding else 0.0) for part in parts]
        rows.append((label, cells[0], cells[1], cells[2]))
    return rows


def named(row: Mapping[Any, Any], kind: str) -> str:
    """Return a feeder or bank by its name where it has one: ``feeder Riverbank (F12)``."""
    own, name = str(row[f"{kind}_id"]), row.get("name")
    text = str(name).strip() if isinstance(name, str) else ""
    return f"{kind} {text} ({own})" if text and text != own else f"{kind} {own}"


def causes_note(result: Coordination) -> str:
    """Return how the table of `causes` is to be read."""
    table, unmanaged = causes(result), float(result.figures["unmanaged_upgrade_cost"])
    shown = len(table) - 1
    if not shown:
        return "Proved for the total of all feeders and banks."
    number = sum(
        int((frame["unmanaged_upgrade_cost"] > NOTHING * unmanaged).sum())
        for frame in (result.feeders, result.banks)
    )
    others = f" The {shown} with the highest unmanaged cost of {number:,}." if number > shown else ""
    return (
        "The first row is proved. Of one feeder or bank, unavoidable is what the plan found leaves and "
        f"avoidable what it spares; another plan may share them out otherwise.{others}"
    )


def short_of(figures: Mapping[str, Any]) -> str:
    """Return how many vehicles fall short of what their trips need: ``3 of 40 vehicles``; empty if none."""
    short, every = int(figures.get("vehicles_short", 0)), int(figures["vehicles"])
    return f"{short:,} of {count(every, 'vehicle')}" if short else ""


def sentences(result: Coordination, relative_gap: float | None = None) -> list[str]:
    """Return what is proved, simulated and assumed, in plain words.

    Parameters
    ----------
    result : Coordination
        Fresh or loaded.
    relative_gap : float, optional
        What was asked, for a result that did not reach it.
    """
    figures = result.figures
    said = [_upgrades(result), *_short(figures)]
    if not result.status.reached:
        asked = f" The target was a gap of {percent(relative_gap)}." if relative_gap is not None else ""
        said.append(f"Not reached: {result.status.value}{asked}")
    said += [
        *_there_anyway(result),
        "Simulated: unmanaged charging plugs in on arrival and draws full power until the battery is full.",
        "Assumed: trips and dwells are known in advance as the scenario gives them, and grid limits are the "
        "scenario's headroom per step (active power only).",
        _equilibrium(result),
    ]
    return said + money_note(figures)


def _upgrades(result: Coordination) -> str:
    """Return the finding: what upgrades are needed, as far as the figures tell."""
    figures, certificate = result.figures, result.certificate
    unmanaged, short = float(figures["unmanaged_upgrade_cost"]), short_of(figures)
    charges = float(result.vehicles["energy_kwh"].sum()) > 0 or float(figures["missing_energy_kwh"]) > 0
    if unmanaged <= 0 and not charges:
        return "No vehicle needs to charge in this scenario, so nothing follows about upgrades."
    if unmanaged <= 0 and not short:
        return "Nothing is overloaded even when charging is unmanaged: no upgrade is needed."
    if unmanaged <= 0:
        return (
            "Nothing is overloaded even when charging is unmanaged. That does not show that no upgrade is "
            "needed, because vehicles fall short."
        )
    # With vehicles that fall short, trips are possible only as far as these can charge.
    possible = "charges every vehicle as far as its stays allow" if short else "makes every trip possible"
    if certificate.upgrade_cost <= NOTHING * unmanaged:
        plan = f"Proved: the mobility-aware plan found {possible} and overloads nothing beyond rounding"
        if short:
            return f"{plan}. That does not show that no upgrade is needed, because vehicles fall short."
        return f"{plan}, so no upgrade is needed."
    gap = certificate.relative_gap(unmanaged)
    spared = 1 - certificate.upgrade_cost / unmanaged
    # A search that was cut off may hand out a plan that is no better than unmanaged charging.
    saves = f", which avoids {percent(spared)} of the unmanaged cost" if spared > 0 else ""
    return (
        f"Proved: no charging plan that {possible} needs upgrades of less than "
        f"{in_money(at_least(certificate.lower_bound_cost), figures)}; the plan found needs "
        f"{in_money(amount(certificate.upgrade_cost, 6), figures)} (gap {percent(gap)}){saves}."
    )


def _short(figures: Mapping[str, Any]) -> list[str]:
    """Return which vehicles fall short, where any does."""
    if not (short := short_of(figures)):
        return []
    its = "its" if int(figures["vehicles_short"]) == 1 else "their"
    return [
        f"{short} cannot charge what {its} trips need, whatever the plan: "
        f"{amount(float(figures['missing_energy_kwh']))} kWh are missing, and their need was lowered by "
        "exactly that (vehicles.parquet names them)."
    ]


def _there_anyway(result: Coordination) -> list[str]:
    """Return what is overloaded before any vehicle charges, where anything is."""
    figures = result.figures
    unmanaged = float(figures["unmanaged_upgrade_cost"])
    base = float(figures.get("base_overload_kw", 0.0))
    if not base > _NO_POWER_KW:
        return []
    due = float(figures.get("base_upgrade_cost") or 0.0)
    added, spared = unmanaged - due, unmanaged - result.certificate.upgrade_cost
    more = (
        f" Of the {in_money(amount(added), figures)} that unmanaged charging adds, the plan avoids "
        f"{percent(max(spared, 0.0) / added)}."
        if added > NOTHING * unmanaged
        else ""
    )
    return [
        f"Every rung includes {power(base)} of overload, costing {in_money(amount(due), figures)}, from "
        f"before any vehicle charges.{more}"
    ]


def _equilibrium(result: Coordination) -> str:
    """Return what vehicles could still gain by leaving the plan."""
    figures, certificate = result.figures, result.certificate
    regret = max(float(figures.get("total_regret_cost", certificate.total_regret_cost)), 0.0)
    if regret <= 0:
        return "Equilibrium: under the prices found, no vehicle could pay less by leaving the plan."
    cost = certificate.upgrade_cost
    unmanaged = float(figures["unmanaged_upgrade_cost"])
    share = f" ({percent(regret / cost)} of the upgrade cost)" if cost > NOTHING * unmanaged else ""
    return (
        "Equilibrium: under the prices found, all vehicles together could pay "
        f"{in_money(amount(regret, 3), figures)} less{share} by leaving the plan."
    )
