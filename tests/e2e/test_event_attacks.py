# ctest: sanitizers
"""A publisher that means no good: each message lands exactly as it was, or is a dead letter with a reason.
Nothing stops the stream, nothing is lost, and nothing reaches a terminal that moves its cursor."""
import json
import sys
import time

import harness
from harness import TempDir
from stream import Stream, event_time, fields_of

NOW = int(time.time() * 1000) - 3600 * 1000
OPERATIONS = ("create", "update", "patch", "upsert", "delete")


def event(entity, event_id, data=None, **more):
    return dict({"kind": "customer", "entity_id": entity, "operation": "upsert", "event_id": event_id,
                 "timestamp": event_time(NOW), "data": {"n": 1} if data is None else data}, **more)


def text(event_id, data, **more):
    """An event with data written out, which json.dumps would not."""
    e = event("e-" + event_id, event_id, **more)
    del e["data"]
    return json.dumps(e)[:-1].encode() + b', "data": ' + data + b"}"


def nested(levels):
    return b'{"a":' * levels + b"1" + b"}" * levels


LANDS = [
    ("esc", event("esc\x1b[2J\x07", "esc", {"a\x1b]0;x\x07": "\x1b[31mred\x00\x7f\u202e"}, source="\x1b[2Jme")),
    ("slash", event("a/b", "slash")), ("quote", event('"', "quote")), ("name1500", event("n" * 1500, "name1500")),
    ("id\n'\"\U0001F600`\\", event("odd", "id\n'\"\U0001F600`\\")), ("x" * 512, event("long", "x" * 512)),
    ("many", event("many", "many", {"f%d" % i: i for i in range(1000)})),
    ("deep", text("deep", nested(19))), ("zero", text("zero", b'{"z": -0, "y": -0.0, "u": 1e308}')),
    ("proto", event("__proto", "proto", {"constructor": 1, "proto__": 2})),
    ("kind1400", event("k", "kind1400", kind="k" * 1400)),
    ("junk", event("junk", "junk", payload_only="j" * 3000000)),
    ("old", event("old", "old", timestamp="2017-01-01T00:00:00Z")),
    ("offset", event("offset", "offset", timestamp="2020-02-29T23:59:59.999999-11:30")),
    ("millis", event("millis", "millis", timestamp=NOW)),
    ("exact", text("exact", b'{"i": 9223372036854775807, "s": "\\ud83d\\ude00", "e": ""}')),
]
REFUSED = [
    ("BAD_MESSAGE", event("__proto__", "r1")), ("BAD_MESSAGE", event("x", "r2", kind="__Stat_Kind__")),
    ("BAD_MESSAGE", event("x", "r3", kind="_bw_event")), ("BAD_MESSAGE", event("n" * 1501, "r4")),
    ("BAD_MESSAGE", event("a\x00b", "r5")), ("BAD_MESSAGE", event("x", "r6\x00")), ("BAD_MESSAGE", event("x", "")),
    ("BAD_MESSAGE", event("x", "r" * 513)), ("BAD_MESSAGE", event("x", "r8", timestamp="0001-01-01T00:00:00")),
    ("TS_RANGE", event("x", "r9", timestamp="0001-01-01T00:00:00Z")),
    ("TS_RANGE", event("x", "r10", timestamp="1969-12-31T23:59:59Z")),
    ("BAD_MESSAGE", event("x", "r11", timestamp="9999-12-31T23:59:59Z")),
    ("BAD_MESSAGE", event("x", "r12", timestamp="2020-02-30T00:00:00Z")),
    ("BAD_MESSAGE", event("x", "r13", {"_bw_fields": "{}"})), ("BAD_MESSAGE", event("x", "r14", {"version": 9})),
    ("BAD_MESSAGE", event(None, "r15", entity_key={"path": [{"kind": "k", "name": "n" * 1400}] * 6})),
    (None, event("x", "r16", {"__x__": 1})), (None, text("r17", b'{"n": 1e400}')),
    (None, text("r27", b'{"n": 1e-400}')), (None, text("r18", nested(25))),
    ("JSON_INVALID", text("r19", b'{"n": NaN}')), ("JSON_DUPLICATE", text("r20", b'{"a": 1, "\\u0061": 2}')),
    ("BAD_UTF8", text("r21", b'{"a": "\\ud800"}')), (None, text("r22", b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}")),
    (None, event("x", "r23", {"a": "b" * 1500000})), ("ROW_TOO_BIG", b'{"junk": "' + b"j" * 9000000 + b'"}'),
    (None, text("r24", b'{"n": 12345678901234567890123}')), (None, event("x", "r25", {"": 1})),
    (None, event("x", "r26", {"f" * 1501: 1})),
]


def payload(message):
    return message if isinstance(message, bytes) else json.dumps(message).encode()


def test_each_lands_as_it_was_or_is_a_letter():
    stream = Stream(TempDir(), ", conflict: {strategy: latest_wins}, external_events: true",
                    extra="audit: {subscription: trail, cloud_logging: true}")
    stream.create("subscriptions/trail", {"topic": stream.full("topics/events"), "ackDeadlineSeconds": 10})
    for op in OPERATIONS:
        stream.create("topics/external-sync-" + op, {})
        stream.create("subscriptions/ext-" + op, {"topic": stream.full("topics/external-sync-" + op)})
    # One by one: a request of several has its own limit.
    for _, m in LANDS + REFUSED:
        stream.publish([(payload(m), {"bw-message-id": "1", "bw-stored": "{}", "bw-publish-time": "x", "own": "y"})])
    stream.drain(120)

    raw = {r["_bw_event_id"]: r for r in stream.sandbox.rows("events_raw")}
    assert set(raw) == {i for i, _ in LANDS}, set(raw) ^ {i for i, _ in LANDS}
    for event_id, m in LANDS:
        assert raw[event_id]["_bw_payload"].encode() == payload(m), event_id
    rows = {r["entity_key"]: r for r in stream.sandbox.rows("events")}
    assert len(rows) == len(LANDS), sorted(rows)
    names = [r["entity_id"] for r in rows.values()]
    assert len(set(names)) == len(names) and "a/b" in names and '"' in names and "esc\x1b[2J\x07" in names, names
    entities = stream.entities("customer")
    for name, e in entities.items():
        row, = [r for r in rows.values() if r["entity_id"] == name and r["kind"] == "customer"]
        assert json.loads(row["data"]).keys() == fields_of(e).keys(), name
    assert entities["e-exact"]["i"] == 9223372036854775807

    letters = stream.bw.letters()
    by_content = {l["content"]: l for l in letters if "content" in l and l["content"] is not None}
    assert len(letters) == len(REFUSED), len(letters)
    for reason, m in REFUSED:
        letter = by_content[payload(m).decode()]
        assert reason in (None, letter["reason"]), (reason, letter["reason"], letter["detail"], payload(m)[:100])
        assert letter["detail"] and letter["reason"] not in ("PROCESSING", "REJECTED"), letter["detail"]
    told = [json.loads(d)["event_id"] for op in OPERATIONS for _, d in stream.pull_all("ext-" + op)]
    assert sorted(set(told)) == sorted(raw)

    assert stream.bw.run("audit", "verify").returncode == 0
    for command in (("dlq", "list"), ("audit", "--limit", "500"), ("status",), ("dlq", "show", str(letters[0]["id"]))):
        done = stream.bw.run(*command)
        assert done.returncode == 0 and "\x1b" not in done.stdout and "\u202e" not in done.stdout, command


def test_reserved_attributes_do_not_reach_a_letter():
    stream = Stream(TempDir())
    stream.publish([(b"not json", {"bw-message-id": "forged", "bw-stored": '{"evil":1}', "own": "y"})])
    stream.drain()
    letter, = stream.bw.letters()
    shown = json.dumps(stream.bw.json("dlq", "show", str(letter["id"])))
    assert "evil" not in shown and "forged" not in shown, shown


if __name__ == "__main__":
    harness.run_tests(sys.modules[__name__])
