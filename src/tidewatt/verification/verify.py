"""Results of every study re-derived from their files and their scenario's files alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tidewatt.verification.common.claims import read_certificate
from tidewatt.verification.common.findings import CheckList, VerificationReport
from tidewatt.verification.common.inventory import check_inventory

__all__ = ["verify"]

# Where each kind of result is verified: module and function; certificates without a kind are of `coordinate`.
_KINDS = {
    "coordination": ("coordination", "verify_coordination"),
    "simulation": ("simulation", "verify_simulation"),
    "equilibrium": ("assignment", "verify_equilibrium"),
    "configuration": ("configuration", "verify_configuration"),
    "tariffs": ("tariffs", "verify_tariffs"),
}

settle: Callable[[str | os.PathLike[str]], object] = Path
"""Called with the folder before it is read. What finishes a swap of folders that was cut off is in a room
that this one may not know: `tidewatt` itself, which knows all rooms, names it here."""


def verify(
    result_folder: str | os.PathLike[str], *, scenario_folder: str | os.PathLike[str] | None = None
) -> VerificationReport:
    """Re-derive every claim of a result from its files alone.

    Shares no code with the studies, nor with the readers and writers of files: the scenario's tables are
    read anew, and what follows from them and from the result's own records is computed anew, where possible
    in another way.

    Parameters
    ----------
    result_folder : path
        As written by `tidewatt.save`.
    scenario_folder : path, optional
        The scenario; by default where ``certificate.json`` says it is.

    Returns
    -------
    VerificationReport
        Every check with what was found; files that cannot be read are failed checks, not errors.
    """
    ledger, folder = CheckList(), Path(result_folder)
    settle(folder)
    certificate = read_certificate(folder, ledger)
    if certificate is None:
        return ledger.report()
    kind = certificate.get("kind", "coordination")
    if kind not in _KINDS:
        ledger.add("kind", False, f"{kind!r}; this version verifies {', '.join(_KINDS)}")
        return ledger.report()
    module, name = _KINDS[kind]
    try:
        check_inventory(folder, certificate, kind, ledger)
        report: VerificationReport = getattr(import_module(f"tidewatt.verification.{module}.rederive"), name)(
            folder, certificate, ledger, scenario_folder
        )
        return report
    except Exception as error:  # whatever a forged or damaged file provokes is a failed check
        ledger.add("readable", False, f"{type(error).__name__}: {error}")
        return ledger.report()
