"""Properties of the OpenDSS elements that are read, in the order in which values without a name count."""

from __future__ import annotations

from typing import Final

__all__ = ["NEEDLESS", "PASSED_OVER", "PROPERTIES", "WINDING", "WINDINGS"]

_COMMANDS = """
    ? about alignfile buscoords calcv calcvoltagebases capacity cd closedi connect cvrt disconnect
    distribute doscmd dump estimate export fileedit form get guids help init interpolate latlongcoords
    makebuslist nodediff panel plot quit relcalc remove rephase reset rotate sample save setbusxy
    setkvbase setloadandgenkv show solve summary top totalpowers totals updatestorage uservisualize var
    visualize ysc zsc zsc10 zscrefresh
"""
PASSED_OVER: Final = frozenset(_COMMANDS.split())
"""Commands that show, solve or save: the network stays what it is."""
_CLASSES = """
    cndata dynamicexp energymeter espvlcontrol expcontrol fuse gendispatcher growthshape invcontrol
    linegeometry linespacing loadshape monitor priceshape pvcontrol recloser relay sensor spectrum
    storagecontroller tcc_curve tempshape tsdata tshape wiredata xycurve
"""
NEEDLESS: Final = frozenset(_CLASSES.split())
"""Classes of which a network at one load level needs nothing."""
WINDING: Final = ("bus", "conn", "kv", "kva", "tap", "%r")
"""Properties of the winding that ``wdg`` named last."""
WINDINGS: Final = {
    **{"buses": "bus", "conns": "conn", "kvs": "kv", "kvas": "kva", "taps": "tap", "%rs": "%r"},
}
"""Properties that list one value a winding."""

_TRANSFORMER = """
    phases windings wdg bus conn kv kva tap %r rneut xneut buses conns kvs kvas taps xhl xht xlt
    xscarray thermal n m flrise hsrise %loadloss %noloadloss normhkva emerghkva sub maxtap mintap
    numtaps subname %imag ppm_antifloat %rs bank xfmrcode xrconst x12 x13 x23 leadlag wdgcurrents core
    rdcohms seasons ratings normamps emergamps faultrate pctperm repair basefreq enabled like
"""
_LISTED: Final = {
    "vsource": """
        bus1 basekv pu angle frequency phases mvasc3 mvasc1 x1r1 x0r0 isc3 isc1 r1 x1 r0 x0 scantype
        sequence bus2 z1 z0 z2 puz1 puz0 puz2 basemva yearly daily duty model puzideal spectrum basefreq
        enabled like
    """,
    "line": """
        bus1 bus2 linecode length phases r1 x1 r0 x0 c1 c0 rmatrix xmatrix cmatrix switch rg xg rho
        geometry units spacing wires earthmodel cncables tscables b1 b0 seasons ratings linetype
        normamps emergamps faultrate pctperm repair basefreq enabled like
    """,
    "linecode": """
        nphases r1 x1 r0 x0 c1 c0 units rmatrix xmatrix cmatrix basefreq normamps emergamps faultrate
        pctperm repair kron rg xg rho neutral b1 b0 seasons ratings linetype like
    """,
    "transformer": _TRANSFORMER,
    "xfmrcode": _TRANSFORMER,
    "load": """
        phases bus1 kv kw pf model yearly daily duty growth conn kvar rneut xneut status class vminpu
        vmaxpu vminnorm vminemerg xfkva allocationfactor kva %mean %stddev cvrwatts cvrvars kwh kwhdays
        cfactor cvrcurve numcust zipv %seriesrl relweight vlowpu puxharm xrharm spectrum basefreq
        enabled like
    """,
    "generator": """
        phases bus1 kv kw pf kvar model vminpu vmaxpu yearly daily duty dispmode dispvalue conn rneut
        xneut status class vpu maxkvar minkvar pvfactor forceon kva mva xd xdp xdpp h d usermodel
        userdata shaftmodel shaftdata dutystart debugtrace balanced xrdp usefuel fuelkwh %fuel %reserve
        refuel dynamiceq dynout spectrum basefreq enabled like
    """,
    "pvsystem": """
        phases bus1 kv irradiance pmpp %pmpp temperature pf conn kvar kva %cutin %cutout effcurve
        p-tcurve %r %x model vminpu vmaxpu balanced limitcurrent yearly daily duty tyearly tdaily tduty
        class usermodel userdata debugtrace varfollowinverter dutystart wattpriority pfpriority
        %pminnovars %pminkvarmax kvarmax kvarmaxabs kvdc kp pitol safevoltage safemode dynamiceq dynout
        controlmode amplimit amplimitgain spectrum basefreq enabled like
    """,
    "capacitor": """
        bus1 bus2 phases kvar kv conn cmatrix cuf r xl harm numsteps states normamps emergamps faultrate
        pctperm repair basefreq enabled like
    """,
    "reactor": """
        bus1 bus2 phases kvar kv conn rmatrix xmatrix parallel r x rp z1 z2 z0 z rcurve lcurve lmh
        normamps emergamps faultrate pctperm repair basefreq enabled like
    """,
    "swtcontrol": """
        switchedobj switchedterm action lock delay normal state reset basefreq enabled like
    """,
    "regcontrol": """
        transformer winding vreg band ptratio ctprim r x bus delay reversible revvreg revband revr revx
        tapdelay debugtrace maxtapchange inversetime tapwinding vlimit ptphase revthreshold revdelay
        revneutral eventlog remoteptratio tapnum reset ldc_z rev_z cogen basefreq enabled like
    """,
    "capcontrol": """
        element terminal capacitor type ptratio ctratio onsetting offsetting delay voltoverride vmax
        vmin delayoff deadtime ctphase ptphase vbus eventlog usermodel userdata pctminkvar reset
        controlsignal basefreq enabled like
    """,
    "storage": """
        phases bus1 kv conn kw kvar pf kva %cutin %cutout effcurve varfollowinverter kvarmax kvarmaxabs
        wattpriority pfpriority %pminnovars %pminkvarmax kwrated %kwrated kwhrated kwhstored %stored
        %reserve state %discharge %charge %effcharge %effdischarge %idlingkw %idlingkvar %r %x model
        vminpu vmaxpu balanced limitcurrent yearly daily duty dispmode dischargetrigger chargetrigger
        timechargetrig class dynadll dynadata usermodel userdata debugtrace kvdc kp pitol safevoltage
        safemode dynamiceq dynout controlmode amplimit amplimitgain spectrum basefreq enabled like
    """,
    "isource": """
        bus1 amps angle frequency phases scantype sequence yearly daily duty bus2 spectrum basefreq
        enabled like
    """,
    "vccs": """
        bus1 phases prated vrated ppct bp1 bp2 filter fsample rmsmode imaxpu vrmstau irmstau spectrum
        basefreq enabled like
    """,
    "indmach012": """
        phases bus1 kv kw pf conn kva h d purs puxs purr puxr puxm slip maxslip slipoption yearly daily
        duty debugtrace spectrum basefreq enabled like
    """,
}
PROPERTIES: Final[dict[str, tuple[str, ...]]] = {kind: tuple(text.split()) for kind, text in _LISTED.items()}
