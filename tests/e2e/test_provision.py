"""`provision`: what it makes, that it makes it once, and what it leaves alone."""
import json
import os
import pty
import re
import select
import subprocess
import sys

import harness
from harness import Bridgewatch, Postgres, Sandbox, TempDir, wait_for
from stream import Stream, event_time

GOLDEN = os.path.join(harness.SOURCE, "tests", "e2e", "provision.tf")
READS = re.compile(r"\.(get|list)$")
FULL = ("topic: orders-events, ack_deadline: 30s, external_events: true, targets: [orders_copy], "
        "dead_letter_topic: orders-dead, dead_letter_subscription: orders-dead")
AUDIT = "audit: {subscription: orders-audit}"


def program(sandbox, settings, extra="", name="bw", directory=None):
    comma = ", " if settings else ""
    return Bridgewatch(directory or TempDir(), sandbox.url, {"changes": "{type: pubsub}"},
                       ["{source: changes, table: orders, target: orders%s%s}" % (comma, settings)], name=name, extra=extra)


def full(path):
    return "projects/demo/" + path


def resource(sandbox, path):
    return sandbox.call("GET", "/v1/" + full(path))


def create(sandbox, path, body):
    return sandbox.call("PUT", "/v1/" + full(path), body)


def names(sandbox, collection):
    return sorted(r["name"].split("/")[-1] for r in sandbox.call("GET", "/v1/" + full(collection)).get(collection, []))


def plan(bw, *args, code=0):
    """The document of --format json, its resources by kind and short name."""
    done = bw.run("provision", "--format", "json", *args)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    doc = json.loads(done.stdout)
    assert doc["ok"] == (code == 0), doc
    return {(r["kind"], r["name"].split("/")[-1].split(".")[-1]): r for r in doc["resources"]}


def actions(resources):
    return {key: r["action"] for key, r in resources.items()}


def asked(sandbox, act):
    """The methods of what act() made the sandbox receive."""
    sandbox.call("DELETE", "/sandbox/requests")
    result = act()
    return result, [r["method"] for r in sandbox.call("GET", "/sandbox/requests")["requests"] if not r["method"].startswith("sandbox.")]


def test_made_once():
    sandbox = Sandbox()
    bw = program(sandbox, FULL, AUDIT)
    shown, methods = asked(sandbox, lambda: plan(bw, "--dry-run", "--dashboard"))
    assert all(READS.search(m) for m in methods), methods
    assert shown[("dataset", "analytics")]["action"] == "unchanged"
    assert {a for k, a in actions(shown).items() if k[0] != "dataset"} == {"create"} and len(shown) == 15, actions(shown)
    assert names(sandbox, "topics") == [] and sandbox.tables() == []

    made = plan(bw, "--dashboard")
    assert actions(made) == actions(shown)
    assert all(r["done"] for r in made.values() if r["action"] == "create"), made
    assert names(sandbox, "topics") == ["external-sync-" + o for o in ("create", "delete", "patch", "update", "upsert")] + \
        ["orders-dead", "orders-events"]
    assert names(sandbox, "subscriptions") == ["orders", "orders-audit", "orders-dead"]
    assert sandbox.tables() == ["orders", "orders_copy", "orders_raw"]
    orders = resource(sandbox, "subscriptions/orders")
    assert orders["topic"] == full("topics/orders-events") and orders["ackDeadlineSeconds"] == 30
    assert orders["retainAckedMessages"] and orders["messageRetentionDuration"] == "604800s"
    assert orders["deadLetterPolicy"] == {"deadLetterTopic": full("topics/orders-dead"), "maxDeliveryAttempts": 100}
    assert orders["expirationPolicy"] == {} and orders["labels"] == {"managed-by": "bridgewatch"}
    dead = resource(sandbox, "subscriptions/orders-dead")
    assert dead["topic"] == full("topics/orders-dead") and dead["messageRetentionDuration"] == "2678400s"
    assert resource(sandbox, "subscriptions/orders-audit")["topic"] == full("topics/orders-events")

    trail = bw.json("audit")
    assert {e["subject"] for e in trail["audit"] if e["action"] == "provision"} == \
        {r["name"] for r in made.values() if r["action"] == "create"}, trail

    again, methods = asked(sandbox, lambda: plan(bw, "--dashboard"))
    assert set(actions(again).values()) == {"unchanged"}, actions(again)
    assert methods and all(READS.search(m) for m in methods), methods


