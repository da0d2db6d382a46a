"""What a result folder consists of: its files, and the columns, variables or keys of each.

Saving, loading and the tables of the data dictionary follow from these declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tidewatt.result import Status

__all__ = [
    "CERTIFICATE",
    "FINGERPRINT",
    "FORMAT",
    "PEAK_MEMORY",
    "SEED",
    "STATUS",
    "SUMMARY",
    "SWEEP",
    "VERSION",
    "ResultColumn",
    "ResultFile",
    "ResultSpecification",
    "certificate_file",
    "files_of_a_result",
]

FORMAT = 1
"""Version of the layout of a result folder."""

CERTIFICATE = "certificate.json"
"""The file that is written last and records what the others must contain."""

SUMMARY = "summary.json"
SWEEP = "sweep.csv"
SHARE = "adoption_"
"""How the names of a sweep's result folders begin."""
FIGURES = "figures"
CHECKPOINT = "checkpoint"
OWN_SCENARIO = "scenario"
"""Folders that may stand in a result: its pictures, where a study goes on from, and what it was of."""

_TYPES = {"id": "id", "text": "text", "time": "time", "texts": "list of texts", "ids": "list of ids"}
"""Types that the data dictionary shows in place of a unit."""

# Tools that read units expect 1 for a share.
_UNITS = {"fraction": "1", "per unit": "1", "`money_unit` a day": "cost/day"}


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a table, a variable of a NetCDF file, or a key of a JSON file.

    Attributes
    ----------
    name : str
    dtype : str
        ``id`` (whole number or text, as the scenario has it), ``text``, ``time``, ``int32``, ``int64``,
        ``float64`` and other names of numpy; in JSON also ``whole``, ``number``, ``texts``, ``ids`` and
        ``section`` (an object).
    unit, allowed, meaning : str
        What the data dictionary says; empty where there is nothing to say.
    dims : str
        Dimensions of a variable, separated by commas.
    optional : bool
        Whether some results lack it.
    stored : {"", "category", "dictionary"}
        How a Parquet file holds it: as values of its own, as a category of data frames too, or as numbers of
        which few are distinct.
    """

    name: str
    dtype: str
    unit: str = ""
    allowed: str = ""
    meaning: str = ""
    dims: str = ""
    optional: bool = False
    stored: Literal["", "category", "dictionary"] = ""

    @property
    def unit_or_type(self) -> str:
        """The unit, or else the type, that the data dictionary shows."""
        return self.unit or _TYPES.get(self.dtype, "")

    @property
    def unit_in_file(self) -> str:
        """The unit as the file itself states it."""
        return _UNITS.get(self.unit, self.unit)


# Keys that several summaries and certificates share.
PEAK_MEMORY = ResultColumn(
    "peak_memory_mib", "number", "MiB", "0 or more", "Peak resident memory of the process."
)
SEED = ResultColumn("seed", "whole", "", "0 or more")
VERSION = ResultColumn("version", "text", meaning="Version of tidewatt.")
FINGERPRINT = ResultColumn(
    "scenario_sha256",
    "text",
    allowed="64 hexadecimal digits",
    meaning="Fingerprint of all in the scenario that a result depends on.",
)
STATUS = ResultColumn("status", "text", meaning="Name of the status.")


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file of a result; its suffix is its format; without a suffix it is a scenario folder.

    Attributes
    ----------
    name : str
    attribute : str
        Attribute of the result that it holds; empty where the study itself writes and reads it.
    columns : tuple of ResultColumn
    about, after : str
        Markdown that stands above and below the table of its columns.
    heading : str
        Heading in the data dictionary, where it is not the name.
    parts : tuple of (str, str, tuple of ResultColumn)
        Further tables of what it holds: a sentence, what a row of the table is, and the rows.
    absent : {"", "none", "empty"}
        Value of the attribute where the file is not written; empty: it always is.
    order : tuple of str
        Columns by which rows are sorted.
    title : str
        Title of a NetCDF file, followed by the name of the scenario.
    as_frame : bool
        Whether the file is as pandas or xarray writes it, without units of columns and without checksums.
    nulls : bool
        Whether a Parquet file holds null where a number is not known, in place of nan.
    repeats : bool
        Whether few of its numbers are distinct, so that a Parquet file holds them by reference.
    """

    name: str
    attribute: str
    columns: tuple[ResultColumn, ...]
    about: str = ""
    after: str = ""
    heading: str = ""
    parts: tuple[tuple[str, str, tuple[ResultColumn, ...]], ...] = ()
    absent: Literal["", "none", "empty"] = ""
    order: tuple[str, ...] = ()
    title: str = ""
    as_frame: bool = False
    nulls: bool = False
    repeats: bool = False

    @property
    def format(self) -> str:
        """``json``, ``parquet``, ``csv``, ``nc``, or empty for a folder."""
        return Path(self.name).suffix[1:]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(column.name for column in self.columns)


