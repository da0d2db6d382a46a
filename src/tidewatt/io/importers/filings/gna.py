"""Make a scenario from a utility's Grid Needs Assessment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.grid import NO_BANK, CostPieces, Grid
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.base_load import default_shape, over_steps, planning_week
from tidewatt.io.importers.filings.gna_filing import BankMap, Filing, map_banks, read_filing
from tidewatt.io.importers.filings.ica_tables import CapacityTables, read_capacity_tables
from tidewatt.io.importers.filings.upgrade_costs import check_upgrade_cost, cost_sentences, upgrade_cost
from tidewatt.io.importers.report import ImportReport
from tidewatt.io.importers.tables import nearest_words
from tidewatt.io.importers.vehicles import (
    KW_PER_CUSTOMER,
    RESIDENTIAL_SHARE,
    FleetSize,
    check_options,
    check_shares,
    places_of,
    populate,
    size_fleet,
)
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.statistics import VEHICLES_PER_HOUSEHOLD

__all__ = ["Figures", "FiledGrid", "build_grid", "check_selection", "figures_of", "import_gna", "select"]

_FEW = 5  # a median of fewer values says little: take the next wider group


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Figures of one year.

    Attributes
    ----------
    rating_kw, loading_kw : array, shape (facilities,)
        Filed or imputed [kW]; nan where neither.
    confidential, missing : array of bool, shape (facilities,)
        Withheld ("CC"); empty, unreadable or a rating of 0 or less.
    imputed : array of bool, shape (facilities,)
        Whether a figure was filled in.
    """

    rating_kw: Array
    loading_kw: Array
    confidential: Array
    missing: Array
    imputed: Array


def check_selection(path: Path, filing: Filing, divisions: Sequence[str] | None, year: int) -> list[Issue]:
    """Return issues for divisions and a year that the filing lacks, with the nearest that it has."""
    known = sorted({str(d) for d in filing.division if d})
    lower = {d.casefold() for d in known}
    issues = [
        Issue(path.name, "Division", f"no division {name!r}", f"Did you mean {nearest_words(name, known)}?")
        for name in divisions or ()
        if name.strip().casefold() not in lower
    ]
    if divisions is not None and not divisions:
        issues.append(Issue("options", "divisions", "the list is empty", f"Give some of {', '.join(known)}"))
    if year not in filing.years:
        years = ", ".join(map(str, filing.years))
        issues.append(Issue(path.name, "year", f"no figures for {year}", f"Give one of {years}"))
    return issues


def select(filing: Filing, divisions: Sequence[str] | None) -> Array:
    """Return whether a facility lies in one of the divisions, ignoring case; shape (facilities,)."""
    if divisions is None:
        return np.ones(len(filing.division), bool)
    wanted = {name.strip().casefold() for name in divisions}
    return np.asarray([d.casefold() in wanted for d in filing.division], bool)


def figures_of(filing: Filing, banks: BankMap, year: int, *, impute: bool) -> Figures:
    """Return the figures of a year; with `impute`, missing ones are filled in.

    A negative loading (a feeder that generates even at its peak) counts as 0.

    A feeder's rating becomes the median rating of feeders of its division and voltage class, its
    loading the rating times their median loading ratio; a group of fewer than five filed values gives
    way to the voltage class in the whole filing, then to all feeders. A bank's loading becomes the sum
    of its feeders' loadings over the median of that ratio among banks with complete figures; its
    rating, that loading over the median loading ratio of banks in its division (or all banks).
    """
    rating = np.where(filing.rating_kw[year] > 0, filing.rating_kw[year], np.nan)
    loading = np.maximum(filing.loading_kw[year], 0.0)
    lacking = ~(np.isfinite(rating) & np.isfinite(loading))
    confidential = lacking & filing.confidential[year]
    imputed = np.zeros(len(rating), bool)
    if impute:
        filed = Figures(rating.copy(), loading.copy(), confidential, lacking & ~confidential, imputed)
        _fill_feeders(filing, filed, rating, loading)
        _fill_banks(filing, banks, filed, rating, loading)
        imputed = lacking & np.isfinite(rating) & np.isfinite(loading)
    return Figures(rating, loading, confidential, lacking & ~confidential, imputed)


