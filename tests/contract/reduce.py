#!/usr/bin/env python3
"""Makes tests/contract/discovery/*.json from Google's discovery documents.

    reduce.py DIRECTORY      with bigquery-v2.json, pubsub-v1.json, ... as Google serves them at
                             https://SERVICE.googleapis.com/$discovery/rest?version=VERSION

Kept are the methods that KEPT names, the schemas that they reach, and of both what can be checked: no
descriptions, scopes or links. One line per method and schema, so that a refresh shows what changed.
"""
import json
import os
import re
import sys

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "discovery")

KEPT = {
    "bigquery-v2": r"bigquery\.((datasets|jobs|tabledata)\.\w+|projects\.\w+|tables\.(delete|get|insert|list|patch|update))",
    "pubsub-v1": r"pubsub\.projects\.(topics|subscriptions|snapshots)\.((?!\w*Iam)\w+|(snapshots|subscriptions)\.list)",
    "datastore-v1": r"datastore\.projects\.\w+",
    "logging-v2": r"logging\.(entries\.(list|write)|projects\.logs\.(list|delete))",
    "monitoring-v3": r"monitoring\.projects\.(timeSeries\.(create|list)|metricDescriptors\.\w+)",
    "secretmanager-v1": r"secretmanager\.projects\.(locations\.)?secrets\.((?!\w*Iam)\w+|versions\.\w+)",
}
OF_A_METHOD = ["httpMethod", "path", "parameters", "request", "response", "mediaUpload"]
OF_A_SCHEMA = ["$ref", "type", "format", "enum", "items", "properties", "additionalProperties", "pattern", "readOnly",
               "location", "required", "repeated"]


def methods_of(resource):
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods_of(inner)


def bare(schema):
    """A schema, or a parameter, with what can be checked."""
    out = {k: schema[k] for k in OF_A_SCHEMA if k in schema}
    for name in ("items", "additionalProperties"):
        if name in out:
            out[name] = bare(out[name])
    if "properties" in out:
        out["properties"] = {k: bare(v) for k, v in out["properties"].items()}
    return out


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)


def reduce(document, kept):
    methods, schemas = {}, {}
    for method in methods_of(document):
        if re.fullmatch(kept, method["id"]):
            out = {k: method[k] for k in OF_A_METHOD if k in method}
            out["parameters"] = {k: bare(v) for k, v in method.get("parameters", {}).items()}
            methods[method["id"]] = out
    wanted = list(references(methods))
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = bare(document["schemas"][name])
            wanted += references(schemas[name])
    return {"name": document["name"], "version": document["version"], "revision": document["revision"],
            "servicePath": document["servicePath"],
            "parameters": {k: bare(v) for k, v in document["parameters"].items()},
            "methods": methods, "schemas": schemas}


def write(path, api):
    """JSON with one line per method and schema."""
    def line(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    members = []
    for name, value in api.items():
        if name in ("methods", "schemas", "parameters"):
            inner = ",\n".join("  %s: %s" % (line(k), line(value[k])) for k in sorted(value))
            members.append("%s: {\n%s\n}" % (line(name), inner))
        else:
            members.append("%s: %s" % (line(name), line(value)))
    with open(path, "w", encoding="utf-8") as f:
        f.write("{\n" + ",\n".join(members) + "\n}\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, kept in KEPT.items():
        with open(os.path.join(sys.argv[1], name + ".json"), encoding="utf-8") as f:
            api = reduce(json.load(f), kept)
        write(os.path.join(OUT, name + ".json"), api)
        print("%s: %d methods, %d schemas" % (name, len(api["methods"]), len(api["schemas"])))


main()
