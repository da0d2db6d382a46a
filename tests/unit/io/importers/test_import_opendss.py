"""OpenDSS circuits: scripts, the balanced equivalent, and AC voltages beside OpenDSS itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.io.importers.made_circuits import CODES, MASTER, circuit, published
from tests.unit.io.importers.made_networks import ac_voltage_pu
from tidewatt.errors import ScenarioError
from tidewatt.io.importers.grids.network_choices import NetworkChoices
from tidewatt.io.importers.grids.opendss import import_opendss

WIDE = NetworkChoices(steps=1, voltage_min_pu=0.5, voltage_max_pu=1.5)


def refused(path: Path, choices: NetworkChoices | None = None) -> str:
    """What an import says that is refused."""
    with pytest.raises(ScenarioError) as caught:
        import_opendss(path, choices=choices)
    return str(caught.value)


def solved(path: Path) -> Any:
    """OpenDSS after the circuit's solution: constant power, taps as the file gives them."""
    dss = pytest.importorskip("opendssdirect", reason="opendssdirect is not installed")
    dss.Command("clear")
    dss.Command(f'compile "{path}"')
    dss.Command("set controlmode=off")
    for name in dss.Loads.AllNames():
        dss.Command(f"Load.{name}.model=1 vminpu=0.5 vmaxpu=1.5")
    for name in dss.RegControls.AllNames():
        dss.RegControls.Name(name)  # solved within the script, they have moved
        dss.Command(f"Transformer.{dss.RegControls.Transformer()}.Taps=[1 1]")
    dss.Command("set maxiterations=200")
    dss.Command("solve")
    assert dss.Solution.Converged()
    return dss


def means(dss: Any) -> tuple[dict[str, float], set[str]]:
    """Mean voltage of each bus over its phases [kV, line to line], and buses of all three phases."""
    found, whole = {}, set()
    for bus in dss.Circuit.AllBusNames():
        dss.Circuit.SetActiveBus(bus)
        nodes = [n for n in dss.Bus.Nodes() if n <= 3]
        volts = np.array(dss.Bus.VMagAngle()[::2])[: len(nodes)]
        found[bus] = float(volts.mean()) * math.sqrt(3) / 1e3
        if len(nodes) == 3:
            whole.add(bus)
    return found, whole


def test_elements_become_lines_and_injections(tmp_path: Path) -> None:
    """Feet for kft, a redirected file not found for its case, an edit passed over: all would be silent."""
    scenario, report = import_opendss(circuit(tmp_path), choices=NetworkChoices(steps=2, rating_factor=0.9))
    network, injections = scenario.distribution, scenario.injections
    assert network is not None and injections is not None
    lines = dict(zip(network.line_id.tolist(), range(network.lines), strict=True))
    r, x = network.r_ohm, network.x_ohm
    source = lines["vsource.source"]
    assert math.hypot(r[source], x[source]) == pytest.approx(69**2 / 1000)
    assert x[source] / r[source] == pytest.approx(4)
    # 5.28 kft of a mean self impedance less a mean mutual one; 0.5 km in miles; figures of the line's own.
    assert (r[lines["line.l1"]], x[lines["line.l1"]]) == pytest.approx((5.28 * 0.08, 5.28 * 0.15))
    assert r[lines["line.l2"]] == pytest.approx(0.5 * 0.5 / 1.609344)
    assert (r[lines["line.l3"]], x[lines["reactor.series"]]) == pytest.approx((0.8, 0.8))
    assert x[lines["transformer.sub"]] == pytest.approx(0.08 * (12.47 * 1.025) ** 2 / 5)
    assert r[lines["transformer.t2"]] == pytest.approx(0.012 * 0.48**2 / 0.5)
    assert network.limit_kw[lines["line.l1"]] == pytest.approx(0.9 * math.sqrt(3) * 12.47 * 300)
    assert network.limit_kw[lines["transformer.t2"]] == pytest.approx(450)
    place = network.bus_id.tolist().index
    assert network.base_kv[place("b2")] == pytest.approx(12.47 * 1.025)
    rows = dict(zip(injections.injection_id.tolist(), range(len(injections)), strict=True))
    power = {name: float(injections.power_kw[k, 1]) for name, k in rows.items()}
    reactive = {name: float(injections.reactive_kvar[k, 1]) for name, k in rows.items()}
    assert (power["load.a"], power["load.b"], power["load.c"]) == pytest.approx((950, 250, 300))
    assert reactive["load.a"] == pytest.approx(950 * math.tan(math.acos(0.95)))
    assert (reactive["load.b"], reactive["load.c"]) == pytest.approx((112.5, -20))  # b: as before, 90 of 200
    assert injections.bus[rows["load.a"]] == place("b5")  # with b4, by the switch
    assert (power["generator.g"], power["pvsystem.sun"]) == pytest.approx((150, 60))
    assert injections.sign[rows["pvsystem.sun"]] == -1 and injections.kind[rows["pvsystem.sun"]] == 2
    assert reactive["generator.g"] == pytest.approx(-150 * math.tan(math.acos(0.98)))
    assert reactive["capacitor.cap"] == pytest.approx(-200)
    assert "load.d" not in rows and report.dropped == {
        "open": ("line.tie",),
        "disabled": ("load.d",),
    }


