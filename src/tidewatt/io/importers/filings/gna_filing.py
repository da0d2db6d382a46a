"""The capacity table of a Grid Needs Assessment, and which bank supplies each feeder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.tables import Sheet, read_sheets, unreadable

__all__ = ["BankMap", "Filing", "map_banks", "read_filing"]

# Header cells, whitespace collapsed and lower case. Year columns are met as "facility rating (mw)"
# under a year in the row above (the workbook) or as "facility rating (mw) 2027" (flattened).
_TEXTS = {
    "facility id formatted": "facility_id",
    "facility id": "facility_id",
    "facility name": "name",
    "facility type": "kind",
    "division": "division",
    "distribution planning regions": "region",
    "distribution planning region": "region",
}
_NEEDED = ("facility_id", "name", "kind", "division")
_FIGURE = re.compile(r"facility (rating|loading) \(mw\)(?: (\d{4}))?")
_KINDS = {"feeder": "feeder", "bank": "bank", "bankgroup": "group", "bank group": "group"}
_HEADER_ROWS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Filing:
    """One capacity table, in the order of the file; arrays of shape (facilities,).

    Attributes
    ----------
    facility_id, name, division : array of str
        As given; numeric ids without decimals and leading zeros.
    kind : array of str
        ``"feeder"``, ``"bank"`` or ``"group"`` (banks of a network that work as one).
    rating_kw, loading_kw : mapping of int to array
        By year [kW]; nan where the filing gives no number.
    confidential : mapping of int to array of bool
        By year, whether rating or loading is withheld ("CC").
    """

    facility_id: Array
    name: Array
    division: Array
    kind: Array
    rating_kw: Mapping[int, Array]
    loading_kw: Mapping[int, Array]
    confidential: Mapping[int, Array]

    @property
    def years(self) -> tuple[int, ...]:
        """Years with both ratings and loadings."""
        return tuple(sorted(self.rating_kw.keys() & self.loading_kw.keys()))


def read_filing(path: Path) -> Filing:
    """Read the filing's own xlsx, or its table exported as CSV or CSV.gz.

    Raises
    ------
    ScenarioError
        No sheet has the columns, or ids repeat, or a facility type is unknown; all at once.
    """
    best: list[str] = []
    for rows in read_sheets(path).values():
        for number, row in enumerate(rows[:_HEADER_ROWS]):
            columns = _columns(rows[number - 1] if number else [], row)
            found = [name for name in _NEEDED if name in columns]
            if len(found) == len(_NEEDED):
                return _filing(path, rows[number + 1 :], number + 2, columns)
            best = max(best, found, key=len)
    missing = [name.replace("_", " ") for name in _NEEDED if name not in best]
    raise unreadable(
        path,
        f"no sheet has the capacity table's columns (missing: {', '.join(missing)})",
        "Give the GNA's bank and feeder capacity appendix, as xlsx or flattened to CSV",
    )


def _columns(above: list[Any], header: list[Any]) -> dict[str | tuple[str, int], int]:
    """Return column numbers by text name or by (rating | loading, year)."""
    columns: dict[str | tuple[str, int], int] = {}
    block: int | None = None
    for k, cell in enumerate(header):
        over = above[k] if k < len(above) else ""
        if over not in ("", None):  # a merged cell holds its value at the left end only
            block = _year(over)
        text = " ".join(str(cell).split()).casefold()
        if text in _TEXTS:
            columns.setdefault(_TEXTS[text], k)
        elif match := _FIGURE.fullmatch(text):
            year = int(match[2]) if match[2] else block
            if year is not None:
                columns.setdefault((match[1], year), k)
    return columns


def _year(cell: Any) -> int | None:
    try:
        year = float(cell)
    except (TypeError, ValueError):
        return None
    return int(year) if 1990 <= year <= 2100 else None


def _filing(path: Path, rows: Sheet, first_row: int, columns: dict[str | tuple[str, int], int]) -> Filing:
    def cell(row: list[Any], key: str | tuple[str, int]) -> Any:
        k = columns[key]
        return row[k] if k < len(row) else ""

    kept = [(n, r) for n, r in enumerate(rows, first_row) if str(cell(r, "kind")).strip()]
    kinds = [str(cell(r, "kind")).strip() for _, r in kept]
    ids = [_identifier(cell(r, "facility_id")) for _, r in kept]
    issues = []
    odd = [f"row {n}" for (n, _), kind in zip(kept, kinds) if kind.casefold() not in _KINDS]
    if odd:
        values = sorted({kind for kind in kinds if kind.casefold() not in _KINDS})
        issues.append(
            Issue(
                path.name,
                "Facility Type",
                f"unknown: {', '.join(values[:3])}",
                "Use Feeder, Bank or BankGroup",
                tuple(odd[:5]),
                len(odd),
            )
        )
    unnamed = [f"row {n}" for (n, _), value in zip(kept, ids) if not value]
    if unnamed:
        issues.append(
            Issue(
                path.name,
                "Facility ID",
                "empty",
                "Give every facility an id",
                tuple(unnamed[:5]),
                len(unnamed),
            )
        )
    values_of, count = np.unique(np.asarray(ids, str), return_counts=True)
    repeated = [str(value) for value in values_of[count > 1] if value]
    if repeated:
        issues.append(
            Issue(
                path.name,
                "Facility ID",
                "given more than once",
                "Keep one row per facility",
                tuple(repeated[:5]),
                len(repeated),
            )
        )
    if not kept:
        issues.append(Issue(path.name, "", "the capacity table has no rows", "Give the complete filing"))
    figures: dict[str, dict[int, Array]] = {"rating": {}, "loading": {}}
    confidential: dict[int, Array] = {}
    for key in columns:
        if isinstance(key, str):
            continue
        what, year = key
        raw = [cell(r, key) for _, r in kept]
        figures[what][year] = 1000.0 * np.asarray([_figure(value) for value in raw], float)
        hidden = np.asarray([str(value).strip().upper() == "CC" for value in raw], bool)
        confidential[year] = confidential.get(year, np.zeros(len(kept), bool)) | hidden
    if not figures["rating"].keys() & figures["loading"].keys():
        issues.append(
            Issue(
                path.name,
                "Facility Rating (MW)",
                "no year has both a rating and a loading",
                "Keep the year blocks of the filing, or end the flattened names with the year",
            )
        )
    if issues:
        raise ScenarioError(issues)

    def text(key: str) -> Array:
        return np.asarray([str(cell(r, key)).strip() for _, r in kept], object)

    kind = np.asarray([_KINDS[k.casefold()] for k in kinds], object)
    return Filing(
        np.asarray(ids, object),
        text("name"),
        text("division"),
        kind,
        figures["rating"],
        figures["loading"],
        confidential,
    )


def _identifier(value: Any) -> str:
    """Reduce ``182291101.0``, ``"0831903"`` and ``"182291101"`` alike to digits; keep other text as it is."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    if text.endswith(".0") and text[:-2].isdigit():
        text = text[:-2]
    return str(int(text)) if text.isdigit() else text


