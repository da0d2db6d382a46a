"""Buses, lines and injections of a network that pandapower wrote as JSON."""

from __future__ import annotations

import math
from pathlib import Path

from tidewatt.domain.scenario import Scenario
from tidewatt.errors import Issue, ScenarioError
from tidewatt.io.importers.network_choices import NetworkChoices
from tidewatt.io.importers.network_draft import Bus, Network
from tidewatt.io.importers.network_scenario import as_scenario
from tidewatt.io.importers.pandapower_elements import add_injections, add_lines
from tidewatt.io.importers.pandapower_json import Tables, read_tables
from tidewatt.io.importers.report import ImportReport

__all__ = ["import_pandapower"]


def import_pandapower(
    file: Path | str, *, choices: NetworkChoices | None = None, name: str | None = None
) -> tuple[Scenario, ImportReport]:
    """Buses, lines and injections of a network that ``pandapower.to_json`` wrote.

    Parameters
    ----------
    file : path
        The ``.json`` file.
    choices : NetworkChoices, optional
        What the file does not say.
    name : str, optional
        Name of the scenario; by default that of the file.

    Returns
    -------
    Scenario, ImportReport

    Raises
    ------
    ScenarioError
        With everything that is wrong with options and file, at once.
    """
    path, choices = Path(file), choices or NetworkChoices()
    issues = choices.issues()
    tables = read_tables(path, issues)
    if not tables.content:
        raise ScenarioError(issues)
    network = Network(path.name)
    _buses(network, tables)
    _slack(network, tables)
    add_lines(network, tables, choices)
    add_injections(network, tables, choices)
    tables.close()
    if issues:
        raise ScenarioError(issues)
    network.counts |= {name: len(tables.rows(table)) for table, name in _COUNTED.items()}
    return as_scenario(network, name or path.stem, choices)


_COUNTED = {"bus": "buses", "line": "lines", "trafo": "transformers", "switch": "switches"}


def _buses(network: Network, tables: Tables) -> None:
    for row in tables.in_service("bus"):
        kv = tables.number("bus", row, "vn_kv", "kV above 0", 1e-9)
        limits = row.number("min_vm_pu"), row.number("max_vm_pu")
        if limits[0] > limits[1]:
            tables.bad("bus", row, "min_vm_pu", "per unit, at most max_vm_pu")
        network.buses[row.index] = Bus(kv, *limits)
    out = (row.index for row in tables.rows("bus") if not row.says("in_service", True))
    network.drop("bus: out of service", out)


def _slack(network: Network, tables: Tables) -> None:
    """The external grid; several are taken as one where they hold the same voltage."""
    rows = [("ext_grid", row) for row in tables.in_service("ext_grid")]
    rows += [("gen", row) for row in tables.in_service("gen") if row.says("slack", False)]
    rows = [(table, row) for table, row in rows if row.whole("bus") in network.buses]
    fix = "Add an ext_grid in service at the bus that feeds the network"
    if not rows:
        network.slack = next(iter(network.buses), None)
        tables.issues.append(Issue(tables.file, "ext_grid", "there is no slack", fix))
        return
    volts = {row.whole("bus"): row.number("vm_pu", 1.0) for _, row in rows}
    network.slack, network.slack_pu = next(iter(volts.items()))
    if not 0.5 < network.slack_pu < 1.5 or math.isnan(network.slack_pu):
        tables.bad(*rows[0], "vm_pu", "per unit, near 1")
    if max(volts.values()) - min(volts.values()) > 1e-9:
        told = ", ".join(f"bus {bus}: {value:g}" for bus, value in volts.items())
        fix = "Keep one of them in service, or give all one voltage, so that they can be taken as one"
        problem = f"sources differ in voltage ({told})"
        tables.issues.append(Issue(tables.file, "ext_grid.vm_pu", problem, fix))
    if len({network.buses[bus].base_kv for bus in volts}) == 1:
        network.same += [(network.slack, bus) for bus in volts if bus != network.slack]
    else:
        fix = "Keep one of them in service"
        tables.issues.append(Issue(tables.file, "ext_grid.bus", "sources stand at several voltages", fix))
