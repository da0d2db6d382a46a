"""The house keeps its rules: names, imports, and the pages that say where things live."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP = ROOT / "src" / "tidewatt"
FILES = sorted(TOP.rglob("*.py"))


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(TOP.parent).with_suffix("").parts).removesuffix(".__init__")


def drawing():
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "docs" / "architecture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_class_name_stands_twice() -> None:
    """Without it a reader who looks for `Network` finds three, and opens the wrong one."""
    homes = defaultdict(list)
    for file in FILES:
        for node in ast.parse(file.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(name_of(file))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_no_modules_import_each_other() -> None:
    """Without it an import inside a function hides that two modules are one, until the order matters."""
    names = {name_of(file) for file in FILES}
    graph: dict[str, set[str]] = {}
    for file in FILES:
        found = set()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in names:
                inner = {f"{node.module}.{each.name}" for each in node.names}
                found |= (inner & names) or {node.module}
            elif isinstance(node, ast.Import):
                found |= {each.name for each in node.names} & names
        graph[name_of(file)] = found - {name_of(file)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_the_map_names_the_rooms_that_there_are() -> None:
    """Without it newcomers look for things where they were before the last move."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text[text.index("| room of") : text.index("Layers only import")]
    first = "".join(row.split("|")[1] for row in table.splitlines()[2:] if row)
    named = set(re.findall(r"`([a-z_/.]+)`", first))
    rooms = {file.parent.relative_to(TOP).parts[0] for file in FILES if file.parent != TOP}
    modules = {"result.py", "errors.py", "plugins.py"}
    inside = {"io/scenario", "io/results", "io/importers"}
    assert named == rooms | modules | inside
    assert all((TOP / each).exists() for each in named)


def test_the_picture_is_that_of_the_code() -> None:
    """Without it the page shows arrows of some time ago; `python docs/architecture.py` mends it."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert drawing().written(page) == page


def test_the_ways_through_the_house_lead_to_functions_that_exist() -> None:
    """Without it the page sends readers to functions that were renamed."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    ways = re.findall(r"\| `([a-z_.]+)\.([A-Za-z_]+)` \|\n", page[page.index("## The way") :])
    assert len(ways) > 20
    for module, name in ways:
        tree = ast.parse((TOP / Path(*module.split("."))).with_suffix(".py").read_text("utf-8"))
        defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert name in defined, f"{module}.{name}"
