"""Events have one effect, whoever delivers them how often, whatever somebody else does to the entities
meanwhile, and whatever is away for a while."""
import json
import os
import signal
import subprocess
import sys
import time

import harness
from harness import CRASHING, TempDir, wait_for
from stream import Stream, event_time, fields_of

NOW = int(time.time() * 1000) - 3600 * 1000
OPERATIONS = ("create", "update", "patch", "upsert", "delete")


def event(entity, operation, at, event_id, data=None, **more):
    e = dict({"kind": "customer", "entity_id": entity, "operation": operation, "event_id": event_id}, **more)
    if at is not None:
        e["timestamp"] = event_time(NOW + at)
    if data is not None:
        e["data"] = data
    return e


def current(stream, table=None):
    return {r["entity_id"]: r for r in stream.sandbox.rows(table or stream.name)}


def raw_ids(stream):
    return sorted(r["_bw_event_id"] for r in stream.sandbox.rows(stream.name + "_raw"))


def outcomes(stream):
    return {k: v["result"] for k, v in stream.entities("_bw_event").items()}


def with_external(stream):
    for op in OPERATIONS:
        stream.create("topics/external-sync-" + op, {})
        stream.create("subscriptions/ext-" + op, {"topic": stream.full("topics/external-sync-" + op)})


def told(stream):
    return sorted(json.loads(data)["event_id"] for op in OPERATIONS for _, data in stream.pull_all("ext-" + op))


def test_published_again_it_is_the_same_event():
    """The event has no time of its own, so that its age is that of the first message that brought it."""
    stream = Stream(TempDir(), ", external_events: true")
    with_external(stream)
    stream.publish([event("a", "create", None, "e1", {"n": 1})] * 2)
    stream.drain()
    time.sleep(0.01)
    for _ in range(2):
        stream.publish([event("a", "create", None, "e1", {"n": 1})])
        stream.drain()
    assert raw_ids(stream) == ["e1"], raw_ids(stream)
    assert stream.entities("customer")["a"]["version"] == 1
    assert set(told(stream)) == {"e1"}


def test_an_id_that_is_taken_loses_nothing():
    """Each of the messages that use another event's id is a letter of its own, which stays when that
    event comes again."""
    stream = Stream(TempDir())
    first = event("a", "create", 0, "e1", {"n": 1})
    stream.publish([first])
    stream.drain()
    stream.publish([event("a", "create", 0, "e1", {"n": n}) for n in (2, 3)] +
                   [(json.dumps(dict(event("b", "create", 0, "x", {"n": 4}), event_id=None)).encode(), {"bw-event-id": "e1"})])
    stream.drain()
    stream.publish([first])
    stream.drain()
    letters = stream.bw.letters()
    assert sorted(json.loads(l["content"])["data"]["n"] for l in letters) == [2, 3, 4], letters
    assert {(l["reason"], l["column"], l["state"]) for l in letters} == {("BAD_MESSAGE", "event_id", "open")}, letters
    assert fields_of(stream.entities("customer")["a"]) == {"n": 1}
    assert raw_ids(stream) == ["e1"]


def test_what_somebody_else_takes_away_comes_back():
    """An entity that was deleted, or written anew, past the engine: the versions go on, or the current
    table would take what follows for old."""
    stream = Stream(TempDir(), ", conflict: {strategy: latest_wins}")
    stream.publish([event("gone", "create", 0, "g0", {"n": 0}), event("anew", "create", 0, "w0", {"n": 0})])
    stream.publish([event(entity, "patch", n, "%s%d" % (entity[0], n), {"n": n})
                    for entity in ("gone", "anew") for n in range(1, 5)])
    stream.drain()
    versions = {name: e["version"] for name, e in stream.entities("customer").items()}
    assert versions == {"gone": 5, "anew": 5}, versions

    def key(name):
        return {"path": [{"kind": "customer", "name": name}]}
    stream.sandbox.call("POST", "/v1/projects/demo:commit", {"mode": "NON_TRANSACTIONAL", "mutations": [
        {"delete": key("gone")},
        {"upsert": {"key": key("anew"), "properties": {"m": {"integerValue": "7"}}}}]})
    stream.publish([event("gone", "create", 9, "g9", {"n": 9}), event("anew", "patch", 9, "a9", {"n": 9})])
    stream.drain()
    entities, rows = stream.entities("customer"), current(stream)
    for name, data in (("gone", {"n": 9}), ("anew", {"m": 7, "n": 9})):
        assert fields_of(entities[name]) == data, entities
        assert json.loads(rows[name]["data"]) == data, rows[name]
        assert int(rows[name]["_bw_version"]) == entities[name]["version"] > versions[name]
    stream.publish([event("gone", "delete", 10, "g10"), event("gone", "create", 11, "g11", {"n": 11})])
    stream.drain()
    assert json.loads(current(stream)["gone"]["data"]) == {"n": 11} and current(stream)["gone"]["_bw_deleted"] == "false"


