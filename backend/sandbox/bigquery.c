#include "backend/sandbox/bigquery.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/json_edit.h"

const char *const bw_sb_bigquery_prefixes[] = {"/bigquery/v2/", "/", NULL};

#define PAGE_TOKEN_PREFIX "BSBX"

void bw_sb_reply_bq_error(bw_sb_reply *reply, const bq_error *err)
{
    const char *reason = err->reason ? err->reason : "internalError";
    int code = bq_reason_http(reason);
    bw_sb_reply_error(reply, (unsigned)code, reason, err->location[0] ? err->location : NULL, "%s",
                      err->message);
}

bw_sb_outcome bw_sb_reply_invalid(bw_sb_reply *reply, const char *fmt, ...)
{
    char message[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    bw_sb_reply_error(reply, 400, "invalid", NULL, "%s", message);
    return BW_SB_DONE;
}

const char *bw_sb_if_match(bw_sb_request *r)
{
    const char *tag = bw_sb_request_header(r, "If-Match");
    if (!tag || strcmp(tag, "*") == 0)
        return NULL;
    if (strncmp(tag, "W/", 2) == 0)
        tag += 2;
    size_t len = strlen(tag);
    if (len >= 2 && tag[0] == '"' && tag[len - 1] == '"')
        return bw_arena_strndup(&r->arena, tag + 1, len - 2);
    return tag;
}

const char *bw_sb_location(bw_arena *arena, const char *location)
{
    if (!location)
        return NULL;
    char *copy = bw_arena_strdup(arena, location);
    bool multi = strlen(copy) == 2;
    for (char *c = copy; *c; c++) {
        if (multi && *c >= 'a' && *c <= 'z')
            *c = (char)(*c - 32);
        else if (!multi && *c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    }
    return copy;
}

const char *bw_sb_metadata(bw_arena *arena, bw_slice object, const char *const *own_members)
{
    bw_buf text = BW_BUF_INIT;
    bw_sb_json_without(object, own_members, &text);
    const char *copy = bw_arena_strndup(arena, text.ptr, text.len);
    bw_buf_fini(&text);
    return copy;
}

bool bw_sb_page_args(bw_sb_request *r, bw_sb_reply *reply, int64_t default_max, int64_t *max,
                     int64_t *offset)
{
    const char *token = bw_sb_request_query(r, "pageToken");
    *offset = 0;
    if (!bw_sb_request_query_int(r, "maxResults", 0, INT32_MAX, default_max, max)) {
        bw_sb_reply_invalid(reply, "Invalid value for maxResults");
        return false;
    }
    if (!token || !*token)
        return true;
    size_t prefix = strlen(PAGE_TOKEN_PREFIX);
    char *end = NULL;
    if (strncmp(token, PAGE_TOKEN_PREFIX, prefix) == 0)
        *offset = strtoll(token + prefix, &end, 16);
    if (end && *end == '\0' && *offset > 0)
        return true;
    bw_sb_reply_invalid(reply, "Invalid page token: %s", token);
    return false;
}

void bw_sb_add_page_token(bw_buf *out, const char *name, int64_t offset)
{
    char token[48];
    snprintf(token, sizeof token, PAGE_TOKEN_PREFIX "%llx", (unsigned long long)offset);
    bw_sb_json_add_text(out, name, token);
}

bq_table_ref bw_sb_path_table(const bw_sb_request *r)
{
    return (bq_table_ref){bw_sb_request_param(r, "project"), bw_sb_request_param(r, "dataset"),
                          bw_sb_request_param(r, "table")};
}

void bw_sb_add_table_reference(bw_buf *out, const char *name, bq_table_ref ref)
{
    bw_sb_json_add_raw(out, name, BW_SLICE_LIT("{"));
    bw_sb_json_add_text(out, "projectId", ref.project);
    bw_sb_json_add_text(out, "datasetId", ref.dataset);
    bw_sb_json_add_text(out, "tableId", ref.table);
    bw_buf_addc(out, '}');
}

bq_table_ref bw_sb_table_reference(bw_arena *arena, bw_slice object, const char *project)
{
    bq_table_ref ref = {bw_sb_json_text(arena, object, "projectId"),
                        bw_sb_json_text(arena, object, "datasetId"),
                        bw_sb_json_text(arena, object, "tableId")};
    if (!ref.project)
        ref.project = project;
    return ref;
}

/* ---- Projects --------------------------------------------------------------------------------- */

static bw_sb_outcome service_account(void *context, bw_sb_request *r, bw_sb_reply *reply)
{
    (void)context;
    bw_buf_adds(&reply->body, "{\"kind\":\"bigquery#getServiceAccountResponse\",\"email\":");
    char *email = bw_arena_printf(&r->arena, "bq-sandbox@%s.iam.gserviceaccount.com",
                                  bw_sb_request_param(r, "project"));
    bw_json_add_string(&reply->body, bw_slice_cstr(email));
    bw_buf_addc(&reply->body, '}');
    return BW_SB_DONE;
}

static const bw_sb_route routes[] = {
    {"GET", "projects/{project}/serviceAccount", "bigquery.projects.getServiceAccount",
     .handle = service_account},
};

bw_sb_service bw_sb_projects_service(bw_sb_bigquery *bq)
{
    return (bw_sb_service){bw_sb_bigquery_prefixes, routes, BW_COUNT(routes), BW_SB_ERROR_ERRORS,
                           bq};
}