def _fill_feeders(filing: Filing, filed: Figures, rating: Array, loading: Array) -> None:
    voltage = np.asarray([str(number)[-4:-2] for number in filing.facility_id], object)
    feeder = filing.kind == "feeder"
    ratio = filed.loading_kw / filed.rating_kw
    for row in np.flatnonzero(feeder & ~(np.isfinite(rating) & np.isfinite(loading))):
        alike = feeder & (voltage == voltage[row])
        groups = (alike & (filing.division == filing.division[row]), alike, feeder)
        if not np.isfinite(rating[row]):
            rating[row] = _median(filed.rating_kw, groups)
        if not np.isfinite(loading[row]):
            loading[row] = rating[row] * _median(ratio, groups)


def _fill_banks(filing: Filing, banks: BankMap, filed: Figures, rating: Array, loading: Array) -> None:
    fed = np.flatnonzero(banks.bank >= 0)
    total = np.bincount(banks.bank[fed], np.nan_to_num(loading[fed]), len(rating))
    filed_total = np.bincount(banks.bank[fed], filed.loading_kw[fed], len(rating))
    bank = filing.kind != "feeder"
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(filed.loading_kw > 0, filed_total / filed.loading_kw, np.nan)
    share = _median(np.where(above > 0, above, np.nan), (bank,))
    ratio = filed.loading_kw / filed.rating_kw
    for row in np.flatnonzero(bank & ~(np.isfinite(rating) & np.isfinite(loading))):
        if total[row] <= 0:
            continue  # nothing is known of it: stays missing
        if not np.isfinite(loading[row]):
            loading[row] = total[row] / (share if np.isfinite(share) else 1.0)
        if not np.isfinite(rating[row]):
            rating[row] = loading[row] / _median(
                np.where(ratio > 0, ratio, np.nan), (bank & (filing.division == filing.division[row]), bank)
            )


def _median(values: Array, groups: tuple[Array, ...]) -> float:
    """Return the median over the first group with enough finite values, else over the last one."""
    found = np.empty(0)
    for group in groups:
        found = values[group & np.isfinite(values)]
        if len(found) >= _FEW:
            break
    return float(np.median(found)) if len(found) else np.nan


@dataclass(frozen=True, slots=True, eq=False)
class FiledGrid:
    """The grid, and where it comes from in the filing.

    Attributes
    ----------
    grid : Grid
        Feeders and banks with figures.
    feeder, bank : array of int64, shape (feeders,) and (banks,)
        Rows of the filing.
    homes : array, shape (feeders,)
        Residential customers, told or estimated.
    in_tables, profiled : array of bool, shape (feeders,)
        Whether the capacity tables have the feeder; and whether its load shape is theirs.
    """

    grid: Grid
    feeder: Array
    bank: Array
    homes: Array
    in_tables: Array
    profiled: Array


def build_grid(
    filing: Filing,
    banks: BankMap,
    figures: Figures,
    inside: Array,
    tables: CapacityTables | None,
    horizon: Horizon,
    *,
    month: int | None,
    cost_per_kw: float | str,
    kw_per_customer: float,
    residential_share: float,
    residential_load_share: float,
) -> FiledGrid:
    """Keep facilities `inside` that have figures; parameters as in `import_gna`."""
    known = np.isfinite(figures.rating_kw) & np.isfinite(figures.loading_kw)
    feeder = np.flatnonzero(inside & known & (filing.kind == "feeder"))
    above = banks.bank[feeder]
    bank = np.unique(above[(above >= 0) & known[above]])
    place = np.full(len(known), NO_BANK)
    place[bank] = np.arange(len(bank))
    carried = np.where(above >= 0, place[above], NO_BANK)
    rating, loading = figures.rating_kw[feeder], figures.loading_kw[feeder]
    bank_rating = figures.rating_kw[bank]
    match = _matches(filing.facility_id[feeder], tables)
    profiled = _profiled(match, tables)
    shape = default_shape(residential_load_share)
    base_kw = _feeder_base(loading, match, profiled, tables, month, shape, horizon)
    bank_base_kw = _bank_base(figures.loading_kw[bank], base_kw, carried)
    customers, homes = _customers(loading, match, tables, kw_per_customer, residential_share)
    grid = Grid(
        filing.facility_id[feeder],
        filing.facility_id[bank],
        carried,
        rating[:, None] - base_kw,
        bank_rating[:, None] - bank_base_kw,
        CostPieces.linear(upgrade_cost(rating, cost_per_kw)),
        CostPieces.linear(upgrade_cost(bank_rating, cost_per_kw)),
        rating,
        bank_rating,
        base_kw,
        {"customers": np.round(customers), "name": filing.name[feeder]},
        {"name": filing.name[bank]},
    )
    return FiledGrid(grid, feeder, bank, homes, match >= 0, profiled)


