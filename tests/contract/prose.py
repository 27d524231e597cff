"""What Google's documentation says in prose only, and so the discovery documents do not: members that a
request must have, the words that some strings are limited to, and methods outside the documents at
hand. In the format that reduce.py writes."""

# Members of a request's body without which the method answers 400.
REQUIRED = {
    "bigquery.datasets.insert": ["datasetReference.datasetId"],
    "bigquery.jobs.insert": ["configuration"],
    "bigquery.jobs.query": ["query"],
    "bigquery.tabledata.insertAll": ["rows"],
    "bigquery.tables.insert": ["tableReference.tableId"],
    "datastore.projects.allocateIds": ["keys"],
    "datastore.projects.lookup": ["keys"],
    "datastore.projects.reserveIds": ["keys"],
    "datastore.projects.rollback": ["transaction"],
    "logging.entries.list": ["resourceNames"],
    "logging.entries.write": ["entries"],
    "monitoring.projects.timeSeries.create": ["timeSeries"],
    "pubsub.projects.snapshots.create": ["subscription"],
    "pubsub.projects.snapshots.patch": ["snapshot", "updateMask"],
    "pubsub.projects.subscriptions.acknowledge": ["ackIds"],
    "pubsub.projects.subscriptions.create": ["topic"],
    "pubsub.projects.subscriptions.modifyAckDeadline": ["ackIds", "ackDeadlineSeconds"],
    "pubsub.projects.subscriptions.modifyPushConfig": ["pushConfig"],
    "pubsub.projects.subscriptions.patch": ["subscription", "updateMask"],
    "pubsub.projects.subscriptions.pull": ["maxMessages"],
    "pubsub.projects.topics.patch": ["topic", "updateMask"],
    "pubsub.projects.topics.publish": ["messages"],
}

# Parameters of the query that it needs likewise.
REQUIRED_PARAMETERS = {
    "monitoring.projects.timeSeries.list": ["filter", "interval.endTime"],
}

_DISPOSITIONS = ["WRITE_APPEND", "WRITE_EMPTY", "WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA"]
_CREATE = ["CREATE_IF_NEEDED", "CREATE_NEVER"]
_UPDATE = ["ALLOW_FIELD_ADDITION", "ALLOW_FIELD_RELAXATION"]
_TYPES = ["BIGNUMERIC", "BIGDECIMAL", "BOOL", "BOOLEAN", "BYTES", "DATE", "DATETIME", "DECIMAL", "FLOAT", "FLOAT64",
          "GEOGRAPHY", "INT64", "INTEGER", "INTERVAL", "JSON", "NUMERIC", "RANGE", "RECORD", "STRING", "STRUCT", "TIME",
          "TIMESTAMP"]

# Schema and property: the words it is limited to.
WORDS = {
    "bigquery": {
        "ErrorProto.reason": [
            "accessDenied", "attributeError", "backendError", "badRequest", "billingNotEnabled", "billingTierLimitExceeded",
            "blocked", "conditionNotMet", "duplicate", "duplicateInSession", "internalError", "invalid", "invalidQuery",
            "invalidUser", "jobBackendError", "jobInternalError", "jobRateLimitExceeded", "notFound", "notImplemented",
            "proxyAuthenticationRequired", "quotaExceeded", "rateLimitExceeded", "resourceInUse", "resourcesExceeded",
            "responseTooLarge", "stopped", "tableUnavailable", "timeout"],
        "JobConfiguration.jobType": ["QUERY", "LOAD", "EXTRACT", "COPY", "UNKNOWN"],
        "JobConfigurationLoad.createDisposition": _CREATE,
        "JobConfigurationLoad.encoding": ["UTF-8", "ISO-8859-1", "UTF-16BE", "UTF-16LE", "UTF-32BE", "UTF-32LE"],
        "JobConfigurationLoad.schemaUpdateOptions": _UPDATE,
        "JobConfigurationLoad.sourceFormat": ["CSV", "DATASTORE_BACKUP", "NEWLINE_DELIMITED_JSON", "AVRO", "PARQUET", "ORC"],
        "JobConfigurationLoad.writeDisposition": _DISPOSITIONS,
        "JobConfigurationQuery.createDisposition": _CREATE,
        "JobConfigurationQuery.parameterMode": ["NAMED", "POSITIONAL", "named", "positional"],
        "JobConfigurationQuery.priority": ["INTERACTIVE", "BATCH"],
        "JobConfigurationQuery.schemaUpdateOptions": _UPDATE,
        "JobConfigurationQuery.writeDisposition": _DISPOSITIONS,
        "JobConfigurationTableCopy.createDisposition": _CREATE,
        "JobConfigurationTableCopy.writeDisposition": _DISPOSITIONS,
        "JobStatus.state": ["PENDING", "RUNNING", "DONE"],
        "QueryParameterType.type": _TYPES + ["ARRAY"],
        "QueryRequest.parameterMode": ["NAMED", "POSITIONAL", "named", "positional"],
        "Table.type": ["TABLE", "VIEW", "EXTERNAL", "MATERIALIZED_VIEW", "SNAPSHOT"],
        "TableFieldSchema.mode": ["NULLABLE", "REQUIRED", "REPEATED"],
        "TableFieldSchema.type": _TYPES,
        "TimePartitioning.type": ["DAY", "HOUR", "MONTH", "YEAR"],
    },
}

