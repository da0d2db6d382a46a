"""MATPOWER cases: statements, units, totals known from the literature, and AC voltages."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.unit.io.importers.made_networks import CASE, CONVERSION, GRIDS, ac_voltage_pu
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.grids.matpower import import_matpower
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.scenario.reading import read_scenario
from tidewatt.io.scenario.writing import write_scenario

SAME_FACTOR = "mpc.bus(2:end, 4) = mpc.bus(2:end, 3) * tan(acos(0.8));"
ONE = NetworkChoices(steps=1)


def case(folder: Path, text: str = CASE + CONVERSION, name: str = "made.m") -> Path:
    """A case file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def refused(path: Path, **options: object) -> str:
    """What an import says that is refused."""
    with pytest.raises(ScenarioError) as caught:
        import_matpower(path, **options)  # type: ignore[arg-type]
    return str(caught.value)


def given(name: str) -> Path:
    """A published case."""
    path = GRIDS / f"{name}.m"
    if not path.exists():
        pytest.skip(f"real data not at hand: shared/data/grids/{name}.m")
    return path


def test_units_become_ohm_and_kw(tmp_path: Path) -> None:
    """Per-unit figures of one base voltage would pass for ohm, and MW for kW."""
    scenario, report = import_matpower(case(tmp_path), choices=NetworkChoices(steps=2, half_width=0.2))
    network, injections = scenario.distribution, scenario.injections
    assert network is not None and injections is not None
    assert network.bus_id.tolist() == [1, 2, 5, 7] and network.base_kv == pytest.approx(
        [20, 20, 20, 10 / 1.05]
    )
    # 20 kV and 10 MVA: 40 ohm; the transformer to 10 kV is told at 10 kV: 10 ohm.
    assert network.r_ohm == pytest.approx([0.4, 0.8, 0.3])
    assert network.x_ohm == pytest.approx([0.8, 1.6, 0.5])
    assert network.limit_kw.tolist() == [5000.0, math.inf, math.inf]
    assert network.voltage_min_pu == pytest.approx([1.02, 0.9, 0.95, 0.9 * 1.05])
    rows = dict(zip(injections.injection_id.tolist(), range(len(injections)), strict=True))
    assert sorted(rows) == ["generator 2", "load 2", "load 5", "load 7", "shunt 2", "shunt 5", "shunt 7"]
    power = {name: float(injections.power_kw[k, 1]) for name, k in rows.items()}
    reactive = {name: float(injections.reactive_kvar[k, 1]) for name, k in rows.items()}
    assert power["load 2"] == pytest.approx(100) and power["load 5"] == pytest.approx(90)
    assert injections.sign[rows["load 5"]] == -1 and reactive["load 5"] == pytest.approx(40)
    assert injections.sign[rows["generator 2"]] == -1 and power["generator 2"] == pytest.approx(300)
    assert injections.half_width_kw[rows["load 7"]] == pytest.approx([40.0, 40.0])
    # Charging of 0.06 per unit on 10 MVA, half at either end; a shunt of 0.5 Mvar.
    assert reactive["shunt 2"] == pytest.approx(-300) and reactive["shunt 7"] == pytest.approx(-500)
    assert report.dropped["branches out of service (status 0)"] == ("4",)
    # The tap of 1.05 at bus 5: bus 7 sees a 1.05th, which its base says, and its limits keep their kV.
    assert network.voltage_max_pu[3] == pytest.approx(1.1 * 1.05)
    assert "ratio" in " ".join(report.imputed)
    assert any("mpc.bus(:, [PD, QD])" in sentence for sentence in report.assumptions)


@pytest.mark.parametrize(
    ("statement", "power", "reactive"),
    [
        ("mpc.bus(:, 3:4) = mpc.bus(:, 3:4) / 1e3;", 100.0, 60.0),
        ("k = 1e3; mpc.bus(:, [3 4]) = mpc.bus(:, [3, 4]) ./ (2*k);", 50.0, 30.0),
        ("define_constants; mpc.bus(:, PD:QD) = 1e-3 * mpc.bus(:, PD:QD);", 100.0, 60.0),
        ("s = 0.001; mpc.bus(2:end, 3) = mpc.bus(2:end, 3) * s;" + SAME_FACTOR, 100.0, 75.0),
        (
            "%{\nmpc.bus(:, 3:4) = 0;\n%}\nmpc.bus(1:end, [3 4]) = mpc.bus(:, [3 4]) * sqrt(1e-6) ^ 1;",
            100,
            60,
        ),
    ],
)
def test_conversions_are_carried_out(tmp_path: Path, statement: str, power: float, reactive: float) -> None:
    """A reader that knows two spellings only would be off by a thousand in a third."""
    scenario, _ = import_matpower(case(tmp_path, CASE + statement), choices=ONE)
    assert scenario.injections is not None
    assert scenario.injections.power_kw[0, 0] == pytest.approx(power)
    assert scenario.injections.reactive_kvar[0, 0] == pytest.approx(reactive)


