"""How long compiling took, as numba reports it."""

from __future__ import annotations

import numba

from tidewatt.compilation.kernel import kernel
from tidewatt.compilation.record import RECORD, Record


def test_what_is_compiled_inside_counts_once():
    """Without it: the time of a kernel that another needs is counted twice, and exceeds that of the run."""
    now = [0.0]
    record = Record(clock=lambda: now[0])
    told = []
    record.watch(told.append)
    record.begin(kept=True)
    now[0] = 1.0
    record.begin(kept=True)
    now[0] = 3.0
    record.begin(kept=False)  # numba's own, inside a kernel
    record.end()
    record.end()
    now[0] = 4.0
    record.end()
    assert (record.kernels, record.seconds, record.kept) == (2, 4.0, True)
    assert told == [True, False]
    record.unwatch(told.append)
    record.begin(kept=False)
    record.end()
    assert (record.kernels, record.kept) == (3, False)
    assert told == [True, False]


def test_numba_reports_to_the_record(tmp_path, monkeypatch):
    """Without it: numba changes its reports, and runs compile in silence."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    before = RECORD.kernels, RECORD.seconds

    @kernel
    def thrice(x):
        return 3.0 * x

    assert thrice(2.0) == 6.0
    assert RECORD.kernels == before[0] + 1
    assert RECORD.seconds > before[1]
