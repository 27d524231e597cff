"""Change events end to end: published beforehand, then drained into Datastore and BigQuery.

The measure is a client that does what the system before did: it pulls messages and, event by event,
looks the entity up in a transaction and commits it; rows are inserted with each pull, then the
messages are acknowledged. Both run against one sandbox in turns, and both go through everything they
were given once. The client is Python and says so; it spends most of its time on the sandbox's answers.

`at the sandbox` is the share of the time during which a request of that program's was in the
sandbox's hands, by the sandbox's own log of requests: what no program could make shorter without
asking for less. (bridgewatch loads one batch while it resolves the next, so this is not all idle.)
"""
import base64
import datetime
import http.client
import json
import random
import time

from harness import TempDir
from measure import Measure, count, measured, median
from stream import Stream, random_events

MEMORY_LIMIT = 128 * 1024  # KiB


class OneByOne:
    """The plain client."""

    def __init__(self, stream, subscription, table):
        self.stream, self.subscription, self.table = stream, subscription, table
        self.project = stream.sandbox.project
        self.http = http.client.HTTPConnection("127.0.0.1", stream.sandbox.port)
        stream.sandbox.call("POST", "/bigquery/v2/projects/%s/datasets/%s/tables"
                            % (self.project, stream.sandbox.dataset), {
                                "tableReference": {"projectId": self.project, "datasetId": stream.sandbox.dataset,
                                                   "tableId": table},
                                "schema": {"fields": [{"name": n, "type": "STRING"} for n in ("event_id", "entity_id", "data")]}})

    def post(self, path, body):
        self.http.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.http.getresponse()
        text = response.read()
        assert response.status == 200, (path, response.status, text)
        return json.loads(text)

    def resolve(self, event):
        key = {"partitionId": {"projectId": self.project},
               "path": [{"kind": "one_by_one", "name": event["entity_id"]}]}
        found = self.post("/v1/projects/%s:lookup" % self.project,
                          {"keys": [key], "readOptions": {"newTransaction": {"readWrite": {}}}})
        mutation = self.mutation(key, event, found.get("found"))
        self.post("/v1/projects/%s:commit" % self.project,
                  {"mode": "TRANSACTIONAL", "transaction": found["transaction"],
                   "mutations": [mutation] if mutation else []})

    @staticmethod
    def mutation(key, event, found):
        properties = found[0]["entity"].get("properties", {}) if found else {}
        if properties and properties["last_modified"]["timestampValue"] > event["timestamp"]:
            return None
        if event["operation"] == "delete":
            return {"delete": key}
        if event["operation"] in ("create", "upsert"):
            properties = {}
        for name, value in event["data"].items():
            properties[name] = {"stringValue": json.dumps(value)}
        properties["last_modified"] = {"timestampValue": event["timestamp"]}
        return {"upsert": {"key": key, "properties": properties}}

    def insert(self, events):
        rows = [{"insertId": e["event_id"], "json": {"event_id": e["event_id"], "entity_id": e["entity_id"],
                                                      "data": json.dumps(e.get("data"))}} for e in events]
        answer = self.post("/bigquery/v2/projects/%s/datasets/%s/tables/%s/insertAll"
                           % (self.project, self.stream.sandbox.dataset, self.table), {"rows": rows})
        assert "insertErrors" not in answer, answer

    def drain(self):
        """How many events there were."""
        n, path = 0, "/v1/" + self.stream.full("subscriptions/" + self.subscription)
        while True:
            received = self.post(path + ":pull", {"maxMessages": 500, "returnImmediately": True}).get("receivedMessages")
            if not received:
                return n
            events = [json.loads(base64.b64decode(m["message"]["data"])) for m in received]
            for event in events:
                self.resolve(event)
            self.insert(events)
            self.post(path + ":acknowledge", {"ackIds": [m["ackId"] for m in received]})
            n += len(events)


# ---- what the sandbox says of it -----------------------------------------------------------------------


def sandbox_cpu(sandbox):
    stats = sandbox.call("GET", "/sandbox/stats")
    return stats["cpuUserSeconds"] + stats["cpuSystemSeconds"]


