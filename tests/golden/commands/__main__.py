"""``python -m tests.golden.commands --record`` or ``--compare``: outputs of all commands, kept as text."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.golden.commands import records
from tests.golden.commands.cases import GROUPS, chosen, unknown


def main() -> int:
    """Record the outputs, or say what changed since they were recorded."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.commands", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--record", action="store_true", help="keep the outputs of today")
    what.add_argument("--compare", action="store_true", help="show what differs from those kept")
    parser.add_argument("--fast", action="store_true", help="without the groups that take long")
    parser.add_argument("--threads", type=int, default=2, help="of the studies; they change no output")
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(g.name for g in GROUPS)} [default: all]")
    given = parser.parse_args()
    if unknown(given.groups):
        parser.error(f"no such group: {', '.join(unknown(given.groups))}")
    changed = []
    with tempfile.TemporaryDirectory() as folder:
        for group, asked in chosen(given.groups, slow=not given.fast):
            begun = time.perf_counter()
            made = records.record(group, Path(folder), given.threads)
            print(f"{group.name}: {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
            if given.record and asked:
                records.save(made)
            elif asked and (diff := records.differences(records.kept(group), made)):
                changed.append(group.name)
                print(diff)
    if given.compare:
        print(f"Changed: {', '.join(changed)}." if changed else "Nothing changed.")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