def test_what_differs_is_updated():
    sandbox = Sandbox()
    bw = program(sandbox, FULL)
    plan(bw)
    mine = {"subscription": {"labels": {"managed-by": "bridgewatch", "team": "red"}}, "updateMask": "labels"}
    sandbox.call("PATCH", "/v1/" + full("subscriptions/orders"), mine)
    bw = program(sandbox, FULL.replace("30s", "2m") + ", retention: 1d, retain_acked: false, max_delivery_attempts: 7",
                 directory=bw.directory)
    shown = bw.run("provision", "--dry-run").stdout
    for line in ("ack_deadline: 30s -> 2m", "retention: 7d -> 1d", "retain_acked: true -> false", "max_delivery_attempts: 100 -> 7"):
        assert line in shown, (line, shown)
    assert "will be dropped" in shown and "update: 1" in shown, shown
    done, methods = asked(sandbox, lambda: bw.run("provision"))  # what drops messages is asked for
    assert done.returncode == 2 and "messages would be dropped" in done.stderr and all(READS.search(m) for m in methods), done
    assert at_terminal(bw, "no")[0] == 1 and resource(sandbox, "subscriptions/orders")["ackDeadlineSeconds"] == 30
    changed, methods = asked(sandbox, lambda: plan(bw, "--yes"))
    assert [m for m in methods if not READS.search(m)] == ["pubsub.projects.subscriptions.patch"], methods
    assert changed[("subscription", "orders")]["action"] == "update" and changed[("subscription", "orders")]["done"]
    orders = resource(sandbox, "subscriptions/orders")
    assert orders["ackDeadlineSeconds"] == 120 and orders["messageRetentionDuration"] == "86400s"
    assert "retainAckedMessages" not in orders and orders["labels"]["team"] == "red"
    assert orders["deadLetterPolicy"] == {"deadLetterTopic": full("topics/orders-dead"), "maxDeliveryAttempts": 7}
    assert actions(plan(bw))[("subscription", "orders")] == "unchanged"


def test_what_is_not_stated_is_left_alone():
    sandbox = Sandbox()
    create(sandbox, "topics/orders-events", {"labels": {"team": "red"}})
    create(sandbox, "topics/dead", {})
    theirs = {"topic": full("topics/orders-events"), "ackDeadlineSeconds": 77, "messageRetentionDuration": "1200s",
              "deadLetterPolicy": {"deadLetterTopic": full("topics/dead"), "maxDeliveryAttempts": 9}}
    before = create(sandbox, "subscriptions/orders", theirs)
    bw = program(sandbox, "topic: orders-events, dead_letter_topic: dead, dead_letter_subscription: dead")
    made = actions(plan(bw))
    assert made[("subscription", "orders")] == made[("topic", "orders-events")] == made[("topic", "dead")] == "unchanged"
    assert made[("subscription", "dead")] == "create"
    assert resource(sandbox, "subscriptions/orders") == before
    assert resource(sandbox, "topics/orders-events")["labels"] == {"team": "red"}
    # Without a topic what is there is used, too; what is not there cannot be made.
    assert actions(plan(program(sandbox, "", directory=bw.directory)))[("subscription", "orders")] == "unchanged"
    missing = plan(program(sandbox, "", AUDIT, directory=bw.directory), code=1)[("subscription", "orders-audit")]
    assert missing["action"] == "unknown" and "audit.topic" in missing["hint"], missing


