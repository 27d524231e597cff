/*
 * The catalog as it is at one moment, for a statement that would hold it too long. In a directory
 * that is one more connection with a read transaction: WAL lets it read what was there while others
 * write. A catalog in memory has one connection only, so its content is copied.
 */
#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/bq_store.h"

#define LARGEST_COPY (INT64_C(1) << 30)

static const char *file_of(bq_catalog *catalog)
{
    const char *file = sqlite3_db_filename(catalog->db->handle, "main");
    return file && *file ? file : NULL;
}

bool bq_snapshot_fits(bq_catalog *catalog)
{
    int64_t size = INT64_MAX;

    if (file_of(catalog))
        return true;
    bw_sb_db_lock(catalog->db);
    bool known = bw_sb_db_value(
        catalog->db,
        bw_sb_db_query(catalog->db,
                       "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                       ""),
        &size);
    bw_sb_db_unlock(catalog->db);
    return known && size <= LARGEST_COPY;
}

/* SQLite frees the copy, also when this fails. */
static int copy_into(bq_catalog *catalog, sqlite3 *db)
{
    sqlite3_int64 size;
    unsigned char *copy = sqlite3_serialize(catalog->db->handle, "main", &size, 0);

    if (!copy)
        return SQLITE_NOMEM;
    return sqlite3_deserialize(db, "main", copy, size, size,
                               SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY);
}

bw_status bq_snapshot_open(bq_catalog *catalog, sqlite3 **out, bq_error *err)
{
    const char *file = file_of(catalog);
    int flags = file ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY;
    int code = sqlite3_open_v2(file ? file : ":memory:", out, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (code == SQLITE_OK && !file)
        code = copy_into(catalog, *out);
    sqlite3_db_config(*out, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    /* The first read decides what is seen. */
    if (code == SQLITE_OK)
        code = sqlite3_exec(*out,
                            "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; BEGIN;"
                            "SELECT 1 FROM sqlite_schema",
                            NULL, NULL, NULL);
    bw_status status = BW_OK;
    if (code != SQLITE_OK)
        status = bq_error_set(err, "internalError", NULL, "the sandbox's storage failed: %s",
                              sqlite3_errstr(code));
    if (status == BW_OK)
        status = bq_functions_register(*out, err);
    if (status != BW_OK) {
        sqlite3_close(*out);
        *out = NULL;
    }
    return status;
}
