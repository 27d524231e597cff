# ctest: timeout 1200
"""Change events: whatever is killed, cut or delivered twice, Datastore and the current table are what
a plain model makes of the events, and the raw table holds each event once.
"""
import collections
import concurrent.futures
import json
import os
import random
import re
import signal
import sys
import time

import events_model
from harness import CRASHING, SOURCE, TempDir, soak
from stream import Stream, fields_of, plain, poison, random_events, shuffled

COUNT, ENTITIES, KILLS = soak(5000, 100000), soak(200, 2000), soak(5, 20)  # BW_SOAK=1
SEED = os.environ.get("BW_SEED", "1")
NOW_MS = int(time.time() * 1000) - 3600 * 1000
FAULTS = ["pubsub.projects.subscriptions.acknowledge:503:0.1", "pubsub.projects.topics.publish:503:0.1",
          "datastore.projects.commit:503:0.05", "datastore.projects.lookup:503:0.03",
          "bigquery.jobs.insert:503:0.05"]


def crash_points():
    names = []
    for room in ("engine", "destination", "store"):
        with open(os.path.join(SOURCE, "backend", room, "crash_points.def"), encoding="utf-8") as f:
            names += re.findall(r"^CRASH_POINT\((\w+)", f.read(), re.M)
    return names


# Points that a stream passes only in a state that this test does not make.
ELSEWHERE = {"dataset_create_before", "dataset_create_after", "target_patch_before", "target_patch_after",
             "load_session_before", "load_session_after", "load_chunk_after", "store_batch_retry_before",
             "store_batch_retry_after", "store_letters_put_before", "store_letters_put_after",
             "replay_group_before", "replay_group_after", "replay_publish_before", "replay_publish_after"}


def with_external(stream):
    for op in ("create", "update", "patch", "upsert", "delete"):
        stream.create("topics/external-sync-" + op, {})
        stream.create("subscriptions/ext-" + op, {"topic": stream.full("topics/external-sync-" + op)})


def external_ids(stream):
    ids = collections.Counter()
    for op in ("create", "update", "patch", "upsert", "delete"):
        for attributes, data in stream.pull_all("ext-" + op):
            body = json.loads(data)
            assert attributes["bw-event-id"] == body["event_id"], attributes
            assert body["operation"] == op, body
            ids[body["event_id"]] += 1
    return ids


def run_killed(stream, point=None, nth=1, seen=None):
    """One draining run, killed at the point (or after a random while); whether it was."""
    env = {"BW_CRASH_SEEN": seen} if seen else {}
    if point:
        env["BW_CRASH_AT"] = "%s:%d" % (point, nth)
    done = stream.bw.run("run", "--once", "--log-level", "warn", program=CRASHING, env=env)
    if done.returncode == -signal.SIGKILL:
        return True
    assert done.returncode == 0, "%s: %d %s%s" % (point, done.returncode, done.stdout, done.stderr)
    return False


def run_killed_at_random(stream, rng):
    process = stream.bw.start("run", "--once", "--log-level", "error")
    try:
        process.wait(timeout=0.05 + rng.random() * 1.2)
    except Exception:
        process.kill()
        process.wait()


