"""One recorded exchange against the methods: the request, if it was meant to be right, and the answer."""
import re
import urllib.parse

import prose
from schema import Checker, RANGES

# Theirs are judged whatever the answer was: an error may be provoked, a malformed request may not.
ALWAYS_RIGHT = re.compile(r"bridgewatch/|gcloud-node|google-api-nodejs-client/")
CONTENT_RANGE = re.compile(r"bytes (\d+-\d+|\*)/(\d+|\*)")
CANONICAL = ["CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
             "PERMISSION_DENIED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
             "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"]
_TEXT = {"type": "string"}
_CODE = {"type": "integer"}
_STATUS = {"type": "string", "enum": CANONICAL}
_DETAILS = {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "any"}}}
ERROR_SHAPES = {
    "errors": {"type": "object", "properties": {"error": {"type": "object", "properties": {
        "code": _CODE, "message": _TEXT, "status": _STATUS, "details": _DETAILS,
        "errors": {"type": "array", "items": {"type": "object", "properties": {
            "message": _TEXT, "domain": _TEXT, "reason": _TEXT, "location": _TEXT, "locationType": _TEXT,
            "debugInfo": _TEXT}}}}}}},
    "status": {"type": "object", "properties": {"error": {"type": "object", "properties": {
        "code": _CODE, "message": _TEXT, "status": _STATUS, "details": _DETAILS}}}},
    "oauth": {"type": "object", "properties": {"error": _TEXT, "error_description": _TEXT}},
}
ERROR_MUST_HAVE = {"errors": ["code", "message", "status", "errors"], "status": ["code", "message", "status"]}


def outside(path):
    """The pattern of prose.OUTSIDE that a path fits, or None."""
    return next((pattern for pattern in prose.OUTSIDE if re.fullmatch(pattern, path)), None)


def query_of(text):
    """Name and value of each parameter, decoded; in order."""
    pairs = [p.partition("=") for p in text.split("&") if p]
    return [(urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value)) for name, _, value in pairs]


def snake_case(path):
    return re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), path)


def member(body, path):
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


