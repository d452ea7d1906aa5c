"""Queries read and nothing else: on a read-only replica, under another locale, in bounded steps."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from accounts import REGISTRY as SHOP
from accounts import Account, Accounts, new_namespace
from random_queries import REGISTRY, Named, population, random_query
from redmapper import RedmapperError, Store
from servers import Server, running

QUERIES = 120


def everything(server: Server) -> dict[bytes, Any]:
    """Every key, and what is in it, whatever the order in which a server keeps that."""
    with server.client() as client:
        read = {
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"string": client.get,
        }
        return {key: read[client.type(key)](key) for key in client.scan_iter()}


def test_queries_run_on_a_read_only_replica(server: Server):
    """Of every kind; no key is left behind, none is changed, on the replica or its primary."""
    chance = random.Random(7)
    with running(server.binary) as primary, running(server.binary) as replica:
        store = Store(REGISTRY, primary.url, namespace="reads")
        with store.unit() as unit:
            unit.add_all(population(7))
        follow(replica, primary)
        before = everything(primary), everything(replica)
        assert set(before[0]) == set(before[1])
        reads = Store(REGISTRY, replica.url, namespace="reads")
        for _ in range(QUERIES):
            query = random_query(chance)
            assert tried(query.run, store) == tried(query.run, reads)
            tried(lambda door, query=query: str(query.said(door).explain(analyze=True)), reads)
        assert before == (everything(primary), everything(replica))


def follow(replica: Server, primary: Server) -> None:
    """Make one server a replica of another, and wait until it has everything."""
    with replica.client() as client, primary.client() as leader:
        client.replicaof("127.0.0.1", primary.port)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if client.info("replication").get("master_link_status") == "up":
                assert client.config_get("replica-read-only")
                if client.dbsize() == leader.dbsize():
                    return
            time.sleep(0.05)
    pytest.fail("the replica did not follow")


def tried(run: Callable[[Any], Any], door: Any) -> Any:
    """What a query gives: its answer, or its error."""
    try:
        return run(door)
    except RedmapperError as error:
        return type(error).__name__, str(error)


def has_locale(name: str) -> bool:
    """Whether this machine has a locale."""
    if shutil.which("locale") is None:
        return False
    said = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return name.lower().replace("-", "") in said.lower().replace("-", "")


def test_text_goes_by_code_point_under_any_locale(server: Server, monkeypatch: pytest.MonkeyPatch):
    """In en_US "a" would come before "B"."""
    if not has_locale("en_US.UTF-8"):
        pytest.skip("this machine has no locale en_US.UTF-8")
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    with running(server.binary) as other:
        store = Store(REGISTRY, other.url, namespace="locale")
        with store.unit() as unit:
            unit.add_all([Named(text=text, id=text) for text in ["a", "B", "ä", "Z", "_", "b"]])
        query = store.query(Named)
        assert ["B", "Z", "_", "a", "b", "ä"] == query.keys()
        mapper = REGISTRY.mapper_for(Named)
        assert ["a", "b", "ä"] == query.where(mapper.text > "_").allow_scan().keys()
        assert ["ä", "b", "a", "_"] == query.order_by(mapper.text.desc()).limit(4).keys()


def test_a_script_that_is_forgotten_is_sent_again(own_server: Server):
    """Between two queries: SCRIPT FLUSH, or a restart."""
    store = Store(SHOP, own_server.url, namespace=new_namespace())
    with store.unit() as unit:
        unit.add(Account("Ann"))
    assert 1 == store.query(Account).count()
    with own_server.client() as client:
        client.script_flush()
    assert 1 == store.query(Account).count()
    own_server.restart()
    assert 1 == len(store.query(Account).where(Accounts.owner == "Ann").all())


def test_one_round_trip_up_to_2000_candidates_or_1000_rows(server: Server):
    """Beyond, there are steps; an answer is whole all the same."""
    verbs: list[str] = []
    store = Store(
        SHOP,
        server.url,
        namespace=new_namespace(),
        on_batch=lambda report: verbs.append(report.verb),
    )
    for start in range(0, 5_000, 1_000):
        with store.unit() as unit:
            unit.add_all(
                Account("a" if at < 1_000 else "b", None, ["x"] if at < 2_000 else [], at)
                for at in range(start, start + 1_000)
            )
    query = store.query(Account)
    asked: dict[str, tuple[Callable[[], Any], bool]] = {
        "1,000 rows": (lambda: query.where(Accounts.owner == "a").all(), True),
        "2,000 candidates": (
            lambda: (
                query.where(Accounts.tags.has("x"), Accounts.balance > 1_990)
                .order_by(Accounts.email)
                .limit(5)
                .all()
            ),
            True,
        ),
        "a count of all": (lambda: query.where(Accounts.balance >= 0).count(), True),
        "4,000 rows": (lambda: query.where(Accounts.owner == "b").all(), False),
        "5,000 candidates": (lambda: query.order_by(Accounts.email).limit(5).all(), False),
    }
    for name, (ask, at_once) in asked.items():
        verbs.clear()
        ask()
        assert at_once == (len(verbs) == 1), (name, verbs)
