"""Small road networks in the forms that importers read."""

from __future__ import annotations

from collections.abc import Mapping
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


GMNS: Mapping[str, str] = {
    "config": "dataset_name,short_length,long_length,speed,crs\nmade,foot,mile,mph,4326\n",
    "node": "node_id,x_coord,y_coord,node_type,zone_id\n"
    "10,-75.00,40.00,,1\n11,-75.01,40.00,,\n12,-75.01,40.01,,\n13,-75.00,40.01,,\n"
    "20,-75.02,40.01,centroid,2\n",
    "link": "link_id,from_node_id,to_node_id,directed,length,facility_type,capacity,free_speed,lanes,"
    "allowed_uses,toll,geometry\n"
    "1,10,11,true,0.5,freeway,1900,65,3,auto,0.5,LINESTRING (-75 40)\n"
    "2,11,12,1,0.7,,900,30,2,,,\n"
    "3,12,13,false,0.5,local,,20,,all,,\n"
    "4,13,10,true,0.7,,800,35,1,,,\n"
    "5,12,20,false,0.1,,2000,20,1,,,\n"
    "6,10,12,true,0.9,path,100,10,1,bike,,\n",
    "zone": "zone_id,households,employment\n1,120,30\n2,80,400\n",
    "demand": "o_zone_id,d_zone_id,volume\n1,2,50\n2,1,40.5\n1,1,0\n",
}


def gmns(folder: Path, **tables: str | None) -> Path:
    """Write a GMNS folder; None leaves a table out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**GMNS, **tables}.items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder
