"""OpenDSS scripts: commands of a file and of those it redirects to, as elements."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Final

from tidewatt.errors import Issue

__all__ = [
    "CHANGING",
    "COMMANDS",
    "NEEDLESS",
    "PASSED_OVER",
    "PROPERTIES",
    "WINDING",
    "WINDINGS",
    "Circuit",
    "Element",
    "read_circuit",
    "rpn",
    "values",
]


def rpn(text: str) -> float:
    """Return a number, or the value of an expression in reverse Polish notation; nan if it is neither."""
    stack: list[float] = []
    for word in text.replace(",", " ").split():
        try:
            stack.append(float(word))
            continue
        except ValueError:
            pass
        try:
            if word in _BINARY:
                last = stack.pop()
                stack.append(_BINARY[word](stack.pop(), last))
            else:
                stack.append(_UNARY[word.lower()](stack.pop()))
        except (KeyError, IndexError, ValueError, ZeroDivisionError, OverflowError):
            return math.nan
    return stack[0] if len(stack) == 1 else math.nan


_BINARY: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
}
_UNARY: Final[dict[str, Callable[[float], float]]] = {
    "sqr": lambda a: a * a,
    "sqrt": math.sqrt,
    "inv": lambda a: 1.0 / a,
    "ln": math.log,
    "exp": math.exp,
    "log10": math.log10,
}


def values(text: str) -> list[str]:
    """Return the entries of an array."""
    return [each for each in re.split(r"[\s,|]+", text.strip()) if each]


_COMMANDS = """
    new edit more m ~ select save show solve enable disable plot reset compile set dump open close
    redirect help quit ? next panel sample clear about calcvoltagebases setkvbase buildy get init export
    fileedit voltages currents powers seqvoltages seqcurrents seqpowers losses phaselosses cktlosses
    allocateloads formedit totals capacity classes userclasses zsc zsc10 zscrefresh ysc puvoltages
    varvalues varnames buscoords makebuslist makeposseq reduce interpolate alignfile top rotate vdiff
    summary distribute di_plot comparecases yearlycurves cd visualize closedi doscmd estimate reconductor
    _initsnap _solvenocontrol _samplecontrols _docontrolactions _showcontrolqueue _solvedirect
    _solvepflow addbusmarker uuids setloadandgenkv cvrtloadshapes nodediff rephase setbusxy updatestorage
    obfuscate latlongcoords batchedit pstcalc variable reprocessbuses clearbusmarkers relcalc var cleanup
    finishtimestep nodelist connect disconnect remove calcincmatrix calcincmatrix_o refine_buslevels
    calclaplacian exportoverloads exportvviolations zsc012 allpceatbus allpdeatbus totalpowers giscoords
    clearall comhelp newactor wait solveall abort clone guids uservisualize
"""
COMMANDS: Final = tuple(_COMMANDS.split())
"""Commands of OpenDSS in its own order: an abbreviation means the first one that starts with it."""
_CHANGING = "abort allocateloads clone estimate makeposseq newactor obfuscate reconductor reduce remove"
CHANGING: Final = frozenset(_CHANGING.split())
"""Commands that change the circuit by what OpenDSS computes."""
_ACTING = "~ batchedit clear clearall close compile disable edit enable m more new open redirect select set"
PASSED_OVER: Final = frozenset(COMMANDS) - CHANGING - frozenset(_ACTING.split())
"""Commands that show, solve, save or name things and leave the network unchanged."""
_CLASSES = """
    cndata dynamicexp energymeter espvlcontrol expcontrol fuse gendispatcher growthshape invcontrol
    linegeometry linespacing loadshape monitor priceshape pvcontrol recloser relay sensor spectrum
    storagecontroller tcc_curve tempshape tsdata tshape wiredata xycurve
