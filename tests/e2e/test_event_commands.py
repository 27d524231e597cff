"""The commands about change events, as scripts use them."""
import json
import subprocess
import sys

import harness
from harness import TempDir
from stream import Stream, event_time

NOW = 1700000000000


def event(n, **more):
    return dict({"kind": "customer", "entity_id": "n%d" % n, "operation": "create", "data": {"n": n},
                 "timestamp": event_time(NOW + n)}, **more)


def publish(stream, *args, text=None):
    return subprocess.run(stream.bw.argv("publish", "--topic", stream.name, *args), input=text, text=True,
                          capture_output=True, env=stream.bw.env(), timeout=60)


def test_one_event():
    stream = Stream(TempDir())
    done = publish(stream, "--entity-id", "c-1", "--kind", "customer", "--operation", "CREATE",
                   "--data", '{ "big": 12345678901234567890123, "n": 1.50 }', "--name", "Ann", "--status", "ok")
    assert done.returncode != 0 and "NUMERIC_OVERFLOW" in done.stderr, (done.stdout, done.stderr)
    done = publish(stream, "--entity-id", "c-1", "--kind", "customer", "--operation", "create",
                   "--data", '{ "n": 1.50 }', "--name", "Ann", "--status", "ok")
    assert done.returncode == 0 and done.stdout == "1 event published to events\n", (done.stdout, done.stderr)
    done = publish(stream, "--entity-id", "c-2", "--kind", "customer", "--operation", "delete")
    assert done.returncode == 0, done.stderr
    (_, first), (_, second) = stream.pull_all("events")
    body = json.loads(first)
    assert body["data"] == {"n": 1.5, "name": "Ann", "status": "ok"} and b'"n": 1.50' in first, first
    assert body["operation"] == "create" and body["source"] == "bridgewatch" and len(body["event_id"]) == 32
    assert json.loads(second)["operation"] == "delete" and "data" not in json.loads(second)


def test_wrong_options():
    stream = Stream(TempDir())
    a = ("--entity-id", "a", "--kind", "customer", "--operation")
    for args, words in (((), "--entity-id and --operation are needed"),
                        (("--entity-id", "a", "--operation", "create"), "--kind is needed: no sync gives the events of events one"),
                        (a + ("frob",), "not known"),
                        (a + ("create", "--data", "[1]"), "not a JSON object"),
                        (a + ("create", "--data", '{"name":1}', "--name", "x"), "JSON_DUPLICATE"),
                        (a + ("create", "--data", '{"version":1}'), "version"),
                        (("-", "--kind", "customer"), "--kind has no meaning with -")):
        done = publish(stream, *args)
        assert done.returncode != 0 and words in done.stderr, (args, done.returncode, done.stderr)
    done = publish(stream, "--read-only", *a, "delete")
    assert done.returncode != 0 and "read-only, by --read-only" in done.stderr, done.stderr
    done = subprocess.run(stream.bw.argv("publish", "--topic", "nowhere", *a, "delete"),
                          text=True, capture_output=True, env=stream.bw.env(), timeout=60)
    assert done.returncode != 0 and "nowhere" in done.stderr and "provision" in done.stderr, done.stderr
    assert stream.pull_all("events") == []


def test_many_lines():
    stream = Stream(TempDir())
    lines = [json.dumps(event(i, event_id="e%d" % i) if i % 2 else event(i)) for i in range(2500)]
    lines[4] = json.dumps(event(4, event_id=None))  # the same as none
    lines[7] = "not json"
    lines[1200] = json.dumps(event(1200, operation="frob"))
    done = publish(stream, "-", text="\n".join(lines) + "\n")
    assert done.returncode == 1 and "2498 events published to events, 2 left out" in done.stdout, done.stdout
    assert "line 8:" in done.stderr and "line 1201:" in done.stderr, done.stderr
    got = stream.pull_all("events")
    assert len(got) == 2498
    for attributes, data in got:  # exactly as they stood; an id for those that have none
        assert data.decode() in lines
        assert (json.loads(data).get("event_id") is None) == ("bw-event-id" in attributes), attributes


def test_a_default_kind():
    stream = Stream(TempDir(), settings=", topic: events, kind: customer")
    done = publish(stream, "--entity-id", "c-1", "--operation", "create")
    assert done.returncode == 0, done.stderr
    done = publish(stream, "-", text='{"entity_id": "c-2", "operation": "create", "data": {}}\n')
    assert done.returncode == 0, done.stderr
    stream.drain()
    assert sorted(stream.entities("customer")) == ["c-1", "c-2"]
    without = Stream(TempDir())
    done = publish(without, "-", text='{"entity_id": "c-2", "operation": "create", "data": {}}\n')
    assert done.returncode == 1 and "line 1: " in done.stderr and "kind" in done.stderr, done.stderr


def test_published_events_arrive():
    stream = Stream(TempDir())
    publish(stream, "--entity-id", "c-1", "--kind", "customer", "--operation", "create", "--data", '{"a":1}')
    publish(stream, "--entity-id", "c-1", "--kind", "customer", "--operation", "patch", "--data", '{"b":2}')
    stream.drain()
    rows = stream.sandbox.rows("events")
    assert [json.loads(r["data"]) for r in rows] == [{"a": 1, "b": 2}], rows


def test_row_for_a_workflow():
    done = subprocess.run([harness.PROGRAM, "row", "--workflow", "--entity-key", "a", "--kind", "k", "--operation", "update",
                           "--data", '{"a":1}', "--event-time", "2026-01-01T00:00:00Z", "--now", "2026-01-01T09:00:00Z"],
                          text=True, capture_output=True, timeout=20)
    argument = json.loads(done.stdout)
    assert set(argument) == {"row", "score", "routing"}, argument
    assert argument["score"]["lag"] == "stale" and argument["routing"] == {
        "action": "flag", "priority": "low", "route": "review"}, argument


if __name__ == "__main__":
    harness.run_tests(sys.modules[__name__])