@pytest.mark.parametrize(
    "statement",
    [
        "mpc = scale_load(2, mpc);",
        "if mpc.baseMVA > 5, mpc.bus(:, 3) = 0; end",
        "mpc.bus(mpc.bus(:, 2) == 1, 3) = 7;",
        "mpc.bus(:, 3) = mpc.bus(:, 3) * mpc.bus(:, 4);",
        "mpc.bus(:, 3) = mpc.bus(:, 3) / unknown;",
        "mpc.bus(:, 99) = 1;",
        "mpc.bus(:, [3 4]) = mpc.gen(:, [3 4]);",
        "disp('done')",
    ],
)
def test_statements_not_understood_are_errors(tmp_path: Path, statement: str) -> None:
    """Figures would be wrong in silence if a statement that changes them were passed over."""
    message = refused(case(tmp_path, CASE + CONVERSION + statement))
    assert "is not understood" in message and "savecase" in message
    assert f"line {len((CASE + CONVERSION).splitlines()) + 1}" in message


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """A user would mend a file one complaint a run; and a broken file must not become a scenario."""
    text = (
        CASE.replace("\t2\t1\t100", "\t2\t1\tNaN").replace("2*5", "0").replace("\t2\t5\t0.02", "\t2\t5\t-1")
    )
    message = refused(case(tmp_path, text), choices=NetworkChoices(half_width=-1.0, load_shape="round"))
    for part in ("bus.Pd", "line 8", "bus.baseKV", "branch.r", "line 17", "--half-width", "--load-shape"):
        assert part in message, message
    unknown = CASE.replace("\t1\t2\t0.01", "\t1\t22\t0.01").replace("\t1\t3\t0", "\t1\t1\t0")
    message = refused(case(tmp_path, unknown))
    assert "branch.tbus [22]" in message and "no slack" in message
    for text in ("", "hello", "function [baseMVA, bus, gen] = old\nbaseMVA = 10;\n", "\0\1"):
        refused(case(tmp_path, text))
    ragged = refused(case(tmp_path, CASE.replace("\t1\t2\t0.01", "\t1\t2\t3\t0.01")))
    assert "columns" in ragged
    assert "no number" in refused(case(tmp_path, CASE.replace("\t60\t", "\tsixty\t")))
    assert "cannot be read" in refused(tmp_path / "nowhere.m")


def test_meshed_networks_are_refused(tmp_path: Path) -> None:
    """Flows in a loop depend on impedances: rows of a tree would be wrong."""
    text = (CASE + CONVERSION).replace(
        "\t0\t0\t0\t-360\t360;\n];\nmpc.gencost", "\t0\t0\t1\t-360\t360;\n];\nmpc.gencost"
    )
    assert "loop" in refused(case(tmp_path, text))


def test_parallel_lines_and_closed_switches_become_one(tmp_path: Path) -> None:
    """Two lines side by side are no loop to refuse, and a line without impedance cannot be divided by."""
    double = "\t1\t2\t0.03\t0.06\t0\t9\t0\t0\t0\t0\t1\t-360\t360;\n\t2\t5\t"
    scenario, report = import_matpower(
        case(tmp_path, (CASE + CONVERSION).replace("\t2\t5\t", double)), choices=ONE
    )
    assert scenario.distribution is not None
    # 40 ohm times 0.01 and 0.03 in parallel; the first carries 3/4 and reaches its 5 MW first.
    assert scenario.distribution.r_ohm[0] == pytest.approx(0.3)
    assert scenario.distribution.limit_kw[0] == pytest.approx(5000 * 4 / 3)
    assert report.imputed["lines in parallel, combined into one"] == ("1", "2")
    switch = (CASE + CONVERSION).replace("\t2\t5\t0.02\t0.04", "\t2\t5\t0\t0")
    scenario, report = import_matpower(case(tmp_path, switch), choices=ONE)
    assert scenario.distribution is not None and scenario.distribution.bus_id.tolist() == [1, 2, 7]
    assert scenario.injections is not None and set(scenario.injections.bus.tolist()) == {1, 2}


def test_load_that_is_not_fed_is_told(tmp_path: Path) -> None:
    """A network cut in two would lose half of its load without a word."""
    cut = (CASE + CONVERSION).replace("0.06\t0\t0\t0\t0\t0\t1", "0.06\t0\t0\t0\t0\t0\t0")
    scenario, report = import_matpower(case(tmp_path, cut), choices=ONE)
    assert scenario.distribution is not None and scenario.distribution.bus_id.tolist() == [1, 2]
    assert "200 kW of load" in " ".join(report.warnings)
    assert report.dropped["buses that the slack does not feed"] == ("5", "7")


