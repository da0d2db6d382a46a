"""Results of `assign` as a folder of files, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tidewatt.assignment.result import Equilibrium
from tidewatt.errors import TidewattError
from tidewatt.io.atomic import atomic_folder
from tidewatt.io.result_files import (
    CERTIFICATE,
    beside,
    digests,
    finite,
    provenance,
    read_json,
    write_json,
)
from tidewatt.result import RunInfo, Status

__all__ = ["load", "save"]

_OWNED = ("summary.json", "links.parquet", "history.csv", CERTIFICATE)


def save(result: Equilibrium, folder: Path, *, scenario_folder: str | os.PathLike[str] | None = None) -> Path:
    """Write what `assign` returned; see `tidewatt.io.results.save`."""
    if scenario_folder is None:
        if result.scenario is None:
            raise TidewattError("Saving needs the scenario: give `scenario_folder`.")
        scenario_folder = beside(folder, result.scenario)
    with atomic_folder(folder, owned=_OWNED, last=CERTIFICATE) as temporary:
        write_json(temporary / "summary.json", dict(result.figures))
        result.links.to_parquet(temporary / "links.parquet", index=False, compression="zstd")
        result.history.to_csv(temporary / "history.csv", index=False)
        certificate = provenance(scenario_folder, folder, result.run)
        certificate |= {"kind": "equilibrium", "status": result.status.name, "files": digests(temporary)}
        write_json(temporary / CERTIFICATE, certificate)
    return folder


def load(folder: Path, certificate: dict[str, Any]) -> Equilibrium:
    """Read a result folder.

    Parameters
    ----------
    folder : Path
        The folder; every file that the certificate lists is there.
    certificate : dict
        Its certificate.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        Where files are damaged or of another version.
    """
    import pandas as pd

    return Equilibrium(
        links=pd.read_parquet(folder / "links.parquet"),
        history=pd.read_csv(folder / "history.csv"),
        status=Status[certificate["status"]],
        run=RunInfo(**finite(certificate["run"])),
        figures=read_json(folder / "summary.json"),
    )
