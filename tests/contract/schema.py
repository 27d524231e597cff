"""Values against the schemas of a discovery document, by the rules of its JSON: what a client may send,
and what a server says."""
import base64
import binascii
import datetime
import re

RANGES = {"int32": (-2**31, 2**31 - 1), "uint32": (0, 2**32 - 1), "int64": (-2**63, 2**63 - 1), "uint64": (0, 2**64 - 1)}
DATETIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
FIELD_MASK = re.compile(r"([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*(,|$))*")


class Members(dict):
    """An object that remembers which of its members came twice."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.twice = []
        if len(self) != len(pairs):
            names = [name for name, _ in pairs]
            self.twice = sorted({name for name in names if names.count(name) > 1})


def kind(value):
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def is_datetime(text):
    m = DATETIME.fullmatch(text)
    if not m:
        return False
    try:
        datetime.datetime(*[int(x) for x in m.groups()[:6]])
    except ValueError:
        return False
    return True


def is_base64(text, strict):
    if not strict:  # with or without padding, in either alphabet
        text = text.rstrip("=").replace("-", "+").replace("_", "/")
        text += "=" * (-len(text) % 4)
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


class Checker:
    """Collects what is wrong with one value. `sent`: by a client, which may be laxer than a server.
    `int_enums`: enumerations may be numbers. `nulls`: a null is a value (it removes, in a patch).
    `lax`: all that the JSON of protocol buffers may be: snake_case, numbers as texts, blanks in masks."""

    def __init__(self, schemas, words, sent, int_enums=False, nulls=False, lax=False):
        self.schemas, self.words = schemas, words
        self.sent, self.int_enums, self.nulls, self.lax = sent, int_enums, nulls, lax
        self.wrong = []

    def say(self, path, what):
        self.wrong.append("%s: %s" % (path, what))

    def check(self, value, schema, path, words=None):
        if "$ref" in schema:
            name = schema["$ref"]
            self.check_kind(value, dict(self.schemas[name], id=name), path, None)
        else:
            self.check_kind(value, schema, path, words)

    def check_kind(self, value, schema, path, words):
        expected = schema.get("type", "any")
        if expected == "any":
            return
        if schema.get("enum") == ["NULL_VALUE"] and value is None:
            return
        if value is None and self.nulls:
            return
        check = getattr(self, "check_" + expected)
        check(value, schema, path, words)

    def expect(self, value, kinds, path):
        if kind(value) in kinds:
            return True
        self.say(path, "%s where %s is expected" % (kind(value), " or ".join(kinds)))
        return False

    def check_object(self, value, schema, path, words):
        if not self.expect(value, ["object"], path):
            return
        for name in getattr(value, "twice", ()):
            self.say("%s.%s" % (path, name), "is there twice")
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, member in value.items():
            at = "%s.%s" % (path, name)
            if self.lax and name not in known:
                name = re.sub(r"_([a-z])", lambda m: m[1].upper(), name)
            if name in known:
                self.check(member, known[name], at, self.words.get("%s.%s" % (schema.get("id"), name)))
            elif others is not None:
                self.check(member, others, "%s.*" % path)
            else:
                self.say(at, "unknown field")

    def check_array(self, value, schema, path, words):
        if self.expect(value, ["array"], path):
            for item in value:
                self.check(item, schema["items"], path + "[]", words)

    def check_boolean(self, value, schema, path, words):
        self.expect(value, ["boolean"], path)

    def check_integer(self, value, schema, path, words):
        if self.lax and isinstance(value, str) and re.fullmatch(r"-?\d{1,10}", value):
            value = int(value)
        if self.expect(value, ["integer"], path):
            self.check_range(value, schema.get("format", "int32"), path)

    def check_range(self, number, name, path):
        low, high = RANGES[name]
        if not low <= number <= high:
            self.say(path, "%d is not an %s" % (number, name))

    def check_number(self, value, schema, path, words):
        if value not in ("NaN", "Infinity", "-Infinity"):
            self.expect(value, ["integer", "number"], path)

    def check_string(self, value, schema, path, words):
        form = schema.get("format")
        if form in ("int64", "uint64"):
            self.check_int64(value, form, path)
        elif "enum" in schema or words:
            self.check_enum(value, schema.get("enum") or words, "enum" in schema, path)
        elif self.expect(value, ["string"], path) and form:
            self.check_format(value, form, path)

    def check_int64(self, value, form, path):
        if not self.expect(value, ["string", "integer"] if self.sent else ["string"], path):
            return
        if isinstance(value, str) and not re.fullmatch(r"-?\d{1,20}", value):
            self.say(path, "%r is not an %s" % (value[:40], form))
        else:
            self.check_range(int(value), form, path)

    def check_enum(self, value, words, numbered, path):
        if numbered and self.int_enums and kind(value) == "integer":
            if value < 0:
                self.say(path, "%d is no number of an enumeration" % value)
        elif self.expect(value, ["string"], path) and value not in words:
            self.say(path, "%r is not one of %s" % (value[:40], " ".join(words[:8]) + (" ..." if len(words) > 8 else "")))

    def check_format(self, value, form, path):
        fits = {
            "byte": lambda: is_base64(value, not self.sent),
            "google-datetime": lambda: is_datetime(value),
            "date-time": lambda: is_datetime(value),
            "google-duration": lambda: DURATION.fullmatch(value),
            "google-fieldmask": lambda: FIELD_MASK.fullmatch(value.replace(", ", ",") if self.lax else value),
        }[form]
        if not fits():
            self.say(path, "%r is not a %s" % (value[:40], form))