_TEXT = {"type": "string"}


def _path(**patterns):
    return {name: {"location": "path", "required": True, "type": "string", "pattern": pattern}
            for name, pattern in patterns.items()}


_DASHBOARD = r"^projects/[^/]+/dashboards/[^/]+$"

# Monitoring's dashboards have a document of their own (monitoring v1), of which these methods and the
# members of a dashboard are here; what a layout holds is not.
MONITORING_V1 = {
    "name": "monitoring", "version": "v1", "servicePath": "", "parameters": {},
    "methods": {
        "monitoring.projects.dashboards.create": {
            "httpMethod": "POST", "path": "v1/{+parent}/dashboards",
            "parameters": dict(_path(parent="^projects/[^/]+$"), validateOnly={"location": "query", "type": "boolean"}),
            "request": {"$ref": "Dashboard"}, "response": {"$ref": "Dashboard"}},
        "monitoring.projects.dashboards.list": {
            "httpMethod": "GET", "path": "v1/{+parent}/dashboards",
            "parameters": dict(_path(parent="^projects/[^/]+$"), pageToken={"location": "query", "type": "string"},
                               pageSize={"location": "query", "type": "integer", "format": "int32"}),
            "response": {"$ref": "ListDashboardsResponse"}},
        "monitoring.projects.dashboards.get": {
            "httpMethod": "GET", "path": "v1/{+name}", "parameters": _path(name=_DASHBOARD),
            "response": {"$ref": "Dashboard"}},
        "monitoring.projects.dashboards.patch": {
            "httpMethod": "PATCH", "path": "v1/{+name}",
            "parameters": dict(_path(name=_DASHBOARD), validateOnly={"location": "query", "type": "boolean"}),
            "request": {"$ref": "Dashboard"}, "response": {"$ref": "Dashboard"}},
        "monitoring.projects.dashboards.delete": {
            "httpMethod": "DELETE", "path": "v1/{+name}", "parameters": _path(name=_DASHBOARD),
            "response": {"$ref": "Empty"}},
    },
    "schemas": {
        "Dashboard": {"type": "object", "properties": {
            "name": _TEXT, "displayName": _TEXT, "etag": _TEXT,
            "gridLayout": {"type": "any"}, "mosaicLayout": {"type": "any"}, "rowLayout": {"type": "any"},
            "columnLayout": {"type": "any"}, "dashboardFilters": {"type": "array", "items": {"type": "any"}},
            "annotations": {"type": "any"}, "labels": {"type": "object", "additionalProperties": _TEXT}}},
        "ListDashboardsResponse": {"type": "object", "properties": {
            "dashboards": {"type": "array", "items": {"$ref": "Dashboard"}}, "nextPageToken": _TEXT}},
        "Empty": {"type": "object", "properties": {}},
    },
}

# RFC 6749, section 5.1, as Google's token endpoint and its metadata server answer.
_TOKEN = {"type": "object", "properties": {
    "access_token": _TEXT, "expires_in": {"type": "integer", "format": "int32"}, "token_type": _TEXT, "scope": _TEXT,
    "id_token": _TEXT, "refresh_token": _TEXT}}
IDENTITY = {
    "name": "identity", "version": "", "servicePath": "", "parameters": {},
    "methods": {
        "oauth.token": {"httpMethod": "POST", "path": "token", "parameters": {}, "response": {"$ref": "Token"}},
        "metadata.token": {
            "httpMethod": "GET", "path": "computeMetadata/v1/instance/service-accounts/default/token",
            "parameters": {"scopes": {"location": "query", "type": "string"}}, "response": {"$ref": "Token"}},
    },
    "schemas": {"Token": _TOKEN},
}

# What Google's own clients send although the documents say otherwise, and BigQuery takes: method and
# path of the violation, and why. Not for bridgewatch itself.
DEVIATIONS = {
    r"bigquery\.jobs\.(query|insert) body\.(configuration\.query\.)?queryParameters\[\]\.parameterValue\..*value: "
    r"(integer|number|boolean|null) where string": "@google-cloud/bigquery sends parameters as they are",
    r"bigquery\.jobs\.\w+ (body|reply)\.(jobs\[\]\.)?configuration\.load\.location: unknown field":
        "@google-cloud/bigquery puts an upload's location there, and the sandbox says back what it was given",
}

# Paths that no document describes, and why they are let by.
OUTSIDE = {
    r"/sandbox/.*": "the sandbox's own controls; its manual page describes them",
    r"/": "the sandbox's greeting",
    r"/computeMetadata/v1/.*": "plain text, but for the token",
    r"/session": "the address that the tests' wire server gives to an upload",
    r"/oauth2/v4/token": "an older address of the token endpoint",
}
