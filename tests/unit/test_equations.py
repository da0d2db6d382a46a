"""Equations stand once, under labels; docstrings cite labels; neither without the other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LABEL = re.compile(r"\*\*([a-z]+-\d+)\*\*")
CITED = re.compile(r"\b([a-z]+)-(\d+)((?:\s+to\s+(?:[a-z]+-)?\d+)?)")


def labels() -> dict[str, str]:
    """Label -> file it is defined in; each defined once."""
    found: dict[str, str] = {}
    for page in sorted((ROOT / "docs" / "equations").glob("*.md")):
        for label in LABEL.findall(page.read_text(encoding="utf-8")):
            assert label not in found, f"{label} is defined in {found[label]} and again in {page.name}"
            found[label] = page.name
    return found


def docstrings(source: str) -> list[str]:
    """Every docstring of a module."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [text for node in nodes if (text := ast.get_docstring(node))]


def citations(text: str, families: set[str]) -> set[str]:
    """Labels that a text cites, a range ("coord-6 to coord-8") as all it spans."""
    cited = set()
    for family, number, rest in CITED.findall(text):
        if family in families:
            last = int(rest.rsplit("-", 1)[-1].split()[-1]) if rest else int(number)
            cited |= {f"{family}-{k}" for k in range(int(number), last + 1)}
    return cited


def test_ranges_are_understood() -> None:
    """Without it a citation of several equations at once would count as one."""
    assert citations("Equations coord-6 to\ncoord-8, and coord-10.", {"coord"}) == {
        "coord-6",
        "coord-7",
        "coord-8",
        "coord-10",
    }


def test_every_label_is_cited_and_every_citation_has_a_label() -> None:
    """Without it the page of equations and the code could drift apart unseen."""
    known = labels()
    assert len(known) >= 12
    families = {label.split("-")[0] for label in known}
    in_docstrings: set[str] = set()
    for path in sorted((ROOT / "src").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for label in citations(source, families):
            assert label in known, (
                f"{path.relative_to(ROOT)} cites {label}, which docs/equations does not have"
            )
        for text in docstrings(source):
            in_docstrings |= citations(text, families)
    assert not set(known) - in_docstrings, f"cited by no docstring: {sorted(set(known) - in_docstrings)}"


def test_every_page_has_a_table_of_symbols() -> None:
    """Without it a reader could not tell which name in the code an equation's symbol has, or in what unit."""
    for page in sorted((ROOT / "docs" / "equations").glob("*.md")):
        head = "| symbol | name in the code | unit | source |"
        assert head in page.read_text(encoding="utf-8"), f"{page.name} lacks {head}"
