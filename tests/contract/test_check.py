#!/usr/bin/env python3
"""The contract check itself: right exchanges pass, and each kind of mistake is found at its path. The
last test goes the whole way, with a sandbox that records.

    test_check.py BUILD-DIRECTORY
"""
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import ENGINE_METHODS, read  # noqa: E402
from exchange import Exchange  # noqa: E402
from methods import Methods  # noqa: E402
from schema import Members  # noqa: E402

METHODS = Methods()
BQ = "/bigquery/v2/projects/p"
INT_ENUMS = "?$alt=json%3Benum-encoding=int"
JOB = {"configuration": {"load": {"destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"}}}}
ERROR = {"error": {"code": 404, "message": "m", "status": "NOT_FOUND",
                   "errors": [{"message": "m", "domain": "global", "reason": "notFound"}]}}
NO_TABLE = {"code": 404, "message": "m", "status": "NOT_FOUND"}


def record(line, body=None, status=200, reply=None, **more):
    """An exchange as the sandbox writes it; `line` is verb and address."""
    verb, _, address = line.partition(" ")
    path, _, query = address.partition("?")
    headers = {"User-Agent": "bridgewatch/0.1.0"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    out = {"verb": verb, "path": path, "query": query, "headers": headers, "body": body,
           "bodySize": len(json.dumps(body)) if body is not None else 0, "status": status, "fault": "",
           "replyHeaders": {}, "reply": reply, "replySize": len(json.dumps(reply)) if reply is not None else 0}
    headers.update(more.pop("headers", {}))
    out.update(more)
    return out


def found(exchange):
    return Exchange(METHODS, json.loads(json.dumps(exchange), object_pairs_hook=Members)).check()


def job(**members):
    body = json.loads(json.dumps(JOB))
    body["configuration"]["load"].update(members)
    return record("POST %s/jobs" % BQ, body, reply={})


def table(**members):
    return record("GET %s/datasets/d/tables/t" % BQ, reply=members)


def publish(*messages, query=INT_ENUMS, reply=None):
    return record("POST /v1/projects/p/topics/t:publish" + query, {"messages": list(messages)}, reply=reply or {"messageIds": []})


def commit(mutation, query="", **members):
    return record("POST /v1/projects/p:commit" + query, dict({"mutations": [mutation]}, **members), reply={})


def upsert(value):
    return {"upsert": {"key": {"path": [{"kind": "K", "id": "1"}]}, "properties": {"v": value}}}


RIGHT = [
    job(writeDisposition="WRITE_APPEND", maxBadRecords=3, schema={"fields": [{"name": "n", "type": "INTEGER", "maxLength": "5"}]}),
    record("POST /upload%s/jobs?uploadType=multipart" % BQ, JOB, reply={}, headers={"Content-Type": "multipart/related; boundary=b"}),
    record("POST /upload%s/jobs?uploadType=resumable" % BQ, JOB, replyHeaders={"Location": "http://h/?upload_id=x"}),
    record("PUT /upload%s/jobs?uploadType=resumable&upload_id=x" % BQ, bodySize=5, status=308,
           headers={"Content-Range": "bytes 0-4/*"}, replyHeaders={"Range": "bytes=0-4"}),
    record("POST /resumable/upload%s/jobs?upload_id=x&uploadType=resumable" % BQ, bodySize=5, reply={}),
    record("GET /projects/p/jobs/j?location=US&prettyPrint=false", reply={"status": {"state": "DONE"}}),
    record("GET %s/datasets/d/tables/t/data?maxResults=5&formatOptions.useInt64Timestamp=true" % BQ,
           reply={"totalRows": "1", "rows": [{"f": [{"v": None}, {"v": [{"v": "1"}]}]}]}),
    record("GET %s/datasets/d/tables/t" % BQ, status=404, reply=ERROR),
    record("PATCH %s/datasets/d/tables/t" % BQ, {"description": None, "labels": {"a": "b"}}, reply={"numRows": "0"}),
    record("DELETE %s/datasets/d/tables/t" % BQ, status=204),
    publish({"data": "aGk=", "attributes": {"k": "v"}}, reply={"messageIds": ["1"]}),
    record("PUT /v1/projects/p/subscriptions/s", {"topic": "projects/p/topics/t", "ackDeadlineSeconds": 10,
                                                  "retryPolicy": {"minimumBackoff": "1.5s"}}, reply={"state": "ACTIVE"}),
    record("POST /v1/projects/p/subscriptions/s:seek", {"time": "2026-01-02T03:04:05.678Z"}, reply={}),
    record("GET /v1/projects/p/topics/t", status=404, reply={"error": NO_TABLE}),
    commit(upsert({"nullValue": None}), mode="NON_TRANSACTIONAL"),
    commit(upsert({"integerValue": "7", "excludeFromIndexes": True}), query=INT_ENUMS, mode=2),
    commit(upsert({"doubleValue": 1})), commit(upsert({"doubleValue": "NaN"})),
    record("POST /token", None, bodySize=50, reply={"access_token": "t", "expires_in": 3599, "token_type": "Bearer"},
           headers={"Content-Type": "application/x-www-form-urlencoded"}),
    record("POST /token", None, bodySize=50, status=400, reply={"error": "invalid_grant", "error_description": "x"},
           headers={"Content-Type": "application/x-www-form-urlencoded"}),
    record("PUT /v1/projects/p/subscriptions/s", {"topic": "t", "ack_deadline_seconds": 10}, reply={},
           headers={"User-Agent": "curl/8"}),
    record("GET /sandbox/requests", reply={"requests": []}),
    record("POST %s/nothing" % BQ, {"x": 1}, status=404, reply=ERROR, headers={"User-Agent": "curl/8"}),
    # Somebody's request that was refused may be wrong; it is why it was refused.
    record("POST %s/queries" % BQ, {"quarry": 1}, status=404, reply=ERROR, headers={"User-Agent": "curl/8"}),
    # Cut on purpose, before the body was read or the answer sent.
    record("POST %s/queries" % BQ, None, bodySize=20, status=0, fault="cut-before"),
]

# What is wrong with it, and the exchange.
WRONG = [
    ("POST bigquery.jobs.insert body.configuration.load.foo: unknown field", job(foo=1)),
    ("POST bigquery.jobs.insert body.configuration.load.schema.fields[].kind: unknown field",
     job(schema={"fields": [{"kind": "INTEGER"}]})),
    ("body.configuration.load.maxBadRecords: string where integer is expected", job(maxBadRecords="3")),
    ("body.configuration.load.maxBadRecords: 2147483648 is not an int32", job(maxBadRecords=2**31)),
    ("body.configuration.load.autodetect: string where boolean is expected", job(autodetect="true")),
    ("body.configuration.load.autodetect: null where boolean is expected", job(autodetect=None)),
    ("body.configuration.load.schema: array where object is expected", job(schema=[])),
    ("body.configuration.load.projectionFields: string where array is expected", job(projectionFields="a")),
    ("body.configuration.load.nullMarker: integer where string is expected", job(nullMarker=0)),
    ("body.configuration.load.writeDisposition: 'APPEND' is not one of WRITE_APPEND", job(writeDisposition="APPEND")),
    ("body.configuration.load.schema.fields[].type: 'BIGINT' is not one of", job(schema={"fields": [{"type": "BIGINT"}]})),
    ("body.configuration.load.timePartitioning.expirationMs: 'soon' is not an int64",
     job(timePartitioning={"expirationMs": "soon"})),
    ("body.configuration.load.timePartitioning.expirationMs: 9223372036854775808 is not an int64",
     job(timePartitioning={"expirationMs": 2**63})),
    ("body.configuration: required field is missing", record("POST %s/jobs" % BQ, {}, reply={})),
    ("POST bigquery.jobs.query body.query: required field is missing", record("POST %s/queries" % BQ, {}, reply={})),
    ("POST bigquery.jobs.query body: is missing", record("POST %s/queries" % BQ, reply={})),
    ("GET bigquery.jobs.get query.locatoin: unknown parameter", record("GET %s/jobs/j?locatoin=US" % BQ, reply={})),
    ("query.location: is there twice", record("GET %s/jobs/j?location=US&location=EU" % BQ, reply={})),
    ("query.maxResults: string where integer is expected", record("GET %s/jobs?maxResults=many" % BQ, reply={})),
    ("query.allUsers: string where boolean is expected", record("GET %s/jobs?allUsers=yes" % BQ, reply={})),
    ("query.projection: 'tiny' is not one of", record("GET %s/jobs?projection=tiny" % BQ, reply={})),
    ("query.uploadType: 'media' is not one of", record("POST /upload%s/jobs?uploadType=media" % BQ, JOB, reply={})),
    ("GET monitoring.projects.timeSeries.list query.filter: required",
     record("GET /v3/projects/p/timeSeries?filtr=x", reply={}, status=200)),
    ("path: no method has this verb and path", record("POST %s/datasets/d/tables/t" % BQ, {}, reply={})),
    ("path: no method has this verb and path", record("GET /bigquery/v3/projects/p/jobs/j", reply={})),
    ("path: no method has this verb and path", record("GET %s//jobs/j" % BQ, status=404, reply=ERROR)),
    ("body: the method has none", record("GET %s/jobs/j" % BQ, {"a": 1}, reply={})),
    ("header.Content-Type: 'text/plain' where application/json",
     record("POST %s/queries" % BQ, {"query": "q"}, reply={}, headers={"Content-Type": "text/plain"})),
    ("header.Content-Type: '' where application/x-www-form", record("POST /token", bodySize=3, reply={})),
    ("header.Content-Range: '0-4/5' is malformed",
     record("PUT /upload%s/jobs?upload_id=x" % BQ, bodySize=5, reply={}, headers={"Content-Range": "0-4/5"})),
    # An engine's request is judged even when it was refused.
    ("body.quarry: unknown field", record("POST %s/queries" % BQ, {"quarry": 1}, status=404, reply=ERROR)),
    # Somebody's request that was taken has to be right.
    ("body.quarry: unknown field",
     record("POST %s/queries" % BQ, {"quarry": 1, "query": "q"}, reply={}, headers={"User-Agent": "curl/8"})),
    ("parameterValue.value: integer where string", record(
        "POST %s/queries" % BQ, {"query": "q", "queryParameters": [{"parameterValue": {"value": 1}}]}, reply={})),
    ("PUT pubsub.projects.subscriptions.create body.ack_deadline_seconds: unknown field",
     record("PUT /v1/projects/p/subscriptions/s", {"topic": "t", "ack_deadline_seconds": 10}, reply={})),
    ("POST pubsub.projects.topics.publish body.messages[].date: unknown field", publish({"date": "aGk="})),
    ("body.messages[].data: 'a' is not a byte", publish({"data": "a"})),
    ("body.messages[].attributes.*: integer where string is expected", publish({"attributes": {"k": 1}})),
    ("pubsub.projects.subscriptions.create body.topic: required",
     record("PUT /v1/projects/p/subscriptions/s", {"ackDeadlineSeconds": 10}, reply={})),
    ("body.messageRetentionDuration: '600' is not a google-duration",
     record("PUT /v1/projects/p/subscriptions/s", {"topic": "t", "messageRetentionDuration": "600"}, reply={})),
    ("body.time: '2026-01-02 03:04:05' is not a google-datetime",
     record("POST /v1/projects/p/subscriptions/s:seek", {"time": "2026-01-02 03:04:05"}, reply={})),
    ("body.time: '2026-02-30T00:00:00Z' is not a google-datetime",
     record("POST /v1/projects/p/subscriptions/s:seek", {"time": "2026-02-30T00:00:00Z"}, reply={})),
    ("body.updateMask: 'ack-deadline' is not a google-fieldmask",
     record("PATCH /v1/projects/p/subscriptions/s", {"subscription": {}, "updateMask": "ack-deadline"}, reply={})),
    ("body.mode: integer where string is expected", commit(upsert({}), mode=2)),
    ("body.mode: 'TRANSACTION' is not one of", commit(upsert({}), mode="TRANSACTION")),
    ("body.mutations[].upsert.properties.*.integerValue: number where", commit(upsert({"integerValue": 1.5}))),
    ("body.mutations[].upsert.properties.*.entityValue.properties.*.txt: unknown field",
     commit(upsert({"entityValue": {"properties": {"x": {"txt": 1}}}}))),
    ("body.mutations[].upsert.key.path[].id: 'x' is not an int64",
     commit({"upsert": {"key": {"path": [{"kind": "K", "id": "x"}]}}})),
    ("GET bigquery.tables.get reply.numRows: integer where string is expected", table(numRows=5)),
    ("reply.nmRows: unknown field", table(nmRows="5")),
    ("reply.schema.fields[].mode: 'OPTIONAL' is not one of", table(schema={"fields": [{"mode": "OPTIONAL"}]})),
    ("reply.description: null where string is expected", table(description=None)),
    ("reply: is missing", record("GET %s/datasets/d/tables/t" % BQ)),
    ("reply: string where object is expected", record("GET %s/datasets/d/tables/t" % BQ, reply="<html>")),
    ("reply: the method answers nothing", record("DELETE %s/datasets/d/tables/t" % BQ, reply={"a": 1})),
    ("reply.receivedMessages[].message.data: 'aGk' is not a byte",
     record("POST /v1/projects/p/subscriptions/s:pull", {"maxMessages": 1},
            reply={"receivedMessages": [{"message": {"data": "aGk"}}]})),
    ("reply.expires_in: string where integer", record("GET /computeMetadata/v1/instance/service-accounts/default/token",
                                                      reply={"expires_in": "5"})),
    ("reply.header.Location: names no session", record("POST /upload%s/jobs?uploadType=resumable" % BQ, JOB)),
    ("reply.header.Range: '0-4' is malformed", record("PUT /upload%s/jobs?upload_id=x" % BQ, bodySize=5, status=308,
                                                      replyHeaders={"Range": "0-4"})),
    ("reply(404): null where object", record("GET %s/jobs/j" % BQ, status=404)),
    ("reply(404).error.errors: is missing", record("GET %s/jobs/j" % BQ, status=404, reply={"error": NO_TABLE})),
    ("reply(404).error.errors: unknown field", record("GET /v1/projects/p/topics/t", status=404, reply=ERROR)),
    ("reply(409).error.code: is 404 in an answer 409", record("GET %s/jobs/j" % BQ, status=409, reply=ERROR)),
    ("reply(404).error.status: 'NOTFOUND' is not one of",
     record("GET /v1/projects/p/topics/t", status=404, reply={"error": dict(NO_TABLE, status="NOTFOUND")})),
    ("reply(400).error: object where string", record("POST /token", bodySize=1, status=400, reply={"error": NO_TABLE},
                                                     headers={"Content-Type": "application/x-www-form-urlencoded"})),
]


def test_right_exchanges_pass():
    for exchange in RIGHT:
        wrong = found(exchange)
        assert not wrong, (exchange, wrong)


def test_each_mistake_is_found_at_its_path():
    for text, exchange in WRONG:
        wrong = found(exchange)
        assert any(text in w for w in wrong), "expected %r, found %r in %r" % (text, wrong, exchange)


def test_a_member_that_comes_twice_is_found():
    exchange = json.loads(json.dumps(record("POST %s/queries" % BQ, {"query": "a", "Query": "b"}, reply={}))
                          .replace("Query", "query"), object_pairs_hook=Members)
    assert "POST bigquery.jobs.query body.query: is there twice" in Exchange(METHODS, exchange).check()


def test_every_method_is_found_by_its_own_path():
    for method in METHODS.all:
        values = {"p": "x"}
        path = method.description["path"]
        for name, parameter in method.description["parameters"].items():
            values[name] = parameter.get("pattern", "x").strip("^$").replace("[^/]+", "x")
            path = path.replace("{+%s}" % name, values[name]).replace("{%s}" % name, values[name])
        if not method.upload:
            prefix = "/bigquery/v2/" if method.api["name"] == "bigquery" else "/"
            assert METHODS.find(method.verb, prefix + path).method.id == method.id, path
    assert len(METHODS.all) > 60
    assert ENGINE_METHODS <= {m.id for m in METHODS.all}


def ask(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "User-Agent": "bridgewatch/test"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def test_a_sandbox_records_what_is_new():
    with tempfile.TemporaryDirectory() as directory:
        place = os.path.join(directory, "record")
        sandbox = subprocess.Popen([os.path.join(sys.argv[1], "bridgewatch-sandbox"), "--port", "0", "--record", place,
                                    "--fault", "bigquery.jobs.list:503"], stdout=subprocess.PIPE, text=True)
        try:
            url = sandbox.stdout.readline().split()[-1]
            project = url + "/bigquery/v2/projects/demo"
            for _ in range(50):
                assert ask(project + "/datasets") == 200
            assert ask(project + "/queries", {"query": "SELECT 1", "useLegacySql": False}) == 200
            assert ask(project + "/queries", {"query": "SELECT 1", "useLegacySql": False, "labels": {"a": 5}}) in (200, 400)
            assert ask(project + "/datasets/none") == 404
            assert ask(project + "/jobs?stateFliter=done") == 503
        finally:
            sandbox.kill()
            sandbox.communicate()
        (name,) = os.listdir(place)
        assert name.startswith("%d-" % sandbox.pid)
        exchanges = [Exchange(METHODS, r) for r in read(os.path.join(place, name))]
        names = [e.name for e in exchanges]
        assert names == ["GET bigquery.datasets.list", "POST bigquery.jobs.query", "POST bigquery.jobs.query",
                         "GET bigquery.datasets.get", "GET bigquery.jobs.list"], names
        assert [e.check() for e in exchanges] == [
            [], [], ["POST bigquery.jobs.query body.labels.*: integer where string is expected"], [],
            ["GET bigquery.jobs.list query.stateFliter: unknown parameter"]]
        assert exchanges[4].record["fault"], exchanges[4].record


def main():
    failed = 0
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            try:
                function()
                print("ok    " + name)
            except Exception:
                import traceback
                traceback.print_exc()
                print("FAIL  " + name)
                failed += 1
    sys.exit(1 if failed else 0)


main()
