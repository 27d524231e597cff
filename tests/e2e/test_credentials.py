#!/usr/bin/env python3
"""Credentials from end to end: a service account's key, an authorized user and the metadata server
each get a token and load rows with it; a token that is refused is replaced; a secret is in no log,
no output and no state."""
import json
import os
import subprocess
import sys

from harness import Bridgewatch, Postgres, Sandbox, TempDir, run_tests

REFRESH = "1//refresh-hunter2"
CLIENT_SECRET = "client-hunter2"
PASSWORD = "database-hunter2"


class World:
    def __init__(self):
        self.dir = TempDir()
        self.pg = Postgres(self.dir)
        self.pg.sql("CREATE DATABASE shop", "postgres")
        self.pg.sql("CREATE TABLE orders (id bigint PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());"
                    "INSERT INTO orders SELECT g, now() - interval '1 hour' FROM generate_series(1, 5) g")
        self.pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                                  capture_output=True, text=True, check=True).stdout
        self.count = 0

    def case(self, credentials, env=None):
        self.count += 1
        return Case(self, "k%d" % self.count, credentials, env or {})


_world = None


def world():
    global _world
    _world = _world or World()
    return _world


class Case:
    """A program that has credentials and a sandbox of its own."""

    def __init__(self, w, name, credentials, env):
        self.sandbox = Sandbox()
        self.env = {k: v.replace("URL", self.sandbox.url) for k, v in env.items()}
        if isinstance(credentials, dict):
            path = w.dir.file(name + ".json", json.dumps(credentials).replace("URL", self.sandbox.url))
            os.chmod(path, 0o600)
            credentials = path
        source = w.pg.source()[:-1] + ", password: %s}" % PASSWORD
        self.bw = Bridgewatch(w.dir, self.sandbox.url, {"shop": source},
                              ["{source: shop, table: public.orders}"], name=name, extra="log: {level: debug}")
        with open(self.bw.config, encoding="utf-8") as f:
            text = f.read()
        with open(self.bw.config, "w", encoding="utf-8") as f:
            f.write(text.replace("credentials: none", "credentials: " + credentials))
        self.said = ""

    def once(self):
        done = self.bw.run("run", "--once", "--json", env=self.env)
        self.said += done.stdout + done.stderr
        result, = json.loads(done.stdout)["syncs"]
        return result

    def asked(self):
        """How often each method was asked for, and what was refused."""
        requests = self.sandbox.call("GET", "/sandbox/requests?maxResults=10000")["requests"]
        return [r["method"] for r in requests], [r for r in requests if r["status"] == 401]

    def loads(self, method):
        result = self.once()
        assert result["state"] == "ok" and result["rows_loaded"] == 5, result
        assert len(self.sandbox.rows("orders")) == 5
        methods, refused = self.asked()
        assert methods.count(method) == 1 and not refused, (methods, refused)
        # A token that was good is not any more: one new one is asked for, and the run goes on.
        self.sandbox.faults(["bigquery.*:expired-token:1:1"])
        assert self.once()["state"] == "ok"
        methods, refused = self.asked()
        assert len(refused) >= 1 and 2 <= methods.count(method) - 1 <= 3, (methods, refused)
        self.keeps_secrets()

    def keeps_secrets(self):
        pem = [line for line in world().pem.splitlines() if len(line) > 40]
        places = {"output": self.said, "config": self.bw.run("config", env=self.env).stdout,
                  "status": self.bw.run("status", env=self.env).stdout}
        for root, _, files in os.walk(self.bw.state):
            for name in files:
                with open(os.path.join(root, name), "rb") as f:
                    places[name] = f.read().decode("latin-1")
        assert "state.db" in places and "orders" in places["state.db"], list(places)
        for place, text in places.items():
            for secret in [REFRESH, CLIENT_SECRET, PASSWORD, "ya29.sandbox", "eyJ"] + pem:
                assert secret not in text, "%s holds a secret: %s" % (place, secret)


def service_account(**changes):
    return dict({"type": "service_account", "project_id": "demo", "private_key_id": "k1",
                 "private_key": world().pem, "client_email": "loader@demo.iam.gserviceaccount.com",
                 "token_uri": "URL/token"}, **changes)


def user(**changes):
    return dict({"type": "authorized_user", "client_id": "c", "client_secret": CLIENT_SECRET,
                 "refresh_token": REFRESH, "token_uri": "URL/token"}, **changes)


def test_a_service_account_loads():
    world().case(service_account()).loads("oauth.token")


def test_an_authorized_user_loads():
    world().case(user()).loads("oauth.token")


def test_the_environment_names_a_key():
    path = world().dir.file("named.json")
    case = world().case("adc", {"GOOGLE_APPLICATION_CREDENTIALS": path})
    with open(path, "w", encoding="utf-8") as f:
        json.dump(dict(user(), token_uri=case.sandbox.url + "/token"), f)
    case.loads("oauth.token")


def test_the_metadata_server_gives_a_token():
    case = world().case("adc", {"GCE_METADATA_HOST": "URL"})
    case.env["GCE_METADATA_HOST"] = case.env["GCE_METADATA_HOST"].replace("http://", "")
    case.loads("metadata.token")


def test_none_asks_nobody():
    case = world().case("none")
    assert case.once()["state"] == "ok"
    methods, _ = case.asked()
    assert not [m for m in methods if m.startswith(("oauth", "metadata"))], methods


def test_what_is_refused_says_what_to_do():
    case = world().case(user(refresh_token="revoked"))
    result = case.once()
    assert result["state"] == "failed" and result["error"]["hint"], result
    assert "revoked" in result["error"]["message"], result
    assert case.asked()[0].count("oauth.token") == 1, "a refusal was asked for again"
    # A key that is none is a configuration error, and is not repeated.
    case = world().case(service_account(private_key="-----BEGIN PRIVATE KEY-----\nhunter2\n"))
    done = case.bw.run("run", "--once", env=case.env)
    assert done.returncode == 2 and "private_key" in done.stderr and "hunter2" not in done.stderr, done


run_tests(sys.modules[__name__])
