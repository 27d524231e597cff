"""The methods of the discovery documents, found by verb and path."""
import collections
import glob
import json
import os
import re
import urllib.parse

import prose

HERE = os.path.dirname(os.path.abspath(__file__))
# Where clients look for BigQuery: with BIGQUERY_EMULATOR_HOST some leave the service's path out, and
# some put it before the path of uploads.
BIGQUERY_DOORS = ["/bigquery/v2/", "/"]
UPLOAD_DOORS = ["", "/bigquery/v2"]
# Of every method, beside what the document itself says.
EVERYWHERE = {"$alt", "alt", "prettyPrint", "$prettyPrint", "key", "fields", "quotaUser", "userIp"}
GLOBAL_PARAMETER = {"location": "query", "type": "string"}

Method = collections.namedtuple("Method", "api id verb regex upload description")
Found = collections.namedtuple("Found", "method path_parameters")


def load():
    apis = []
    for path in sorted(glob.glob(os.path.join(HERE, "discovery", "*.json"))):
        with open(path, encoding="utf-8") as f:
            apis.append(json.load(f))
    return apis + [prose.MONITORING_V1, prose.IDENTITY]


def template(text, parameters):
    """A path with {name} and {+name} as a regular expression, by the parameters' patterns."""
    out = ""
    for literal, name in re.findall(r"([^{]*)(?:\{\+?(\w+)\})?", text):
        out += re.escape(literal)
        if name:
            pattern = parameters[name].get("pattern", "^[^/]+$").removeprefix("^").removesuffix("$")
            out += "(?P<%s>%s)" % (name, pattern)
    return out


class Methods:
    def __init__(self, apis=None):
        self.apis = apis or load()
        self.all = []
        for api in self.apis:
            for name, description in api["methods"].items():
                self.add(api, name, description)
        # The longest literal text wins: topics/t:publish before topics/{t}.
        self.all.sort(key=lambda m: -len(re.sub(r"\{.*?\}", "", m.description["path"])))

    def add(self, api, name, description):
        parameters = description["parameters"]
        path = template(description["path"], parameters)
        doors = BIGQUERY_DOORS if api["name"] == "bigquery" else ["/" + api["servicePath"]]
        regex = "(?:%s)%s" % ("|".join(map(re.escape, doors)), path)
        self.all.append(Method(api, name, description["httpMethod"], re.compile(regex), False, description))
        for protocol in description.get("mediaUpload", {}).get("protocols", {}).values():
            regex = "(?:%s)%s" % ("|".join(UPLOAD_DOORS), template(protocol["path"], parameters))
            self.all.append(Method(api, name, description["httpMethod"], re.compile(regex), True, description))

    def find(self, verb, path):
        """The method, or None. A chunk of an upload has the verb PUT instead of the method's own."""
        for method in self.all:
            m = method.regex.fullmatch(path)
            if m and (verb == method.verb or (method.upload and verb in ("PUT", "DELETE"))):
                return Found(method, {k: urllib.parse.unquote(v) for k, v in m.groupdict().items()})
        return None

    def query_parameters(self, found):
        """Those that the method may have in its query, by name."""
        out = {name: GLOBAL_PARAMETER for name in EVERYWHERE}
        out.update(found.method.api["parameters"])
        out.update({k: v for k, v in found.method.description["parameters"].items() if v["location"] == "query"})
        if found.method.upload:
            out.update(uploadType={"location": "query", "type": "string", "enum": ["multipart", "resumable"]},
                       upload_id=GLOBAL_PARAMETER)
        return out
