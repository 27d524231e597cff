# ctest: timeout 1200
"""Dead letters of change events: replayed, edited, published again, previewed, cancelled, killed in
the middle; drained from a dead-letter subscription; and hostile ones.
"""
import base64
import collections
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from harness import CRASHING, PROGRAM, SANITIZED, SOAK, TempDir, soak, wait_for
from stream import Stream, event_time, fields_of
from tmux_console import Console

MANY = soak(10000, 100000)  # BW_SOAK=1
MEMORY = 10 if SANITIZED else 1  # times as much
LATENCY = 0.5 if SANITIZED else 0.05  # seconds
NOW_MS = int(time.time() * 1000) - 3600 * 1000


def event(i, entity=None, at_ms=None, **more):
    e = {"event_id": "e%06d" % i, "entity_id": entity or "n%d" % i, "operation": "upsert",
         "timestamp": event_time(at_ms or NOW_MS + i), "data": {"v": i}}
    e.update(more)
    return e


def without_kind(*events):
    return [json.dumps(e).encode() for e in events]


def with_settings(stream, directory, settings):
    """The same sync and state with other settings: the cause is mended."""
    text = open(stream.bw.config).read()
    before, after = text.split("target: %s" % stream.name, 1)
    rest = after.split("}\n", 1)[1] if "}\n" in after else ""
    with open(stream.bw.config, "w") as f:
        f.write("%starget: %s%s}\n%s" % (before, stream.name, settings, rest))


def raw_once(stream):
    rows = stream.sandbox.rows(stream.name + "_raw")
    twice = [k for k, n in collections.Counter(r["_bw_event_id"] for r in rows).items() if n > 1]
    assert not twice, "events twice in the raw table: %s" % twice[:5]
    return {r["_bw_event_id"]: r for r in rows}


def states(stream):
    return collections.Counter(l["state"] for l in stream.bw.json("dlq", "list", "--any-state")["dead_letters"])


def everything(stream):
    """All that a replay could change, but for versions of rows."""
    return (stream.entities("customer"), stream.entities("_bw_event"), sorted(raw_once(stream)),
            sorted((r["entity_id"], r["data"], r["_bw_version"]) for r in stream.sandbox.rows(stream.name)))


def letters_of_events(directory, events, settings="", **kwargs):
    """A stream whose events lack their kind, so that each is a letter; naming the kind mends it."""
    stream = Stream(directory, settings + ", max_dead_letters: -1", **kwargs)
    stream.publish(without_kind(*events))
    stream.drain()
    assert states(stream) == {"open": len(events)}, states(stream)
    with_settings(stream, directory, settings + ", max_dead_letters: -1, kind: customer")
    return stream


def test_replay_by_reason():
    directory = TempDir()
    stream = letters_of_events(directory, [event(i) for i in range(40)])
    stream.publish([b"not json"])
    stream.drain()
    letters = stream.bw.letters()
    assert {l["reason"] for l in letters} == {"BAD_MESSAGE", "JSON_INVALID"}
    assert letters[0]["event_id"] and letters[0]["attributes"]["bw-message-id"], letters[0]
    dry = stream.bw.json("dlq", "replay", "--all", "--dry-run")
    assert dry["counts"]["applied"] == 40 and dry["counts"]["refused"] == 1, dry["counts"]
    one = next(l for l in dry["letters"] if l["outcome"] == "applied")
    assert one["before"] is None and "v" in one["after"], one
    assert states(stream) == {"open": 41} and not stream.entities("customer"), "a dry run did something"
    done = stream.bw.json("dlq", "replay", "--reason", "BAD_MESSAGE", "--rate", "1000")
    assert done["counts"] == {"replayed": 40, "refused": 0, "gone": 0, "open": 0}, done["counts"]
    rest = stream.bw.json("dlq", "replay", "--all")
    refused, = [l for l in rest["letters"] if l["outcome"] == "refused"]
    assert refused["reason"] == "JSON_INVALID" and refused["detail"], refused
    assert states(stream) == {"replayed": 40, "open": 1}
    before = everything(stream)
    assert set(before[0]) == {"n%d" % i for i in range(40)} and len(before[2]) == 40
    again = stream.bw.run("dlq", "replay", *[str(l["id"]) for l in letters])
    assert again.returncode == 1 and "0 replayed, 1 refused" in again.stdout, again.stdout
    assert everything(stream) == before, "replaying twice changed something"
    text = stream.bw.run("dlq", "replay", "--all")
    assert text.returncode == 1 and "refused" in text.stdout and "0 replayed, 1 refused" in text.stdout, text.stdout
    verified = stream.bw.run("audit", "verify")
    assert verified.returncode == 0, verified.stderr


