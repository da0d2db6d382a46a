"""Rating and peak loading of the facilities asked for, with missing figures left out or filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue
from tidewatt.io.importers.gna_banks import BankMap
from tidewatt.io.importers.gna_filing import Filing
from tidewatt.io.importers.tabular import nearest_words

__all__ = ["Figures", "check_selection", "figures_of", "select"]

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
    """Divisions and year that the filing does not have, with the nearest that it has."""
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
    """Whether a facility lies in one of the divisions, case aside; shape (facilities,)."""
    if divisions is None:
        return np.ones(len(filing.division), bool)
    wanted = {name.strip().casefold() for name in divisions}
    return np.asarray([d.casefold() in wanted for d in filing.division], bool)


def figures_of(filing: Filing, banks: BankMap, year: int, *, impute: bool) -> Figures:
    """The figures of a year; with `impute`, missing ones are filled in.

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
    """Median over the first group with enough finite values; of the last one whatever it has."""
    found = np.empty(0)
    for group in groups:
        found = values[group & np.isfinite(values)]
        if len(found) >= _FEW:
            break
    return float(np.median(found)) if len(found) else np.nan
