"""What stations and profiles say, against the fresh days; loads of coordinated charging."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.stations import Stations
from tidewatt.verification.common.findings import CheckList
from tidewatt.verification.configuration.days import PLANS, mean_of
from tidewatt.verification.configuration.plan import life_and_age, yearly_share

if TYPE_CHECKING:
    from tidewatt.verification.configuration.claims import ClaimedPlans

__all__ = ["check_coordinated", "check_profiles", "check_stations"]

_GAP = 2e-3
"""Largest relative gap between coordinated peaks and their bound."""


def check_stations(ledger: CheckList, found: ClaimedPlans, stations: Stations) -> None:
    """Check that what happens at stations adds up to what happens on the days."""
    plan, p = found.plan, found.parameters
    minutes = 1440.0 * float(found.summary["simulation"]["days"])
    days = minutes / 1440.0
    for which in PLANS:
        charges = plan[f"charges_{which}"].to_numpy(np.float64)
        total = mean_of(found, which, "charges")
        ledger.equal(f"stations: charges {which}", charges.sum(), total, 1e-9 * (total + 1))
        waits = math.fsum(np.nan_to_num(plan[f"wait_{which}_min"].to_numpy(np.float64)) * charges)
        own = mean_of(found, which, "mean_wait_min") * total
        ledger.equal(f"stations: waits {which}", waits, own, 1e-8 * (own + 1), "min")
        built = (
            found.fast + found.normal
            if which == "after"
            else plan["fast_before"].to_numpy() + plan["normal_before"].to_numpy()
        )
        used = plan[f"utilisation_{which}"].to_numpy(np.float64)
        good = bool(((used >= 0) & (used <= 1 + 1e-9))[built > 0].all()) and bool(
            np.isnan(used[built == 0]).all()
        )
        busy = math.fsum(np.nan_to_num(used) * built) * minutes
        own = mean_of(found, which, "mean_charge_min") * total * days
        ledger.add(f"stations: utilisation {which}", good, "must be 0 to 1, empty where nothing is built")
        ledger.equal(f"stations: time at chargers {which}", busy, own, 1e-7 * (own + 1), "min")
        peaks = plan[f"peak_{which}_kw"].to_numpy(np.float64)
        most = (
            stations.fast_kw * plan[f"fast_{which}"] + stations.normal_kw * plan[f"normal_{which}"]
        ).to_numpy(np.float64)
        # Charges that last beyond the day add to its first hours, where others charge: at most twice.
        good = bool(((peaks >= 0) & (peaks <= 2 * most * (1 + 1e-9) + 1e-9)).all())
        ledger.add(f"stations: peaks {which}", good, "at most twice the power of all chargers")
        highest = mean_of(found, which, "peak_load_kw")
        ledger.add(
            f"stations: peaks together {which}",
            highest <= peaks.sum() * (1 + 1e-9) + 1e-9,
            f"joint peak {highest:.6g} kW, sum of peaks {peaks.sum():.6g} kW",
        )
        if p["mode"] != "paper-equation":
            cost, limit = mean_of(found, which, "f3_peak_valley"), float(p["peak_valley_cost_per_kw"])
            limit *= peaks.sum() * (1 + 1e-9)
            ledger.add(
                f"stations: f3_peak_valley {which}",
                cost <= limit + 1e-12,
                f"{cost:.6g}, at most {limit:.6g} by the peaks",
            )
    if p["mode"] != "paper-equation":
        life, age = life_and_age(stations, p)
        share = np.ones(len(life))
        if p["mode"] == "corrected":
            share = yearly_share(np.maximum(life - age, 1.0), float(p["discount_rate"]))
        rise = np.maximum((plan["peak_after_kw"] - plan["peak_before_kw"]).to_numpy(np.float64), 0.0)
        # Peaks that rise on some days and fall on others cost more than their means tell.
        least = float(p["expansion_cost_per_kw"]) * float((share * rise).sum()) / 365.0
        cost = mean_of(found, "after", "f1_3")
        ledger.add(
            "stations: expansion",
            cost >= least * (1 - 1e-9) - 1e-12,
            f"{cost:.6g}, at least {least:.6g} by the mean peaks",
        )


def check_profiles(ledger: CheckList, found: ClaimedPlans) -> None:
    """Check that load and queue profiles match the energy and the waiting of the days."""
    data = found.profiles
    minutes = 1440 * int(found.summary["simulation"]["days"])
    shape = (len(PLANS), minutes)
    said = [str(each) for each in data["plan"].to_numpy().tolist()]
    good = said == list(PLANS) and np.array_equal(data["minute"].to_numpy(), np.arange(minutes))
    good &= all(name in data and data[name].shape == shape for name in ("load_kw", "queue_vehicles"))
    if not ledger.add("profiles", good, f"{', '.join(said)}; {minutes:,} minutes"):
        return
    days = minutes / 1440.0
    for k, plan in enumerate(PLANS):
        load, queue = (data[name].to_numpy()[k] for name in ("load_kw", "queue_vehicles"))
        energy = mean_of(found, plan, "energy_kwh") * days
        ledger.equal(f"profiles: energy {plan}", load.sum() / 60.0, energy, 1e-6 * (energy + 1), "kWh")
        waits = mean_of(found, plan, "mean_wait_min") * mean_of(found, plan, "charges") * days
        ledger.equal(f"profiles: waits {plan}", queue.sum(), waits, 1e-6 * (waits + 1), "min")
        for name, values, peak in (
            ("peak_load_kw", load, "peak_load_kw"),
            ("queue_peak", queue, "queue_peak"),
        ):
            # The peak of a mean is at most the mean of peaks.
            most = mean_of(found, plan, peak)
            ok = float(values.max()) <= most * (1 + 1e-9) + 1e-9 and float(values.min()) >= -1e-9
            ledger.add(f"profiles: {name} {plan}", ok, f"mean day {values.max():.6g}, at most {most:.6g}")


def check_coordinated(ledger: CheckList, found: ClaimedPlans) -> None:
    """Check coordinated loads: costs add up from parts, peaks are above their bound, energy is conserved."""
    told, p, data = found.summary["coordinated"], found.parameters, found.profiles
    names = ("load_one_day_kw", "load_coordinated_kw")
    if told is None:
        ledger.add("coordinated", not any(name in data for name in names), "not asked for")
        return
    if not ledger.add("coordinated", all(name in data for name in names), "loads are there"):
        return
    ledger.add(
        "coordinated: wait",
        told["accepted_wait_min"] == p["accepted_wait_min"],
        f"{told['accepted_wait_min']:g} min accepted",
    )
    for k, plan in enumerate(PLANS):
        loads = dict(
            zip(("unmanaged", "coordinated"), (data[name].to_numpy()[k] for name in names), strict=True)
        )
        for way, load in loads.items():
            f = {name: float(value) for name, value in told[plan][way].items()}
            parts = f["f3_peak_valley"] + f["f3_variance"]
            ledger.equal(f"coordinated: f3 {plan} {way}", f["f3"], parts, 1e-9 * (parts + 1e-6))
            ledger.equal(
                f"coordinated: peak {plan} {way}",
                f["peak_load_kw"],
                load.max(),
                1e-9 * (load.max() + 1e-6),
                "kW",
            )
            most = float(p["peak_valley_cost_per_kw"]) * f["station_peaks_kw"]
            wraps = load.max() <= f["station_peaks_kw"] * 1.5 + 1e-6  # late charges add to the next morning
            ledger.add(
                f"coordinated: sums {plan} {way}",
                wraps and f["f3_peak_valley"] <= most * 1.5 + 1e-9,
                f"station peaks {f['station_peaks_kw']:.6g} kW",
            )
        tight, loose = (float(told[plan][w]["station_peaks_kw"]) for w in ("coordinated", "unmanaged"))
        bound = float(told[plan]["coordinated"]["lower_bound_kw"])
        good = (
            bound <= tight * (1 + 1e-9)
            and tight <= loose * (1 + 1e-6)
            and tight - bound <= _GAP * tight + 1e-6
        )
        ledger.add(
            f"coordinated: bound {plan}",
            good,
            f"{bound:.6g} kW proved, {tight:.6g} kW reached, {loose:.6g} kW unmanaged",
        )
        energy = [float(load.sum()) / 60.0 for load in loads.values()]
        ledger.equal(f"coordinated: energy {plan}", energy[1], energy[0], 1e-4 * (energy[0] + 1), "kWh")