def old_over_new(strategy):
    directory = TempDir()
    settings = ", conflict: {strategy: %s}" % strategy
    stream = letters_of_events(directory, [event(1, "n", NOW_MS + 1, data={"v": "old"})], settings,
                               name="old-" + strategy.replace("_", "-"))
    stream.publish([dict(event(2, "n", NOW_MS + 500, data={"v": "new"}), kind="customer")])
    stream.drain()
    before = fields_of(stream.entities("customer")["n"])
    preview, = stream.bw.json("dlq", "replay", "--all", "--dry-run")["letters"]
    assert preview["before"] == preview["after"] == {"v": "new"}, preview
    assert preview["outcome"] in ("ignored", "merged", "applied"), preview
    done = stream.bw.json("dlq", "replay", "--all")
    assert done["counts"]["replayed"] == 1, done
    assert fields_of(stream.entities("customer")["n"]) == before == {"v": "new"}
    row, = stream.sandbox.rows(stream.name)
    assert json.loads(row["data"]) == {"v": "new"}, row
    assert set(raw_once(stream)) == {"e000001", "e000002"}


def test_an_old_version_changes_nothing():
    old_over_new("latest_wins")
    old_over_new("merge")


def test_edit():
    directory = TempDir()
    stream = Stream(directory, ", max_dead_letters: -1, kind: customer")
    stream.publish([b'{"entity_id":"a","operation":"updat","data":{"n":12345678901234567890123}}',
                    (b"\xff\x00binary", {"x": "y"})])
    stream.drain()
    text, binary = stream.bw.letters()
    assert binary["content"] is None and base64.b64decode(binary["content_base64"]) == b"\xff\x00binary", binary
    # An editor that changes nothing, one that fails, one that mends the word.
    true = stream.bw.run("dlq", "edit", str(text["id"]), env={"VISUAL": "true"})
    assert true.returncode == 0 and "unchanged" in true.stdout, true.stdout + true.stderr
    false = stream.bw.run("dlq", "edit", str(text["id"]), env={"VISUAL": "false"})
    assert false.returncode == 1 and "nothing was changed" in false.stderr, false.stderr
    modes = directory.file("modes")
    mend = stream.bw.run("dlq", "edit", str(text["id"]), "--json",
                         env={"VISUAL": "", "EDITOR": "stat -c %%a >%s \"$1\"; sed -i s/updat/update/" % modes,
                              "TMPDIR": directory.path})
    assert mend.returncode == 0, mend.stdout + mend.stderr
    assert open(modes).read().strip() == "600"
    assert not [f for f in os.listdir(directory.path) if f.startswith("bridgewatch-")]
    # Binary content comes back as it was, by the editor's form and by --file.
    same = stream.bw.run("dlq", "edit", str(binary["id"]), env={"VISUAL": "true"})
    assert "unchanged" in same.stdout, same.stdout + same.stderr
    coded = directory.file("coded", '{"content_base64": "%s"}\n' % base64.b64encode(b"\xfe\x01").decode())
    done = stream.bw.run("dlq", "edit", str(binary["id"]), "--file", coded)
    assert done.returncode == 0, done.stderr
    # What is stored, where the original is, and what to do next; in 76 columns, which the console has for it.
    said = done.stdout.splitlines()
    assert len(said) == 3 and "letter %d edited" % binary["id"] in said[0] and "original" in said[0] and len(said[0]) <= 76, said
    assert said[1].startswith("content") and "dlq replay %d" % binary["id"] in said[2], said
    assert "edited      by an operator" in stream.bw.run("dlq", "show", str(binary["id"])).stdout
    shown = stream.bw.json("dlq", "show", str(binary["id"]))["dead_letters"][0]
    assert base64.b64decode(shown["content_base64"]) == b"\xfe\x01", shown
    fixed = '{"entity_id":"b","operation":"create","data":{"a":1}}'
    done = stream.bw.json("dlq", "edit", str(binary["id"]), "--content", fixed, "--replay")
    assert done["counts"]["replayed"] == 1, done
    done = stream.bw.json("dlq", "replay", str(text["id"]))
    assert done["counts"]["refused"] == 1, "23 digits do not fit Datastore: %s" % done
    small = '{"entity_id":"a","operation":"update","data":{"n":1}}'
    done = subprocess.run(stream.bw.argv("dlq", "edit", str(text["id"]), "-", "--replay", "--json"), input=small,
                          capture_output=True, text=True, env=stream.bw.env())
    assert json.loads(done.stdout)["counts"]["replayed"] == 1, done.stdout + done.stderr
    assert {k: fields_of(v) for k, v in stream.entities("customer").items()} == {"a": {"n": "1"}, "b": {"a": "1"}} or \
        {k: fields_of(v) for k, v in stream.entities("customer").items()} == {"a": {"n": 1}, "b": {"a": 1}}