def _claimed(result: Any) -> dict[str, Any]:
    return {"status": result.status.name}


def _restored(folder: Path, certificate: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": Status[certificate["status"]]}


def _nothing(result: Any, folder: Path, scenario_folder: Path | None, soc: bool) -> None:
    pass


@dataclass(frozen=True, slots=True)
class ResultSpecification:
    """What the results of a study consist of.

    Attributes
    ----------
    study : str
        Name of the command and function.
    result : type
        Class of the results.
    files : tuple of ResultFile
    about : str
        Markdown that stands above the tables of its files.
    needs : str
        Attribute without which a result cannot be saved; loaded results lack it.
    own_scenario : str
        Folder inside the result for the scenario where `save` is not told where it is; by default
        ``scenario``, which is written beside the other files.
    null_is_nan : bool
        Whether a null of the summary is read as nan; a null in place of a section stays None.
    write_more : callable
        Called with the result, the folder, the scenario's folder or None, and ``soc``: writes the files
        that have no attribute.
    claims : callable
        From the result to what the certificate holds besides.
    restore : callable
        From the folder and the certificate to attributes of the result that no file holds.
    """

    study: str
    result: type
    files: tuple[ResultFile, ...]
    about: str = ""
    needs: str = ""
    own_scenario: str = ""
    null_is_nan: bool = True
    write_more: Callable[[Any, Path, Path | None, bool], None] = _nothing
    claims: Callable[[Any], dict[str, Any]] = _claimed
    restore: Callable[[Path, Mapping[str, Any]], dict[str, Any]] = _restored

    @property
    def kind(self) -> str:
        """What certificates call it."""
        return self.result.__name__.lower()

    def file(self, name: str) -> ResultFile:
        """Return the declaration of a file."""
        return next(file for file in self.files if file.name == name)

    def elsewhere(self, file: ResultFile) -> set[str]:
        """Return the variables of a file's attribute that are stored in other files."""
        others = (o for o in self.files if o.attribute == file.attribute and o.name != file.name)
        return {name for other in others for name in other.names}


def certificate_file(heading: str, *more: ResultColumn, kind: str = "") -> ResultFile:
    """Return the declaration of a certificate.

    Parameters
    ----------
    heading : str
        In the data dictionary.
    *more : ResultColumn
        What this study claims besides.
    kind : str
        What the certificate calls the result; empty: it does not say.
    """
    Column = ResultColumn
    named = (Column("kind", "text", meaning=f"`{kind}`."),) if kind else ()
    columns = (
        *named,
        Column("format", "whole", meaning=f"Version of the layout of a result: {FORMAT}."),
        Column(
            "scenario",
            "text",
            meaning="Path of the scenario relative to the result; null on another drive. If the folder was "
            "not "
            "given to `save`, the scenario is written into `scenario` below the result.",
        ),
        Column("scenario_absolute", "text", meaning="Absolute path of the scenario."),
        Column("scenario_sha256", "text", meaning="Fingerprint of the scenario."),
        Column(
            "run",
            "section",
            meaning="`seed`, `version`, `scenario_sha256`, `wall_s`, `peak_memory_mib`, `versions` of "
            "Python, "
            "numpy and numba.",
        ),
        *more,
        Column(
            "files",
            "section",
            meaning="SHA-256 of every other file of the result, pictures aside, by its path.",
        ),
    )
    after = "The file is written last: a folder without it was not saved to the end."
    return ResultFile(CERTIFICATE, "", columns, after=after, heading=heading)


def files_of_a_result() -> tuple[str, ...]:
    """Return the file names by which a folder is recognised as a study's result, or a sweep of them."""
    return CERTIFICATE, SUMMARY, SWEEP
