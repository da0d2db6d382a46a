"""OpenDSS scripts: a balanced circuit, and line codes of the published feeders."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.unit.io.importers.made_networks import GRIDS

MASTER = """Clear
Set DefaultBaseFrequency=60
! a balanced circuit: each voltage is the same in all phases
New Object=Circuit.made basekv=69 pu=1.02 MVAsc3=(100 10 *) MVAsc1=1100
/* of no
   concern: New Line.none bus1=a bus2=b */
New Transformer.Sub Phases=3 Windings=2 XHL=8   // of 5 MVA
~ wdg=1 bus=SourceBus conn=delta kv=69 kva=5000 %r=0.5 tap=1
~ wdg=2 bus=B1.1.2.3 conn=wye kv=12.47 kva=5000 %R=0.5 tap=1.025
redirect parts\\Codes.dss
New Line.L1 Bus1=b1 bus2=b2.1.2.3 LineCode=Wide Length=5280 Units=ft normamps=300
New "Line.L2" b2 b3 narrow 0.5 units=km
New Line.L3 bus1=b3 bus2=b4 r1=.4 x1=.3 c1=0 length=2
new line.sw phases=3 bus1=b4 bus2=b5 switch=y
New Line.Tie bus1=b5 bus2=b1 LineCode=wide length=1
New Transformer.T2 phases=3 windings=2 buses=(b3 low) conns='wye wye' kvs="12.47 0.48" kvas=[500 500] XHL=4
Transformer.T2.%loadloss=1.2
New reactor.series bus1=b2 bus2=b6 r=0.1 x=0.8
New Load.a Bus1=b5 kV=12.47 kW=900 pf=0.95
New Load.b bus1=low kV=.48 kw=200 kvar=90 vminpu=.7
New Load.c like=b bus1=b6 kV=12.47 kW=300 kvar=-20
New Generator.g bus1=b3 kV=12.47 kw=150 pf=-0.98
New PVSystem.sun bus1=b6 kV=12.47 pmpp=120 irradiance=0.5 kva=100
New Capacitor.cap bus1=b2 kvar=200 kv=12.47
New EnergyMeter.m element=Line.L1
Edit Load.a kw=950
Load.b.kW=250
open Line.Tie 2
Disable Load.d
Set VoltageBases=[69 12.47 .48]
CalcVoltageBases
Solve
"""
CODES = """New LineCode.wide nphases=3 units=kft
~ rmatrix=[0.1 | 0.02 0.1 | 0.02 0.02 0.1]
~ xmatrix=[0.2 0.05 0.05 | 0.05 0.2 0.05 | 0.05 0.05 0.2] cmatrix=[3 | 0 3 | 0 0 3]
New linecode.narrow nphases=3 r1=0.5 x1=0.4 c1=0 units=mi
New Load.d bus1=b2 kw=1
"""

# Balanced means of the public line codes of these feeders (ohm per 1000 ft), which the archive lacks.
IEEE_CODES = """
New linecode.721 nphases=3 units=kft r1=0.0430 x1=0.0442 r0=0.0749 x0=0.0224 c1=80.3 c0=80.3
New linecode.722 nphases=3 units=kft r1=0.0600 x1=0.0624 r0=0.1450 x0=0.0385 c1=64.2 c0=64.2
New linecode.723 nphases=3 units=kft r1=0.1551 x1=0.0884 r0=0.4264 x0=0.1972 c1=37.6 c0=37.6
New linecode.724 nphases=3 units=kft r1=0.3007 x1=0.0967 r0=0.5912 x0=0.2406 c1=30.3 c0=30.3
New linecode.1 nphases=3 units=kft r1=0.057967 x1=0.118756 r0=0.146509 x0=0.366900 c1=3.5 c0=1.5
New linecode.2 like=1
New linecode.3 like=1
New linecode.4 like=1
New linecode.5 like=1
New linecode.6 like=1
New linecode.7 nphases=2 units=kft rmatrix=[0.086667 | 0.029072 0.087405]
~ xmatrix=[0.204167 | 0.072898 0.201723]
New linecode.8 like=7
New linecode.9 nphases=1 units=kft rmatrix=[0.251742] xmatrix=[0.255208]
New linecode.10 nphases=1 units=kft rmatrix=[0.251742] xmatrix=[0.255208]
New linecode.11 nphases=1 units=kft rmatrix=[0.251742] xmatrix=[0.255208]
New linecode.12 nphases=3 units=kft r1=0.192090 x1=0.091521 r0=0.482241 x0=0.237487 c1=33.8 c0=33.8
"""


def circuit(folder: Path, master: str = MASTER, codes: str = CODES) -> Path:
    """A master file, and one it redirects to."""
    (folder / "Parts").mkdir(parents=True, exist_ok=True)
    (folder / "Parts" / "codes.DSS").write_text(codes)
    (folder / "Master.dss").write_text(master)
    return folder / "Master.dss"


def published(folder: Path) -> Path:
    """The folder of the published feeders, their common line codes beside them."""
    archive = GRIDS / "ieee_opendss_13_34_37_123.tar.xz"
    if not archive.exists():
        pytest.skip(f"real data not at hand: shared/data/grids/{archive.name}")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    common = (folder / "34Bus" / "nmsu_linecode2_ABC.txt").read_text(errors="replace")
    (folder / "IEEELineCodes.DSS").write_text(common + IEEE_CODES)
    return folder
