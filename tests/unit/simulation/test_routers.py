"""Routers: exact times, true paths, the same from each of them and from any number of threads."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.routing_peers import router_of
from tests.unit.simulation.road_networks import (
    all_times,
    check_paths,
    made,
    philadelphia,
    small_networks,
    towns,
)
from tidewatt.errors import TidewattError
from tidewatt.execution.threads import Threads
from tidewatt.routing.routers import make_router

CLOSED = 2**30 - 1
KINDS = [
    "builtin",
    "dijkstra",
    pytest.param(
        "pyroutingkit",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("pyroutingkit") is None, reason="pyroutingkit not installed"
        ),
    ),
]


def compare(router, network, few, time_ms):
    """Renew `router`, and compare all it can be asked with scipy's times."""
    router.renew(time_ms)
    expected = all_times(network, time_ms)
    own = len(network.depart_node)
    origin, destination = (a.ravel().astype(np.int32) for a in np.mgrid[:own, :own])
    routes = router.routes(origin, destination)
    assert (routes.time_ms == expected.ravel()).all()
    check_paths(network, time_ms, origin, destination, routes)
    every = np.arange(own, dtype=np.int32)
    assert (router.to_few(every) == expected[:, few]).all()
    assert (router.from_few(every) == expected[few].T).all()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(network=small_networks(), seed=st.integers(0, 2**32 - 1))
def test_any_network(kind, network, seed):
    """A case forgotten by a router (loops, parallel links, none, zero times, pieces) gives wrong times."""
    rng = np.random.default_rng(seed)
    few = rng.integers(0, len(network.depart_node), rng.integers(0, 5)).astype(np.int32)
    router = router_of(kind, network, few)
    for _ in range(2):
        time = rng.integers(0, 6, len(network.tail)).astype(np.int32)
        time[rng.random(len(time)) < 0.1] = CLOSED
        compare(router, network, few, time)


@pytest.mark.parametrize("kind", KINDS)
def test_towns(kind):
    """Small networks have hardly a triangle; here cuts, shortcuts of shortcuts and renewals matter."""
    network = towns(0, count=2, nodes=120)
    few = np.array([0, 7, 7, 34, 130, 239], np.int32)
    router = router_of(kind, network, few)
    rng = np.random.default_rng(1)
    for high in (2, 100_000, 50):  # 2: ties and links of no time everywhere
        compare(router, network, few, rng.integers(0, high, len(network.tail)).astype(np.int32))


def test_threads_change_nothing():
    """Were shards' paths not joined in order, or chosen differently, results would depend on the machine."""
    network = towns(3)
    rng = np.random.default_rng(4)
    time = rng.integers(0, 20, len(network.tail)).astype(np.int32)  # small whole numbers: many ties
    pairs = rng.integers(0, len(network.depart_node), (2, 2000)).astype(np.int32)
    few = pairs[0, :40]
    for kind in ("builtin", "dijkstra"):
        found = []
        for count in (1, 2, 3):
            with Threads(count) as threads:
                router = make_router(network, few, kind=kind, threads=threads)
                router.renew(time)
                found.append((*router.routes(*pairs), router.to_few(pairs[0]), router.from_few(pairs[1])))
        for other in found[1:]:
            assert all((a == b).all() for a, b in zip(found[0], other))


