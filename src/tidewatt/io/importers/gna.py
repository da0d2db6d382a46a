"""A scenario from a utility's Grid Needs Assessment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.fleet import (
    KW_PER_CUSTOMER,
    RESIDENTIAL_SHARE,
    FleetSize,
    check_options,
    check_shares,
    places_of,
    populate,
    size_fleet,
)
from tidewatt.io.importers.gna_banks import BankMap, map_banks
from tidewatt.io.importers.gna_figures import Figures, check_selection, figures_of, select
from tidewatt.io.importers.gna_filing import Filing, read_filing
from tidewatt.io.importers.gna_grid import FiledGrid, build_grid
from tidewatt.io.importers.ica_tables import read_capacity_tables
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.shapes import planning_week
from tidewatt.io.importers.upgrade_costs import check_upgrade_cost, cost_sentences
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.statistics import VEHICLES_PER_HOUSEHOLD

__all__ = ["import_gna"]


def import_gna(
    file: Path | str,
    *,
    divisions: Sequence[str] | None,
    year: int,
    adoption: float,
    vehicles: int | None = None,
    represent: float | None = None,
    missing: Literal["drop", "impute"] = "drop",
    ica: Sequence[Path | str] = (),
    ica_month: int | None = None,
    horizon: Horizon | None = None,
    step_min: float = 15.0,
    seed: int = 0,
    habits: Habits | None = None,
    diary: Diary | None = None,
    upgrade_cost_per_kw: float | Literal["ddor"] = 1.0,
    kw_per_customer: float = KW_PER_CUSTOMER,
    residential_share: float = RESIDENTIAL_SHARE,
    residential_load_share: float = 0.5,
    name: str | None = None,
) -> tuple[Scenario, ImportReport]:
    """Turn a GNA's bank and feeder capacity table into a scenario with vehicles.

    Parameters
    ----------
    file : path
        The filing's own xlsx, or its table flattened to CSV or CSV.gz.
    divisions : sequence of str or None
        Divisions to keep, case aside; None: all.
    year : int
        Year of the forecast.
    adoption : float
        Share of vehicles that are electric, 0..1.
    vehicles : int or None
        Vehicles to simulate, each weighted to stand for its share of the real ones; None: one each.
    represent : float or None
        Real electric vehicles on the kept feeders; None: estimated from customers and `adoption`.
    missing : {"drop", "impute"}
        What to do with facilities whose figures are withheld or missing (see `figures_of`).
    ica : sequence of paths
        Integration-capacity tables: feeders with a complete load take its shape and customers.
    ica_month : int or None
        Month of those shapes, 1..12; None: each feeder's own peak month.
    horizon : Horizon or None
        Time axis; None: a week in January of `year` in steps of `step_min` minutes.
    seed : int
        Seed of the synthesis.
    habits, diary
        Assumptions and day chains of the synthesis.
    upgrade_cost_per_kw : float or "ddor"
        Cost of a kW of overload, or by size from published unit costs (see `upgrade_cost`).
    kw_per_customer, residential_share : float
        Peak loading per customer and share of residential ones, where not known.
    residential_load_share : float
        Residential part of the default load shape, 0..1.
    name : str or None
        Name of the scenario.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        Everything wrong with the file and the options, at once.
    """
    path = Path(file)
    habits = habits or Habits()
    issues = check_options(
        adoption=adoption, vehicles=vehicles, represent=represent, missing=missing, seed=seed
    )
    issues += check_shares(
        month=ica_month,
        step_min=step_min,
        kw_per_customer=kw_per_customer,
        residential_share=residential_share,
        residential_load_share=residential_load_share,
    )
    issues += check_upgrade_cost(upgrade_cost_per_kw)
    filing = tables = None
    try:
        filing = read_filing(path)
        issues += check_selection(path, filing, divisions, year)
    except ScenarioError as error:
        issues += error.issues
    try:
        tables = read_capacity_tables(ica) if ica else None
    except ScenarioError as error:
        issues += error.issues
    if issues or filing is None:
        raise ScenarioError(issues)

    banks = map_banks(filing, year)
    figures = figures_of(filing, banks, year, impute=missing == "impute")
    inside = select(filing, divisions)
    horizon = horizon or planning_week(year, step_min)
    filed = build_grid(
        filing,
        banks,
        figures,
        inside,
        tables,
        horizon,
        month=ica_month,
        cost_per_kw=upgrade_cost_per_kw,
        kw_per_customer=kw_per_customer,
        residential_share=residential_share,
        residential_load_share=residential_load_share,
    )
    if not filed.homes.sum() > 0:
        raise ScenarioError(
            [
                Issue(
                    path.name,
                    "Facility Rating (MW)",
                    "no feeder there has a rating and a loading",
                    "Choose other divisions, or have missing figures imputed",
                )
            ]
        )
    size = size_fleet(float(filed.homes.sum()), adoption=adoption, vehicles=vehicles, represent=represent)
    places = places_of(
        filed.homes,
        figures.loading_kw[filed.feeder],
        habits,
        list(filing.division[filed.feeder]),
        [number[:-4] for number in filing.facility_id[filed.feeder]],
    )
    chosen = sorted({str(d) for d in filing.division[inside]})
    scenario = populate(
        name or f"{path.name.split('.')[0]}-{year}",
        filed.grid,
        horizon,
        places,
        size,
        seed=seed,
        habits=habits,
        diary=diary,
        sampling={
            "adoption": adoption,
            "method": "vehicles live on feeders in proportion to residential customers; equal weights",
            "source": path.name,
            "year": year,
            "divisions": chosen,
        },
    )
    estimate = f"{VEHICLES_PER_HOUSEHOLD:g} vehicles a household, {adoption:.0%} electric"
    sentences = (
        f"{filed.homes.sum():,.0f} residential customers; where not known, {kw_per_customer:g} kW of peak "
        f"loading a customer, {residential_share:.0%} of them residential",
        f"{size.electric:,.0f} real electric vehicles: {estimate if represent is None else 'as given'}",
        f"each simulated vehicle stands for {size.weight:,.3g} real ones",
        "base load peaks at the filing's yearly peak in this week; where no profile is known its shape is "
        f"{residential_load_share:.0%} residential",
        "the filing's loading may already hold some forecast of electric vehicles",
        *cost_sentences(upgrade_cost_per_kw),
    )
    if tables is not None and not filed.in_tables.any():
        sentences += ("no kept feeder is in the integration-capacity tables",)
    return scenario, _report(path, filing, banks, figures, inside, filed, size, sentences)


def _report(
    path: Path,
    filing: Filing,
    banks: BankMap,
    figures: Figures,
    inside: Array,
    filed: FiledGrid,
    size: FleetSize,
    sentences: tuple[str, ...],
) -> ImportReport:
    """Counts and ids of what was kept, left out and filled in."""
    ids, feeder, bank = filing.facility_id, filed.feeder, filed.bank
    kept = np.zeros(len(inside), bool)
    kept[feeder] = kept[bank] = True
    is_feeder = filing.kind == "feeder"
    lacking = figures.confidential | figures.missing
    told, carried = banks.bank[feeder] >= 0, filed.grid.bank >= 0

    def names(mask: Array) -> tuple[str, ...]:
        return tuple(ids[inside & mask])

    counts: dict[str, float] = {
        "feeders_in_divisions": int((inside & is_feeder).sum()),
        "banks_in_divisions": int((inside & ~is_feeder).sum()),
        "feeders_with_figures": int((inside & is_feeder & ~lacking).sum()),
        "banks_with_figures": int((inside & ~is_feeder & ~lacking).sum()),
        "feeders": len(feeder),
        "banks": len(bank),
        "feeders_under_their_bank_in_the_file": int((banks.rule[feeder] == "listed").sum()),
        "feeders_of_a_one_bank_substation": int((banks.rule[feeder] == "only").sum()),
        "feeders_without_bank": int((~carried).sum()),
        "feeders_found_in_ica": int(filed.in_tables.sum()),
        "feeders_with_ica_profile": int(filed.profiled.sum()),
        "vehicles": size.simulated,
        "real_electric_vehicles": round(size.electric),
    }
    if np.isfinite(banks.agreement):
        counts["share_of_banks_whose_loading_fits_that_of_their_feeders"] = round(banks.agreement, 3)
    dropped = {
        "feeders withheld (CC)": names(~kept & is_feeder & figures.confidential),
        "feeders without figures": names(~kept & is_feeder & figures.missing),
        "banks withheld (CC)": names(~kept & ~is_feeder & figures.confidential),
        "banks without figures": names(~kept & ~is_feeder & figures.missing),
        "banks that carry no kept feeder": names(~kept & ~is_feeder & ~lacking),
        "the bank limit of feeders whose bank cannot be told": tuple(ids[feeder[~told]]),
        "the bank limit of feeders whose bank is left out": tuple(ids[feeder[told & ~carried]]),
    }
    imputed = {
        "rating or loading of feeders": tuple(ids[feeder[figures.imputed[feeder]]]),
        "rating or loading of banks": tuple(ids[bank[figures.imputed[bank]]]),
    }
    if not banks.ordered:
        sentences += ("the file is not in the filing's order: only one-bank substations have banks",)
    return ImportReport(path.name, counts, dropped, imputed, sentences)