def feed_and_kill(stream, rng, messages, directory):
    """Publishes piece by piece while the engine dies at every point in turn, and at random."""
    points = [p for p in crash_points() if p not in ELSEWHERE]
    # Only the first run makes tables; only what follows a death before `loaded` abandons a batch.
    first = [[p] for p in points if p.startswith("target_create")]
    others = [["store_batch_plan_after", p] if p.startswith("store_batch_abandon") else [p]
              for p in points if not p.startswith("target_create")] + [[None]] * KILLS
    rng.shuffle(others)
    steps = [p for group in first + others for p in group]
    pieces = [messages[i * len(messages) // len(steps):(i + 1) * len(messages) // len(steps)]
              for i in range(len(steps))]
    seen = directory.file("seen-" + stream.name)
    killed = set()
    for point, piece in zip(steps, pieces):
        stream.sandbox.faults([])  # the publishers' own calls go through
        stream.publish(piece)
        stream.sandbox.faults(FAULTS if rng.random() < 0.5 else [])
        if point is None:
            run_killed_at_random(stream, rng)
        elif run_killed(stream, point, seen=seen):
            killed.add(point)
    stream.sandbox.faults([])
    return set(points) - killed


def current_rows(stream):
    return {r["entity_id"]: r for r in stream.sandbox.rows(stream.name)}


def compare(stream, expected):
    """Datastore and the current table against the model's states by entity."""
    entities, rows = stream.entities("customer"), current_rows(stream)
    for name, state in expected.items():
        row = rows.get(name)
        if state is None or state["deleted"]:
            assert name not in entities, "%s is in Datastore: %s" % (name, entities[name])
            assert row is None or row["_bw_deleted"] == "true", (name, row)
            continue
        assert name in entities, "%s is not in Datastore, should be %s" % (name, state)
        assert fields_of(entities[name]) == state["fields"], (name, entities[name], state)
        assert row and row["_bw_deleted"] == "false", (name, row)
        assert json.loads(row["data"]) == state["fields"], (name, row, state)
        assert int(row["_bw_version"]) == entities[name]["version"], (name, row, entities[name])
        if "resolved" in state:
            assert bool(entities[name].get("conflict_resolved")) == state["resolved"], (name, entities[name], state)
    assert set(entities) <= set(expected) and set(rows) <= set(expected)


def raw_events(stream):
    """The raw table's rows by event id: each exactly once."""
    rows = stream.sandbox.rows(stream.name + "_raw")
    by_id = {r["_bw_event_id"]: r for r in rows}
    twice = [k for k, n in collections.Counter(r["_bw_event_id"] for r in rows).items() if n > 1]
    assert not twice, "events twice in the raw table: %s" % twice[:5]
    return by_id


def check_all(stream, events, n_poison):
    raw = raw_events(stream)
    assert set(raw) == {e["event_id"] for e in events}, "the raw table lacks or adds events"
    for e in events:
        assert json.loads(raw[e["event_id"]]["_bw_payload"]) == e
    letters = stream.bw.letters()
    assert len(letters) == n_poison, "%d letters: %s" % (len(letters), collections.Counter(l["reason"] for l in letters))
    assert all(l["reason"] not in ("PROCESSING", "UNDELIVERED") for l in letters)
    verified = stream.bw.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    return raw


def by_entity(events):
    groups = collections.defaultdict(list)
    for e in events:
        groups[e["entity_id"]].append(e)
    return groups


def test_latest_wins_under_kills():
    rng = random.Random(SEED)
    directory = TempDir()
    stream = Stream(directory, ", conflict: {strategy: latest_wins}, external_events: true, batch: {rows: 400}")
    with_external(stream)
    events = random_events(rng, COUNT, ENTITIES, NOW_MS)
    messages = shuffled(rng, events)
    for m in poison(rng, 50):
        messages.insert(rng.randrange(len(messages)), m)
    missed = feed_and_kill(stream, rng, messages, directory)
    for point in sorted(missed):  # reached only in a later run, or never
        stream.publish([rng.choice(events)])
        if run_killed(stream, point):
            missed.discard(point)
    stream.drain(120)
    assert not missed, "never reached: %s" % sorted(missed)
    raw = check_all(stream, events, 50)
    compare(stream, {name: events_model.latest_wins(es) for name, es in by_entity(events).items()})
    outcomes = {k: v["result"] for k, v in stream.entities("_bw_event").items()}
    changed = {k for k, v in outcomes.items() if v in ("applied", "merged", "deleted")}
    assert set(outcomes) == set(raw)
    told = external_ids(stream)
    assert set(told) == changed, "external events: %d told, %d changed something" % (len(told), len(changed))


def replay_in_version_order(strategy, events, outcomes):
    """The events of one entity in the order in which Datastore committed them: an event that changed
    nothing carries the version that it met."""
    order = sorted(events, key=lambda e: (outcomes[e["event_id"]]["version"],
                                          outcomes[e["event_id"]]["result"] == "ignored"))
    state = None
    for e in order:
        outcome, state = events_model.step(strategy, state, e)
        assert outcome == outcomes[e["event_id"]]["result"], (e, outcome, outcomes[e["event_id"]])
    return state


def strategy_under_kills(strategy):
    rng = random.Random(SEED + strategy)
    directory = TempDir()
    stream = Stream(directory, ", conflict: {strategy: %s}, batch: {rows: 300}" % strategy)
    events = random_events(rng, COUNT // 5, ENTITIES // 5, NOW_MS)
    messages = shuffled(rng, events)
    for i in range(4):
        stream.publish(messages[i * len(messages) // 4:(i + 1) * len(messages) // 4])
        run_killed_at_random(stream, rng)
    stream.drain(120)
    check_all(stream, events, 0)
    outcomes = stream.entities("_bw_event")
    compare(stream, {name: replay_in_version_order(strategy, es, outcomes)
                     for name, es in by_entity(events).items()})


def test_the_other_strategies_under_kills():
    # Side by side: most of the time leases of dead engines are waited for.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(strategy_under_kills, s) for s in ("merge", "stored_wins", "event_wins")]:
            done.result()


if __name__ == "__main__":
    import harness
    harness.run_tests(sys.modules[__name__])
