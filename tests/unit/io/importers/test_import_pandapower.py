"""Networks in pandapower's JSON: beside pandapower's own AC flow where it is installed, and made by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.io.importers.made_networks import ac_voltage_pu
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.importers.grids.pandapower import import_pandapower

WIDE = NetworkChoices(steps=1, voltage_min_pu=0.5, voltage_max_pu=1.5)


def made() -> dict[str, list[dict[str, Any]]]:
    """A transformer with a tap, two lines in a ring with one switch open, a load, a plant, an idle line."""
    line = {"length_km": 2.0, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.1, "c_nf_per_km": 0.0, "max_i_ka": 0.2}
    trafo = {
        **{"hv_bus": 0, "lv_bus": 1, "sn_mva": 2.0, "vn_hv_kv": 20.0, "vn_lv_kv": 0.4, "vk_percent": 5.0},
        **{"vkr_percent": 3.0, "tap_side": "hv", "tap_pos": -2, "tap_neutral": 0, "tap_step_percent": 2.5},
    }
    return {
        "bus": [{"vn_kv": 20.0}, {"vn_kv": 0.4, "min_vm_pu": 0.9}, {"vn_kv": 0.4}, {"vn_kv": 0.4}],
        "ext_grid": [{"bus": 0, "vm_pu": 1.01}],
        "trafo": [trafo],
        "line": [
            {"from_bus": 1, "to_bus": 2, "parallel": 2, **line},
            {"from_bus": 2, "to_bus": 3, **line, "max_i_ka": None},
            {"from_bus": 3, "to_bus": 1, **line},
            {"from_bus": 3, "to_bus": 1, **line, "in_service": False},
        ],
        "switch": [{"bus": 3, "element": 2, "et": "l", "closed": False}],
        "load": [{"bus": 3, "p_mw": 0.02, "q_mvar": 0.01, "scaling": 0.5}],
        "sgen": [{"bus": 2, "p_mw": 0.004, "q_mvar": 0.001, "type": "WP"}],
    }


def written(folder: Path, tables: dict[str, Any], layout: str = "split", nested: bool = True) -> Path:
    """The file that pandapower would write of tables given as rows."""
    content = {}
    for name, rows in tables.items():
        names = list(dict.fromkeys(key for row in rows for key in row))
        cells = [[row.get(key) for key in names] for row in rows]
        frame: Any = {"columns": names, "index": list(range(len(rows))), "data": cells}
        if layout == "columns":
            frame = {key: {str(k): row.get(key) for k, row in enumerate(rows)} for key in names}
        elif layout == "records":
            frame = rows
        encoded = {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": json.dumps(frame)}
        content[name] = encoded if nested else frame
    whole = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": content}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "net.json"
    path.write_text(json.dumps(whole if nested else content))
    return path


def refused(path: Path, choices: NetworkChoices | None = None) -> str:
    """What an import says that is refused."""
    with pytest.raises(ScenarioError) as caught:
        import_pandapower(path, choices=choices)
    return str(caught.value)


@pytest.mark.parametrize(("layout", "nested"), [("split", True), ("columns", True), ("records", False)])
def test_elements_become_lines_and_injections(tmp_path: Path, layout: str, nested: bool) -> None:
    """Ohm per km for ohm, MVA for kW, a tap or an open switch passed over: voltages would be wrong unseen."""
    path = written(tmp_path, made(), layout, nested)
    scenario, report = import_pandapower(path, choices=NetworkChoices(steps=2, rating_factor=0.9))
    network, injections = scenario.distribution, scenario.injections
    assert network is not None and injections is not None
    assert network.line_id.tolist() == ["line 0", "line 1", "trafo 0"]
    # 3 % and 5 % of 0.4 kV squared over 2 MVA: 2.4 and 3.2 milliohm at the lower side.
    assert network.r_ohm == pytest.approx([0.3, 0.6, 0.0024])
    assert network.x_ohm == pytest.approx([0.1, 0.2, 0.0032])
    ampere = 0.9 * math.sqrt(3) * 0.4 * 0.4 * 1e3
    assert network.limit_kw.tolist() == pytest.approx([ampere, math.inf, 1800.0])
    # Two steps of -2.5 % on the upper side raise the lower by 1 / 0.95.
    assert network.base_kv == pytest.approx([20.0, *[0.4 / 0.95] * 3])
    assert network.voltage_min_pu == pytest.approx([1.01, *[0.9 * 0.95] * 3])
    assert injections.injection_id.tolist() == ["load 0", "sgen 0"]
    assert injections.power_kw[:, 1] == pytest.approx([10.0, 4.0])
    assert injections.reactive_kvar[:, 1] == pytest.approx([5.0, 1.0])
    assert injections.kind.tolist() == [0, 1]
    assert report.dropped == {"line: out of service": ("3",), "line: a switch is open": ("2",)}


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """A user would mend a network one complaint a run."""
    tables = made()
    tables["line"][0]["r_ohm_per_km"] = None
    tables["line"][1]["to_bus"] = 9
    tables["trafo"][0]["sn_mva"] = -1
    tables["bus"][2]["vn_kv"] = None
    tables["ext_grid"][0]["in_service"] = False
    tables["trafo3w"] = [{"in_service": True}]
    tables["load"][0]["p_mw"] = "much"
    message = refused(written(tmp_path, tables), NetworkChoices(steps=0))
    for part in (
        *(
            "line.r_ohm_per_km [0]: the cell is empty",
            "line.to_bus [1]: found 9",
            "trafo.sn_mva [0]: found -1",
        ),
        *("bus.vn_kv [2]", "there is no slack", "trafo3w", "load.p_mw [0]", "--steps"),
    ):
        assert part in message, message
    tables = made()
    tables["ext_grid"].append({"bus": 3, "vm_pu": 1.02})
    message = refused(written(tmp_path, tables))
    assert "sources differ in voltage" in message and "several voltages" in message
    for text in ("", "{", "[]", '{"a": 1}', '{"bus": {"_object": "hm"}}'):
        (tmp_path / "bad.json").write_text(text)
        assert "bad.json" in refused(tmp_path / "bad.json")
    assert "cannot be read" in refused(tmp_path / "nowhere.json")


def test_meshed_networks_are_refused(tmp_path: Path) -> None:
    """Flows in a loop depend on impedances: rows of a tree would be wrong."""
    tables = made()
    tables["switch"] = []
    assert "loop" in refused(written(tmp_path, tables))


def test_closed_switches_join_buses(tmp_path: Path) -> None:
    """A line of no length, or a switch between two buses, would divide by an impedance of 0."""
    tables = made()
    tables["line"][1]["length_km"] = 0.0
    tables["bus"].append({"vn_kv": 0.4})
    tables["switch"].append({"bus": 3, "element": 4, "et": "b", "closed": True})
    tables["load"].append({"bus": 4, "p_mw": 0.001})
    scenario, report = import_pandapower(written(tmp_path, tables), choices=WIDE)
    assert scenario.distribution is not None and scenario.injections is not None
    assert scenario.distribution.bus_id.tolist() == [0, 1, 2]
    assert scenario.injections.bus.tolist() == [2, 2, 2]
    assert ("3", "4") in report.imputed.values()


CASES = {
    # Largest difference of voltage: charging and shunts are powers here, and depend on voltage there.
    "case33bw": 1e-9,
    "create_cigre_network_lv": 1e-9,
    "create_cigre_network_mv": 5e-4,
    "create_kerber_landnetz_freileitung_1": 1e-4,
    "mv_oberrhein": 1e-3,
}


@pytest.mark.parametrize(("name", "error_pu"), CASES.items())
def test_voltages_are_those_of_pandapower(tmp_path: Path, name: str, error_pu: float) -> None:
    """Transformers, taps, parallel lines, switches: a fault in any of them shows in the AC voltages."""
    pandapower = pytest.importorskip("pandapower", reason="pandapower is not installed")
    theirs = getattr(pytest.importorskip("pandapower.networks"), name)()
    path = tmp_path / "net.json"
    pandapower.to_json(theirs, str(path))
    pandapower.runpp(theirs, tolerance_mva=1e-9)
    scenario, _ = import_pandapower(path, choices=WIDE)
    network = scenario.distribution
    assert network is not None and network.lines == network.buses - 1
    nominal = theirs.bus.vn_kv[network.bus_id].to_numpy()
    ours = ac_voltage_pu(scenario) * network.base_kv / nominal
    assert np.abs(ours - theirs.res_bus.vm_pu[network.bus_id].to_numpy()).max() < error_pu
    injections = scenario.injections
    assert injections is not None
    named = [k for k, each in enumerate(injections.injection_id) if str(each).startswith("load ")]
    assert injections.power_kw[named].sum() == pytest.approx(1e3 * theirs.res_load.p_mw.sum(), rel=1e-9)


def test_a_ring_of_pandapower_is_refused(tmp_path: Path) -> None:
    """Closing the switches of a published network makes it meshed: it must not pass as a tree."""
    pandapower = pytest.importorskip("pandapower", reason="pandapower is not installed")
    theirs = pytest.importorskip("pandapower.networks").create_cigre_network_mv()
    theirs.switch["closed"] = True
    pandapower.to_json(theirs, str(tmp_path / "net.json"))
    assert "loop" in refused(tmp_path / "net.json", WIDE)


def test_verb_writes_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command could be missing or leave half a folder."""
    from tidewatt.cli import main
    from tidewatt.io.scenario.reading import read_scenario

    path, out = written(tmp_path, made()), tmp_path / "out"
    assert main(["import", "pandapower", str(path), "--out", str(out), "--half-width", "0.25"]) == 0
    assert "load kw: 10" in capsys.readouterr().out
    scenario = read_scenario(out)
    assert scenario.injections is not None and scenario.injections.half_width_kw[0, 95] == pytest.approx(2.5)
    (tmp_path / "bad.json").write_text("{}")
    assert main(["import", "pandapower", str(tmp_path / "bad.json"), "--out", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()