@pytest.mark.parametrize(
    ("name", "buses", "lines", "kw", "kvar", "least_pu", "losses_kw"),
    [
        # Totals summed from the files; 0.9131 (33 buses) and 0.9092 (69) are the published least voltages.
        ("case33bw", 33, 32, 3715.0, 2300.0, 0.9131, 202.7),
        ("case69", 69, 68, 3802.1, 2694.7, 0.9092, 225.0),
        ("case141", 141, 140, 14052.5 * 0.85, 14052.5 * math.sin(math.acos(0.85)), 0.9279, 632.7),
        ("case17me", 17, 16, 13880.0, 5640.0, 0.8848, 950.7),
    ],
)
def test_published_cases(
    name: str, buses: int, lines: int, kw: float, kvar: float, least_pu: float, losses_kw: float
) -> None:
    """Totals off by a power factor or a thousand, or voltages off by a base: nothing else would show it."""
    path = given(name)
    scenario, report = import_matpower(path, choices=NetworkChoices(steps=1, voltage_min_pu=0.8))
    network = scenario.distribution
    assert network is not None and (network.buses, network.lines) == (buses, lines)
    assert report.counts["load_kw"] == pytest.approx(kw, rel=1e-9)
    assert report.counts["load_kvar"] == pytest.approx(kvar, rel=1e-9)
    voltage = ac_voltage_pu(scenario)
    assert voltage.min() == pytest.approx(least_pu, abs=5e-5)


def test_a_published_case_agrees_with_pandapower() -> None:
    """Voltages of every bus beside the same case in pandapower, read there by other code."""
    networks = pytest.importorskip("pandapower.networks", reason="pandapower is not installed")
    import pandapower

    theirs = networks.case33bw()
    pandapower.runpp(theirs, tolerance_mva=1e-10)
    scenario, _ = import_matpower(given("case33bw"), choices=ONE)
    assert ac_voltage_pu(scenario) == pytest.approx(theirs.res_bus.vm_pu.to_numpy(), abs=1e-7)


def test_figures_of_one_phase(tmp_path: Path) -> None:
    """A file in single-phase MW would give a third of the load: it is told, and an option mends it."""
    text = (
        CASE.replace("baseMVA = 10", "baseMVA = 10/3")
        .replace("2*5", "10/sqrt(3)")
        .replace("\t20\t1", "\t20/sqrt(3)\t1")
        + CONVERSION
    )
    _, report = import_matpower(case(tmp_path, text), choices=ONE)
    assert any("--per-phase" in sentence for sentence in report.warnings)
    scenario, report = import_matpower(case(tmp_path, text), choices=ONE, per_phase=True)
    whole, _ = import_matpower(case(tmp_path), choices=ONE)
    ours, theirs = scenario.distribution, whole.distribution
    assert ours is not None and theirs is not None and scenario.injections is not None
    assert ours.base_kv == pytest.approx(theirs.base_kv)
    assert scenario.injections.power_kw[0] == pytest.approx([300.0])
    assert ours.r_ohm == pytest.approx(theirs.r_ohm)


def test_shapes_of_the_day(tmp_path: Path) -> None:
    """Loads at their yearly peak all night, or sun at midnight, although shapes were asked for."""
    chosen = NetworkChoices(load_shape="residential", solar_shape="clear-sky", limit_kw=750.0)
    scenario, report = import_matpower(case(tmp_path), choices=chosen)
    injections, network = scenario.injections, scenario.distribution
    assert injections is not None and network is not None
    assert injections.power_kw.shape == (7, 96)
    load, sun = injections.power_kw[0], injections.power_kw[1]
    assert load.max() == pytest.approx(100) and load.argmax() // 4 == 19 and load.min() < 60
    assert sun[:24].max() == sun[72:].max() == 0 and 89 < sun.max() <= 90
    assert np.ptp(injections.reactive_kvar[0] / load) < 1e-12
    assert network.limit_kw.tolist() == [5000.0, 750.0, 750.0]
    assert any("--limit-kw" in what for what in report.imputed)


def test_verb_writes_a_scenario_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command could refuse its options, or leave a folder that no study reads, or half of one."""
    from tidewatt.cli import main

    path, out = case(tmp_path), tmp_path / "out"
    options = ["--steps", "4", "--limit-kw", "900", "--voltage-min", "0.85", "--json"]
    assert main(["import", "matpower", str(path), "--out", str(out), *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["import"]["counts"]["load_kw"] == pytest.approx(300)
    scenario = read_scenario(out)
    network = scenario.distribution
    assert network is not None and network.limit_kw.tolist() == [5000.0, 900.0, 900.0]
    assert network.voltage_min_pu == pytest.approx([1.02, 0.85, 0.85, 0.85 * 1.05])
    assert scenario.injections is not None and scenario.injections.power_kw.shape == (7, 4)
    write_scenario(scenario, tmp_path / "again")
    assert read_scenario(tmp_path / "again").sha256() == scenario.sha256()
    bad = case(tmp_path, CASE + "mpc = other(mpc);", "bad.m")
    assert main(["import", "matpower", str(bad), "--out", str(tmp_path / "none")]) == 2
    assert "mpc = other(mpc)" in capsys.readouterr().err and not (tmp_path / "none").exists()