def test_a_balanced_circuit_has_the_voltages_of_opendss(tmp_path: Path) -> None:
    """Any fault in units, bases, taps or signs shows in voltages, where no approximation hides it."""
    # A capacitor is a power here and depends on voltage there: a small one.
    master = MASTER.replace("parts\\Codes.dss", "Parts/codes.DSS").replace("kvar=200 kv", "kvar=10 kv")
    path = circuit(tmp_path, master)
    dss = solved(path)
    for name in dss.PVsystems.AllNames():
        dss.Command(f"PVSystem.{name}.vminpu=0.5 vmaxpu=1.5")
    dss.Command("solve")
    scenario, _ = import_opendss(path, choices=WIDE)
    network = scenario.distribution
    assert network is not None
    ours = dict(zip(network.bus_id.tolist(), ac_voltage_pu(scenario) * network.base_kv, strict=True))
    theirs, _ = means(dss)
    for bus in ("sourcebus", "b1", "b2", "b3", "b5", "b6", "low"):
        assert ours[bus] == pytest.approx(theirs[bus], rel=5e-5), bus


FEEDERS = {
    # Buses and kW are those of OpenDSS; the largest difference of mean voltage at buses of three phases.
    # At their full load and neutral taps, feeder 34 is near collapse: half of it is compared.
    "13Bus/IEEE13Nodeckt.dss": (16, 3466.0, 1.0, 0.003),
    "34Bus/ieee34Mod1.dss": (37, 1769.0, 0.5, 0.004),
    "37Bus/ieee37.dss": (39, 2457.0, 1.0, 0.006),
    "123Bus/IEEE123Master.dss": (132, 3490.0, 1.0, 0.003),
}


