#!/usr/bin/env python3
"""What happens when a table is not what it was, and when BigQuery refuses what the engine sent: columns
come, go, loosen and change their type; a row that is refused is set apart and the rest lands."""
import json
import sys

from harness import Bridgewatch, Postgres, Sandbox, TempDir, run_tests

OWN = ["_bw_version", "_bw_hash", "_bw_synced_at", "_bw_deleted"]


class World:
    def __init__(self):
        self.dir = TempDir()
        self.pg = Postgres(self.dir)
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.sandbox = Sandbox()


_world = None


def world():
    global _world
    _world = _world or World()
    return _world


class Table:
    """A table of five rows, its sync and a program; each in a dataset of its own."""
    count = 0

    def __init__(self, columns="name text NOT NULL", values="'n' || g", more="", extra=""):
        Table.count += 1
        self.name, self.dataset = "t%d" % Table.count, "d%d" % Table.count
        self.sql("CREATE TABLE {t} (id bigint PRIMARY KEY, %s, updated_at timestamptz NOT NULL DEFAULT now());"
                 "INSERT INTO {t} SELECT g, %s, now() - interval '1 hour' FROM generate_series(1, 5) g" % (columns, values))
        self.write(more, extra)

    def write(self, more="", extra=""):
        self.bw = Bridgewatch(world().dir, world().sandbox.url, {"shop": world().pg.source()},
                              ["{source: shop, table: public.%s, target: t, dataset: %s%s}" % (self.name, self.dataset, more)]
                              + ([extra] if extra else []), name=self.name)

    def sql(self, text):
        return world().pg.sql(text.format(t=self.name))

    def sync(self, state="ok"):
        result = self.bw.once()["shop." + self.name]
        assert result["state"] == state, result
        return result

    def fields(self):
        world().sandbox.dataset = self.dataset
        return {f["name"]: (f["type"], f.get("mode", "NULLABLE")) for f in world().sandbox.table("t")["schema"]["fields"]
                if f["name"] not in OWN}

    def rows(self, column):
        world().sandbox.dataset = self.dataset
        return {int(r["id"]): r[column] for r in world().sandbox.rows("t")}


def test_a_new_column_is_added_and_not_filled_behind_the_operators_back():
    t = Table()
    t.sync()
    t.sql("ALTER TABLE {t} ADD COLUMN size int NOT NULL DEFAULT 7")
    t.sql("UPDATE {t} SET updated_at = now() WHERE id = 2")
    t.sync()
    assert t.fields()["size"] == ("INTEGER", "NULLABLE"), t.fields()
    assert t.rows("size") == {1: None, 2: "7", 3: None, 4: None, 5: None}, t.rows("size")
    # That is said until a full resync fills it, whatever runs in between.
    t.sync()
    note = "shop.%s: column size is not filled before 20" % t.name
    assert t.bw.run("status").stdout.count(note) == 1, t.bw.run("status").stdout
    assert t.bw.run("sync", "shop." + t.name, "--full").returncode == 0
    assert set(t.rows("size").values()) == {"7"}
    assert "not filled" not in t.bw.run("status").stdout


def test_a_new_column_may_start_a_full_resync():
    t = Table(more=", schema: {add_columns: backfill}")
    t.sync()
    t.sql("ALTER TABLE {t} ADD COLUMN size int NOT NULL DEFAULT 7")
    t.sync()
    assert set(t.rows("size").values()) == {"7"}, t.rows("size")


def test_a_new_column_may_be_left_out():
    t = Table(more=", schema: {add_columns: false}")
    t.sync()
    t.sql("ALTER TABLE {t} ADD COLUMN size int NOT NULL DEFAULT 7; UPDATE {t} SET name = 'x', updated_at = now()")
    t.sync()
    assert "size" not in t.fields() and set(t.rows("name").values()) == {"x"}, t.fields()


def test_what_was_required_is_relaxed():
    t = Table()
    t.sync()
    assert t.fields()["name"] == ("STRING", "REQUIRED"), t.fields()
    t.sql("ALTER TABLE {t} ALTER name DROP NOT NULL; UPDATE {t} SET name = NULL, updated_at = now() WHERE id = 4")
    t.sync()
    assert t.fields()["name"] == ("STRING", "NULLABLE"), t.fields()
    assert t.rows("name") == {1: "n1", 2: "n2", 3: "n3", 4: None, 5: "n5"}