def test_vector_clocks():
    """Ordered versions are ordered, whatever their timestamps say; concurrent ones go to the strategy."""
    def clocked(entity, n, at, clock, inside=False):
        e = event(entity, "patch", at, "%s%d" % (entity, n), {"n": n, "only%d" % n: n})
        (e["data"] if inside else e)["seen"] = clock
        return e
    stream = Stream(TempDir(), ", conflict: {strategy: stored_wins, causality: vector, clock_field: seen}")
    stream.publish([clocked("after", 1, 5, {"x": 1})])
    stream.publish([clocked("after", 2, 1, {"x": 1, "y": 1}, inside=True)])  # after it, with an older time
    stream.publish([clocked("before", 1, 1, {"x": 2})])
    stream.publish([clocked("before", 2, 5, {"x": 1})])  # before it, with a newer time
    stream.publish([clocked("beside", 1, 1, {"x": 1})])
    stream.publish([clocked("beside", 2, 5, {"y": 1})])  # concurrent
    stream.publish([event("none", "patch", 1, "none1", {"n": 1}), clocked("odd", 1, 1, {"x": -1})])
    stream.drain()
    assert outcomes(stream) == {"after1": "applied", "after2": "applied", "before1": "applied", "before2": "ignored",
                                "beside1": "applied", "beside2": "ignored"}, outcomes(stream)
    entities, rows = stream.entities("customer"), current(stream)
    assert entities["after"]["n"] == 2 and entities["after"]["seen"] == {"x": 1, "y": 1}, entities
    assert entities["before"]["n"] == 1 and entities["before"]["seen"] == {"x": 2}, entities
    assert entities["beside"]["n"] == 1, entities
    assert json.loads(rows["after"]["data"]) == {"n": 2, "only1": 1, "only2": 2}, rows["after"]
    assert {(l["reason"], l["column"]) for l in stream.bw.letters()} == {("BAD_MESSAGE", "seen")}, stream.bw.letters()