def refused_by_datastore(stream, *events):
    """The entity is nearly as large as one may be, so that whatever is added is too much: of each event
    a letter under the event's own id."""
    big(stream, 1048000)
    stream.publish(list(events))
    stream.drain()


def big(stream, size):
    stream.sandbox.call("POST", "/v1/projects/demo:commit", {"mode": "NON_TRANSACTIONAL", "mutations": [
        {"upsert": {"key": {"path": [{"kind": "customer", "name": "n"}]},
                    "properties": {"big": {"stringValue": "x" * size, "excludeFromIndexes": True}}}}]})


def test_two_contents_under_one_id():
    """Neither is lost: each is a letter, and each keeps the id; the one that lands first takes it."""
    stream = Stream(TempDir(), ", kind: customer")
    first, second = (event(1, "n", operation="patch", data={"more": c * 1000}) for c in "yz")
    refused_by_datastore(stream, first, second)
    stream.publish([second])
    stream.drain()
    letters = stream.bw.letters()
    assert [json.loads(l["content"])["data"]["more"][0] for l in letters] == ["y", "z"], letters
    assert [(l["event_id"], l["attempts"], l["reason"]) for l in letters] == \
        [("e000001", 1, "PROCESSING"), ("e000001", 2, "PROCESSING")], letters
    one, two = (l["id"] for l in letters)
    assert [l["contradicts"] for l in letters] == [two, one], letters
    assert "contradicts letter %d" % two in stream.bw.run("dlq", "list").stdout
    assert "letter %d" % one in stream.bw.run("dlq", "show", str(two)).stdout
    big(stream, 10)
    done = stream.bw.json("dlq", "replay", str(one))
    assert done["counts"]["replayed"] == 1, done
    assert fields_of(stream.entities("customer")["n"])["more"] == "y" * 1000
    assert set(raw_once(stream)) == set(stream.entities("_bw_event")) == {"e000001"}
    # The other is not superseded by it, and has no effect either: the id is taken.
    left, = stream.bw.letters()
    assert left["id"] == two and left["contradicts"] == one, left
    preview, = stream.bw.json("dlq", "replay", str(two), "--dry-run")["letters"]
    assert preview["outcome"] == "refused" and "id" in preview["detail"], preview
    before = everything(stream)
    done = stream.bw.json("dlq", "replay", str(two))
    assert done["counts"]["refused"] == 1, done
    refused, = stream.bw.letters()
    assert (refused["id"], refused["reason"], refused["column"], refused["state"]) == \
        (two, "BAD_MESSAGE", "event_id", "open") and refused["content"] == left["content"], refused
    assert everything(stream) == before
    # With an id of its own it is an event of its own.
    renamed = json.dumps(dict(second, event_id="e000002"))
    done = stream.bw.json("dlq", "edit", str(two), "--content", renamed, "--replay")
    assert done["counts"]["replayed"] == 1, done
    assert set(raw_once(stream)) == {"e000001", "e000002"} and not stream.bw.letters()


