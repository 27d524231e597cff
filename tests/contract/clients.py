#!/usr/bin/env python3
"""Google's own clients against the sandbox: installs them, and drives them.

    clients.py BUILD --install     both sets of node/, into BUILD/node, as their lock files say
    clients.py BUILD SERVICE       runs node/SERVICE.js with each set, at the same time

Needs node 18 or newer and npm, and once the npm registry.
"""
import filecmp
import os
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from harness import BUILD, Bridgewatch, Postgres, Sandbox, TempDir, json, wait_for  # noqa: E402

SETS = ["previous", "current"]
NODE = os.path.join(HERE, "node")
OLDEST_NODE = 18


def node_version():
    for program in ("node", "npm"):
        if not shutil.which(program):
            sys.exit("%s is missing; the contract tests drive Google's clients (apt-get install nodejs npm)" % program)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        sys.exit("node %s is too old; Google's clients need %d" % (version, OLDEST_NODE))
    return version


def directory(name):
    return os.path.join(BUILD, "node", name)


def is_installed(name):
    return all(os.path.exists(os.path.join(directory(name), f)) and
               filecmp.cmp(os.path.join(NODE, name, f), os.path.join(directory(name), f), shallow=False)
               for f in ("package.json", "package-lock.json")) and os.path.exists(os.path.join(directory(name), "complete"))


def install(name):
    """What npm has installed stays until the lock file changes."""
    if is_installed(name):
        print("%s: is there" % name)
        return True
    place = directory(name)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    for f in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(NODE, name, f), place)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], cwd=place,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        print("npm could not install Google's client libraries (tests/contract/node/%s/package-lock.json); the contract "
              "tests need them, and the npm registry for that:\n%s%s" % (name, done.stdout, done.stderr))
        return False
    open(os.path.join(place, "complete"), "w").close()
    print("%s: installed" % name)
    return True


# ---- what bridgewatch loads and BigQuery's client reads

TABLE = """
CREATE TABLE kinds (id int PRIMARY KEY, small smallint, big bigint, price numeric(10,2), exact numeric(38,9),
    wide numeric(76,38), ratio float8, flag boolean, note text, day date, local timestamp, at timestamptz, clock time,
    raw bytea, tag uuid, numbers bigint[], words text[], updated_at timestamptz NOT NULL DEFAULT now());
INSERT INTO kinds SELECT i, i - 500, (9007199254740990 + i) * CASE i % 2 WHEN 0 THEN 1 ELSE -1 END, i / 100.0,
    i * 12345678901234567.123456789, i * 0.00000000000000000000000000000000000007, i / 7.0::float8, i % 2 = 0,
    'row ' || i || E' "\\u00fc \\U0001F600"\\n', date '1969-12-31' + i, timestamp '1969-12-31 23:59:59.999999' + i * interval '61.5 s',
    timestamptz '1969-12-31 23:59:59.999999+00' + i * interval '61.000001 s', time '00:00' + i * interval '0.123457 s',
    decode(md5(i::text), 'hex'), md5(i::text)::uuid, ARRAY[i, -i], ARRAY['a' || i, '']
    FROM generate_series(1, 1000) AS i;
INSERT INTO kinds (id) VALUES (1001);
INSERT INTO kinds (id, big, ratio, day, at, numbers, words, note, raw) VALUES
    (1002, 9223372036854775807, 1.7976931348623157e308, '0001-01-01', '0001-01-01 00:00:00+00', '{}', '{}', '', ''),
    (1003, '-9223372036854775808', 5e-324, '9999-12-31', '9999-12-31 23:59:59.999999+00', '{0}', '{""}', 'NULL', '\\x00');
"""
TIMES = ["local", "at", "clock"]
# As text, in the way that the client writes it.
EXPECTED = """
SET TimeZone = UTC;
SELECT json_agg(r ORDER BY n) FROM (SELECT id AS n, id::text, small::text, big::text, trim_scale(price)::text AS price,
    trim_scale(exact)::text AS exact, trim_scale(wide)::text AS wide, ratio::text, flag::text, note,
    to_char(day, 'YYYY-MM-DD') AS day, to_char(local, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS local,
    to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, to_char(clock, 'HH24:MI:SS.US') AS clock,
    replace(encode(raw, 'base64'), E'\\n', '') AS raw, tag::text, coalesce(numbers::text[], '{}') AS numbers,
    coalesce(words, '{}') AS words FROM kinds) AS r
"""


def load_a_table(temp, pg, url, name):
    bw = Bridgewatch(temp, url, {"shop": pg.source()}, ["{source: shop, table: public.kinds, key: [id]}"], name=name)
    result = bw.once()["shop.kinds"]
    assert result["state"] == "ok" and result["dead_letters"] == 0, result


def what_postgres_says(pg):
    rows = json.loads(pg.sql(EXPECTED))
    for row in rows:
        del row["n"]
        for name in TIMES:
            row[name] = row[name] and shortest(row[name])
    return {"project": "demo", "table": "kinds", "times": TIMES, "rows": rows}


def shortest(time):
    zone = "Z" if time.endswith("Z") else ""
    return time.rstrip("Z").rstrip("0").rstrip(".") + zone


def start_postgres(temp):
    pg = Postgres(temp)
    pg.sql("CREATE DATABASE shop", "postgres")
    pg.sql(TABLE)
    temp.file("loaded.json", json.dumps(what_postgres_says(pg)))
    return pg


# ---- running

def drive(temp, pg, service, name, results):
    sandbox = Sandbox()
    try:
        env = dict(os.environ, SANDBOX_URL=sandbox.url, NODE_PATH=os.path.join(directory(name), "node_modules"),
                   METADATA_SERVER_DETECTION="none", LOADED=temp.file("loaded.json"))
        if pg:
            load_a_table(temp, pg, sandbox.url, name)
        done = subprocess.run(["node", os.path.join(NODE, service + ".js")] + sys.argv[3:], env=env, text=True, timeout=280,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        results[name] = (done.returncode, done.stdout)
    except Exception as e:
        results[name] = (1, repr(e))
    finally:
        sandbox.kill()


def main():
    version = node_version()
    if sys.argv[2:] == ["--install"]:
        installed = [install(name) for name in SETS]
        return 0 if all(installed) else 1
    service = sys.argv[2]
    temp, results = TempDir(), {}
    pg = start_postgres(temp) if service == "bigquery" else None
    threads = [threading.Thread(target=drive, args=(temp, pg, service, name, results)) for name in SETS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in SETS:
        with open(os.path.join(directory(name), "node_modules", "@google-cloud", service, "package.json")) as f:
            print("== @google-cloud/%s %s, node %s" % (service, json.load(f)["version"], version))
        print(results[name][1])
    return max(code for code, _ in results.values())


sys.exit(main())
