"""Write the picture of the rooms in ``architecture.md`` from the code: ``python docs/architecture.py``."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

from tidewatt.options.pages import rewrite, with_texts

ROOT = Path(__file__).parents[1]


def layers() -> list[list[str]]:
    """Return the rooms by layer, highest first, as the import contract has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    rows = next(each["layers"] for each in contracts if each["name"] == "layers")
    return [[room.strip() for room in row.split("|")] for row in rows]


def arrows() -> dict[str, set[str]]:
    """Return which rooms each room imports, inside functions and for types included."""
    found: dict[str, set[str]] = defaultdict(set)
    top = ROOT / "src" / "tidewatt"
    for file in sorted(top.rglob("*.py")):
        room = file.relative_to(top).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tidewatt."):
                found[room].add(str(node.module).split(".")[1])
    return {room: others - {room} for room, others in found.items()}


def picture() -> str:
    """Return the rooms by layer with arrows, and a table of all imports.

    Arrows to rooms that nearly all others import would say little, and are left out.
    """
    everywhere = {"domain", "result", "errors", "options", "compilation"}
    imports = arrows()
    lines = ["```mermaid", "flowchart TD"]
    for number, rooms in enumerate(layers()):
        lines.append(f"  subgraph L{number}[ ]")
        lines += [f"    {room}" for room in rooms]
        lines.append("  end")
    order = [room for rooms in layers() for room in rooms]
    for room in order:
        for other in order:
            if other in imports.get(room, ()) and other not in everywhere:
                lines.append(f"  {room} --> {other}")
    lines += ["```", "", "| layer | room | imports |", "|---|---|---|"]
    for number, rooms in enumerate(layers(), 1):
        for room in rooms:
            named = ", ".join(f"`{other}`" for other in order if other in imports.get(room, ()))
            lines.append(f"| {number} | `{room}` | {named or 'nothing'} |")
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """Return a page with the picture as the code has it now."""
    return with_texts(page, "architecture", lambda name: picture())


if __name__ == "__main__":
    rewrite(ROOT / "docs", written)