def test_replay_beside_many_open_letters():
    """A replayed letter is settled by its landing, however many others are open."""
    stream = letters_of_events(TempDir(), [event(1), event(2)])
    with contextlib.closing(sqlite3.connect(os.path.join(stream.bw.state, "state.db"))) as db, db:
        columns = [c[1] for c in db.execute("PRAGMA table_info(letters)") if c[1] not in ("id", "event_id")]
        db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)"
                   " INSERT INTO letters (event_id, %s) SELECT printf('!%%06d', i), %s FROM n, letters"
                   " WHERE letters.id = 1" % (", ".join(columns), ", ".join("letters." + c for c in columns)))
    done = stream.bw.json("dlq", "replay", "1", "2")
    assert done["counts"]["replayed"] == 2, done["counts"]
    assert set(stream.entities("customer")) == {"n1", "n2"}


def test_what_was_edited_and_replayed_stays_so():
    """Reading the subscription again brings the message as it was before the operator mended it."""
    stream = Stream(TempDir(), ", kind: customer", settings_of_subscription={"retainAckedMessages": True})
    stream.publish([b'{"entity_id":"a","operation":"updat","data":{"n":1}}', b'{"entity_id":"b","operation":"bad"}'])
    stream.drain()
    mended, waiting = stream.bw.letters()
    edit = {l["id"]: l["content"].replace("updat", "update").replace("bad", "delete") for l in (mended, waiting)}
    done = stream.bw.json("dlq", "edit", str(mended["id"]), "--content", edit[mended["id"]], "--replay")
    assert done["counts"]["replayed"] == 1, done
    assert stream.bw.run("dlq", "edit", str(waiting["id"]), "--content", edit[waiting["id"]]).returncode == 0
    before = everything(stream)
    done = stream.bw.run("sync", "changes.events", "--full")
    assert done.returncode == 0, done.stdout + done.stderr
    letters = stream.bw.json("dlq", "list", "--any-state")["dead_letters"]
    assert [(l["state"], l["attempts"], l["content"]) for l in letters] == \
        [("replayed", 2, edit[mended["id"]]), ("open", 2, edit[waiting["id"]])], letters
    assert everything(stream) == before


def test_a_conflict_is_decided():
    directory = TempDir()
    stream = Stream(directory, ", kind: customer, conflict: {strategy: manual}")
    stream.publish([event(2, "n", NOW_MS + 500, data={"v": 2})])
    stream.drain()
    stream.publish([event(1, "n", NOW_MS, data={"v": 1}), event(3, "n", NOW_MS, data={"v": 3})])
    stream.drain()
    first, second = stream.bw.letters()
    assert first["reason"] == "CONFLICT" and json.loads(first["attributes"]["bw-stored"]) == {"v": 2}, first
    preview, = stream.bw.json("dlq", "replay", str(first["id"]), "--dry-run")["letters"]
    assert preview["outcome"] == "applied" and preview["before"] == {"v": 2} and preview["after"] == {"v": 1}, preview
    # An edited one is the operator's word as well.
    edited = json.loads(second["content"])
    edited["data"] = {"v": 33}
    done = stream.bw.json("dlq", "edit", str(second["id"]), "--content", json.dumps(edited), "--replay")
    assert done["counts"]["replayed"] == 1, done
    assert fields_of(stream.entities("customer")["n"]) == {"v": 33}