def _figure(value: Any) -> float:
    """Return the number if it is finite, otherwise nan."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return np.nan
    return number if np.isfinite(number) else np.nan


_FITS = 0.5  # a bank and the sum of its feeders agree when their ratio is within 1 +- this
_ORDERED = 0.6  # the file is in the filing's order when at least this share of banks agrees
_NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class BankMap:
    """The bank of every facility of a filing.

    Attributes
    ----------
    bank : array of int64, shape (facilities,)
        Row of the bank or bank group that carries the feeder; -1 where it cannot be told, and for
        banks themselves.
    rule : array of str, shape (facilities,)
        ``"listed"``: under its bank in the filing; ``"only"``: the one bank or group of its
        substation; ``""``: none.
    ordered : bool
        Whether the file still is in the order of the filing, so that ``"listed"`` could be used.
    agreement : float
        Share of checkable banks whose feeders' loadings sum to the bank's within 50 %; nan if none.
    """

    bank: Array
    rule: Array
    ordered: bool
    agreement: float


def map_banks(filing: Filing, year: int) -> BankMap:
    """Find each feeder's bank.

    Ids are substation and number: bank 1822901 is number 01 of substation 18229, feeder 182291101 is
    11-01 (voltage class, number) of the same. Which of several banks is not in the id, but in the
    order: the filing lists a bank's feeders below it, with the small banks that these feeders supply
    (other substations, or a lower voltage) in between. So a feeder belongs to the last bank above it
    that is of its substation and, where other feeders were already found for that bank, of their
    voltage class. A feeder that finds none takes the only bank or bank group of its substation, if
    there is just one and that has no feeders of another class.

    A file that was sorted anew has lost the order; that is noticed by the sums (`BankMap.agreement`)
    and leaves only the second rule.
    """
    substation, voltage = _parts(filing)
    bank = _listed(filing, substation, voltage)
    agreement = _agreement(filing, bank, filing.loading_kw[year])
    ordered = not agreement < _ORDERED
    if not ordered:
        bank[:] = _NONE
    rule = np.where(bank >= 0, "listed", "").astype(object)
    classes: dict[int, str] = {}
    for row in np.flatnonzero(bank >= 0):
        classes[int(bank[row])] = voltage[row]
    at: dict[str, list[int]] = {}
    for row in np.flatnonzero(filing.kind != "feeder"):
        at.setdefault(substation[row], []).append(int(row))
    for row in np.flatnonzero((filing.kind == "feeder") & (bank < 0)):
        here = at.get(substation[row], []) if substation[row] else []
        if len(here) == 1 and classes.get(here[0], voltage[row]) == voltage[row]:
            bank[row], rule[row] = here[0], "only"
    return BankMap(bank, rule, ordered, agreement)


def _parts(filing: Filing) -> tuple[list[str], list[str]]:
    """Return substation and voltage class of every facility; empty if the id breaks the scheme."""
    substation, voltage = [], []
    for number, kind in zip(filing.facility_id, filing.kind):
        if not number.isdigit():
            substation.append("")
            voltage.append("")
        elif kind == "feeder":
            substation.append(number[:-4])
            voltage.append(number[-4:-2])
        else:
            substation.append(number[:-2])
            voltage.append("")
    return substation, voltage


def _listed(filing: Filing, substation: list[str], voltage: list[str]) -> Array:
    bank = np.full(len(filing.facility_id), _NONE)
    above: dict[str, list[int]] = {}
    carries: dict[int, str] = {}
    for row, kind in enumerate(filing.kind):
        if kind == "bank":
            above.setdefault(substation[row], []).append(row)
            below = row + 1
            # A bank with another bank right below supplies that one, so its class is still open.
            if below < len(bank) and filing.kind[below] == "feeder" and substation[below] == substation[row]:
                carries[row] = voltage[below]
        elif kind == "feeder" and substation[row]:
            for candidate in reversed(above.get(substation[row], [])):
                if carries.setdefault(candidate, voltage[row]) == voltage[row]:
                    bank[row] = candidate
                    break
    return bank


def _agreement(filing: Filing, bank: Array, loading_kw: Array) -> float:
    """Return the share of banks that carry the sum of their feeders, where figures exist for all of them."""
    fed = np.flatnonzero(bank >= 0)
    total = np.bincount(bank[fed], loading_kw[fed], len(bank))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = total / loading_kw
    known = np.isfinite(ratio) & (np.bincount(bank[fed], minlength=len(bank)) > 0)
    return float(np.mean(np.abs(ratio[known] - 1.0) < _FITS)) if known.any() else np.nan