@pytest.mark.parametrize("name", FEEDERS)
def test_published_feeders(tmp_path: Path, name: str) -> None:
    """Unbalanced feeders: buses and load must be all there, and means over phases near those of OpenDSS."""
    buses, kw, share, error_pu = FEEDERS[name]
    path = (published(tmp_path) / name).with_name("Run.dss")
    path.write_text(f"compile {Path(name).name}\nset LoadMult={share}\n")
    scenario, report = import_opendss(path, choices=WIDE)
    network = scenario.distribution
    assert network is not None and network.lines == network.buses - 1
    assert report.counts["buses"] == buses
    injections = scenario.injections
    assert injections is not None
    loads = [k for k, each in enumerate(injections.injection_id) if str(each).startswith("load.")]
    assert injections.power_kw[loads].sum() == pytest.approx(share * kw)
    assert any("balanced equivalent" in sentence for sentence in report.assumptions)
    assert any("do not act" in sentence for sentence in report.assumptions)
    dss = solved(path)
    assert dss.Circuit.NumBuses() == buses
    total = 0.0
    for load in dss.Loads.AllNames():
        dss.Loads.Name(load)
        total += dss.Loads.kW()
    assert total == pytest.approx(kw)
    theirs, whole = means(dss)
    ours = ac_voltage_pu(scenario) * network.base_kv
    compared = 0
    for bus, kv, base in zip(network.bus_id.tolist(), ours, network.base_kv, strict=True):
        if bus in whole:
            compared += 1
            assert abs(kv - theirs[bus]) / base < error_pu, bus
    assert compared > len(whole) / 2


def test_fewer_phases_keep_drops_and_losses(tmp_path: Path) -> None:
    """A lateral of one phase that carries a third of a balanced network's current would lose a ninth."""
    lateral = "New Line.L4 phases=1 bus1=b6.2 bus2=b7.2 rmatrix=[0.3] xmatrix=[0.2] length=3\n"
    regulators = "".join(
        f"New Transformer.r{k} phases=1 bank=r buses=(b6.{k} b8.{k}) kvs=(7.2 7.2) kvas=(500 500) xhl=1 "
        f"%loadloss=0.1 taps=(1 {tap})\n"
        for k, tap in ((1, 1.05), (2, 1.025), (3, 1.0))
    )
    master = MASTER.replace("Set VoltageBases", lateral + regulators + "Set VoltageBases")
    scenario, report = import_opendss(circuit(tmp_path, master), choices=WIDE)
    network = scenario.distribution
    assert network is not None
    lines = dict(zip(network.line_id.tolist(), range(network.lines), strict=True))
    assert network.r_ohm[lines["line.l4"]] == pytest.approx(3 * 0.3 * 3)
    # Three units of 1 % of 7.2 kV and 500 kVA, each carrying a third; the limit is that of all three.
    assert network.x_ohm[lines["transformer.r1"]] == pytest.approx(0.01 * 7.2**2 / 0.5, rel=2e-3)
    assert network.limit_kw[lines["transformer.r1"]] == pytest.approx(1500)
    bases = dict(zip(network.bus_id.tolist(), network.base_kv, strict=True))
    assert bases["b8"] / bases["b6"] == pytest.approx(1.025)
    assert "mean ratio of the single-phase units" in report.imputed


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """A user would mend scripts one complaint a run, or get a network without what was not understood."""
    bad = MASTER.replace("LineCode=Wide", "LineCode=gone").replace("r1=.4 x1=.3", "geometry=poles")
    bad = bad.replace("kva=5000 %r=0.5 tap=1", "kva=much %r=0.5 tap=1").replace("kW=900 pf=0.95", "kW=lots")
    bad = bad.replace("Edit Load.a kw=950\n", "")
    message = refused(circuit(tmp_path, bad), NetworkChoices(step_min=-1.0))
    assert "--step-min" in message
    message = refused(circuit(tmp_path, bad))
    for part in ("linecode 'gone'", "line.l3", "transformer.sub", "load.a", "Master.dss"):
        assert part in message, message
    strange = MASTER + "Frobnicate all\nNew UPFC.u bus1=b2\nEdit Load.nobody kw=3\nLoad.a.colour=red\n"
    message = refused(circuit(tmp_path, strange))
    for part in ("`Frobnicate all`", "'upfc'", "load.nobody", "'colour'"):
        assert part in message, message
    gone = circuit(tmp_path, MASTER.replace("parts\\Codes", "parts\\gone-codes"))
    line = next(i for i, words in enumerate(gone.read_text().splitlines(), 1) if "gone-codes" in words)
    message = refused(gone)
    assert str(tmp_path / "Parts" / "gone-codes.dss") in message, message
    assert f"line {line} of {gone}" in message, message
    assert "no circuit" in refused(circuit(tmp_path, "Clear\n"))
    assert "second source" in refused(circuit(tmp_path, MASTER + "New Vsource.two bus1=b3 basekv=12\n"))
    assert "redirects to itself" in refused(circuit(tmp_path, MASTER, "redirect ../Master.dss\n"))
    assert "in series" in refused(circuit(tmp_path, MASTER + "New Capacitor.s bus1=b2 bus2=b3 kvar=3\n"))
    assert "cannot be read" in refused(tmp_path / "nowhere.dss")