def kill_replay(stream, point, nth):
    process = stream.bw.start("dlq", "replay", "--all", program=CRASHING, env={"BW_CRASH_AT": "%s:%d" % (point, nth)},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process.wait(timeout=120) == -signal.SIGKILL


def test_killed_in_the_middle():
    rng = random.Random(4)
    directory = TempDir()
    n = 1200
    stream = letters_of_events(directory, [event(i, "n%d" % (i % 300)) for i in range(n)])
    points = ["replay_group_before", "replay_group_after", "events_resolve_after", "store_batch_loaded_after",
              "store_batch_commit_before", "store_batch_commit_after"]
    for point in points:
        assert kill_replay(stream, point, 1), "%s was not reached" % point
        raw_once(stream)
    for _ in range(2):
        process = stream.bw.start("dlq", "replay", "--all", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=0.1 + rng.random())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    stream.bw.run("dlq", "replay", "--all")  # all that is open; what a dead one left is open again now
    left = states(stream)
    assert left["replayed"] + left["superseded"] == n and set(left) <= {"replayed", "superseded"}, left
    assert len(raw_once(stream)) == n
    assert {k: fields_of(v)["v"] for k, v in stream.entities("customer").items()} == \
        {"n%d" % k: n - 300 + k for k in range(300)}
    assert stream.bw.run("audit", "verify").returncode == 0


def test_large_letters_are_few_at_a_time():
    """Groups are bounded by what they hold, not only by how many they are: three of 5 MB are three."""
    stream = Stream(TempDir(), ", max_dead_letters: -1")
    for i in range(3):
        stream.publish([event(i, data={"v": "x" * 5000000})])
    stream.publish([event(i) for i in range(3, 13)])
    stream.drain()
    small = [str(l["id"]) for l in stream.bw.letters() if len(l["content"]) < 1000]
    assert len(small) == 10 and len(stream.bw.letters()) == 13
    for ids, groups in ((small, 1), (["--all"], 3)):
        for nth in (groups, groups + 1):
            done = stream.bw.run("dlq", "replay", *ids, program=CRASHING,
                                 env={"BW_CRASH_AT": "replay_group_before:%d" % nth})
            assert (done.returncode == -signal.SIGKILL) == (nth == groups), (ids, nth, done.stdout, done.stderr)
    dry = stream.bw.json("dlq", "replay", "--all", "--dry-run")
    assert dry["counts"]["refused"] == 13, dry["counts"]


def test_cancel_and_progress():
    directory = TempDir()
    stream = letters_of_events(directory, [event(i) for i in range(300)])
    engine = stream.bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("the engine", lambda: stream.bw.json("status")["engine"]["state"] == "running")
    terminal, stderr = os.openpty()  # where the progress is shown
    with subprocess.Popen(stream.bw.argv("dlq", "replay", "--all", "--rate", "20", "--json"), env=stream.bw.env(),
                          stdout=subprocess.PIPE, stderr=stderr, text=True, stdin=subprocess.DEVNULL) as replay:
        wait_for("some to land", lambda: states(stream)["replayed"] >= 20)
        cancel = stream.bw.run("dlq", "cancel")
        assert cancel.returncode == 0 and "rest stays open" in cancel.stdout, cancel.stdout + cancel.stderr
        out = json.loads(replay.stdout.read())
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    os.close(stderr)
    assert "replaying: 20 of 300 dead letters" in shown and shown.endswith("\r\x1b[K"), repr(shown)
    counts = out["counts"]
    assert 20 <= counts["replayed"] < 300 and counts["open"] == 300 - counts["replayed"], counts
    assert not out["ok"] and "cancelled" in out["message"], out
    assert states(stream) == {"replayed": counts["replayed"], "open": counts["open"]}
    assert {l["attempts"] for l in stream.bw.letters()} == {1}, "letters that were not begun were counted"
    engine.terminate()
    engine.wait()
    # Another process's engine that is read-only says whose setting that is.
    engine = stream.bw.start("run", "--read-only", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("the engine", lambda: stream.bw.json("status")["engine"]["state"] == "running")
    refused = stream.bw.run("dlq", "replay", "--all")
    assert refused.returncode == 1 and str(engine.pid) in refused.stderr and "not this command's" in refused.stderr, refused.stderr
    engine.terminate()
    engine.wait()


def test_publish_again():
    directory = TempDir()
    stream = letters_of_events(directory, [event(i) for i in range(5)])
    stream.create("subscriptions/others", {"topic": stream.full("topics/" + stream.name)})
    for point in ("replay_publish_before", "replay_publish_after"):
        killed = stream.bw.run("dlq", "replay", "--all", "--publish", "--yes", program=CRASHING,
                               env={"BW_CRASH_AT": point + ":1"})
        assert killed.returncode == -signal.SIGKILL, point
    told = stream.pull_all("others")
    assert len(told) == 5, "killed before publishing, then after: once each"
    stream.bw.run("run", "--once", "no.such")  # opens the store: what a dead engine replayed is open
    asked = stream.bw.run("dlq", "replay", "--all", "--publish")
    assert asked.returncode == 2 and "others" in asked.stderr and "--yes" in asked.stderr, asked.stderr
    assert not stream.pull_all("others")
    done = stream.bw.json("dlq", "replay", "--all", "--publish", "--yes")
    assert done["counts"]["replayed"] == 5, done
    told = stream.pull_all("others")
    assert len(told) == 5 and all(a["bw-event-id"] for a, _ in told), told
    assert all(not k.startswith("bw-") or k == "bw-event-id" for a, _ in told for k in a), told
    audit = stream.bw.json("audit")["audit"]
    assert [e for e in audit if e["action"] == "publish" and len(e["detail"]["letters"]) == 5], audit[:3]
    stream.drain()
    assert len(stream.entities("customer")) == 5 and len(raw_once(stream)) == 5


def answered(stream, answer, *args):
    """A dlq command on a terminal, where it is answered."""
    terminal, stdin = os.openpty()
    os.write(terminal, answer.encode())
    done = subprocess.run(stream.bw.argv("dlq", *args), stdin=stdin, env=stream.bw.env(), capture_output=True, text=True)
    os.close(terminal)
    os.close(stdin)
    return done


def test_discard_asks():
    directory = TempDir()
    stream = Stream(directory)
    stream.publish([b"x", b"y"])
    stream.drain()
    refused = stream.bw.run("dlq", "discard", "--all")
    assert refused.returncode == 2 and "--yes" in refused.stderr and len(stream.bw.letters()) == 2, refused.stderr
    for answer, left in (("n\n", 2), ("y\n", 0)):
        done = answered(stream, answer, "discard", "--all")
        assert "Discard 2 dead letters?" in done.stderr and len(stream.bw.letters()) == left, done
    # Over ten, named one by one or not, a y is too quick: how many there are is typed.
    stream.publish([b"z%d" % i for i in range(12)])
    stream.drain()
    ids = [str(l["id"]) for l in stream.bw.letters()]
    refused = stream.bw.run("dlq", "discard", *ids)
    assert refused.returncode == 2 and "--yes" in refused.stderr, refused.stderr
    for chosen in (["--all"], ids):
        for answer in ("y\n", "1\n", "\n"):
            done = answered(stream, answer, "discard", *chosen)
            assert done.returncode == 1 and "Type 12 to discard" in done.stderr and "nothing was done" in done.stderr, done
    done = answered(stream, "y\n", "replay", "--all", "--publish")
    assert done.returncode == 1 and "Type 12 to publish" in done.stderr, done
    assert len(stream.bw.letters()) == 12
    assert stream.bw.run("dlq", "discard", ids[0]).returncode == 0 and len(stream.bw.letters()) == 11
    done = answered(stream, "11\n", "discard", "--all")
    assert done.returncode == 0 and not stream.bw.letters(), done
    # Their state is a column where others than open ones are listed.
    text = stream.bw.run("dlq", "list", "--any-state").stdout.splitlines()
    at = text[0].index("STATE")
    assert len(text) == 15 and {line[at:].split()[0] for line in text[1:]} == {"discarded"}, text
    assert stream.bw.run("dlq", "list").stdout == "no open dead letters\n"
    stream.publish([b"z"])
    stream.drain()
    assert "STATE" not in stream.bw.run("dlq", "list").stdout
    assert stream.bw.run("dlq", "discard", "--all", "--yes").returncode == 0 and not stream.bw.letters()


def test_bad_messages():
    directory = TempDir()
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    cases = [(b"not json", "JSON_INVALID"), (b"", None), (b'{"operation":"update","data":{}}', "BAD_MESSAGE"),
             (b'{"kind":"customer","entity_id":"p","operation":"frobnicate","data":{}}', "BAD_MESSAGE"),
             (b'{"kind":"customer","entity_id":"p","operation":"update","data":{"a":1},"timestamp":"2199-01-01T00:00:00Z"}', None),
             (b'{"kind":"customer","entity_id":"p","operation":"update","data":{"a":"' + b"x" * 9_900_000 + b'"}}', None),
             (b'{"kind":"customer","entity_id":"\xff\xfe","operation":"update","data":{}}', None),
             (b'{"kind":"customer","entity_id":"p","operation":"update","data":' + deep + b"}", None),
             (b'{"kind":"customer","entity_id":"p","operation":"update","data":{"a":1,"a":2}}', None),
             (b'{"kind":"customer","entity_id":"\x1b]0;pwned\x07\x1b[2J","operation":"\x1b[31mred","data":{}}', None)]
    stream = Stream(directory)
    stream.publish([(c, {"n": str(i), "esc": "\x1b[2J\u202e"}) for i, (c, _) in enumerate(cases)])
    stream.drain()
    letters = {int(l["attributes"]["n"]): l for l in stream.bw.letters()}
    assert sorted(letters) == list(range(len(cases))), sorted(letters)
    for i, (content, reason) in enumerate(cases):
        l = letters[i]
        assert l["reason"] not in ("PROCESSING", "UNDELIVERED") and l["detail"], l["reason"]
        assert reason in (None, l["reason"]), l
        got = base64.b64decode(l["content_base64"]) if l["content"] is None else l["content"].encode()
        assert got == content, "the content of case %d is not what was published" % i
    text = stream.bw.run("dlq", "list").stdout + stream.bw.run("dlq", "show", str(letters[9]["id"])).stdout
    assert "\x1b" not in text and "\u202e" not in text
    assert not stream.entities("customer")


def test_decisions_are_audited():
    directory = TempDir()
    stream = Stream(directory, ", kind: customer")
    stream.publish([event(1, "n", NOW_MS + 500, data={"a": 1}), event(2, "n", NOW_MS, data={"a": 2, "b": 2})])
    stream.drain()
    stream.publish([event(3, "m", NOW_MS), event(2, "n", NOW_MS, data={"a": 2, "b": 2})])  # once more
    stream.drain()
    audit = stream.bw.json("audit")["audit"]
    merged, = [e for e in audit if e["action"] == "merged"]
    assert merged["subject"] == "e000002" and merged["who"] == "engine", merged
    assert (merged["detail"]["version_before"], merged["detail"]["version"]) == (1, 2), merged
    assert merged["detail"]["stored_time"] > merged["detail"]["event_time"], merged
    counts, = [e for e in audit if e["action"] == "events"]
    assert counts["subject"] == "changes.events" and counts["detail"] == \
        {"applied": 1, "merged": 1, "ignored": 0, "deleted": 0, "manual": 0}, counts
    stream.publish([dict(event(4, "m", NOW_MS + 100), operation="delete", data=None)])
    stream.drain()
    delete, = [e for e in stream.bw.json("audit")["audit"] if e["action"] == "delete"]
    assert delete["subject"] == "e000004", delete
    assert stream.bw.run("audit", "verify").returncode == 0


def peak_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


def test_a_dead_letter_subscription_is_drained():
    directory = TempDir()
    stream = Stream(directory, ", dead_letter_subscription: dead, kind: customer")
    stream.create("topics/dead", {})
    stream.create("subscriptions/dead", {"topic": stream.full("topics/dead"), "ackDeadlineSeconds": 60})
    stream.publish([(event(i), {"CloudPubSubDeadLetterSourceDeliveryCount": "5",
                                "CloudPubSubDeadLetterSourceSubscription": "events"}) for i in range(MANY)], topic="dead")
    engine = stream.bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    count = lambda: stream.bw.json("status")["dead_letters"]["open"]
    wait_for("the letters", lambda: count() == MANY, 1200 if SOAK else 60, 0.2)
    wait_for("the acknowledgement", lambda: stream.backlog("dead") == 0)
    wait_for("the remote depth", lambda: stream.bw.json("status")["dead_letters"]["remote"] == 0)
    assert peak_kb(engine.pid) < 150 * 1024 * MEMORY, "the engine took %d MB" % (peak_kb(engine.pid) // 1024)
    done = stream.bw.json("dlq", "replay", "--all", "--limit", "700", seconds=1200)
    assert done["counts"] == {"replayed": 700, "refused": 0, "gone": 0, "open": 0}, done["counts"]
    engine.terminate()
    engine.wait()
    assert len(raw_once(stream)) == 700


class Screen:
    """The console upon a stream, in a terminal."""

    def __init__(self, stream, env=None):
        self.console = Console(120, 30, env=env)
        self.console.start("%s -c %s" % (PROGRAM, stream.bw.config), "SYNC ")
        self.console.wait(lambda t: stream.name in t, "the sync")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.console.pid_of("bridgewatch"), signal.SIGKILL)
        self.console.__exit__()

    def say(self, line):
        self.console.keys(":")
        self.console.wait(lambda t: t.rstrip().split("\n")[-1].startswith(":"), "the command line")
        self.console.type(line)
        self.console.keys("Enter")

    def latency(self, key, wanted):
        began = time.monotonic()
        self.console.keys(key)
        self.console.wait(lambda t: wanted in t, wanted)
        return time.monotonic() - began

    def overhead(self):
        began = time.monotonic()
        self.console.keys("F9")
        self.console.screen()
        return time.monotonic() - began

    def check_latency(self, keys, count=10):
        """The cursor goes to and fro between two rows: (key, what then is selected)."""
        worst = []
        for i in range(count):
            cost = min(self.overhead() for _ in range(3))
            worst.append(self.latency(*keys[i % 2]) - cost)
        worst.sort()
        assert worst[len(worst) // 2] <= LATENCY, worst


def test_the_console_with_many_letters():
    directory = TempDir()
    stream = Stream(directory, ", dead_letter_subscription: dead, kind: customer")
    stream.create("topics/dead", {})
    stream.create("subscriptions/dead", {"topic": stream.full("topics/dead"), "ackDeadlineSeconds": 60})
    stream.publish([(event(i), {"CloudPubSubDeadLetterSourceDeliveryCount": "5"}) for i in range(MANY)], topic="dead")
    edit = "sed -i s/\\\"v\\\":.0/\\\"v\\\":4711/"
    with Screen(stream, env={"EDITOR": edit}) as s:
        s.console.wait_for("DLQ %d" % MANY, 300 if SOAK else 60)
        s.say("dlq")
        s.console.wait_for("UNDELIVERED")
        s.console.keys("Enter")
        s.console.wait_for("1 to 5000 of %d" % MANY)
        s.check_latency([("j", 'customer/n1"}  delivered'), ("k", 'customer/n0"}  delivered')])
        s.console.keys("End")  # the end of the window, then of the list
        s.console.keys("End")
        s.console.wait_for("of %d" % MANY)
        s.console.wait_for('customer/n%d"}  delivered' % (MANY - 1))
        s.console.keys("Home", "Home")
        s.console.wait_for('customer/n0"}  delivered')
        # A word of the filter finds what is not in the window; each key is answered at once.
        word = "n%d" % (MANY - 3)
        s.console.keys("/")
        s.console.wait(lambda t: t.rstrip().split("\n")[-1].startswith("/"), "the filter")
        typed, worst = "", []
        for c in word:
            typed += c
            cost = min(s.overhead() for _ in range(3))
            worst.append(s.latency(c, "/" + typed) - cost)
        worst.sort()
        assert worst[len(worst) // 2] <= LATENCY, worst
        s.console.keys("Enter")
        s.console.wait_for('customer/%s"}  delivered' % word)
        s.console.keys("Escape")
        s.console.wait_for("1 to 5000 of %d" % MANY)
        # One letter: edited in an editor that has the terminal meanwhile, and what replaying would do.
        s.console.keys("Home", "Home")
        s.console.wait_for('customer/n0"}  delivered')
        s.console.keys("e")
        s.console.wait_for("edited")
        s.console.keys("p")
        s.console.wait_for("applied")
        s.console.wait_for('+ "v": 4711')
        s.console.keys("Escape")
        s.console.wait_for("1 to 5000 of %d" % MANY)
        # All of them replayed while the keys are answered.
        s.console.keys("Escape")
        s.console.wait_for("COUNT")
        s.console.keys("r")
        s.console.wait_for("Type %d" % MANY)
        s.console.type(str(MANY))
        s.console.keys("Enter")
        s.console.wait_for("replaying: ")
        s.say("syncs")
        s.console.wait_for("▸ changes")
        s.say("audit")
        s.console.wait_for("replay")
        worst = []
        for i in range(10):
            cost = min(s.overhead() for _ in range(3))
            began = time.monotonic()
            s.console.keys("/")
            s.console.wait(lambda t: t.rstrip().split("\n")[-1].startswith("/"), "the filter")
            worst.append(time.monotonic() - began - cost)
            s.console.keys("C-g" if i % 2 else "Escape")
            s.console.wait(lambda t: not t.rstrip().split("\n")[-1].startswith("/"), "the end of the filter")
        worst.sort()
        assert worst[len(worst) // 2] <= LATENCY, worst
        s.console.wait_for("%d of %d replayed" % (MANY, MANY), 600 if SOAK else 90)
        s.console.keys("V")
        s.console.wait_for("verified: each fits")
        peak = peak_kb(s.console.pid_of("bridgewatch"))
        assert peak < 300 * 1024 * MEMORY, "the console took %d MB" % (peak // 1024)
    assert len(raw_once(stream)) == MANY


if __name__ == "__main__":
    import harness
    harness.run_tests(sys.modules[__name__])