def test_questions_may_come_in_parts():
    """Labels made for one question serve the next; a stale or half-made one would give other paths."""
    network = towns(5)
    rng = np.random.default_rng(6)
    pairs = rng.integers(0, len(network.depart_node), (2, 300)).astype(np.int32)
    router, other = (make_router(network, pairs[0, :9]) for _ in range(2))
    for _ in range(2):
        time = rng.integers(0, 1000, len(network.tail)).astype(np.int32)
        router.renew(time)
        other.renew(time)
        whole = router.routes(*pairs)
        for i in range(0, 300, 7):
            part = other.routes(*pairs[:, i : i + 7])
            links = whole.links[whole.first[i] : whole.first[i + len(part.time_ms)]]
            assert (part.links == links).all()
            assert (other.to_few(pairs[0, i : i + 7]) == router.to_few(pairs[0, i : i + 7])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_closed_links_and_endless_ways(kind):
    """Times of days overflow 32 bits unless links and paths as long as that count as closed."""
    network = made(4, np.array([0, 1, 2]), np.array([1, 2, 3]), np.zeros((4, 2)))
    router = router_of(kind, network, np.array([3], np.int32))
    start = np.arange(4, dtype=np.int32)
    router.renew(np.array([CLOSED - 2, 1, 1], np.int64))
    assert router.routes(start[[0, 0, 1]], start[[2, 3, 3]]).time_ms.tolist() == [CLOSED - 1, -1, 2]
    assert router.to_few(start).ravel().tolist() == [-1, 2, 1, 0]
    router.renew(np.array([2**40, 1, CLOSED], np.int64))
    assert router.routes(start[[0, 1, 1]], start[[1, 2, 3]]).time_ms.tolist() == [-1, 1, -1]


def test_first_of_equal_links():
    """Of two lanes that take the same time a random one would take the flow, and with it its speed."""
    network = made(2, np.array([0, 0, 0, 0]), np.array([1, 1, 1, 1]), np.zeros((2, 2)))
    router = make_router(network, np.empty(0, np.int32))
    for times, link in (([5, 5, 5, 5], 0), ([5, 4, 4, 5], 1), ([5, 5, 5, 3], 3)):
        router.renew(np.array(times, np.int32))
        assert router.routes(np.array([0], np.int32), np.array([1], np.int32)).links.tolist() == [link]


@pytest.mark.parametrize("kind", KINDS)
def test_no_questions(kind):
    """An interval without trips, or a scenario without stations, must not end a day."""
    network = towns(0, count=1, nodes=20)
    none = np.empty(0, np.int32)
    router = router_of(kind, network, none)
    router.renew(np.ones(len(network.tail), np.int32))
    routes = router.routes(none, none)
    assert routes.first.tolist() == [0] and len(routes.links) == len(routes.time_ms) == 0
    assert router.to_few(none).shape == (0, 0)
    assert router.from_few(np.zeros(3, np.int32)).shape == (3, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_use_is_refused(kind):
    """A compiled kernel given such arrays would read foreign memory or return nonsense."""
    network = towns(0, count=1, nodes=20)
    router = router_of(kind, network, np.zeros(1, np.int32))
    links = len(network.tail)
    with pytest.raises(RuntimeError, match="renew"):
        router.routes(np.zeros(1, np.int32), np.ones(1, np.int32))
    with pytest.raises(RuntimeError, match="renew"):
        router.to_few(np.zeros(1, np.int32))
    with pytest.raises(ValueError, match=f"{links} link times"):
        router.renew(np.ones(links + 1, np.int32))
    with pytest.raises(TypeError, match="whole milliseconds"):
        router.renew(np.ones(links))
    with pytest.raises(ValueError, match="link 3 takes -5 ms"):
        router.renew(np.where(np.arange(links) == 3, -5, 1).astype(np.int32))
    router.renew(np.ones(links, np.int32))
    for node in (-1, 20):
        with pytest.raises(IndexError, match="0 to 19"):
            router.routes(np.array([node], np.int32), np.zeros(1, np.int32))
        with pytest.raises(IndexError, match="0 to 19"):
            router_of(kind, network, np.array([node], np.int32))


def test_unknown_routers():
    """The user has to learn which routers there are."""
    network = towns(0, count=1, nodes=20)
    with pytest.raises(TidewattError, match="'builtin', 'dijkstra'"):
        make_router(network, np.zeros(1, np.int32), kind="osrm")


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_region(kind):
    """On a real network an order of contraction that fits, long paths and 9,802 links of no time come up."""
    network, time = philadelphia()
    rng = np.random.default_rng(7)
    origin = np.repeat(rng.integers(0, 1525, 12), 20).astype(np.int32)
    destination = rng.integers(0, 13389, len(origin)).astype(np.int32)
    few = rng.integers(0, 13389, 30).astype(np.int32)
    router = router_of(kind, network, few)
    for k in range(2):
        now = time if k == 0 else (time * rng.uniform(1.0, 3.0, len(time))).astype(np.int32)
        router.renew(now)
        expected = all_times(network, now, origin[::20])
        routes = router.routes(origin, destination)
        assert (routes.time_ms == expected[np.repeat(np.arange(12), 20), destination]).all()
        check_paths(network, now, origin, destination, routes)
        assert (router.to_few(origin[::20]) == expected[:, few]).all()
        assert (router.from_few(destination[:9]) == all_times(network, now, few)[:, destination[:9]].T).all()


def test_without_compilation():
    """What compilation reorders, or lets pass beyond an array's end, shows up in plain Python."""
    root = Path(__file__).parents[3]
    code = (
        "import numpy as np\n"
        "from tests.unit.simulation.road_networks import towns\n"
        "from tests.unit.simulation.test_routers import compare, router_of\n"
        "from tidewatt.kernels.roads import contraction\n"
        "assert not hasattr(contraction.customise, 'signatures'), 'compiled after all'\n"
        "network, few = towns(8, count=2, nodes=20), np.array([3, 30], np.int32)\n"
        "time = np.random.default_rng(9).integers(0, 50, len(network.tail)).astype(np.int32)\n"
        "network.x_km[:20] = np.nan\n"
        "for kind in ('builtin', 'dijkstra'):\n"
        "    compare(router_of(kind, network, few), network, few, time)\n"
    )
    env = dict(os.environ, NUMBA_DISABLE_JIT="1", PYTHONPATH=str(root))
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
