"""What the tests of change events share: topics, subscriptions, events and what became of them."""
import base64
import json
import random

from harness import Bridgewatch, Sandbox, wait_for


def event_time(ms):
    """Milliseconds as the RFC 3339 text that an application would write."""
    import datetime
    t = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (ms % 1000)


class Stream:
    """A sandbox with a topic, a subscription and (optionally) what comes out of external events."""

    def __init__(self, directory, settings="", deadline=10, name="events", sandbox=None, extra="",
                 settings_of_subscription=None):
        self.sandbox = sandbox or Sandbox()
        self.name = name
        self.create("topics/" + name, {})
        self.create("subscriptions/" + name, dict({"topic": self.full("topics/" + name), "ackDeadlineSeconds": deadline},
                                                       **settings_of_subscription or {}))
        self.bw = Bridgewatch(directory, self.sandbox.url, {"changes": "{type: pubsub}"},
                              ["{source: changes, table: %s, target: %s%s}" % (name, name, settings)],
                              name=name, extra=extra)

    def full(self, path):
        return "projects/%s/%s" % (self.sandbox.project, path)

    def create(self, path, resource):
        self.sandbox.call("PUT", "/v1/" + self.full(path), resource)

    def post(self, path, body):
        return self.sandbox.call("POST", "/v1/" + self.full(path), body)

    def publish(self, messages, topic=None):
        """Messages are bytes, or events as dicts, or (bytes, attributes)."""
        for at in range(0, len(messages), 500):
            batch = []
            for m in messages[at:at + 500]:
                m = m if isinstance(m, tuple) else (m, {})
                data = m[0] if isinstance(m[0], bytes) else json.dumps(m[0]).encode()
                batch.append({"data": base64.b64encode(data).decode(), "attributes": m[1]})
            self.post("topics/%s:publish" % (topic or self.name), {"messages": batch})

    def pull_all(self, subscription):
        """Every message that a subscription holds, acknowledged: (attributes, data)."""
        found = []
        while True:
            got = self.post("subscriptions/%s:pull" % subscription,
                            {"maxMessages": 1000, "returnImmediately": True}).get("receivedMessages", [])
            if not got:
                return found
            found += [(m["message"].get("attributes", {}), base64.b64decode(m["message"].get("data", ""))) for m in got]
            self.post("subscriptions/%s:acknowledge" % subscription, {"ackIds": [m["ackId"] for m in got]})

    def backlog(self, subscription=None):
        """Messages that are not acknowledged, leased ones included, as Monitoring has it."""
        import time
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
        then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
        found = self.sandbox.call(
            "GET", "/v3/projects/%s/timeSeries?interval.startTime=%s&interval.endTime=%s&filter=" % (
                self.sandbox.project, then, now) +
            "metric.type%%3D%%22pubsub.googleapis.com%%2Fsubscription%%2Fnum_undelivered_messages%%22%%20AND%%20"
            "resource.labels.subscription_id%%3D%%22%s%%22" % (subscription or self.name))
        return int(found["timeSeries"][0]["points"][0]["value"]["int64Value"])

    def entities(self, kind):
        """Entities of a kind: key name or id -> plain properties, with the engine's own."""
        found, cursor = {}, None
        while True:
            query = {"kind": [{"name": kind}], "limit": 1000}
            if cursor:
                query["startCursor"] = cursor
            batch = self.sandbox.call("POST", "/v1/projects/%s:runQuery" % self.sandbox.project,
                                      {"query": query})["batch"]
            for r in batch.get("entityResults", []):
                last = r["entity"]["key"]["path"][-1]
                found[last.get("name", last.get("id"))] = {k: plain(v) for k, v in
                                                           r["entity"].get("properties", {}).items()}
            cursor = batch.get("endCursor")
            if not batch.get("entityResults"):
                return found

    def drain(self, seconds=60):
        """Runs until the subscription holds nothing, leases that died with an engine included."""
        def empty():
            result = self.bw.once()["changes." + self.name]
            assert result["state"] == "ok", result
            return self.backlog() == 0
        wait_for("the subscription to be empty", empty, seconds, pause=0.5)


def plain(value):
    (kind, v), = [(k, v) for k, v in value.items() if k not in ("excludeFromIndexes", "meaning")]
    if kind == "integerValue":
        return int(v)
    if kind == "arrayValue":
        return [plain(e) for e in v.get("values", [])]
    if kind == "entityValue":
        return {k: plain(e) for k, e in v.get("properties", {}).items()}
    return v


OURS = ("last_modified", "version", "conflict_resolved")


def fields_of(properties):
    return {k: v for k, v in properties.items() if k not in OURS and not k.startswith("_bw_")}


def random_events(rng, count, entities, start_ms, kind="customer"):
    """Events in the order in which they happened, 0 to 3 ms apart."""
    events, at = [], start_ms
    for i in range(count):
        at += rng.randrange(4)
        operation = rng.choices(("create", "update", "patch", "upsert", "delete"), (2, 6, 4, 2, 1))[0]
        data = {name: rng.choice((rng.randrange(1000), "v%d" % rng.randrange(1000), None, True,
                                  {"x": rng.randrange(9)}, [1, "two", rng.randrange(9)]))
                for name in rng.sample(("a", "b", "c", "d", "e"), rng.randrange(1, 5))}
        e = {"event_id": "e%06d" % i, "kind": kind, "entity_id": "n%d" % rng.randrange(entities),
             "operation": operation, "timestamp": event_time(at), "source": "test"}
        if operation != "delete":
            e["data"] = data
        events.append(e)
    return events


def shuffled(rng, events, distance=400):
    """Out of order, by up to so many places, with a tenth of them twice."""
    twice = [e for e in events if rng.random() < 0.1]
    order = [(i + rng.random() * distance, e) for i, e in enumerate(events)]
    order += [(rng.random() * len(events), e) for e in twice]
    return [e for _, e in sorted(order, key=lambda p: p[0])]


def poison(rng, n):
    """Messages that are no events, each for another reason."""
    kinds = (b"", b"not json", b"[1,2]", b'{"operation":"update"}', b'{"kind":"customer","entity_id":"p","operation":"frobnicate","data":{}}',
             b'{"kind":"customer","entity_id":"p","operation":"update","data":{"a":1},"timestamp":"2199-01-01T00:00:00Z"}',
             b'{"kind":"customer","entity_id":"\xff","operation":"update","data":{}}',
             b'{"kind":"customer","entity_id":"p","operation":"update","data":{"a":1,"a":2}}',
             b'{"kind":"customer","entity_id":"p","operation":"update","data":' + b'{"a":' * 30 + b"1" + b"}" * 30 + b"}",
             b'{"kind":"customer","entity_id":"p","operation":"update","data":{"version":3}}')
    return [(kinds[i % len(kinds)], {"n": str(i)}) for i in range(n)]