def look_at_log(sandbox, result):
    """How many requests there were since the log was emptied, and for how long one was in hand."""
    log = sandbox.call("GET", "/sandbox/requests")
    assert log["total"] - log["dropped"] == len(log["requests"]), "the log holds only a part of the requests"
    result.requests = len(log["requests"])
    spans = []
    for r in log["requests"]:
        end = datetime.datetime.fromisoformat(r["time"].replace("Z", "+00:00")).timestamp()
        spans.append((end - r["seconds"], end))
    busy, until = 0.0, 0.0
    for begin, end in sorted(spans):
        busy += max(0.0, end - max(begin, until))
        until = max(until, end)
    result.busy = busy


def watched(sandbox, work):
    """What the work returns: a measure, with the sandbox's share of it."""
    sandbox.call("DELETE", "/sandbox/requests")
    cpu = sandbox_cpu(sandbox)
    result = work()
    result.sandbox_cpu = sandbox_cpu(sandbox) - cpu
    look_at_log(sandbox, result)
    return result


# ---- one round --------------------------------------------------------------------------------------------


def run_client(client, n):
    class Usage:
        ru_utime = ru_stime = 0.0
    cpu, started = time.process_time(), time.monotonic()
    got = client.drain()
    result = Measure(time.monotonic() - started, Usage, 0)
    result.cpu = time.process_time() - cpu
    assert got == n, "the client got %d events of %d" % (got, n)
    return result


def run_bridgewatch(stream, n, directory):
    path = directory.file("report.json")
    with open(path, "wb") as out:
        result = measured(stream.bw.argv("run", "--once", "--json", "--log-level=warn"), out, stream.bw.env())
    with open(path, encoding="utf-8") as f:
        (sync,) = json.load(f)["syncs"]
    counts = (sync["rows_read"], sync["rows_loaded"], sync["dead_letters"])
    assert counts == (n, n, 0), "read, loaded, dead: %s of %d" % (counts, n)
    assert result.peak <= MEMORY_LIMIT, "%d KiB resident, more than %d" % (result.peak, MEMORY_LIMIT)
    return result


def one_round(n, n_client, seed, results):
    directory = TempDir()
    stream = Stream(directory, ", conflict: {strategy: latest_wins}", deadline=600)
    sandbox, rng = stream.sandbox, random.Random(seed)
    stream.create("topics/plain", {})
    stream.create("subscriptions/plain", {"topic": stream.full("topics/plain"), "ackDeadlineSeconds": 600})
    events = random_events(rng, n, max(n // 10, 1), int(time.time() * 1000) - 3600 * 1000)
    stream.publish(events)
    stream.publish(events[:n_client], "plain")
    client = OneByOne(stream, "plain", "one_by_one")
    results["client"].append(watched(sandbox, lambda: run_client(client, n_client)))
    results["bridgewatch"].append(watched(sandbox, lambda: run_bridgewatch(stream, n, directory)))
    assert int(sandbox.table(stream.name + "_raw")["numRows"]) == n, "the raw table lacks or adds events"
    assert stream.backlog() == 0, "not everything was acknowledged"
    sandbox.stop()


def line(name, n, measures, floor):
    def mid(of):
        return median(of(m) for m in measures)
    rate = n / mid(lambda m: m.seconds)
    print("%-22s %7s %8.2f %8s %6s %9.3f %8.0f %9.0f %7.0f %%" % (
        name, count(n), mid(lambda m: m.seconds), count(rate), "%.1f" % (rate / floor) if floor else "",
        mid(lambda m: m.requests) / n, mid(lambda m: m.cpu) / n * 1e6, mid(lambda m: m.sandbox_cpu) / n * 1e6,
        100 * mid(lambda m: m.busy / m.seconds)), flush=True)
    return rate


def run(n, rounds):
    results = {"client": [], "bridgewatch": []}
    n_client = max(n // 10, 1)
    for i in range(rounds):
        one_round(n, n_client, 20261120 + i, results)
    print("change events over %s entities, latest_wins, medians of %d rounds in turns" % (count(n // 10), rounds))
    head = "%-22s %7s %8s %8s %6s %9s %8s %9s %9s"
    print(head % ("", "", "", "", "", "requests", "CPU us", "sandbox", "at the"))
    print(head % ("", "events", "seconds", "events/s", "ratio", "an event", "an event", "CPU us", "sandbox"))
    floor = line("one at a time, Python", n_client, results["client"], None)
    line("bridgewatch", n, results["bridgewatch"], floor)
    print("at most %.1f MiB resident" % (max(m.peak for m in results["bridgewatch"]) / 1024))
