"""The engine with a subscription, while it goes on: a stream's run has no end, and what is shown and
asked for must not wait for one."""
import json
import sys
import time
import urllib.parse

import harness
from harness import TempDir, wait_for
from stream import Stream, event_time


def event(n, **more):
    return dict({"kind": "customer", "entity_id": "n%d" % n, "operation": "create", "data": {"n": n},
                 "timestamp": event_time(int(time.time() * 1000)), "event_id": "e%d" % n}, **more)


def rows(stream):
    return stream.sandbox.rows(stream.name) if stream.sandbox.table(stream.name) else []


def status(stream):
    return {s["sync"]: s for s in stream.bw.json("status")["syncs"]}["changes." + stream.name]


def test_a_stream_goes_on_and_listens():
    stream = Stream(TempDir())
    engine = stream.bw.start("run", stderr=open(stream.bw.directory.file("log"), "w"))
    for n in range(1, 4):
        stream.publish([event(n)])
        wait_for("event %d" % n, lambda: len(rows(stream)) == n)
    shown = wait_for("the commits on the screen", lambda: status(stream)["rows_total"] == 3 and status(stream))
    assert shown["state"] == "fresh" and shown["lag_s"] < 60 and shown["last_success_at"], shown
    done = stream.bw.run("sync", "changes.events")
    assert done.returncode == 0, done.stderr  # a run that has no end gives way to it
    assert stream.bw.run("pause", "changes.events").returncode == 0
    wait_for("the pause", lambda: status(stream)["state"] == "paused" and status(stream)["activity"] != "running")
    stream.publish([event(4)])
    wait_for("the message to be held", lambda: stream.backlog() == 1)
    assert len(rows(stream)) == 3
    assert stream.bw.run("resume", "changes.events").returncode == 0
    wait_for("the stream to go on", lambda: len(rows(stream)) == 4)
    engine.terminate()
    assert engine.wait(timeout=20) == 0


def test_a_failed_stream_recovers_and_says_so():
    stream = Stream(TempDir(), ", schedule: every 3s")
    engine = stream.bw.start("run", stderr=open(stream.bw.directory.file("log"), "w"))
    stream.publish([event(1)])
    wait_for("the first event", lambda: len(rows(stream)) == 1)
    stream.sandbox.faults(["datastore.projects.lookup:403:1"])
    stream.publish([event(2)])
    failed = wait_for("the failure", lambda: status(stream)["state"] == "failed" and status(stream))
    assert failed["error"], failed
    stream.sandbox.faults([])
    wait_for("the second event", lambda: len(rows(stream)) == 2, 90)
    wait_for("the end of the failure", lambda: status(stream)["state"] == "fresh" and not status(stream)["error"])
    assert stream.bw.letters() == []  # an outage is nobody's fault
    engine.terminate()
    assert engine.wait(timeout=20) == 0


def test_further_targets():
    stream = Stream(TempDir(), ", targets: [copies, demo.analytics.more]")
    stream.publish([event(1), event(2), event(1, operation="delete", event_id="e9")])
    stream.drain()
    expected = sorted((r["entity_key"], r["_bw_deleted"]) for r in rows(stream))
    assert expected == [("customer/n1", "true"), ("customer/n2", "false")], expected
    for table in ("copies", "more"):
        assert sorted((r["entity_key"], r["_bw_deleted"]) for r in stream.sandbox.rows(table)) == expected


def test_a_pattern_leaves_out_what_is_collected():
    """The subscriptions of dead letters and of the audit are nobody's sync, whatever they are called."""
    stream = Stream(TempDir(), extra="audit: {subscription: events-trail}")
    for name in ("other", "events-trail", "events-dead", "events-more"):
        stream.create("subscriptions/" + name, {"topic": stream.full("topics/events")})
    text = open(stream.bw.config).read()
    before, entry = text.split("  - {source: changes, table: events, target: events}")
    with open(stream.bw.config, "w") as f:
        f.write(before + '  - {source: changes, table: "events*"}\n  - {source: changes, table: other, '
                'dead_letter_subscription: events-dead}' + entry)
    assert set(stream.bw.once()) == {"changes.events", "changes.events-more", "changes.other"}


def metric(stream, name):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    want = urllib.parse.quote('metric.type="custom.googleapis.com/bridgewatch/%s"' % name)
    return stream.sandbox.call("GET", "/v3/projects/demo/timeSeries?interval.startTime=%s&interval.endTime=%s&filter=%s"
                               % (then, now, want)).get("timeSeries", [])


def test_metrics_and_audit():
    stream = Stream(TempDir(), extra="metrics: {cloud_monitoring: true, interval: 10s}\n"
                                     "audit: {subscription: trail, cloud_logging: true}")
    stream.create("subscriptions/trail", {"topic": stream.full("topics/events"), "ackDeadlineSeconds": 10})
    engine = stream.bw.start("run", stderr=open(stream.bw.directory.file("log"), "w"))
    stream.publish([event(1), event(2, source="crm"), event(2, operation="delete", event_id="e3", source="crm"), b"nonsense"])
    wait_for("the rows", lambda: len(rows(stream)) == 2)

    def trail():
        entries = stream.bw.json("audit", "--limit", "1000")["audit"]
        return entries if sum(e["action"] in ("event", "unreadable", "delete") for e in entries) == 5 else None
    entries = wait_for("the audit trail", trail)
    deleted, = [e for e in entries if e["action"] == "delete"]
    assert deleted["who"] == "crm" and deleted["subject"] == "e3", deleted
    assert deleted["detail"]["outcome"] == "deleted" and deleted["detail"]["entity_key"] == "customer/n2", deleted
    assert {e["subject"] for e in entries if e["action"] == "event"} == {"e1", "e2", "e3"}
    logged = wait_for("Cloud Logging", lambda: stream.sandbox.call("POST", "/v2/entries:list", {
        "resourceNames": ["projects/demo"], "pageSize": 100}).get("entries"))
    assert sorted(e.get("severity", "DEFAULT") for e in logged) == ["INFO", "INFO", "NOTICE", "WARNING"], logged
    assert all(e["logName"].endswith("/bridgewatch-audit") for e in logged)
    assert stream.bw.run("audit", "verify").returncode == 0
    lag = wait_for("a metric", lambda: metric(stream, "lag"), 40)
    assert lag[0]["metric"]["labels"] == {"sync": "changes.events"}, lag
    assert [p["value"] for p in metric(stream, "rows")[0]["points"]][0] == {"doubleValue": 3}
    # The end of the engine does not wait for Cloud Logging.
    stream.sandbox.faults(["logging.entries.write:latency=50s"])
    stream.publish([event(4)])
    wait_for("the trail", lambda: any(e["subject"] == "e4" for e in stream.bw.json("audit")["audit"]))
    engine.terminate()
    assert engine.wait(timeout=20) == 0


if __name__ == "__main__":
    harness.run_tests(sys.modules[__name__])
