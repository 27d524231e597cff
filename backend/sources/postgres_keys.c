#include "backend/sources/postgres_keys.h"

#include "backend/core/json.h"

/* The canonical text of a key's member as the server reads it. */
static bw_status add_value(bw_buf *out, const bw_field *f, const bw_pgtype *type, bw_slice raw,
                           const char *key, bw_error *err)
{
    bw_buf text = BW_BUF_INIT, bytes = BW_BUF_INIT;
    bool good = raw.len > 0 && !bw_slice_is(raw, "null");
    if (good && raw.ptr[0] == '"')
        good = bw_json_unescape(raw, &text);
    else if (good)
        bw_buf_add(&text, raw.ptr, raw.len);
    if (good && f->type == BW_TYPE_BYTES) {
        good = bw_base64_decode(&bytes, bw_buf_slice(&text));
        bw_buf_clear(&text);
        bw_buf_adds(&text, "\\x");
        for (size_t i = 0; good && i < bytes.len; i++)
            bw_buf_addf(&text, "%02x", (unsigned char)bytes.ptr[i]);
    }
    if (good) {
        bw_pg_add_literal(out, bw_buf_cstr(&text));
        bw_buf_addf(out, "::%s", type->money ? "numeric::money" : f->source_type);
    }
    bw_buf_fini(&text);
    bw_buf_fini(&bytes);
    if (good)
        return BW_OK;
    return bw_error_set(err, BW_INVALID, "the key %s has no value for column %s", key,
                        f->source_name);
}

bw_status bw_pgkeys_add(bw_buf *out, const bw_pgtable *t, const char *const *keys, size_t n_keys,
                        bw_error *err)
{
    const bw_table_info *info = &t->info;
    bw_status status = BW_OK;
    if (info->n_key == 0)
        return bw_error_set(err, BW_INVALID, "table %s has no key: %s", info->name,
                            info->key_origin);
    bw_buf_addc(out, '(');
    for (size_t k = 0; k < info->n_key; k++) {
        if (k)
            bw_buf_adds(out, ", ");
        bw_pg_add_identifier(out, info->schema.fields[info->key[k]].source_name);
    }
    bw_buf_adds(out, ") IN (");
    for (size_t i = 0; i < n_keys && status == BW_OK; i++) {
        bw_buf_adds(out, i ? ", (" : "(");
        for (size_t k = 0; k < info->n_key && status == BW_OK; k++) {
            const bw_field *f = &info->schema.fields[info->key[k]];
            bw_slice raw = bw_json_member(bw_slice_cstr(keys[i]), f->source_name);
            if (k)
                bw_buf_adds(out, ", ");
            status = add_value(out, f, t->types[info->key[k]], raw, keys[i], err);
        }
        bw_buf_addc(out, ')');
    }
    bw_buf_adds(out, n_keys ? ")" : "NULL)");
    return status;
}