def test_what_is_fixed_is_a_conflict():
    sandbox = Sandbox()
    create(sandbox, "topics/other", {})
    create(sandbox, "subscriptions/orders", {"topic": full("topics/other")})
    bw = program(sandbox, FULL + ", ordering: true")
    done, methods = asked(sandbox, lambda: bw.run("provision"))
    assert done.returncode == 1 and "conflict   subscription  projects/demo/subscriptions/orders\n" in done.stdout, done.stdout
    assert "topic: projects/demo/topics/other -> projects/demo/topics/orders-events" in done.stdout, done.stdout
    assert "ordering: false -> true" in done.stdout and "HINT: Name another subscription" in done.stdout, done.stdout
    assert "pubsub.projects.subscriptions.patch" not in methods, methods
    assert resource(sandbox, "subscriptions/orders")["topic"] == full("topics/other")
    assert "orders-events" in names(sandbox, "topics")  # the rest went on


def test_dashboard():
    sandbox = Sandbox()
    bw = program(sandbox, FULL)
    path = "dashboards/bridgewatch-analytics"
    assert ("dashboard", "bridgewatch-analytics") not in plan(bw)  # only when asked for
    plan(bw, "--dashboard")
    made = resource(sandbox, path)
    filters = [t["widget"]["xyChart"]["dataSets"][0]["timeSeriesQuery"]["timeSeriesFilter"]["filter"]
               for t in made["mosaicLayout"]["tiles"]]
    for metric in ("lag", "freshness", "dead_letters", "rows", "errors"):
        assert any("custom.googleapis.com/bridgewatch/%s\"" % metric in f for f in filters), (metric, filters)
    assert any("num_undelivered_messages" in f and "orders-dead" in f for f in filters), filters
    places = {(t.get("xPos", 0), t.get("yPos", 0)) for t in made["mosaicLayout"]["tiles"]}
    assert len(places) == len(filters) == 7, places
    sandbox.call("PATCH", "/v1/" + full(path), dict(made, displayName="mine"))
    changed = plan(bw, "--dashboard")[("dashboard", "bridgewatch-analytics")]
    assert changed["action"] == "update" and [c["field"] for c in changed["changes"]] == ["displayName"], changed
    assert resource(sandbox, path)["displayName"] == "bridgewatch"
    # Somebody else's is not overwritten.
    sandbox.call("DELETE", "/v1/" + full(path))
    sandbox.call("POST", "/v1/" + full("dashboards"), {"name": full(path), "displayName": "theirs", "gridLayout": {"columns": "2"}})
    assert plan(bw, "--dashboard", code=1)[("dashboard", "bridgewatch-analytics")]["action"] == "conflict"
    assert resource(sandbox, path)["displayName"] == "theirs"


