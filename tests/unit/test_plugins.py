"""Plugins: packages beside tidewatt are found by their entry points, and named where they are wrong."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

import tidewatt
from tests.unit.test_docs import text
from tidewatt.cli import main
from tidewatt.cli.importing import add_importers
from tidewatt.errors import TidewattError
from tidewatt.plugins import CHOICES, IMPORTERS, model, plugins


def install(site: Path, name: str, groups: dict[str, dict[str, str]], **modules: str) -> None:
    """Put a package with entry points into a folder, as an installer would."""
    info = site / f"{name.replace('-', '_')}-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, code in modules.items():
        (site / f"{module}.py").write_text(code, encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder on the path, whose modules are forgotten after the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
    monkeypatch.undo()
    importlib.invalidate_caches()
    add_importers()  # takes those of the folder away again


@pytest.fixture
def example(site: Path) -> Path:
    """Install the package of docs/plugins.md."""
    blocks = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", text("plugins.md"), re.M | re.S))
    project = tomllib.loads(blocks["pyproject.toml"])["project"]
    install(site, project["name"], project["entry-points"], tidewatt_depot=blocks["tidewatt_depot.py"])
    return site


def test_the_page_s_choice_is_found_by_name(example: Path) -> None:
    """Without it a model installed as the page says could only be passed in from Python."""
    city = tidewatt.example("city")
    asked = {"vehicles": 200, "replications": 2, "threads": 1}
    named = tidewatt.simulate(city, choice="nearest", **asked)
    import tidewatt_depot

    passed = tidewatt.simulate(city, choice_model=tidewatt_depot.Nearest(), **asked)
    usual = tidewatt.simulate(city, **asked)
    assert named.events.equals(passed.events) and not named.events.equals(usual.events)


def test_the_page_s_commands_run(example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it the command line could not use what Python can, or the page's importer could fail."""
    tidewatt.write_scenario(tidewatt.example("city"), tmp_path / "city")
    words = ["--vehicles", "200", "--replications", "2", "--no-figures"]
    chosen = ["simulate", str(tmp_path / "city"), "--choice", "nearest", "--out", str(tmp_path / "r"), *words]
    assert main(chosen) == 0
    assert tidewatt.load(tmp_path / "r").summary()["parameters"]["choice"] == "nearest"
    log = tmp_path / "log.csv"
    log.write_text(
        "van,leave_min,arrive_min,depart_min,energy_kwh,soc\n7,420,1080,1440,30,0.9\n8,430,1100,1440,20,0.5\n"
    )
    out = tmp_path / "depot"
    assert main(["import", "depot", str(log), "--charger-kw", "11", "--out", str(out)]) == 0
    assert "every charger has 11 kW" in capsys.readouterr().out
    assert tidewatt.read_scenario(out).dwells.charger_kw.tolist() == [11.0, 11.0]
    assert main(["import", "depot", str(log), "--out", str(out)]) == 2, "an old scenario was replaced"
    assert main(["import", "--help"]) == 0
    assert "Turn the log of a depot" in capsys.readouterr().out
    assert main(["import", "depot", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("--charger-kw", "Power of every charger", "--overwrite", "--json"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [("import nothing_of_the_kind", "ModuleNotFoundError"), ("Model = import_it = 5", "TypeError")],
)
def test_a_broken_plugin_is_told_in_words(site: Path, code: str, reason: str, capsys) -> None:
    """Without it another package's fault ends in a traceback, or is taken for one of tidewatt."""
    groups = {CHOICES: {"slow": "broken:Model"}, IMPORTERS: {"acme": "broken:import_it"}}
    install(site, "acme-models", groups, broken=code)
    with pytest.raises(TidewattError, match=rf"'slow' \(broken:Model\).*acme-models 0\.1.*{reason}"):
        tidewatt.simulate(tidewatt.example("city"), choice="slow", vehicles=50, replications=1)
    assert main(["import", "acme", "file.csv", "--year", "3"]) == 2
    assert reason in (said := capsys.readouterr().err) and "acme-models 0.1" in said
    assert main(["import", "--help"]) == 0, "one broken plugin took the help away"
    assert main(["import", "tntp", "--help"]) == 0
    assert "broken" not in sys.modules or reason == "TypeError", "a plugin that nobody asked for was imported"


@pytest.mark.parametrize(("group", "name"), [(CHOICES, "logit"), (CHOICES, "bpr"), (IMPORTERS, "osm")])
def test_a_built_in_name_is_refused(site: Path, group: str, name: str, capsys) -> None:
    """Without it a result could come from another model than the one its name is known for."""
    install(site, "acme-models", {group: {name: "acme:Model"}})
    if group == CHOICES:
        with pytest.raises(TidewattError, match=f"acme-models 0.1.*{name!r}.*tidewatt itself"):
            tidewatt.simulate(tidewatt.example("city"), choice="cost", vehicles=50, replications=1)
    else:
        assert main(["import", "osm", "--help"]) == 2
        assert "tidewatt itself" in capsys.readouterr().err


def test_two_packages_with_one_name_are_refused(site: Path) -> None:
    """Without it the order of installation decides which model a name stands for."""
    install(site, "acme-models", {CHOICES: {"slow": "acme:Model"}})
    install(site, "other-models", {CHOICES: {"slow": "other:Model"}})
    with pytest.raises(TidewattError, match=r"other-models 0\.1.*'slow'.*acme-models 0\.1"):
        plugins(CHOICES, ())


def test_models_are_told_apart_by_their_method(site: Path) -> None:
    """Without it a model of speeds asked for as a choice of station fails in the middle of a day."""
    code = "class Slow:\n    def time_min(self, roads, flow_veh_h):\n        return 2 * roads.free_time_min\n"
    code += (
        "class Never:\n    def wants(self, soc, soc_at_destination, threshold_soc):\n        return soc < 0\n"
    )
    entries = {"slow": "acme_models:Slow", "never": "acme_models:Never", "nothing": "builtins:dict"}
    install(site, "acme-models", {CHOICES: entries}, acme_models=code)
    with pytest.raises(TidewattError, match="no model for choice; ask for it with speed_flow"):
        model("choice", "slow")
    with pytest.raises(TidewattError, match=r"is no model for decision; it needs a method wants"):
        model("decision", "nothing")
    asked = {"vehicles": 200, "replications": 1, "threads": 1}
    result = tidewatt.simulate(tidewatt.example("city"), decision="never", speed_flow="slow", **asked)
    assert len(result.events) == 0
    with pytest.raises(
        tidewatt.ScenarioError,
        match=r"'fast'.*threshold, or the name of an installed plugin .installed: never, nothing, slow",
    ):
        tidewatt.simulate(tidewatt.example("city"), decision="fast", **asked)


def test_an_importer_may_not_take_the_options_of_every_import(site: Path, capsys) -> None:
    """Without it a plugin's own `--out` would quietly shadow the folder of the scenario."""
    code = "def read(file, *, out=1):\n    '''Read.'''\n"
    install(site, "acme-models", {IMPORTERS: {"acme": "acme_reader:read"}}, acme_reader=code)
    assert main(["import", "acme", "x"]) == 2
    assert "cannot be turned into a command" in capsys.readouterr().err


def test_what_an_importer_returns_is_looked_at(site: Path, tmp_path: Path, capsys) -> None:
    """Without it a plugin's mistake is told as a fault of tidewatt."""
    code = "def read(file: str, *, wrong: bool = False):\n    '''Read.'''\n    return 1 / wrong, 2\n"
    install(site, "acme-models", {IMPORTERS: {"acme": "acme_returns:read"}}, acme_returns=code)
    out = ["--out", str(tmp_path / "o")]
    assert main(["import", "acme", "x", *out]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert main(["import", "acme", "x", "--wrong", *out]) == 2
    assert "must return a Scenario" in capsys.readouterr().err
