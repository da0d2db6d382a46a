"""Records: what a group's commands print and leave behind, as text, and how two records are compared."""

from __future__ import annotations

import difflib
import json
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.golden.commands.cases import Group
from tests.golden.commands.describe import figures, file
from tests.golden.commands.run import run

FOLDER = Path(__file__).parent / "recorded"
TOLERANCE = 1e-6
# A coordination ends as near to the best as was asked. Another processor, whose sums round otherwise, ends
# elsewhere within that distance. The first pattern that matches a line gives its tolerance.
_TOLERANCES = (
    (re.compile(r"^\S*(residual|error_bound)\S*(: | \()|^ok .* schedule rows"), math.inf),
    (re.compile(r"^\S*(gap|regret_cost|slack_cost)\S*(: | \()|they are .* apart"), 0.1),
    (
        re.compile(
            r"^\S*coordinated[._]\S*(: | \()|^(bound|primal): |^ok .* the bound is not above|^Proved: "
        ),
        1e-4,
    ),
)
# Digits in a word or a name ("car-01", "F1", a digest) are not a number.
_NUMBER = re.compile(r"(?<![\w.-])(?<!crc )-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w-])|\bnan\b")
_EXTREME = re.compile(r"\b(?:min|max) (\S+)")
Record = dict[str, str]
"""Texts by the path of the file below `FOLDER`."""


def record(group: Group, folder: Path, threads: int) -> Record:
    """Run a group's commands in a folder; tell what they said in words, and what came out in numbers."""
    group.setup(folder)
    before = {path.name for path in folder.iterdir()}
    words: list[str] = []
    numbers: list[str] = []
    for command in group.commands(folder):
        ended = run(shlex.split(command.replace("THREADS", f"--threads {threads}")), folder)
        title = f"$ tidewatt {command.removesuffix(' THREADS')}".rstrip()
        out = [ended.out] if ended.out else []
        if "--json" in command and ended.out.startswith("{"):
            out, rest = figures(json.loads(ended.out))
            numbers += ["", title, *rest]
        words += ["", title, f"exit status {ended.status}", *out]
        words += ["-- standard error", ended.err] if ended.err else []
    described: dict[str, str] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).parts):
        name = path.relative_to(folder)
        if path.is_dir() or name.parts[0] in before or "checkpoint" in name.parts:
            continue
        said, rest = file(path)
        words += ["", f"# {name.as_posix()}", *said] if said else []
        first = described.setdefault("\n".join(rest), name.as_posix())
        numbers += [
            "",
            f"# {name.as_posix()}",
            *(rest if first == name.as_posix() or not rest else [f"as {first}"]),
        ]
    found = {f"words/{group.name}.txt": words, f"numbers/{group.name}.txt": numbers}
    return {name: "\n".join(lines).strip("\n") + "\n" for name, lines in found.items() if lines}


def save(made: Record) -> None:
    """Put a record in place of the one that is kept."""
    for name, text in made.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")


def kept(group: Group) -> Record:
    """The record of a group that is kept."""
    names = [f"{kind}/{group.name}.txt" for kind in ("words", "numbers")]
    return {name: (FOLDER / name).read_text("utf-8") for name in names if (FOLDER / name).exists()}


def differences(before: Record, after: Record) -> str:
    """Return a unified diff, empty where nothing changed; numbers may differ within their tolerance."""
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = (text.get(name, "").splitlines() for text in (before, after))
        new = _settled(old, new)
        lines += _with_titles(
            old, difflib.unified_diff(old, new, f"recorded/{name}", f"now/{name}", "", "", 0, "")
        )
    return "\n".join(lines)


def _with_titles(old: Sequence[str], diff: Iterator[str]) -> Iterator[str]:
    """Say behind the lines of each change in which section it stands."""
    for line in diff:
        found = re.match(r"@@ -(\d+)", line)
        if found:
            above = [each for each in old[: int(found[1])] if each.startswith(("$ ", "# "))]
            line += f" {above[-1]}" if above else ""
        yield line


def _settled(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The new lines, in the old form where they mean the same."""
    known = dict(_by_title(old))
    return [known[key] if key in known and same(known[key], line) else line for key, line in _by_title(new)]


def _by_title(lines: Sequence[str]) -> list[tuple[tuple[str, str, int], str]]:
    """Each line with its section, its words and how often they came before: the same in another record."""
    title, found = "", []
    seen: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line.startswith(("$ ", "# ")):
            title = line
        key = title, _NUMBER.sub("#", line)
        found.append(((*key, seen[key]), line))
        seen[key] += 1
    return found


def same(old: str, new: str) -> bool:
    """Whether two lines have the same words, and the same numbers within the line's tolerance.

    A number may also be off by that share of the largest value beside it: where values are of size 1e5,
    a sum that ought to be 0 is not 0 to nine digits.
    """
    if old == new:
        return True
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return False
    tolerance = next((size for pattern, size in _TOLERANCES if pattern.search(old)), TOLERANCE)
    first, second = (_NUMBER.findall(line) for line in (old, new))
    size = max((abs(float(number)) for number in _EXTREME.findall(old)), default=0.0)
    return all(a == b or _close(a, b, tolerance, size) for a, b in zip(first, second))


def _close(a: str, b: str, tolerance: float, size: float) -> bool:
    x, y = (float(number.replace(",", "")) for number in (a, b))
    return math.isclose(x, y, rel_tol=tolerance, abs_tol=min(tolerance, 1.0) * size + 1e-9)