SMALL = """Clear
New Circuit.a basekv=4.16 bus1=s
New Line.l1 bus1=s bus2=b r1=0.1 x1=0.1 r0=0.1 x0=0.1 length=1
New Load.d bus1=b kV=4.16 kW=100 kvar=10
New Load.e bus1=b kV=4.16 xfkva=100
New Generator.g bus1=b kV=4.16 kW=50 kvar=5
Set VoltageBases=[4.16]
CalcVoltageBases
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("uuids a_uuid.dss", "passed over: calcvoltagebases, uuids"),
        ("Buscoords a_xy.csv", "passed over: calcvoltagebases, buscoords"),
        ("AddBusMarker Bus=b code=5 color=Red size=3\nBuildY\nClasses\nnodelist line.l1", "addbusmarker"),
        ("Select Load.d\nvoltages\nsel load.e\n~ kw=30", "voltages"),
        ("New Line.l2 bus1=b bus2=c r1=1 x1=1 enabled=no", "left out, disabled: 1 (line.l2)"),
        (
            "New Load.f bus1=b kV=4.16 kW=5 enabled=false\nNew UPFC.u bus1=b bus2=c enabled=n",
            "load.f, upfc.u",
        ),
        ("New UPFC.u bus1=b bus2=c\nDisable UPFC.u\nload.d.enabled=No", "load.d, upfc.u"),
        ("New EnergyMeter.m element=line.l1\n// New Load.f bus1=b", "passed over: energymeter"),
        ("Set GenMult=0.5\nset allocationfactors=0.9", ""),
        ("New Load.f bus1=b kV=4.16 xfkva=10\nSolve LoadMult=0.5", "solve"),
    ],
)
def test_what_leaves_a_circuit_as_it_is_is_passed_over(tmp_path: Path, more: str, said: str) -> None:
    """Published circuits name their elements and place their buses; what is skipped must have no effect."""
    dss = pytest.importorskip("opendssdirect", reason="opendssdirect is not installed")
    (tmp_path / "a_uuid.dss").write_text("Line.l1\t{00000000-0000-4000-8000-000000000001}\n")
    (tmp_path / "a_xy.csv").write_text("s, 1, 2\nb, 3, 4\n")
    path = tmp_path / "Master.dss"
    path.write_text(SMALL + more + "\n")
    scenario, report = import_opendss(path, choices=WIDE)
    network, injections = scenario.distribution, scenario.injections
    assert network is not None and injections is not None
    dss.Command(f'compile "{path}"')
    dss.Command("solve")
    theirs: dict[str, complex] = {}
    for name in dss.Circuit.AllElementNames():
        dss.Circuit.SetActiveElement(name)
        if dss.CktElement.Enabled() and name.partition(".")[0] in ("Load", "Generator"):
            theirs[name.lower()] = sum(
                complex(*pair) for pair in zip(*[iter(dss.CktElement.Powers())] * 2, strict=True)
            )
    ours = {
        str(name): complex(injections.power_kw[k, 0], injections.reactive_kvar[k, 0]) * injections.sign[k]
        for k, name in enumerate(injections.injection_id)
        if str(name) in theirs
    }
    assert ours.keys() == theirs.keys()
    for name, power in theirs.items():
        assert ours[name].real == pytest.approx(power.real, rel=1e-3), name
    assert {*network.bus_id.tolist()} - {"source"} == set(dss.Circuit.AllBusNames())
    assert said in "\n".join(report.lines())


@pytest.mark.parametrize("command", ["Reduce all", "remove Line.l1", "AllocateLoads", "MakePosSeq"])
def test_what_changes_a_circuit_is_refused(tmp_path: Path, command: str) -> None:
    """A network without the change would be another one than OpenDSS has."""
    path = tmp_path / "Master.dss"
    path.write_text(f"{SMALL}New EnergyMeter.m element=line.l1\n{command}\n")
    assert f"`{command}` changes the circuit" in refused(path)


def test_meshed_circuits_are_refused(tmp_path: Path) -> None:
    """Flows in a loop depend on impedances: rows of a tree would be wrong."""
    assert "loop" in refused(circuit(tmp_path, MASTER.replace("open Line.Tie 2\n", "")), WIDE)
    control = "New SwtControl.c SwitchedObj=Line.Tie Action=Open\n"
    scenario, _ = import_opendss(
        circuit(tmp_path, MASTER.replace("open Line.Tie 2\n", control)), choices=WIDE
    )
    assert scenario.distribution is not None


def test_verb_writes_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command could be missing or leave half a folder."""
    from tidewatt.cli import main
    from tidewatt.io.scenario.reading import read_scenario

    path, out = circuit(tmp_path / "in", MASTER, CODES), tmp_path / "out"
    assert main(["import", "opendss", str(path), "--out", str(out), "--limit-kw", "2000"]) == 0
    told = capsys.readouterr()
    assert "balanced equivalent" in told.out and "tidewatt assemble" in told.err
    scenario = read_scenario(out)
    assert scenario.distribution is not None and np.isfinite(scenario.distribution.limit_kw).all()
    assert main(["import", "opendss", str(tmp_path / "no.dss"), "--out", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "given",
    [
        "kvar=90 kw=200",
        "kw=200 pf=.9 kvar=50",
        "kw=200 kvar=50 pf=.9",
        "kvar=50 pf=.9 kw=100",
        "kva=100 pf=.8",
        "kw=0.001 pf=.9 xfkva=50 allocationfactor=.4",
    ],
)
def test_loads_are_what_opendss_takes_them_for(tmp_path: Path, given: str) -> None:
    """Which of kW, kvar, kVA and power factor count depends on their order: a guess would be off in kvar."""
    dss = pytest.importorskip("opendssdirect", reason="opendssdirect is not installed")
    commands = ["New Line.l bus1=b5 bus2=b9 r1=1 x1=1", f"New Load.x bus1=b9 kV=12.47 {given}"]
    scenario, _ = import_opendss(circuit(tmp_path, "\n".join([MASTER, *commands])), choices=WIDE)
    for command in ("clear", "new circuit.c", "new load.x bus1=sourcebus kv=115 " + given, "solve"):
        dss.Command(command)
    dss.Loads.Name("x")
    injections = scenario.injections
    assert injections is not None
    row = injections.injection_id.tolist().index("load.x")
    assert injections.power_kw[row, 0] == pytest.approx(dss.Loads.kW())
    assert injections.reactive_kvar[row, 0] == pytest.approx(dss.Loads.kvar())


def test_files_of_other_editors_are_read(tmp_path: Path) -> None:
    """Tabs, UTF-16 and a stray zero byte occur in published circuits, and would end as "not understood"."""
    path = circuit(tmp_path, MASTER.replace("New Load.c ", "New\tLoad.c\t").replace("kvar=-20", "kvar=-20\0"))
    (tmp_path / "Parts" / "codes.DSS").write_bytes(CODES.encode("utf-16"))
    scenario, report = import_opendss(path, choices=WIDE)
    assert scenario.distribution is not None and report.counts["loads_in_the_file"] == 3
