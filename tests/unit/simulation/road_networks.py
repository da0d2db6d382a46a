"""Networks to route on, and travel times found by other means."""

from __future__ import annotations

import lzma
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from tidewatt.routing.network import RoadNetwork

DATA = Path(__file__).parents[3].parent / "shared" / "data"


@st.composite
def small_networks(draw):
    """Parallel links, loops, pieces without connexion, nodes not passes through, missing coordinates."""
    own = draw(st.integers(1, 10))
    nodes = st.integers(0, own - 1)
    ends = draw(st.lists(st.tuples(nodes, nodes), max_size=32))
    split = sorted(draw(st.sets(nodes, max_size=own // 2)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    xy = rng.integers(0, 3, (own, 2)).astype(float)  # many nodes in one place
    xy[rng.random(own) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = np.nan
    tail, head = np.array(ends, np.int32).reshape(-1, 2).T
    return made(own, tail, head, xy, split)


def made(own, tail, head, xy, split=()):
    """A network whose nodes in `split` are not passes through."""
    split = np.array(split, np.int64)
    depart = np.arange(own, dtype=np.int32)
    depart[split] = own + np.arange(len(split))
    x, y = np.concatenate([xy, xy[split]]).T
    head = np.ascontiguousarray(head, np.int32)
    return RoadNetwork(own + len(split), depart[tail], head, depart, np.ascontiguousarray(x), y.copy())


def towns(seed, count=3, nodes=150):
    """Some towns far apart, each with streets between near nodes, one-way ones among them, and dead ends."""
    rng = np.random.default_rng(seed)
    tails, heads, xy = [], [], []
    for k in range(count):
        here = rng.random((nodes, 2)) + np.array([3.0 * k, 0.0])
        far = np.hypot(*(here[:, None] - here[None]).T)
        near = np.argsort(far, axis=1)[:, 1:4]
        tails.append(k * nodes + np.repeat(np.arange(nodes), 3))
        heads.append(k * nodes + near.ravel())
        xy.append(here)
    tail, head = np.concatenate(tails), np.concatenate(heads)
    back = rng.random(len(tail)) < 0.7
    tail, head = np.concatenate([tail, head[back]]), np.concatenate([head, tail[back]])
    return made(count * nodes, tail, head, np.concatenate(xy), split=range(0, count * nodes, 17))


def all_times(network, time_ms, origins=None):
    """Times between the roads' own nodes by scipy [ms]; -1 where there is no way."""
    time = np.asarray(time_ms, np.int64)
    order = np.argsort(time, kind="stable")[::-1]
    fastest = dict(zip(zip(network.tail[order].tolist(), network.head[order].tolist()), time[order].tolist()))
    ends = np.array(list(fastest), np.int64).reshape(-1, 2)
    # Whole numbers below 2**53 stay exact in floats; a loop hides no other link.
    shape = (network.nodes, network.nodes)
    graph = sp.csr_matrix((np.array(list(fastest.values()), float), (ends[:, 0], ends[:, 1])), shape=shape)
    own = len(network.depart_node)
    origins = np.arange(own) if origins is None else origins
    found = dijkstra(graph, indices=network.depart_node[origins])[:, :own]
    out = np.where(found < 2**30 - 1, found, -1).astype(np.int64)
    out[np.arange(len(origins)), origins] = 0
    return out


def check_paths(network, time_ms, origin, destination, routes):
    """Every path leads from its origin to its destination and takes the time that is said."""
    time = np.asarray(time_ms, np.int64)
    assert routes.first[0] == 0 and routes.first[-1] == len(routes.links)
    for i in range(len(origin)):
        links = routes.links[routes.first[i] : routes.first[i + 1]]
        if len(links) == 0:
            assert routes.time_ms[i] == (0 if origin[i] == destination[i] else -1)
        else:
            assert network.tail[links[0]] == network.depart_node[origin[i]]
            assert network.head[links[-1]] == destination[i]
            assert (network.head[links[:-1]] == network.tail[links[1:]]).all()
            assert time[links].sum() == routes.time_ms[i]


@cache
def philadelphia():
    """The network of 40,003 links, and its free times [ms]."""
    path = DATA / "roads" / "Philadelphia.tar.xz"
    if not path.exists():
        pytest.skip("real data not at hand: shared/data/roads/Philadelphia.tar.xz")
    with lzma.open(path) as packed, tarfile.open(fileobj=packed) as folder:
        text = {
            Path(member.name).name: folder.extractfile(member).read().decode()
            for member in folder.getmembers()
            if member.isfile()
        }
    body = text["Philadelphia_net.tntp"].split("<END OF METADATA>")[1]
    rows = [line.split() for line in body.splitlines()]
    links = np.array([row[:5] for row in rows if row and row[0].isdigit()], float)
    nodes = [line.split() for line in text["Philadelphia_node.tntp"].splitlines()]
    xy = np.array([row[1:3] for row in nodes if row and row[0].isdigit()], float) * 0.016093
    ends = links[:, :2].astype(np.int32) - 1
    network = made(len(xy), ends[:, 0], ends[:, 1], xy, split=range(1525))
    return network, np.rint(links[:, 4] * 60_000).astype(np.int32)
