#include "backend/destination/engine_columns.h"

/* All NULLABLE: a target that was there before bridgewatch has rows without them. */
static const bw_engine_column columns[] = {
    {"_bw_event_id", BW_TYPE_STRING, false, BW_COLUMN_EVENT_ID | BW_COLUMN_RAW,
     "Identity of the event: the same row read again has the same."},
    {"_bw_op", BW_TYPE_STRING, false, BW_COLUMN_RAW, "What happened to the row: upsert or delete."},
    {"_bw_key", BW_TYPE_STRING, false, BW_COLUMN_RAW, "Key of the row, as JSON."},
    {"_bw_version", BW_TYPE_INT64, false, BW_COLUMN_CURRENT | BW_COLUMN_RAW,
     "Cursor of the row, in microseconds since 1970 where it is a time."},
    {BW_EVENT_VERSION, BW_TYPE_INT64, false, BW_COLUMN_EVENT,
     "Version that the event's outcome has among those of its entity."},
    {"_bw_hash", BW_TYPE_INT64, false, BW_COLUMN_CURRENT, "Hash of the row's content."},
    {"_bw_synced_at", BW_TYPE_TIMESTAMP, false, BW_COLUMN_CURRENT,
     "When the row was read from the source."},
    {"_bw_deleted", BW_TYPE_BOOL, false, BW_COLUMN_CURRENT, "The row is gone at the source."},
    {"_bw_nulls", BW_TYPE_STRING, true, BW_COLUMN_NULLS,
     "Array columns that are NULL at the source; BigQuery holds them as empty."},
    {"_bw_event_time", BW_TYPE_TIMESTAMP, false, BW_COLUMN_RAW,
     "Time of the cursor; NULL where the cursor is not a time."},
    {"_bw_ingested_at", BW_TYPE_TIMESTAMP, false, BW_COLUMN_RAW,
     "When the row was read from the source."},
    {"_bw_batch", BW_TYPE_STRING, false, BW_COLUMN_RAW, "Batch that brought the row."},
    {"_bw_score", BW_TYPE_FLOAT64, false, BW_COLUMN_RAW, "Confidence of the row, 0 to 1."},
    {"_bw_payload", BW_TYPE_STRING, false, BW_COLUMN_RAW,
     "The row as JSON, exactly as it was read."},
};

const bw_engine_column *bw_engine_column_at(size_t i)
{
    return i < BW_COUNT(columns) ? &columns[i] : NULL;
}

unsigned bw_engine_columns_of(const bw_target_spec *spec, bool staging)
{
    return (spec->current ? BW_COLUMN_CURRENT : 0) | (spec->event_id ? BW_COLUMN_EVENT_ID : 0) |
           (spec->nulls ? BW_COLUMN_NULLS : 0) | (staging && spec->raw ? BW_COLUMN_RAW : 0) |
           (staging && spec->events ? BW_COLUMN_EVENT : 0);
}