def _matches(ids: Array, tables: CapacityTables | None) -> Array:
    """Return the row of each feeder in the capacity tables, -1 where absent; shape (feeders,)."""
    rows = {feeder: row for row, feeder in enumerate(tables.feeder_id)} if tables else {}
    return np.asarray([rows.get(feeder, -1) for feeder in ids], np.int64)


def _profiled(match: Array, tables: CapacityTables | None) -> Array:
    """Return whether a feeder's shape can come from the tables: complete, never negative, not all zero."""
    if tables is None:
        return np.zeros(len(match), bool)
    load = tables.load_kw
    usable = tables.complete(load)
    usable[usable] = (load[usable].min(axis=(1, 2)) >= 0) & (load[usable].max(axis=(1, 2)) > 0)
    profiled: Array = (match >= 0) & usable[match]
    return profiled


def _feeder_base(
    loading_kw: Array,
    match: Array,
    profiled: Array,
    tables: CapacityTables | None,
    month: int | None,
    shape: Array,
    horizon: Horizon,
) -> Array:
    """Return base load, shape (feeders, steps); the year's peak hour equals the filed loading."""
    day = np.repeat(shape[None], len(loading_kw), axis=0)
    for row in np.flatnonzero(profiled):
        load = tables.load_kw[match[row]]  # type: ignore[union-attr]
        of_month = load[month - 1] if month else load[int(load.max(axis=1).argmax())]
        day[row] = of_month / load.max()
    return loading_kw[:, None] * over_steps(day[:, 0], day[:, 1], horizon)


def _bank_base(loading_kw: Array, base_kw: Array, carried: Array) -> Array:
    """Return base load of banks, shape (banks, steps): the sum of kept feeders, scaled to the filed peak."""
    base = np.zeros((len(loading_kw), base_kw.shape[1]))
    on = carried >= 0
    np.add.at(base, carried[on], base_kw[on])
    peak = base.max(axis=1, keepdims=True)
    # Feeders without any load leave no shape: the bank's loading is then taken as constant.
    return loading_kw[:, None] * np.where(peak > 0, base / np.where(peak > 0, peak, 1.0), 1.0)


def _customers(
    loading_kw: Array,
    match: Array,
    tables: CapacityTables | None,
    kw_per_customer: float,
    residential_share: float,
) -> tuple[Array, Array]:
    """Return all and residential customers, from the tables where known, else estimated from the loading."""
    customers = loading_kw / kw_per_customer
    homes = customers * residential_share
    if tables is not None:
        for of_tables, values in ((tables.customers, customers), (tables.residential, homes)):
            told = (match >= 0) & np.isfinite(of_tables[match])
            values[told] = of_tables[match[told]]
    return customers, homes


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
    estimate = f"{VEHICLES_PER_HOUSEHOLD:g} vehicles per household, {adoption:.0%} electric"
    sentences = (
        f"{filed.homes.sum():,.0f} residential customers; where not known, {kw_per_customer:g} kW of peak "
        f"loading per customer, {residential_share:.0%} of them residential",
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
    """Return counts and ids of what was kept, left out and filled in."""
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
        "the bank limit of feeders whose bank is not known": tuple(ids[feeder[~told]]),
        "the bank limit of feeders whose bank is left out": tuple(ids[feeder[told & ~carried]]),
    }
    imputed = {
        "rating or loading of feeders": tuple(ids[feeder[figures.imputed[feeder]]]),
        "rating or loading of banks": tuple(ids[bank[figures.imputed[bank]]]),
    }
    if not banks.ordered:
        sentences += (
            "the file is not in the filing's order: only feeders of one-bank substations get a bank",
        )
    return ImportReport(path.name, counts, dropped, imputed, sentences)