"""
NEEDLESS: Final = frozenset(_CLASSES.split())
"""Classes that do not matter for a network at one load level."""
WINDING: Final = ("bus", "conn", "kv", "kva", "tap", "%r")
"""Properties of the winding that ``wdg`` named last."""
WINDINGS: Final = {
    **{"buses": "bus", "conns": "conn", "kvs": "kv", "kvas": "kva", "taps": "tap", "%rs": "%r"},
}
"""Properties that list one value per winding."""

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


_SHOWN = 5
_DEEPEST = 20
_PARAMETER = re.compile(
    r"\s*(?:(?P<name>[^\s=,\"'(\[{]+)\s*=\s*)?"
    r"(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)'|\((?P<c>[^)]*)\)|\[(?P<d>[^\]]*)\]|\{(?P<e>[^}]*)\}|(?P<f>[^\s,=]+))\s*,?"
)


@dataclass(slots=True)
class Element:
    """One element: its class, name and properties, the last set last; those of windings by number."""

    kind: str
    name: str
    where: str
    given: dict[str, str] = field(default_factory=dict)
    windings: dict[int, dict[str, str]] = field(default_factory=dict)
    enabled: bool = True
    opened: bool = False
    winding: int = 1
    ratio: float = math.nan

    def set(self, name: str, value: str) -> None:
        """Set a property; a later value counts as later even if the property was set before."""
        if self.kind in ("transformer", "xfmrcode") and name in ("wdg", *WINDING, *WINDINGS):
            if name == "wdg":
                self.winding = int(rpn(value))
            elif name in WINDING:
                self.windings.setdefault(self.winding, {})[name] = value
            else:
                for k, each in enumerate(values(value), 1):
                    self.windings.setdefault(k, {})[WINDINGS[name]] = each
            return
        self.given.pop(name, None)
        self.given[name] = value
        if self.kind == "generator" and name in ("kvar", "pf"):
            self.ratio = rpn(value) / (self.number("kw", 1000.0) or math.nan) if name == "kvar" else math.nan
        if name == "enabled":
            self.enabled = value.lower()[:1] in ("y", "t")

    def after(self, one: str, *others: str) -> bool:
        """Return whether a property is given, and later than others."""
        names = list(self.given)
        return one in names and all(o not in names or names.index(one) > names.index(o) for o in others)

    def hold_ratio(self) -> None:
        """Keep the kvar-to-kW ratio in force after a command: a later change of kW keeps it."""
        if self.after("kvar", "kw"):
            kw = self.number("kw", 10.0)
            self.ratio = self.number("kvar") / kw if kw else math.nan
        elif self.after("pf", "kvar"):
            self.ratio = math.nan

    def number(self, name: str, default: float = math.nan) -> float:
        """Return a number, or nan if the text is none."""
        return rpn(self.given[name]) if name in self.given else default

    def text(self, name: str, default: str = "") -> str:
        """Return a text in lower case."""
        return self.given.get(name, default).strip().lower()

    def copy_from(self, other: Element) -> None:
        """Take the properties of another element, as ``like`` asks."""
        self.given |= {k: v for k, v in other.given.items() if k != "enabled"}
        self.windings = {k: dict(v) for k, v in other.windings.items()}
        self.ratio = other.ratio


@dataclass(slots=True)
class Circuit:
    """What the scripts define.

    Attributes
    ----------
    file : str
        Name of the first file.
    elements : dict of str to dict of str to Element
        By class, then name, both in lower case.
    options : dict of str to str
        What ``set`` set.
    files : list of str
        Files read.
    passed_over : dict of str to None
        Classes of which nothing is needed, such as ``energymeter``, in the order met.
    commands_passed_over : dict of str to None
        Commands that leave the circuit what it is, such as ``uuids``, in the order met.
    """

    file: str
    elements: dict[str, dict[str, Element]] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    passed_over: dict[str, None] = field(default_factory=dict)
    commands_passed_over: dict[str, None] = field(default_factory=dict)

    def of(self, kind: str) -> list[Element]:
        """Return the enabled elements of a class."""
        return [each for each in self.elements.get(kind, {}).values() if each.enabled]

    def disabled(self) -> list[str]:
        """Return the elements that are defined and not enabled, as ``class.name``."""
        every = (each for of_kind in self.elements.values() for each in of_kind.values())
        return [f"{each.kind}.{each.name}" for each in every if not each.enabled]


def read_circuit(path: Path, issues: list[Issue]) -> Circuit:
    """Return the elements defined by a script and those it redirects to.

    Issues of what is not understood.
    """
    reader = _ScriptReader(Circuit(path.name), issues)
    reader.file(path, ())
    reader.close()
    return reader.circuit


class _ScriptReader:
    """Executes commands one after another."""

    def __init__(self, circuit: Circuit, issues: list[Issue]) -> None:
        self.circuit, self.issues = circuit, issues
        self.active: Element | None = None
        self.faults: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def close(self) -> None:
        """Report faults, grouping those of one kind."""
        for kind in self.circuit.elements.keys() - PROPERTIES.keys():
            for each in self.circuit.of(kind):
                problem = f"elements of the class {kind!r} are not supported"
                self.fault(each.where, problem, "Remove, replace or disable them")
        for (file, fix), found in self.faults.items():
            shown = tuple(where for where, _ in found[:_SHOWN])
            self.issues.append(Issue(file, "", found[0][1], fix, shown, len(found)))

    def fault(self, where: str, problem: str, fix: str) -> None:
        file, _, line = where.rpartition(":")
        self.faults.setdefault((file, fix), []).append((f"line {line}", problem))

    def file(self, path: Path, above: tuple[Path, ...], line: int = 0) -> None:
        """Execute a file, to which `line` of the calling file redirects."""
        try:
            raw = path.read_bytes()
        except OSError as error:
            problem, fix = (
                f"{path.absolute()} cannot be read ({error.strerror})",
                "Check its name, place and permissions",
            )
            if above:
                problem += f"; line {line} of {above[-1].absolute()} redirects to it"
                fix = "Put the file there, or correct the line; names count from the folder of that file"
            self.issues.append(Issue(path.name, "", problem, fix))
            return
        coding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = raw.decode(coding, "replace")
        binary = 100 * text.count("\0") > len(text)  # some published scripts hold a stray one
        if binary or len(above) > _DEEPEST or path in above:
            problem = "the file is no text" if binary else "the file redirects to itself"
            self.issues.append(Issue(path.name, "", problem, "Correct the file"))
            return
        self.circuit.files.append(path.name)
        for line, command in _commands(text.replace("\0", " ")):
            self.command(command, f"{path.name}:{line}", path, above)

    def command(self, text: str, where: str, path: Path, above: tuple[Path, ...]) -> None:
        word, rest = (*text.split(maxsplit=1), "")[:2]
        verb = next((each for each in COMMANDS if each.startswith(word.lower())), word.lower())
        if word.lower() in COMMANDS:
            verb = word.lower()
        if verb in ("~", "more", "m") or text.startswith("~"):
            rest = text[1:] if text.startswith("~") else rest
            if self.active is not None:
                self.assign(self.active, rest, where)
        elif verb in ("new", "edit", "batchedit"):
            self.element(verb, rest, where)
        elif verb in ("redirect", "compile"):
            name = next((each for _, each in _parameters(rest)), "")
            self.file(_found(path.parent, name), (*above, path), int(where.rpartition(":")[2]))
        elif verb in ("set", "solve"):
            self.options({name.lower(): value for name, value in _parameters(rest) if name})
        elif verb == "select":
            kind, _, name = next((value for _, value in _parameters(rest)), "").partition(".")
            self.active = self.known(kind, name, where)
        elif verb in ("open", "close", "enable", "disable"):
            self.switch(verb, rest, where)
        elif verb in ("clear", "clearall"):
            self.circuit.elements.clear()
            self.active = None
        elif "." in word and "=" in text:
            named, _, rest = text.partition("=")
            kind, _, rest_of = named.strip().partition(".")
            name, _, prop = rest_of.rpartition(".")
            element = self.known(kind, name, where)
            if element is not None:
                self.assign(element, f"{prop}={rest}", where)
        elif verb in CHANGING:
            fix = "Run it in OpenDSS, then `save circuit`, and import what was saved"
            self.fault(where, f"the command `{_shown(text)}` changes the circuit by a computation", fix)
        elif verb not in COMMANDS:
            fix = "Remove or correct the command"
            self.fault(where, f"the command `{_shown(text)}` is not understood", fix)
        if verb in PASSED_OVER:
            self.circuit.commands_passed_over[verb] = None

    def options(self, given: dict[str, str]) -> None:
        """Store what ``set`` sets; what it sets for all loads applies to those already defined."""
        self.circuit.options |= given
        if "allocationfactors" in given:
            for load in self.circuit.elements.get("load", {}).values():
                load.set("allocationfactor", given["allocationfactors"])

    def element(self, verb: str, text: str, where: str) -> None:
        """Define or edit an element."""
        parameters = list(_parameters(text))
        if not parameters:
            return
        _, full = parameters[0]
        kind, _, name = full.lower().partition(".")
        if kind == "circuit":
            kind, name = "vsource", "source"
        if kind in NEEDLESS:
            self.active = None
            self.circuit.passed_over[kind] = None
            return
        of_kind = self.circuit.elements.setdefault(kind, {})
        if verb == "new":
            of_kind.pop(name, None)
            of_kind[name] = Element(kind, name, where)
        chosen = [of_kind[name]] if name in of_kind else []
        if verb == "batchedit":
            chosen = [each for key, each in of_kind.items() if re.fullmatch(name, key)]
        if not chosen and verb == "edit":
            self.fault(where, f"there is no {kind}.{name} to edit", "Correct the name")
        for each in chosen:
            self.active = each
            self.set_all(each, parameters[1:], where)

    def assign(self, element: Element, text: str, where: str) -> None:
        self.set_all(element, list(_parameters(text)), where)

    def set_all(self, element: Element, parameters: list[tuple[str, str]], where: str) -> None:
        known = PROPERTIES.get(element.kind)
        if known is None:  # of such a class it counts alone whether the element is there
            for name, value in parameters:
                if name.lower() == "enabled":
                    element.set("enabled", value)
            return
        at = -1
        for given, value in parameters:
            name = given.lower()
            if not name:
                at += 1
                name = known[at] if at < len(known) else ""
            elif name not in known:
                # A beginning will do, as in OpenDSS: the first property that has it.
                name = next((each for each in known if each.startswith(name)), "")
            if not name:
                self.fault(
                    where, f"{element.kind} has no property {given or value!r}", "Correct the property"
                )
                continue
            at = known.index(name)
            if name == "like":
                other = self.known(element.kind, value, where)
                if other is not None:
                    element.copy_from(other)
            else:
                element.set(name, value)
        if element.kind == "load":
            element.hold_ratio()

    def switch(self, verb: str, text: str, where: str) -> None:
        named = [
            value for name, value in _parameters(text) if name.lower() not in ("terminal", "term", "cond")
        ]
        kind, _, name = (named[0] if named else "").partition(".")
        element = self.known(kind, name, where)
        if element is None:
            return
        if verb in ("open", "close"):
            element.opened = verb == "open"
        else:
            element.enabled = verb == "enable"

    def known(self, kind: str, name: str, where: str) -> Element | None:
        if kind.lower() in NEEDLESS:
            return None
        element = self.circuit.elements.get(kind.lower(), {}).get(name.lower())
        if element is None:
            self.fault(
                where, f"{kind}.{name} is not defined at this point", "Correct the name, or define it first"
            )
        return element


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Yield commands without comments, with their line numbers."""
    text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.S)
    for line, raw in enumerate(text.splitlines(), 1):
        command = re.split(r"!|//", raw, maxsplit=1)[0].strip()
        if command:
            yield line, command


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    """Yield parameter names (empty where none is given) and values."""
    at = 0
    text = text.strip()
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            return
        yield found["name"] or "", next(found[key] for key in "abcdef" if found[key] is not None)
        at = found.end()


def _found(folder: Path, name: str) -> Path:
    """Find a file named as on Windows: with backslashes, in any case."""
    place = folder
    for part in PureWindowsPath(name.strip()).parts:
        exact = place / part
        if part == ".." or exact.exists() or not place.is_dir():
            place = exact
            continue
        alike = [each for each in place.iterdir() if each.name.lower() == part.lower()]
        place = alike[0] if alike else exact
    return place