class Exchange:
    """wrong: what was found, each with its path; engine: asked by bridgewatch itself."""

    def __init__(self, methods, record):
        self.methods, self.record = methods, record
        self.headers = {k.lower(): v for k, v in record["headers"].items()}
        self.agent = self.headers.get("user-agent", "")
        self.engine = self.agent.startswith("bridgewatch/")
        self.status = record["status"]
        self.found = methods.find(record["verb"], record["path"])
        self.query = query_of(record["query"])
        self.wrong = []

    @property
    def name(self):
        if not self.found:
            return "%s %s" % (self.record["verb"], self.record["path"])
        return "%s %s" % (self.record["verb"], self.found.method.id)

    def say(self, path, what):
        self.wrong.append("%s %s: %s" % (self.name, path, what))

    def take(self, checker):
        for text in checker.wrong:
            known = any(re.match(pattern, "%s %s" % (self.found.method.id, text)) for pattern in prose.DEVIATIONS)
            if self.engine or not known:
                self.wrong.append("%s %s" % (self.name, text))

    def check(self):
        meant_right = ALWAYS_RIGHT.search(self.agent) or 200 <= self.status < 400
        if self.found:
            if meant_right:
                self.check_request()
            if self.status:
                self.check_answer()
        elif meant_right and not outside(self.record["path"]):
            self.say("path", "no method has this verb and path")
        elif self.status >= 400 and not outside(self.record["path"]):
            self.check_error("errors" if "errors" in str(self.record["reply"]) else "status")
        return self.wrong

    # ---- requests

    @property
    def int_enums(self):
        return any(k in ("$alt", "alt") and "enum-encoding=int" in v for k, v in self.query)

    @property
    def upload(self):
        """None; "start", "multipart" or "chunk"."""
        if not self.found or not self.found.method.upload:
            return None
        values = dict(self.query)
        if "upload_id" in values:
            return "chunk"
        return "start" if values.get("uploadType") == "resumable" else "multipart"

    def checker(self, sent):
        api = self.found.method.api
        patch = sent and self.record["verb"] in ("PATCH", "PUT")
        # Google reads more than it documents, but bridgewatch is to write what is documented.
        lax = sent and not self.engine
        return Checker(api["schemas"], prose.WORDS.get(api["name"], {}), sent, self.int_enums or lax, patch,
                       lax and api["name"] != "bigquery")

    def check_request(self):
        self.check_query()
        if self.upload == "chunk":
            self.check_chunk()
        elif not self.record["fault"] or self.record["body"] is not None:
            self.check_body()

    def check_query(self):
        known = self.methods.query_parameters(self.found)
        seen = set()
        for name, value in self.query:
            at = "query." + name
            if name not in known:
                self.say(at, "unknown parameter")
                continue
            if name in seen and not known[name].get("repeated"):
                self.say(at, "is there twice")
            seen.add(name)
            self.check_parameter(at, value, known[name])
        required = {name for name, parameter in known.items() if parameter.get("required")}
        for name in sorted(required.union(prose.REQUIRED_PARAMETERS.get(self.found.method.id, ())) - seen):
            self.say("query." + name, "required parameter is missing")
        for name, value in self.found.path_parameters.items():
            if not value.strip("/"):
                self.say("path." + name, "is empty")

    def check_parameter(self, at, text, parameter):
        checker = self.checker(True)
        value, kind, form = text, parameter["type"], parameter.get("format")
        if kind == "boolean":
            value = {"true": True, "false": False}.get(text, text)
        elif kind == "integer" or form in RANGES:
            value = int(text) if re.fullmatch(r"-?\d+", text) else text
        checker.check(value, {k: v for k, v in parameter.items() if k not in ("location", "required", "repeated")}, at)
        self.take(checker)

    def check_chunk(self):
        text = self.headers.get("content-range")
        if self.record["verb"] != "DELETE" and text is not None and not CONTENT_RANGE.fullmatch(text):
            self.say("header.Content-Range", "%r is malformed" % text)

    def check_body(self):
        body, schema = self.record["body"], self.found.method.description.get("request")
        if self.found.method.id == "oauth.token":
            self.check_content_type("application/x-www-form-urlencoded")
            return
        if schema is None:
            if body not in ((None, {}) if self.engine else (None, {}, "")):
                self.say("body", "the method has none")
            return
        if body is None:
            if self.record["bodySize"] == 0:
                self.say("body", "is missing")
            return
        checker = self.checker(True)
        checker.check(body, schema, "body")
        self.take(checker)
        for path in prose.REQUIRED.get(self.found.method.id, ()):
            if member(body, path) in (None, "") and (self.engine or member(body, snake_case(path)) is None):
                self.say("body." + path, "required field is missing")
        self.check_content_type("multipart/related" if self.upload == "multipart" else "application/json")

    def check_content_type(self, expected):
        found = self.headers.get("content-type", "")
        if ALWAYS_RIGHT.search(self.agent) and found.split(";")[0].strip().lower() != expected:
            self.say("header.Content-Type", "%r where %s is expected" % (found, expected))

    # ---- answers

    def check_answer(self):
        if self.status >= 400:
            self.check_error(self.error_shape)
        elif self.status == 308:
            self.check_resume()
        elif self.upload == "start":
            self.check_session()
        elif self.reply_headers.get("x-http-status-code-override") == "308":
            self.check_resume()
        else:
            self.check_success()

    @property
    def reply_headers(self):
        return {k.lower(): v for k, v in self.record["replyHeaders"].items()}

    @property
    def error_shape(self):
        if self.found.method.id == "oauth.token":
            return "oauth"
        return "errors" if self.found.method.api["name"] == "bigquery" else "status"

    def check_resume(self):
        kept = self.reply_headers.get("range")
        if kept is not None and not re.fullmatch(r"bytes=0-\d+", kept):
            self.say("reply.header.Range", "%r is malformed" % kept)

    def check_session(self):
        if "upload_id=" not in self.reply_headers.get("location", ""):
            self.say("reply.header.Location", "names no session")

    def check_success(self):
        schema, reply = self.found.method.description.get("response"), self.record["reply"]
        if schema is None or self.record["verb"] == "DELETE" and self.upload == "chunk":
            if reply not in (None, {}):
                self.say("reply", "the method answers nothing")
            return
        if reply is None:
            if self.record["replySize"] == 0:
                self.say("reply", "is missing")
            return
        checker = self.checker(False)
        checker.check(reply, schema, "reply")
        self.take(checker)

    def check_error(self, shape):
        if self.status == 499 and self.upload == "chunk" and self.record["verb"] == "DELETE":
            return  # that is how the cancelling of an upload is confirmed
        reply = self.record["reply"]
        at = "reply(%d)" % self.status
        checker = Checker({}, {}, False)
        checker.check(reply, ERROR_SHAPES[shape], at)
        self.wrong += ["%s %s" % (self.name, text) for text in checker.wrong]
        error = reply.get("error") if isinstance(reply, dict) else None
        if isinstance(error, dict):
            for name in ERROR_MUST_HAVE.get(shape, ()):
                if error.get(name) in (None, []):
                    self.say("%s.error.%s" % (at, name), "is missing")
            if error.get("code") != self.status:
                self.say(at + ".error.code", "is %s in an answer %d" % (error.get("code"), self.status))
        elif shape == "oauth" and not (isinstance(reply, dict) and reply.get("error")):
            self.say(at + ".error", "is missing")


