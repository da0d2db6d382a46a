"""Which files of a TNTP folder are read, and the coordinates they give."""

from __future__ import annotations

from pathlib import Path

from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.tntp_trips import Points, read_points
from tidewatt.io.importers.units import coordinate_unit

__all__ = ["coordinates_of", "files_of"]


def files_of(folder: Path, issues: list[Issue]) -> dict[str, Path]:
    """Network, trips, node file and GeoJSON of a folder, by kind."""
    if not folder.is_dir():
        what = "it is a file, not a folder" if folder.exists() else "there is no such folder"
        issues.append(Issue(str(folder), "", what, "Name the folder that holds the *_net.tntp file"))
        return {}
    there = [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]
    found: dict[str, Path] = {}
    for kind, endings in (
        ("net", ("_net.tntp",)),
        ("trips", ("_trips.tntp",)),
        ("node", ("_node.tntp", "_nodes.tntp")),
    ):
        fitting = [file for file in there if file.name.lower().endswith(endings)]
        if len(fitting) > 1:
            names = ", ".join(file.name for file in fitting[:3])
            fix = "Put each network in a folder of its own"
            issues.append(Issue(str(folder), "", f"several files *{endings[0]}: {names}", fix))
        if fitting:
            found[kind] = fitting[0]
    if "net" not in found:
        names = ", ".join(file.name for file in there[:5]) or "nothing"
        fix = "Name the folder of a network in TNTP form"
        issues.append(Issue(str(folder), "", f"it holds no *_net.tntp (it holds {names})", fix))
    return found


def coordinates_of(
    folder: Path, files: dict[str, Path], given: str | None, assumptions: list[str], issues: list[Issue]
) -> tuple[Points | None, str, float]:
    """Coordinates of nodes, their reference system, and what to multiply them by."""
    crs, scale = "", 1.0
    if given is not None:
        try:
            crs, scale = coordinate_unit(given, "--node-unit")
        except ScenarioError as error:
            issues += error.issues
    own = read_points(files["node"], issues) if "node" in files else None
    if own is not None and given is not None:
        return own, crs, scale
    if folder.is_dir():
        for file in sorted(folder.glob("*.geojson"), key=lambda file: "node" not in file.name.lower()):
            points = read_points(file, issues)
            if points is not None and (points.degrees or given is not None):
                files["points"] = file
                return points, crs or "EPSG:4326", scale
    if own is not None:
        del files["node"]
        assumptions.append("coordinates were left out, as their unit is not known (--node-unit gives it)")
    return None, "", 1.0