def at_terminal(bw, answer, *args, meanwhile=lambda: None):
    """The command on a terminal of its own, and what it says when `answer` is typed; `meanwhile` is
    what others do before."""
    master, slave = pty.openpty()
    process = harness.spawn(bw.argv("provision", *args), env=bw.env(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = b""

    def read():
        nonlocal said
        if select.select([master], [], [], 0)[0]:
            try:
                said += os.read(master, 65536)
            except OSError:
                pass
        return said
    wait_for("the question", lambda: b"Type " in read() or process.poll() is not None)
    meanwhile()
    os.write(master, answer.encode() + b"\n")

    def ended():
        read()
        return process.poll() is not None
    wait_for("the end", ended)
    read()
    os.close(master)
    return process.returncode, said.decode()


def test_destroy():
    sandbox = Sandbox()
    bw = program(sandbox, FULL, AUDIT + "\nenvironment: {label: PROD}")
    create(sandbox, "topics/orders-dead", {})  # not ours
    plan(bw, "--dashboard")
    create(sandbox, "subscriptions/theirs", {"topic": full("topics/external-sync-create")})
    tables = sandbox.tables()

    sandbox.call("POST", "/v1/" + full("topics/orders-events:publish"), {"messages": [{"data": "YQ=="}, {"data": "Yg=="}]})
    done, methods = asked(sandbox, lambda: bw.run("provision", "--destroy"))
    assert done.stdout.count("it held 2 messages") == 2 and done.stdout.count("it held 0 messages") == 1, done.stdout
    assert done.returncode == 2 and "--yes" in done.stderr and all(READS.search(m) for m in methods), (done.stderr, methods)
    assert bw.run("provision", "--destroy", "--yes", "--read-only").returncode == 1
    code, said = at_terminal(bw, "demo", "--destroy")
    assert code == 1 and "Type PROD to delete" in said and "nothing was deleted" in said, (code, said)
    assert len(names(sandbox, "subscriptions")) == 4

    # What changes while the question stands is looked at once more.
    code, said = at_terminal(bw, "PROD", "--destroy", meanwhile=lambda: create(
        sandbox, "subscriptions/late", {"topic": full("topics/external-sync-update")}))
    assert code == 1 and "subscriptions/late is subscribed to it and stays" in said, (code, said)
    assert names(sandbox, "topics") == ["external-sync-create", "external-sync-update", "orders-dead"]
    sandbox.call("DELETE", "/v1/" + full("subscriptions/late"))
    plan(bw, "--dashboard")

    code, said = at_terminal(bw, "PROD", "--destroy")
    assert code == 0 and "deleted  subscription  projects/demo/subscriptions/orders\r\n" in said, (code, said)
    assert "subscriptions/theirs is subscribed to it and stays" in said and "it was not made by provision" in said, said
    assert names(sandbox, "topics") == ["external-sync-create", "orders-dead"], names(sandbox, "topics")
    assert names(sandbox, "subscriptions") == ["theirs"]
    assert "dashboards" not in str(sandbox.call("GET", "/v1/" + full("dashboards")).get("dashboards") or "")
    assert sandbox.tables() == tables  # never without being told

    # Another store's tables stay; ours go; the dataset stays.
    theirs = sandbox.table("orders_copy")
    sandbox.call("PATCH", "/bigquery/v2/projects/demo/datasets/analytics/tables/orders_copy",
                 {"labels": {"bw_owner": "0" * 8}, "etag": theirs["etag"]})
    gone = actions(plan(bw, "--destroy", "--tables", "--yes"))
    assert gone[("table", "orders")] == gone[("table", "orders_raw")] == "delete", gone
    assert gone[("table", "orders_copy")] == gone[("dataset", "analytics")] == "keep", gone
    assert sandbox.tables() == ["orders_copy"]


def test_refused():
    sandbox = Sandbox()
    bw = program(sandbox, FULL)
    done = bw.run("provision", "--read-only")
    assert done.returncode == 1 and "read-only, by --read-only" in done.stderr and names(sandbox, "topics") == []
    assert bw.run("provision", "--read-only", "--dry-run").returncode == 0
    done = bw.run("provision", "--tables", "--format", "json")
    assert done.returncode == 2 and "--destroy" in json.loads(done.stdout)["error"]["message"], done
    assert bw.run("provision", "--destroy", "--format", "terraform").returncode == 2
    engine = bw.start("run", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = wait_for("the engine", lambda: (lambda d: d if "an engine runs" in d.stderr else None)(
        bw.run("provision", "--destroy", "--yes")))
    assert done.returncode == 2
    engine.terminate()
    engine.wait()


def check_hcl(text):
    """Braces and quotes in pairs, references to what is there; no parser of HCL, but what would trip one."""
    here = re.sub(r"<<EOT\n.*?\nEOT\n", "0\n", text, flags=re.S)
    for line in here.split("\n"):
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", line.split("#")[0] if line.startswith("#") else line)
        assert '"' not in bare, line
    bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", here)
    assert bare.count("{") == bare.count("}"), "braces"
    made = {"%s.%s" % (m[1], m[2]) for m in re.finditer(r'^resource "([^"]+)" "([^"]+)" \{$', text, flags=re.M)}
    made |= {"data.%s.%s" % (m[1], m[2]) for m in re.finditer(r'^data "([^"]+)" "([^"]+)" \{$', text, flags=re.M)}
    assert len(made) == len(re.findall(r"^(?:resource|data) ", text, flags=re.M)), "a name is there twice"
    for used in re.findall(r"= ((?:data\.)?google_\w+\.[\w-]+)\.|\$\{(data\.google_\w+\.[\w-]+)\.", text):
        assert "".join(used) in made, used
    for document in re.findall(r"<<EOT\n(.*?)\nEOT\n", text, flags=re.S):
        assert "mosaicLayout" in json.loads(document)
    return made


def test_terraform():
    sandbox = Sandbox()
    filters = "'attributes.region = \"emea ${}{x} \\ %%{y}\"'".replace("${}{", "$$${") # ${ is written $${ in a configuration
    bw = program(sandbox, FULL + ", ordering: true, filter: " + filters, AUDIT + "\nlocation: EU")
    done, methods = asked(sandbox, lambda: bw.run("provision", "--format", "terraform", "--dashboard", "--read-only"))
    assert done.returncode == 0 and methods == [], (done.stderr, methods)
    made = check_hcl(done.stdout)
    assert {"google_pubsub_topic_iam_member.orders_dead_letters", "google_pubsub_subscription_iam_member.orders_dead_letters",
            "google_firestore_field.bridgewatch_event_outcomes", "google_monitoring_dashboard.bridgewatch",
            "google_bigquery_dataset.analytics", "data.google_project.demo"} <= made, made
    if os.environ.get("BW_GOLDEN"):  # to write it anew
        with open(GOLDEN, "w", encoding="utf-8") as f:
            f.write(done.stdout)
    with open(GOLDEN, encoding="utf-8") as f:
        assert done.stdout == f.read(), "differs from %s; write it anew with BW_GOLDEN=1" % GOLDEN
    assert bw.run("provision", "--format", "terraform", "--dashboard").stdout == done.stdout


def test_faults_in_the_middle():
    sandbox = Sandbox()
    bw = program(sandbox, FULL)
    # Lost answers and short outages are got over.
    sandbox.faults(["pubsub.projects.topics.create:cut-after:1:2", "pubsub.projects.subscriptions.create:503:1:1",
                    "bigquery.tables.insert:503:1:1"])
    made = plan(bw)
    assert all(r["done"] for r in made.values() if r["action"] == "create"), made
    plan(bw, "--destroy", "--tables", "--yes")
    # What is refused is one clear error, and the rest goes on.
    sandbox.faults(["pubsub.projects.topics.create:403:1:1:2"])
    done = bw.run("provision")
    assert done.returncode == 1 and done.stderr.count("bridgewatch:") == 1, done.stderr
    assert "topic projects/demo/topics/external-sync-create: cannot create the topic" in done.stderr, done.stderr
    assert len(names(sandbox, "topics")) == 6 and len(names(sandbox, "subscriptions")) == 2 and len(sandbox.tables()) == 3
    assert {k for k, a in actions(plan(bw)).items() if a == "create"} == {("topic", "external-sync-create")}
    plan(bw, "--destroy", "--tables", "--yes")
    # An outage that does not end, and an operator who gives up: the next call completes it.
    sandbox.faults(["pubsub.projects.subscriptions.create:503"])
    sandbox.call("DELETE", "/sandbox/requests")
    process = bw.start("provision", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("an attempt", lambda: [r for r in sandbox.call("GET", "/sandbox/requests")["requests"]
                                    if r["method"] == "pubsub.projects.subscriptions.create"])
    process.kill()
    process.wait()
    assert len(names(sandbox, "topics")) == 7 and names(sandbox, "subscriptions") == [] and sandbox.tables() == []
    sandbox.faults([])
    made = actions(plan(bw))
    assert made[("topic", "orders-events")] == "unchanged" and made[("subscription", "orders")] == "create", made
    assert set(actions(plan(bw)).values()) == {"unchanged"}


def test_a_source_that_does_not_answer():
    sandbox, directory = Sandbox(), TempDir()
    bw = Bridgewatch(directory, sandbox.url,
                     {"shop": "{type: postgres, host: %s, database: shop, user: tester, connect_timeout: 1s}" % directory.path,
                      "changes": "{type: pubsub}"},
                     ["{source: shop, table: public.a}", "{source: shop, table: public.b}", "{source: shop, table: \"sales.*\"}",
                      "{source: changes, table: orders, target: orders, topic: orders, dataset: fresh}"])
    made = plan(bw, code=1)
    for table in ("a", "b"):
        assert made[("table", table)]["action"] == "unknown" and "source does not answer" in made[("table", table)]["note"], made
    assert made[("table", "orders")]["done"] and made[("dataset", "fresh")]["done"], made
    assert len([r for r in made.values() if r["action"] == "unknown"]) == 3, made


def test_tables_are_those_of_the_run():
    sandbox, directory = Sandbox(), TempDir()
    shop = Postgres(directory)
    shop.sql("CREATE DATABASE shop", "postgres")
    shop.sql("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2), updated_at timestamptz NOT NULL DEFAULT now());"
             "CREATE TABLE notes (id int PRIMARY KEY, body text);"
             "INSERT INTO orders(id, total) VALUES (1, 2.50); INSERT INTO notes VALUES (1, 'x')")
    bw = Bridgewatch(directory, sandbox.url, {"shop": shop.source()},
                     ["{source: shop, table: public.orders, raw: true, dataset: fresh}", "{source: shop, table: \"public.n*\"}"])
    made = plan(bw)
    assert actions(made) == {("dataset", "fresh"): "create", ("table", "orders"): "create", ("table", "orders_raw"): "create",
                             ("dataset", "analytics"): "unchanged", ("table", "notes"): "create"}, actions(made)
    again, methods = asked(sandbox, lambda: plan(bw))
    assert set(actions(again).values()) == {"unchanged"} and all(READS.search(m) for m in methods), (again, methods)
    sandbox.call("DELETE", "/sandbox/requests")
    assert {r["state"] for r in bw.once().values()} == {"ok"}
    methods = [r["method"] for r in sandbox.call("GET", "/sandbox/requests")["requests"]]
    assert "bigquery.tables.patch" not in methods and "bigquery.datasets.insert" not in methods, methods
    assert [r["body"] for r in sandbox.rows("notes")] == ["x"]
    shop.sql("ALTER TABLE notes ADD more int")
    changed = plan(bw)[("table", "notes")]
    assert changed["action"] == "update" and changed["changes"][0]["field"] == "column more", changed
    shop.sql("ALTER TABLE notes DROP body; ALTER TABLE notes ADD body bytea")
    assert plan(bw, code=1)[("table", "notes")]["action"] == "conflict"
    shop.stop()


def test_events_run_on_what_was_made():
    sandbox, directory = Sandbox(), TempDir()
    bw = program(sandbox, FULL, AUDIT, directory=directory)
    done = bw.run("provision")
    assert done.returncode == 0, (done.stdout, done.stderr)
    create(sandbox, "subscriptions/told", {"topic": full("topics/external-sync-create")})
    stream = Stream(directory, name="unused", sandbox=sandbox)
    good = {"event_id": "e1", "kind": "customer", "entity_id": "n1", "operation": "create", "data": {"a": 1},
            "timestamp": event_time(1700000000000), "source": "test"}
    stream.publish([good], topic="orders-events")
    stream.publish([(dict(good, event_id="e2", entity_id="n2"), {"CloudPubSubDeadLetterSourceSubscription": "orders",
                                                                "CloudPubSubDeadLetterSourceDeliveryCount": "100"})], topic="orders-dead")

    def settled():
        result = bw.once()["changes.orders"]
        assert result["state"] == "ok", result
        return sandbox.rows("orders") and bw.letters()
    letters = wait_for("the event and the dead letter", settled, 60, pause=0.2)
    assert [json.loads(r["data"]) for r in sandbox.rows("orders")] == [{"a": 1}] == [json.loads(r["data"]) for r in sandbox.rows("orders_copy")]
    assert [letter["reason"] for letter in letters] == ["UNDELIVERED"], letters
    (attributes, _), = stream.pull_all("told")
    assert attributes["bw-event-id"] == "e1", attributes
    trail = bw.run("audit", "--json").stdout
    assert '"e1"' in trail, trail
    assert bw.run("audit", "verify").returncode == 0


if __name__ == "__main__":
    harness.run_tests(sys.modules[__name__])