def test_a_dropped_column_keeps_what_it_holds():
    t = Table()
    t.sync()
    t.sql("ALTER TABLE {t} DROP COLUMN name; UPDATE {t} SET updated_at = now() WHERE id = 1;"
          "INSERT INTO {t} VALUES (6)")
    t.sync()
    names = t.rows("name")
    assert t.fields()["name"] == ("STRING", "NULLABLE") and names[6] is None, (t.fields(), names)
    assert {names[i] for i in (2, 3, 4, 5)} == {"n2", "n3", "n4", "n5"}, names


def test_another_type_stops_that_sync_only():
    t = Table("size int", "g", extra="{source: shop, table: public.other, dataset: d0}")
    world().pg.sql("CREATE TABLE other (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());"
                   "INSERT INTO other VALUES (1)")
    t.sync()
    t.sql("ALTER TABLE {t} ALTER size TYPE text USING 'x' || size; UPDATE {t} SET updated_at = now()")
    world().pg.sql("INSERT INTO other VALUES (2)")
    results = t.bw.once()
    failed = results["shop." + t.name]
    assert failed["state"] == "failed" and results["shop.other"]["state"] == "ok", results
    message = failed["error"]["message"] + failed["error"]["hint"]
    assert "column size is STRING" in message and "INT" in message and "stops" in message, message
    assert t.rows("size") == {i: str(i) for i in range(1, 6)}, "the target was touched"
    status = {s["sync"]: s for s in t.bw.json("status")["syncs"]}
    assert status["shop." + t.name]["state"] == "drift" and status["shop.other"]["state"] == "fresh", status
    # Widened back at the source, it goes on from where it was.
    t.sql("ALTER TABLE {t} ALTER size TYPE int USING substr(size, 2)::int")
    t.sync()


def narrow_target(t):
    """Somebody made the target narrower than the source: BigQuery refuses what the engine cannot know of."""
    call = world().sandbox.call
    call("POST", "/bigquery/v2/projects/demo/datasets", {"datasetReference": {"projectId": "demo", "datasetId": t.dataset}})
    call("POST", "/bigquery/v2/projects/demo/datasets/%s/tables" % t.dataset, {
        "tableReference": {"projectId": "demo", "datasetId": t.dataset, "tableId": "t"},
        "schema": {"fields": [{"name": "id", "type": "INTEGER"}, {"name": "name", "type": "STRING", "maxLength": "4"},
                              {"name": "updated_at", "type": "TIMESTAMP"}]}})


def test_rows_that_bigquery_refuses_are_set_apart():
    for mode in ("upsert", "replace"):
        t = Table("name text", "CASE WHEN g IN (2, 5) THEN 'too long ' || g ELSE 'n' || g END", ", mode: %s" % mode)
        narrow_target(t)
        result = t.sync()
        assert (result["rows_loaded"], result["dead_letters"]) == (3, 2), (mode, result)
        assert t.rows("name") == {1: "n1", 3: "n3", 4: "n4"}, (mode, t.rows("name"))
        letters = {l["key"]: l for l in t.bw.letters()}
        assert set(letters) == {'{"id":2}', '{"id":5}'}, letters
        letter = letters['{"id":5}']
        assert letter["reason"] == "REJECTED" and json.loads(letter["content"])["name"] == "too long 5", letter
        assert "name" in letter["detail"] and "4" in letter["detail"], letter
        # What was refused is corrected at the source: the next run takes it and closes the letter.
        t.sql("UPDATE {t} SET name = 'ok', updated_at = now() WHERE id IN (2, 5)")
        t.sync()
        assert t.rows("name")[5] == "ok" and t.bw.letters() == [], (mode, t.bw.letters())
        world().sandbox.dataset = t.dataset
        assert not [name for name in world().sandbox.tables() if name.startswith("_bw_stage")], "staging is left"


run_tests(sys.modules[__name__])
