"""Zero silent differences: every value of every type that PostgreSQL has is either the same in
BigQuery, seen through its API, or its row is a dead letter that says why and holds the original.

The tables of what must come out are in fidelity_cases.py, written by hand.
"""
import base64
import collections
import datetime
import decimal
import functools
import os
import struct
import subprocess
import sys

import fidelity_cases as cases
from harness import (Bridgewatch, Postgres, Sandbox, TempDir, json, run_tests)

ENGINE_COLUMNS = ["_bw_version", "_bw_hash", "_bw_synced_at", "_bw_deleted", "_bw_nulls"]
API_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
ABSENT = object()  # NULL; a member that is null is JSON's null
EPOCH = datetime.datetime(1970, 1, 1)


# ---- comparing ----

def exact_json(text):
    """JSON as a value that is equal when members, items and numbers are: no number is rounded, no
    member of the same name is lost, the order of members does not count."""
    def members(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), "a member occurs twice in " + text
        return ("object", tuple(sorted(pairs, key=lambda p: p[0])))
    return json.loads(text, object_pairs_hook=members, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


def bits(number):
    return "NaN" if number != number else struct.pack("<d", number)


def time_text(text):
    """A time as people write it: a blank for the T, no zeros at the end of a fraction."""
    text = text.replace("T", " ")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(kind, got):
    """A cell of the API as the tables of expectations write it."""
    if got is None or isinstance(got, list):
        return got if got is None else [shown(kind, item) for item in got]
    if kind == "TIMESTAMP":
        return time_text((EPOCH + datetime.timedelta(microseconds=int(got))).isoformat(" "))
    return time_text(got) if kind in ("DATETIME", "TIME") else got


def same(kind, want, got):
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and all(map(same, [kind] * len(want), want, got))
    if want is None or got is None:
        return want is got
    if isinstance(want, float):
        return bits(want) == bits(float(got))
    if isinstance(want, cases.json):
        return exact_json(want.text) == exact_json(got)
    return want == got


def type_text(field):
    kind = API_TYPES.get(field["type"], field["type"])
    if "precision" in field:
        kind += "(%s%s)" % (field["precision"], ", " + field["scale"] if field.get("scale", "0") != "0" else "")
    return kind + ("[]" if field["mode"] == "REPEATED" else "")


# ---- a table with one value per row ----

class Wide:
    """A table with a column per type; each row holds one value, and NULL in every other column."""

    def __init__(self, name, columns, extra=""):
        self.name, self.extra = name, extra
        self.columns = [("c%d" % i, pg, bq) for i, (pg, bq, _) in enumerate(columns)]
        self.rows = {}
        for (column, _, bq), (_, _, values) in zip(self.columns, columns):
            for sql, want in values:
                self.rows[len(self.rows) + 1] = (column, bq, sql, want)

    def create(self, pg, database="shop"):
        columns = "".join(", %s %s" % (c, t) for c, t, _ in self.columns)
        pg.sql("CREATE TABLE %s (id int PRIMARY KEY%s%s);\n" % (self.name, self.extra, columns)
               + "".join("INSERT INTO %s (id, %s) VALUES (%d, %s);\n" % (self.name, column, id, sql)
                         for id, (column, _, sql, _) in self.rows.items()), database)

    def rotate(self, pg):
        """Each row gets the value of the next one of its column: what did not fit may fit now, and the
        other way round. Returns what the rows were before."""
        before = dict(self.rows)
        by_column = {}
        for id, row in before.items():
            by_column.setdefault(row[0], []).append(id)
        for ids in by_column.values():
            for id, other in zip(ids, ids[1:] + ids[:1]):
                self.rows[id] = before[other]
        pg.sql("SET IntervalStyle = postgres; SET DateStyle = ISO;"
               + "".join("UPDATE %s SET updated_at = clock_timestamp(), %s = %s WHERE id = %d;\n"
                       % (self.name, column, sql, id) for id, (column, _, sql, _) in self.rows.items()))
        return before

    def check(self, sandbox, letters, before=None):
        """Every row is in the target, equal, or among the letters, with its reason; none is both,
        unless an earlier version of the row (in `before`) was loaded and stays."""
        wrong = self.check_schema(sandbox.table(self.name))
        loaded = {int(row["id"]): row for row in sandbox.rows(self.name)}
        assert len(loaded) == int(sandbox.table(self.name)["numRows"]), "a row is doubled"
        refused = {json.loads(l["key"])["id"]: l for l in letters}
        assert len(refused) == len(letters), "a row has two letters"
        for id, row in self.rows.items():
            at_target, letter = loaded.pop(id, None), refused.pop(id, None)
            said = []
            if before and isinstance(row[3], cases.bad) and not isinstance(before[id][3], cases.bad):
                said += self.check_row(id, *before[id], at_target, None)
                at_target = None
            said += self.check_row(id, *row, at_target, letter)
            wrong += ["%s %s: %s" % (dict((c, t) for c, t, _ in self.columns)[row[0]], row[2][:100], s) for s in said]
        wrong += ["row %d came from nowhere" % id for id in list(loaded) + list(refused)]
        assert not wrong, "%d wrong:\n%s" % (len(wrong), "\n".join(wrong))

    def check_schema(self, table):
        fields = {f["name"]: type_text(f) for f in table["schema"]["fields"]}
        return ["%s became %s, not %s" % (pg, fields.get(c), bq) for c, pg, bq in self.columns if fields.get(c) != bq]

    def check_row(self, id, column, kind, sql, want, row, letter):
        if (row is None) == (letter is None):
            return ["is lost" if row is None else "is in the target and a letter"]
        if letter:
            return self.check_letter(id, column, want, letter)
        if isinstance(want, cases.bad):
            return ["was loaded as %r instead of refused for %s" % (row[column], want.reason)]
        arrays = {c for c, _, bq in self.columns if bq.endswith("[]")}
        nulls = arrays - ({column} if want is not cases.NO_ARRAY else set())
        said = []
        got = shown(kind.rstrip("[]"), row[column])
        if not same(kind, [] if want is cases.NO_ARRAY else want, got):
            said.append("reads back as %.300r" % (got,))
        if set(row.get("_bw_nulls", [])) != nulls:
            said.append("_bw_nulls is %s" % row.get("_bw_nulls"))
        for c, _, _ in self.columns:
            if c != column and row[c] != ([] if c in arrays else None):
                said.append("column %s is %r, not NULL" % (c, row[c]))
        return said

    def check_letter(self, id, column, want, letter):
        if not isinstance(want, cases.bad):
            return ["was refused: %s %s %.100r" % (letter["reason"], letter["column"], letter["detail"])]
        content = json.loads(letter["content"])
        content.pop("updated_at", None)
        found = {
            "reason": (want.reason, letter["reason"]),
            "column": (column, letter["column"]),
            "state": ("open", letter["state"]),
            "columns in content": (["id"] + [c for c, _, _ in self.columns], list(content)),
            "id in content": (str(id), content.get("id")),
            "other columns": ([], [c for c, _, _ in self.columns if c != column and content.get(c) is not None]),
        }
        if want.text is not None:
            found["content"] = (want.text, content.get(column))
        return ["letter: %s is %.200r, not %.200r" % (k, got, want) for k, (want, got) in found.items() if want != got]

    def counts(self):
        refused = sum(isinstance(r[3], cases.bad) for r in self.rows.values())
        return {"rows_read": len(self.rows), "rows_loaded": len(self.rows) - refused, "dead_letters": refused}


MAIN = Wide("every_type", cases.TYPES)
MERGED = Wide("merged", cases.TYPES, ", updated_at timestamptz NOT NULL DEFAULT clock_timestamp()")
APPENDED = Wide("appended", cases.TYPES, ", updated_at timestamptz NOT NULL DEFAULT clock_timestamp()")
MAPPED = Wide("mapped", [(pg, how.upper(), values) for pg, how, values in cases.MAPPED])


def quoted(name):
    return '"%s"' % name.replace('"', '""')


def create_names(pg):
    names = [name for name, _ in cases.NAMES]
    pg.sql('CREATE TABLE "Order Items; --" (%s);\n' % ", ".join(
        "%s %s" % (quoted(n), "int PRIMARY KEY" if n == "id" else "text") for n in names)
        + 'INSERT INTO "Order Items; --" VALUES (1%s);\n' % "".join(", 'v%d'" % i for i in range(1, len(names)))
        + 'CREATE TABLE clash (id int PRIMARY KEY, "A" int, "a" int); INSERT INTO clash VALUES (1, 2, 3);')


def check_counts(result, want):
    got = {k: result[k] for k in want}
    assert result["state"] == "ok" and got == want, (result, want)


_pg = None


def cluster():
    """A server whose database is set up as differently from the program's session as can be."""
    global _pg
    if _pg:
        return _pg
    _pg = Postgres(TempDir(), locale="C", env={"LOCPATH": german_locale()})
    _pg.sql("CREATE DATABASE shop", "postgres")
    _pg.sql(cases.SETUP)
    MAIN.create(_pg)
    MAPPED.create(_pg)
    MERGED.create(_pg)
    APPENDED.create(_pg)
    create_names(_pg)
    for setting in ["TimeZone TO 'America/St_Johns'", "DateStyle TO 'German, DMY'", "IntervalStyle TO 'sql_standard'",
                    "extra_float_digits TO 0", "bytea_output TO 'escape'", "xmlbinary TO 'hex'",
                    "client_encoding TO 'LATIN1'", "lc_monetary TO 'de_DE.UTF-8'", "lc_numeric TO 'de_DE.UTF-8'",
                    "lc_time TO 'de_DE.UTF-8'", "lc_messages TO 'de_DE.UTF-8'", "standard_conforming_strings TO on", "search_path TO other, public"]:
        _pg.sql("ALTER DATABASE shop SET %s" % setting)
    return _pg


def mapping():
    return ", ".join("%s: %s" % (c, how.lower()) for c, _, how in MAPPED.columns)


def program(sandbox, sources, syncs, name, **kwargs):
    return Bridgewatch(TempDir(), sandbox.url, sources, syncs, name=name, **kwargs)


def sync_of(table, more="", mode="replace"):
    return "{source: shop, table: %s, mode: %s, max_dead_letters: -1%s}" % (table, mode, more)


def check_all_types(env):
    sandbox = Sandbox()
    bw = program(sandbox, {"shop": cluster().source()},
                 [sync_of("public.every_type"), sync_of("public.mapped", ", as: {%s}" % mapping())], "types")
    results = bw.once(env=env)
    letters = bw.letters()
    for wide in (MAIN, MAPPED):
        check_counts(results["shop." + wide.name], wide.counts())
        wide.check(sandbox, [l for l in letters if l["sync"] == "shop." + wide.name])
    return sandbox, bw


def test_every_type():
    check_all_types({})


def test_every_type_under_a_locale_with_decimal_commas():
    env = {"LOCPATH": german_locale(), "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}
    sandbox, bw = check_all_types(env)
    status = bw.json("status", env=env)
    assert status["syncs"][0]["rows_total"] == MAIN.counts()["rows_loaded"], status


def test_every_type_through_merge():
    """The same by staging and MERGE, then with each row changed to another value of its type."""
    sandbox = Sandbox()
    bw = program(sandbox, {"shop": cluster().source()}, [sync_of("public.merged", ", raw: true", "upsert")], "merge")
    assert bw.once()["shop.merged"]["state"] == "ok"
    MERGED.check(sandbox, bw.letters())
    before = MERGED.rotate(cluster())
    result = bw.once()["shop.merged"]
    assert result["state"] == "ok", result
    MERGED.check(sandbox, bw.letters(), before)
    raw = sandbox.rows("merged_raw")
    check_payloads(raw, before, MERGED.rows)
    check_payloads(raw, MERGED.rows, before)


def check_payloads(raw, versions, others):
    """Each version of each row that fits is in the raw table once, with its exact content (twice
    where the other version has the same)."""
    found = collections.Counter()
    for row in raw:
        content = dict(exact_json(row["_bw_payload"])[1])
        id = int(json.loads(row["_bw_key"])["id"])
        column, kind, sql, want = versions[id]
        found[id] += payload_equal(kind, want, content.get(column, ABSENT))
    wrong = ["%d %s %s: %d times" % (id, kind, sql[:100], found[id]) for id, (_, kind, sql, want) in versions.items()
             if found[id] != (1 + (versions[id] == others[id]) if not isinstance(want, cases.bad) else 0)]
    assert not wrong, "\n".join(wrong)
    ids = [row["_bw_event_id"] for row in raw]
    assert len(ids) == len(set(ids)), "a doubled event"


def payload_equal(kind, want, got):
    """Whether the payload says what was expected; `got` is what exact_json() makes of it."""
    if isinstance(want, cases.bad):
        return False
    if want is None or want is cases.NO_ARRAY:
        return got is ABSENT
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(
            payload_equal(kind.rstrip("[]"), w, g) for w, g in zip(want, got))
    if isinstance(want, cases.json):
        return got is not ABSENT and exact_json(want.text) == got
    if got is None or got is ABSENT:
        return False
    if isinstance(want, float):
        return bits(want) == bits(float(got))
    if kind == "BOOL":
        return want == ("true" if got else "false")
    if "NUMERIC" in kind or kind == "INT64":
        return decimal.Decimal(want) == decimal.Decimal(got)
    return want == (got[:-3] if kind == "TIMESTAMP" else got)


def test_every_type_appended_once():
    """By staging and INSERT of what is not there: reading rows again adds nothing."""
    sandbox = Sandbox()
    bw = program(sandbox, {"shop": cluster().source()}, [sync_of("public.appended", mode="append", more=", start_from: '2020-01-01T00:00:00Z'")], "append")
    for _ in range(2):
        result = bw.once()["shop.appended"]
        assert result["state"] == "ok", result
        APPENDED.check(sandbox, bw.letters())


@functools.cache
def german_locale():
    """A directory with de_DE.UTF-8 for LOCPATH; made here, because few systems have it."""
    made = TempDir("bwt-locale-").path
    done = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", os.path.join(made, "de_DE.UTF-8")],
                          capture_output=True, text=True)
    assert done.returncode == 0, "localedef (package locales): " + done.stderr
    # That the locale is in force is part of what is shown.
    point = subprocess.run(["locale", "decimal_point"], capture_output=True, text=True,
                           env={"PATH": os.environ["PATH"], "LOCPATH": made, "LC_ALL": "de_DE.UTF-8"}).stdout.strip()
    assert point == ",", "de_DE.UTF-8 has %r for a decimal point" % point
    return made


def test_column_names():
    sandbox = Sandbox()
    bw = program(sandbox, {"shop": cluster().source()},
                 [sync_of("'public.\"Order Items; --\"'"), sync_of("public.clash"), sync_of("public.mapped", ", as: {%s}" % mapping())],
                 "names")
    results = bw.once()
    assert results["shop.mapped"]["state"] == "ok", results
    clash = results["shop.clash"]
    assert clash["state"] == "failed" and "COL_NAME_CLASH" in clash["error"]["message"], clash
    assert '"A"' in clash["error"]["message"] and '"a"' in clash["error"]["message"] and clash["error"]["hint"], clash
    assert sandbox.table("clash") is None
    odd = [r for name, r in results.items() if "Order Items" in name]
    assert len(odd) == 1 and odd[0]["state"] == "ok", results
    target = [t for t in sandbox.tables() if t.startswith("Order")]
    assert target == ["Order_Items____"], sandbox.tables()
    fields = [f["name"] for f in sandbox.table(target[0])["schema"]["fields"]]
    own = [n for n in fields if n not in ENGINE_COLUMNS]
    assert own == [bq for _, bq in cases.NAMES], list(zip(own, [bq for _, bq in cases.NAMES]))
    row, = sandbox.rows(target[0])
    assert [row[bq] for _, bq in cases.NAMES] == ["1"] + ["v%d" % i for i in range(1, len(cases.NAMES))], row


def test_bytes_that_are_not_utf8():
    """An SQL_ASCII database holds whatever was sent: what is not UTF-8 is refused, with the bytes shown."""
    pg = cluster()
    pg.sql("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'", "postgres")
    wide = Wide("raw", [
        ("text", "STRING", [
            ("'plain'", "plain"), (r"E'\xc3\xa4'", "ä"), (r"E'caf\xe9'", cases.bad("BAD_UTF8", r"caf\xE9")),
            (r"E'\xff\xfe'", cases.bad("BAD_UTF8", r"\xFF\xFE")), (r"E'\xed\xa0\x80'", cases.bad("BAD_UTF8", r"\xED\xA0\x80")),
            (r"E'\xc0\xaf'", cases.bad("BAD_UTF8", r"\xC0\xAF")), (r"E'a\xf0\x9f\x98'", cases.bad("BAD_UTF8", r"a\xF0\x9F\x98")),
            (r"E'\\xE9\xe9'", cases.bad("BAD_UTF8", r"\\xE9\xE9"))]),
        ("varchar(10)", "STRING", [(r"E'\x80'", cases.bad("BAD_UTF8", r"\x80"))]),
        ("char(2)", "STRING", [(r"E'\xe9'", cases.bad("BAD_UTF8", r"\xE9 "))]),
        ("text[]", "STRING[]", [(r"ARRAY[E'\xe9']", cases.bad("BAD_UTF8", r"{\xE9}")), (r"ARRAY[E'\xc3\xa9']", ["é"])]),
        ("hstore", "JSON", [(r"E'a=>\xe9'", cases.bad("BAD_UTF8", r'"a"=>"\xE9"')),
                            (r"E'\xe9=>1'", cases.bad("BAD_UTF8", r'"\xE9"=>"1"'))]),
        ("json", "STRING", [(r"""E'"\xe9"'""", cases.bad("BAD_UTF8", r'"\xE9"'))]),
        ("jsonb", "JSON", [(r"""E'"\xe9"'""", cases.bad("BAD_UTF8", r'"\xE9"'))]),
        ("odd", "JSON", [(r"ROW(E'\xe9')", cases.bad("BAD_UTF8", r"(\xE9)")), ("ROW('e')", cases.json('{"t":"e"}'))]),
        ("bytea", "BYTES", [(r"'\xe9'", "6Q==")]),
        ('"char"', "STRING", [("'x'", "x"), ("(-60)::\"char\"", cases.bad("BAD_UTF8", None))]),
    ])
    pg.sql("CREATE EXTENSION hstore; CREATE TYPE odd AS (t text)", "ascii")
    wide.create(pg, "ascii")
    sandbox = Sandbox()
    bw = program(sandbox, {"shop": pg.source("ascii")}, [sync_of("public.raw")], "ascii")
    check_counts(bw.once()["shop.raw"], wide.counts())
    wide.check(sandbox, bw.letters())


def fresh(sql, *syncs, name):
    cluster().sql(sql)
    sandbox = Sandbox()
    return sandbox, program(sandbox, {"shop": cluster().source()}, syncs, name)


def contents(letters):
    return sorted((l["reason"], l["column"], l["content"]) for l in letters)


KINDS = """
CREATE TABLE part (id int, k int, v text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1); CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
INSERT INTO part VALUES (1, 1, 'a'), (2, 2, 'b');
CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 'x');
CREATE VIEW shown AS SELECT id, v FROM ONLY parent; CREATE MATERIALIZED VIEW kept AS SELECT id, v FROM parent;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY); INSERT INTO unlogged VALUES (1);
CREATE TABLE dropped (id int PRIMARY KEY, gone text, v text); INSERT INTO dropped VALUES (1, 'g', 'v');
ALTER TABLE dropped DROP gone; ALTER TABLE dropped ADD w text DEFAULT 'dflt';
CREATE TABLE generated (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO generated (a) VALUES (21);
CREATE TABLE "%s" (id int PRIMARY KEY); INSERT INTO "%s" VALUES (63);
CREATE TABLE no_rows (id int PRIMARY KEY, v text);
CREATE SCHEMA "We.ird"; CREATE TABLE "We.ird"."Ta""ble" (id int PRIMARY KEY); INSERT INTO "We.ird"."Ta""ble" VALUES (7);
""" % (("long_" * 13)[:63], ("long_" * 13)[:63])
# table, target by default, columns and rows
KIND_ROWS = [
    ("public.part", "part", ["id", "k", "v"], [["1", "1", "a"], ["2", "2", "b"]]),
    ("public.parent", "parent", ["id", "v"], [["1", "p"], ["2", "c"]]),
    ("public.child", "child", ["id", "v", "extra"], [["2", "c", "x"]]),
    ("public.shown", "shown", ["id", "v"], [["1", "p"]]),
    ("public.kept", "kept", ["id", "v"], [["1", "p"], ["2", "c"]]),
    ("public.unlogged", "unlogged", ["id"], [["1"]]),
    ("public.dropped", "dropped", ["id", "v", "w"], [["1", "v", "dflt"]]),
    ("public.generated", "generated", ["id", "a", "b"], [["1", "21", "42"]]),
    ("public." + ("long_" * 13)[:63], ("long_" * 13)[:63], ["id"], [["63"]]),
    ("public.no_rows", "no_rows", ["id", "v"], []),
    ('\'"We.ird"."Ta""ble"\'', "We_ird_Ta_ble", ["id"], [["7"]]),
]


def test_tables_of_every_kind():
    """Whatever can be selected from, whatever the database sets for its sessions."""
    hostile = {"statement_timeout": "'3s'", "lock_timeout": "'3s'", "default_transaction_isolation": "serializable",
               "default_transaction_deferrable": "on", "default_transaction_read_only": "on",
               "standard_conforming_strings": "off"}
    sandbox, bw = fresh(KINDS + "".join("ALTER DATABASE shop SET %s = %s;" % item for item in hostile.items()),
                        *[sync_of(table) for table, _, _, _ in KIND_ROWS], name="kinds")
    try:
        results = bw.once()
    finally:
        cluster().sql("SET default_transaction_read_only = off;"
                      + "".join("ALTER DATABASE shop RESET %s;" % name for name in hostile))
    assert all(r["state"] == "ok" for r in results.values()) and len(results) == len(KIND_ROWS), results
    for table, target, columns, rows in KIND_ROWS:
        got = sandbox.rows(target)
        assert sorted([r[c] for c in columns] for r in got) == rows, (table, got)
        named = [f["name"] for f in sandbox.table(target)["schema"]["fields"]]
        assert [n for n in named if n not in ENGINE_COLUMNS] == columns, (table, named)


def test_rows_without_a_key():
    """Identical rows are as many rows in the target, and as many letters."""
    sandbox, bw = fresh(
        "CREATE TABLE keyless (v text, d date, updated_at timestamptz NOT NULL DEFAULT '2024-01-01 00:00+00');"
        "INSERT INTO keyless (v, d) VALUES ('a', '2024-01-01'), ('a', '2024-01-01'), ('b', 'infinity'), ('b', 'infinity'),"
        " ('b', 'infinity'), ('c', 'infinity'), (NULL, NULL), (NULL, NULL);",
        sync_of("public.keyless", ", name: swapped, target: swapped"),
        sync_of("public.keyless", ", name: added, target: added, start_from: '2020-01-01T00:00:00Z'", "append"), name="keyless")
    letter = '{"v":"%s","d":"infinity","updated_at":"2024-01-01 00:00:00+00"}'
    for _ in range(2):
        results = bw.once()
        for name in ("swapped", "added"):
            if results[name]["rows_read"]:
                check_counts(results[name], {"rows_read": 8, "rows_loaded": 4, "dead_letters": 4})
            got = sorted(([r["v"], r["d"]] for r in sandbox.rows(name)), key=str)
            assert got == [["a", "2024-01-01"]] * 2 + [[None, None]] * 2, got
            letters = [l for l in bw.letters() if l["sync"] == name]
            assert all(l["key"] is None for l in letters), letters
            assert contents(letters) == [("TS_INFINITY", "d", letter % v) for v in "bbbc"], letters
    done = bw.run("dlq", "replay", "--all")
    assert done.returncode == 1 and done.stdout.count("no key to be read again by") == 8, done
    assert len(bw.letters()) == 8
    cluster().sql("UPDATE keyless SET d = NULL WHERE v = 'b'")
    bw.once("swapped")
    assert contents(l for l in bw.letters() if l["sync"] == "swapped") == [("TS_INFINITY", "d", letter % "c")], bw.letters()


def test_rows_whose_key_is_null():
    sandbox, bw = fresh(
        "CREATE TABLE half_keyed (id int UNIQUE, v text, n numeric, updated_at timestamptz NOT NULL DEFAULT '2024-01-01 00:00+00');"
        "INSERT INTO half_keyed (id, v) VALUES (1, 'a'), (NULL, 'b'), (NULL, 'b'), (NULL, 'c'), (2, 'd')",
        sync_of("public.half_keyed", ", key: [id]", "upsert"), name="nulls")
    for _ in range(2):
        assert bw.once()["shop.half_keyed"]["state"] == "ok"
        assert sorted([r["id"], r["v"]] for r in sandbox.rows("half_keyed")) == [["1", "a"], ["2", "d"]]
        assert contents(bw.letters()) == [
            ("KEY_NULL", "id", '{"id":null,"v":"%s","n":null,"updated_at":"2024-01-01 00:00:00+00"}' % v) for v in "bbc"], bw.letters()


    cluster().sql("INSERT INTO half_keyed VALUES (9, 'e', 1e50, now())")
    bw.once()
    assert len(bw.letters()) == 4
    cluster().sql("UPDATE half_keyed SET n = 1 WHERE id = 9")
    done = bw.run("dlq", "replay", "--all")  # those that can be read again are, the others stay
    assert done.returncode == 1 and done.stdout.count("no key to be read again by") == 3, done
    assert len(bw.letters()) == 3 and sorted(r["id"] for r in sandbox.rows("half_keyed")) == ["1", "2", "9"], bw.letters()


KEYED = """
CREATE TABLE keyed ("Key a" text COLLATE "C", b numeric, c timestamptz, d bytea, e char(4), "select" date, f bigint, g uuid,
    v text, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY ("Key a", b, c, d, e, "select", f, g));
INSERT INTO keyed SELECT x, y, '2024-01-01 00:00:00.5+01', z, 'ab', '2024-02-29', 9223372036854775807,
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', row_number() OVER ()
    FROM (VALUES ('A'), ('a'), (''), (' '), ('NULL'), (E'q"\\ü😀'), (E'line\n')) t (x),
         (VALUES (1.50), (0), (-0.000001), (12345678901234567890.5)) u (y),
         (VALUES ('\\x00ff'::bytea), (''), ('\\x00')) w (z);
INSERT INTO keyed SELECT 'bad', 1e50, now(), '', '', '2024-01-01', 1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x';
"""


def test_keys_of_every_kind():
    """Rows whose keys differ only just stay different rows, and each is found again by its key."""
    sandbox, bw = fresh(KEYED, sync_of("public.keyed", mode="upsert"), name="keyed")
    assert bw.once()["shop.keyed"]["state"] == "ok"
    for change in ("v", "v || '!'"):
        cluster().sql("UPDATE keyed SET v = %s, updated_at = clock_timestamp() WHERE v <> 'x'" % change)
        assert bw.once()["shop.keyed"]["state"] == "ok"
        rows = sandbox.rows("keyed")
        assert sorted(r["v"] for r in rows) == cluster().sql("SELECT v FROM keyed WHERE v <> 'x' ORDER BY v COLLATE \"C\"").split("\n")
        assert len({(r["Key_a"], r["b"], r["d"]) for r in rows}) == 84, len(rows)
        letter, = bw.letters()
        assert (letter["reason"], letter["column"]) == ("NUMERIC_OVERFLOW", "b") and '"b":"1%s"' % ("0" * 50) in letter["key"], letter


def test_rows_that_the_service_refuses():
    """What we take to fit and BigQuery does not: each such row is named, the others land."""
    sandbox, bw = fresh("CREATE TABLE short (id int PRIMARY KEY, v text, b bytea);"
                        "INSERT INTO short SELECT g, CASE WHEN g % 100 = 7 THEN 'abcd' ELSE 'abc' END, '\\x00' FROM generate_series(1, 1000) g",
                        sync_of("public.short"), name="short")
    sandbox.call("POST", "/bigquery/v2/projects/demo/datasets/analytics/tables", {
        "tableReference": {"projectId": "demo", "datasetId": "analytics", "tableId": "short"}, "schema": {"fields": [
            {"name": "id", "type": "INTEGER"}, {"name": "v", "type": "STRING", "maxLength": "3"}, {"name": "b", "type": "BYTES"}]}})
    for attempts in (1, 2):
        check_counts(bw.once()["shop.short"], {"rows_read": 1000, "rows_loaded": 990, "dead_letters": 10})
        assert sorted(int(r["id"]) for r in sandbox.rows("short")) == [i for i in range(1, 1001) if i % 100 != 7]
        letters = bw.letters()
        assert [l["key"] for l in letters] == ['{"id":%d}' % i for i in range(7, 1000, 100)], letters
        for l in letters:
            id = json.loads(l["key"])["id"]
            assert (l["reason"], l["attempts"]) == ("REJECTED", attempts) and "maximum length 3" in l["detail"], l
            assert json.loads(l["content"]) == {"id": str(id), "v": "abcd", "b": "AA=="}, l


def test_large_values():
    """One row is larger than all buffers; one is larger than BigQuery takes."""
    sandbox, bw = fresh("CREATE TABLE large (id int PRIMARY KEY, v text, b bytea); ALTER TABLE large ALTER v SET STORAGE EXTERNAL;"
                        "INSERT INTO large VALUES (1, 'a', NULL), (2, repeat('0123456789', 2000000), NULL),"
                        " (3, NULL, decode(repeat('00ff', 4000000), 'hex')), (4, repeat('x', 95000000), NULL), (5, 'z', NULL)",
                        sync_of("public.large"), name="large")
    check_counts(bw.once()["shop.large"], {"rows_read": 5, "rows_loaded": 4, "dead_letters": 1})
    rows = {r["id"]: r for r in sandbox.rows("large")}
    assert sorted(rows) == ["1", "2", "3", "5"]
    assert rows["2"]["v"] == "0123456789" * 2000000
    assert base64.b64decode(rows["3"]["b"]) == b"\x00\xff" * 4000000
    letter, = bw.letters()
    assert (letter["reason"], letter["key"]) == ("ROW_TOO_BIG", '{"id":4}'), letter["reason"]
    assert json.loads(letter["content"])["v"] == "x" * 95000000


if __name__ == "__main__":
    run_tests(sys.modules[__name__])