def test_concurrent_versions_wait_for_an_operator():
    stream = Stream(TempDir(), ", conflict: {strategy: manual, causality: vector}")
    stream.publish([event("a", "create", 1, "e1", {"n": 1}, vector_clock={"x": 1})])
    stream.publish([event("a", "patch", 2, "e2", {"n": 2}, vector_clock={"y": 1})])
    stream.drain()
    letter, = stream.bw.letters()
    assert letter["reason"] == "CONFLICT" and raw_ids(stream) == ["e1"], letter
    done = stream.bw.run("dlq", "replay", str(letter["id"]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert stream.bw.letters() == [] and raw_ids(stream) == ["e1", "e2"]
    assert stream.entities("customer")["a"]["vector_clock"] == {"x": 1, "y": 1}
    assert json.loads(current(stream)["a"]["data"]) == {"n": 2}


def test_rules_of_single_fields():
    stream = Stream(TempDir(), ", conflict: {strategy: stored_wins, fields: {seen: latest_wins, tag: event_wins}}")
    stream.publish([event("a", "create", 5, "e1", {"n": 1, "seen": 1, "tag": "x"})])
    stream.publish([event("a", "patch", 3, "e2", {"n": 2, "seen": 2, "tag": "y"})])
    stream.drain()
    assert fields_of(stream.entities("customer")["a"]) == {"n": 1, "seen": 1, "tag": "y"}, stream.entities("customer")
    assert json.loads(current(stream)["a"]["data"]) == {"n": 1, "seen": 1, "tag": "y"}


def test_another_database_and_namespace():
    stream = Stream(TempDir(), ", datastore: {database: crm, namespace: emea}")
    stream.publish([event("a", "create", 0, "e1", {"n": 1})])
    stream.drain()
    assert stream.entities("customer") == {} and stream.entities("_bw_event") == {}
    found = stream.sandbox.call("POST", "/v1/projects/demo:lookup", {"databaseId": "crm", "keys": [
        {"partitionId": {"databaseId": "crm", "namespaceId": "emea"}, "path": [{"kind": kind, "name": name}]}
        for kind, name in (("customer", "a"), ("_bw_event", "e1"))]})["found"]
    assert len(found) == 2, found
    assert current(stream)["a"]["_bw_version"] == "1"


def test_one_bad_event_among_a_hundred():
    """Datastore refuses one: that one is a letter, and the others are one effect each."""
    stream = Stream(TempDir())
    events = [event("n%d" % i, "create", i, "e%d" % i, {"n": i}) for i in range(100)]
    stream.sandbox.call("POST", "/v1/projects/demo:commit", {"mode": "NON_TRANSACTIONAL", "mutations": [
        {"upsert": {"key": {"path": [{"kind": "customer", "name": "n41"}]},
                    "properties": {"big": {"stringValue": "x" * 1048000, "excludeFromIndexes": True}}}}]})
    events[41] = event("n41", "patch", 41, "e41", {"more": "y" * 1000})  # more than an entity holds
    stream.publish(events)
    stream.drain()
    letter, = stream.bw.letters()
    assert letter["reason"] == "PROCESSING" and json.loads(letter["content"])["event_id"] == "e41", letter
    assert raw_ids(stream) == sorted("e%d" % i for i in range(100) if i != 41)
    assert len(current(stream)) == 99


def outage(faults):
    stream = Stream(TempDir(), ", schedule: every 2s")
    engine = stream.bw.start("run", stderr=open(stream.bw.directory.file("log"), "w"))
    stream.publish([event("n0", "create", 0, "e0", {"n": 0})])
    wait_for("the first event", lambda: stream.sandbox.table(stream.name) and len(current(stream)) == 1)
    stream.sandbox.faults(faults)
    stream_up = time.monotonic() + 6
    for i in range(1, 60):
        for _ in range(5):  # the publisher goes on as well as it can
            try:
                stream.publish([event("n%d" % (i % 7), "upsert", i, "e%d" % i, {"n": i})])
                break
            except Exception:
                time.sleep(0.05)
    wait_for("the outage to last", lambda: time.monotonic() > stream_up)
    stream.sandbox.faults([])
    expected = sorted("e%d" % i for i in range(60))
    wait_for("everything to land", lambda: raw_ids(stream) == expected, 90)
    assert stream.bw.letters() == []
    for name, n in (("n%d" % k, max(i for i in range(60) if i % 7 == k)) for k in range(7)):
        wait_for(name, lambda: json.loads(current(stream)[name]["data"]) == {"n": n})
    engine.terminate()
    assert engine.wait(timeout=20) == 0


def test_datastore_is_away():
    outage(["datastore.projects.lookup:503:1", "datastore.projects.commit:503:1"])


def test_bigquery_is_away():
    outage(["bigquery.jobs.insert:503:1", "bigquery.jobs.get:503:1", "bigquery.tables.get:503:1"])


def test_pubsub_is_away():
    outage(["pubsub.projects.subscriptions.pull:503:1", "pubsub.projects.subscriptions.acknowledge:503:1",
            "pubsub.projects.subscriptions.modifyAckDeadline:503:1"])


def test_a_replay_that_dies_tells_all_the_same():
    """Between the load of what was replayed and its commit: the next engine finishes the batch, but
    nobody delivers its messages again, so the letters stay until they have taken their whole way."""
    for point in ("store_batch_loaded_after", "final_send_after", "events_tell_before"):
        stream = Stream(TempDir(), ", external_events: true, kind: customer")
        stream.publish([dict(event("a", "delete", 0, "e1"), operation="remove"),
                        dict(event("b", "create", 0, "e2", {"n": 1}), operation="make")])
        stream.drain()
        letters = stream.bw.letters()
        assert len(letters) == 2, letters
        for letter in letters:
            content = letter["content"].replace('"remove"', '"delete"').replace('"make"', '"create"')
            done = stream.bw.run("dlq", "edit", str(letter["id"]), "--content", content)
            assert done.returncode == 0, done.stderr
        with_external(stream)
        ids = [str(l["id"]) for l in letters]
        done = stream.bw.run("dlq", "replay", *ids, program=CRASHING, env={"BW_CRASH_AT": point + ":1"})
        assert done.returncode == -signal.SIGKILL, (point, done.returncode, done.stdout, done.stderr)
        left = [str(l["id"]) for l in stream.bw.letters()]
        done = stream.bw.run("dlq", "replay", *left)
        assert done.returncode == 0, (point, left, done.stdout, done.stderr)
        assert stream.bw.letters() == [], point
        assert set(told(stream)) == {"e1", "e2"}, (point, told(stream))
        deletes = [e for e in stream.bw.json("audit", "--limit", "1000")["audit"] if e["action"] == "delete"]
        assert len(deletes) == 1, (point, deletes)
        assert raw_ids(stream) == ["e1", "e2"], point


def test_small_events_of_large_entities_fit_into_memory():
    """A batch of some kilobytes whose every event shows a state of a third of a megabyte."""
    stream = Stream(TempDir(), ", external_events: true, conflict: {strategy: latest_wins}")
    with_external(stream)
    stream.publish([event("a", "create", 0, "e0", {"big": "x" * 300000, "n": 0})])
    stream.drain()
    stream.publish([event("a", "patch", n, "e%d" % n, {"n": n}) for n in range(1, 201)])
    engine = stream.bw.start("run", "--once", "--log-level", "error", stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(engine.pid, 0)
    engine.returncode = os.waitstatus_to_exitcode(status)
    assert engine.returncode == 0
    if not harness.SANITIZED:
        assert usage.ru_maxrss < 120 * 1024, "%d KiB for 60 MB of states" % usage.ru_maxrss
    assert json.loads(current(stream)["a"]["data"])["n"] == 200
    bodies = [json.loads(d) for op in OPERATIONS for _, d in stream.pull_all("ext-" + op)]
    assert {b["event_id"]: b["data"]["n"] for b in bodies} == {"e%d" % n: n for n in range(201)}
    assert all(len(b["data"]["big"]) == 300000 for b in bodies)


if __name__ == "__main__":
    harness.run_tests(sys.modules[__name__])
