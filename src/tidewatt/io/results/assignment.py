"""Files of a result of `assign`."""

from __future__ import annotations

from tidewatt.assignment.result import Equilibrium
from tidewatt.io.results.specification import (
    FINGERPRINT,
    PEAK_MEMORY,
    STATUS,
    SUMMARY,
    VERSION,
    ResultFile,
    ResultSpecification,
    certificate_file,
)
from tidewatt.io.results.specification import ResultColumn as C

__all__ = ["FILES"]

_OBJECTIVE = "Beckmann's objective (sim-13), in the network's own unit of time."

_FIGURES = ResultFile(
    SUMMARY,
    "figures",
    (
        C("scenario", "text", meaning="Its name."),
        C("status", "text", meaning="Name of the status: whether the gap was reached."),
        C("method", "text", meaning="`gradient-projection` or `biconjugate-frank-wolfe`."),
        C("objective", "number", "", "0 or more", _OBJECTIVE),
        C("relative_gap", "number", "fraction", "0 or more", "Reached (sim-14)."),
        C("relative_gap_asked", "number", "fraction", "0 or more"),
        C("iterations", "whole", "", "0 or more"),
        C(
            "demand_trips",
            "number",
            "vehicle trips",
            "0 or more",
            "Trips in the period, including those within a zone.",
        ),
        C(
            "intrazonal_trips",
            "number",
            "vehicle trips",
            "0 or more",
            "Trips within a zone, which use no link.",
        ),
        C(
            "unassigned_trips",
            "number",
            "vehicle trips",
            "0 or more",
            "Trips not assigned, all within a zone.",
        ),
        C(
            "other_period_trips",
            "number",
            "vehicle trips",
            "0 or more",
            "Trips in periods other than the one assigned.",
        ),
        C(
            "start_min",
            "number",
            "min of the day",
            "0 to 1440",
            "Start of the period; null where demand has no windows.",
        ),
        C("period_h", "number", "h", "above 0", "Length of the period."),
        C("mean_travel_time_min", "number", "min", "0 or more", "Mean per trip that uses roads."),
        C("mean_distance_km", "number", "km", "0 or more", "Mean per trip that uses roads."),
        C("zones", "whole", "", "0 or more", "Number in the scenario."),
        C("links", "whole", "", "0 or more", "Number in the scenario."),
        C("pairs", "whole", "", "0 or more", "Pairs of zones with trips between them."),
        C("paths", "whole", "", "0 or more", "Paths in use; null where the method keeps none."),
        C("wall_s", "number", "s", "0 or more", "Running time of `assign`, without reading and saving."),
        PEAK_MEMORY,
        VERSION,
        FINGERPRINT,
    ),
    about="Keys of its `summary.json`, in this order.",
    heading="Summary of `assign`",
)

_LINKS = ResultFile(
    "links.parquet",
    "links",
    (
        C("link_id", "id"),
        C("flow_veh", "float64", "vehicles", "0 or more", "In the period."),
        C(
            "travel_time_min",
            "float64",
            "min",
            "0 or more",
            "Travel time without the cost of tolls and distance.",
        ),
    ),
    about="One row per link.",
    as_frame=True,
)

_HISTORY = ResultFile(
    "history.csv",
    "history",
    (
        C("iteration", "int64", "", "0 or more"),
        C("objective", "float64", "", "0 or more", _OBJECTIVE),
        C("relative_gap", "float64", "fraction", "0 or more", "As measured (sim-14)."),
        C("seconds", "float64", "s", "0 or more"),
    ),
    about="`history.csv`, one row per iteration.",
    heading="History of `assign`",
)

FILES = ResultSpecification(
    study="assign",
    result=Equilibrium,
    files=(
        _FIGURES,
        _LINKS,
        _HISTORY,
        certificate_file("Certificate of `assign`", STATUS, kind="equilibrium"),
    ),
    null_is_nan=False,
)
"""Files that a result of `assign` consists of."""
