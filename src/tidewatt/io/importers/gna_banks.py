"""Which bank carries a feeder, from the order and the ids of a filing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.io.importers.gna_filing import Filing

__all__ = ["BankMap", "map_banks"]

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
    """Tell each feeder's bank.

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
    """Substation and voltage class of every facility; empty where the id does not follow the scheme."""
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
    """Share of banks, with figures for themselves and all their feeders, that carry their sum."""
    fed = np.flatnonzero(bank >= 0)
    total = np.bincount(bank[fed], loading_kw[fed], len(bank))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = total / loading_kw
    known = np.isfinite(ratio) & (np.bincount(bank[fed], minlength=len(bank)) > 0)
    return float(np.mean(np.abs(ratio[known] - 1.0) < _FITS)) if known.any() else np.nan
