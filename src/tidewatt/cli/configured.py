"""The summary of a configuration on the terminal: before and after, what binds, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidewatt.cli.console import print_table, wrapped
from tidewatt.report.words import amount, at_least, count, money_name, percent

if TYPE_CHECKING:
    from tidewatt.configuration.result import Configuration

__all__ = [
    "comparison_rows",
    "coordinated_rows",
    "print_comparison",
    "print_verdict",
    "station_rows",
    "totals",
    "verdict",
]

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
    "f3_peak_valley": "  peak less valley",
    "f3_variance": "  variance",
    "f4": "traffic",
    "mean_detour_min": "detour [min]",
    "mean_wait_min": "wait [min]",
    "mean_charge_min": "charging [min]",
    "peak_load_kw": "peak load [kW]",
    "peak_valley_kw": "peak less valley [kW]",
    "queue_peak": "most vehicles queueing, mean of days",
    "charges": "charges",
    "unserved": "ran low, not charged",
}
"""Rows of the table, by figure."""

_WHAT = {
    "site": "a site's most or fewest chargers",
    "cost_18": "the stations' cost, which must not rise",
    "budget": "the budget",
    "feeder": "the headroom of a feeder",
    "fixed": "stations that may not change",
}


def comparison_rows(result: Configuration) -> list[tuple[str, str, str, str, str]]:
    """Label, before, after, change and half of the change's 95 % interval."""
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
    """Stations that change, those with most charges first: chargers, retrofit cost, wait."""
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
    """Chargers of all stations, before and after, and which stations are closed."""
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
    """Grid costs and peaks of the same stations, unmanaged and coordinated, before and after."""
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
        ("  proved: not below", "", at_least(float(bounds[0]), 4), "", at_least(float(bounds[1]), 4)),
    ]


def print_comparison(result: Configuration) -> None:
    """Tables of costs, of stations that change, and of coordinated charging."""
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
        more = f", the {len(rows)} with most charges" if changed > len(rows) else ""
        title = f"{count(changed, 'station')} of {int(f['stations']):,} changed{more}"
        print_table(("station", "fast", "normal", "retrofit a day", "wait [min]"), rows, title=title)
        print(wrapped(totals(result)))
    if f.get("coordinated"):
        wait = amount(float(f["coordinated"]["accepted_wait_min"]), 3)
        title = f"Charging coordinated within {wait} min; one day, means over 5 min"
        columns = ("", "before", "coordinated", "after", "coordinated")
        print_table(columns, coordinated_rows(dict(f)), title=title)


def verdict(result: Configuration) -> list[str]:
    """What was found, which limits bind, how far the figures can be trusted, in plain words."""
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
    said += ". The best plan found; there is no proof that none is better."
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
    said.append(f"stations' cost {amount(float(room['station_cost_left']), 3)} below before")
    spent = float(room["capital"])
    paid = (
        f"purchases less sales cost {amount(spent, 4)}"
        if spent >= 0
        else f"sales bring {amount(-spent, 4)} more than purchases cost"
    )
    return f"Limits: {', '.join(said)}; {paid} (in {money_name(f)}, before interest)."


def _broken(f: Any) -> list[str]:
    broken = [_WHAT[name] for name, kept in f["constraints"].items() if not kept]
    if not broken:
        return []
    return [f"NOT kept on the fresh days: {'; '.join(broken)}."]


def _replay(f: Any) -> str:
    error = {
        name: 0.0 if abs(float(value)) < _ROUNDING else float(value)
        for name, value in f["replay_error"].items()
    }
    return (
        f"Simulated: both plans for the same drivers on the same days. Replays, which the search used, were "
        f"off by {amount(error['objective'], 2)} in the objective and "
        f"{amount(error['mean_wait_min'], 2)} min in the mean wait."
    )


def _coordinated(f: Any) -> list[str]:
    if not f.get("coordinated"):
        return []
    after = f["coordinated"]["after"]
    loose, tight = (float(after[way]["station_peaks_kw"]) for way in ("unmanaged", "coordinated"))
    spared = percent(1 - tight / loose) if loose > 0 else "0 %"
    return [
        f"Proved: with these charges at these chargers, station peaks cannot sum up to less than "
        f"{at_least(float(after['coordinated']['lower_bound_kw']), 4)} kW after the change; coordinated "
        f"charging reaches {amount(tight)} kW, {spared} below unmanaged."
    ]


def _assumed(f: Any) -> str:
    weights = ", ".join(f"{what} {amount(float(w), 3)}" for what, w in f["weights"].items())
    known = {
        "none": "nothing of queues",
        "arrived": "who is at a station, not who is on the way there",
        "reserved": "who is at a station and who is on the way there",
    }[str(f["information"])]
    return (
        f"Assumed: weights of {weights}; drivers know {known}; in the search, what they ask for and when "
        "does not depend on the plan. Days are synthesised from travel statistics, not observed."
    )


def print_verdict(result: Configuration) -> None:
    """Print `verdict`, wrapped."""
    print()
    for sentence in verdict(result):
        print(wrapped(sentence))
