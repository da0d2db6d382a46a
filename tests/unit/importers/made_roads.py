"""Small road networks in the forms that importers read."""

from __future__ import annotations

from pathlib import Path

NET = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 6
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 12
<ORIGINAL HEADER>~ Init Term Capacity Length Free Flow Time B Power Speed limit Toll Type ;
<END OF METADATA>

~ init_node term_node capacity length free_flow_time b power speed toll link_type ;
1 3 999999 0 0 0.15 4 0 0 9 ;
3 1 999999 0 0 0.15 4 0 0 9 ;
2 5 999999 0 0 0.15 4 0 0 9 ;
5 2 999999 0 0 0.15 4 0 0 9 ;
3 4 24000 2 3 0.15 4 40 0 1 ;
4 3 24000 2 3 0.15 4 40 0 1 ;
4 5 48000 1.5 1 0.15 4 90 25 1 ;
5 4 48000 1.5 1 0.15 4 90 25 1 ;
5 6 24000 2 2 0.15 4 60 0 1 ;
6 5 24000 2 2 0.15 4 60 0 1 ;
6 3 24000 1 2 0.15 4 30 0 1 ;
3 6 24000 1 2 0.15 4 30 0 1 ;
"""
TRIPS = """<NUMBER OF ZONES> 2
<TOTAL OD FLOW> 1007.5
<END OF METADATA>

Origin 1
 1 : 7.5 ; 2 : 600.0 ;
Origin 2
 1 : 400.0 ; 2 : 0.0 ;
"""
NODES = """Node X Y ;
1 0 0 ;
2 300 0 ;
3 0 100 ;
4 100 100 ;
5 300 100 ;
6 200 0 ;
"""


def tntp(folder: Path, *, net: str = NET, trips: str | None = TRIPS, nodes: str | None = NODES) -> Path:
    """Write a TNTP folder; None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, text in (("net", net), ("trips", trips), ("node", nodes)):
        if text is not None:
            (folder / f"made_{kind}.tntp").write_text(text, encoding="utf-8")
    return folder
