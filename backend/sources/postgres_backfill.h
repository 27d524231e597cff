/*
 * A backfill in slices: the whole table, read at the speed of a sequential scan, in parts that are
 * committed one by one. By ranges of blocks per leaf relation where the server can scan those
 * (version 14 and later), else by ranges of the key's first column; tables without a key in one
 * part. All slices of one reader share its snapshot.
 *
 * After a restart there is a new snapshot, and rows may have moved from blocks that are still to be
 * read into blocks that have been. So the first slice then reads from the finished part whatever
 * row versions are newer than the old snapshot (by xmin), and the rest goes on where it stopped. A
 * relation whose file was exchanged begins again. Threads: one at a time.
 */
#ifndef BW_SOURCES_POSTGRES_BACKFILL_H
#define BW_SOURCES_POSTGRES_BACKFILL_H

#include "backend/sources/postgres_catalog.h"
#include "backend/sources/postgres_position.h"

typedef enum bw_pgslicing {
    BW_PGSLICING_WHOLE,
    BW_PGSLICING_BLOCKS,
    BW_PGSLICING_KEYS,
} bw_pgslicing;

typedef struct bw_pgleaf {
    uint32_t oid, filenode;
    char kind; /* relkind; 'a': a table that is not a heap of this server */
    bool readable;
    int64_t blocks;
    const char *relation;
} bw_pgleaf;

typedef struct bw_pgbackfill {
    const bw_pgtable *table;
    const bw_table_spec *spec;
    bw_arena *keep; /* the reader's: the leaves are asked about after the snapshot, too */
    bw_pgslicing slicing;
    const bw_pgleaf *leaves;
    size_t n_leaves;
    double slice_rows;
    int64_t slice_blocks, blocks; /* of all leaves */
    int64_t xmin;                 /* of the current snapshot */
    bool tells_versions;          /* rows have an xmin, and each is known by its key */

    /* How far it has come with the slice that was handed out last. */
    size_t leaf;
    int64_t block; /* the first of leaves[leaf] that is not done */
    const char *key;
    int64_t slices;

    bool catching_up; /* the next slice is the one after a restart */
    int64_t old_xmin;
    bool over;
} bw_pgbackfill;

/* One slice. */
typedef struct bw_pgslice {
    const char *select; /* SELECT … */
    double rows_expected;
    const char *label;
    bool last;
} bw_pgslice;

/* Plans in the current snapshot; `from` is where an earlier one stopped (or not active). Everything
   lives in the arena; table and spec are borrowed. */
BW_NODISCARD bw_status bw_pgbackfill_plan(bw_pgconn *conn, const bw_pgtable *table,
                                          const bw_table_spec *spec,
                                          const bw_pgbackfill_position *from, bw_arena *arena,
                                          bw_pgbackfill *out, bw_error *err);
/* The next slice, its texts in `arena`; not called after the last one. */
BW_NODISCARD bw_status bw_pgbackfill_next(bw_pgconn *conn, bw_pgbackfill *b, bw_arena *arena,
                                          bw_pgslice *out, bw_error *err);
/* After the last slice, in a later snapshot: the condition, in `arena`, that what the backfill has read
   does not meet and everything else does; NULL where nothing tells them apart. */
BW_NODISCARD bw_status bw_pgbackfill_unread(bw_pgconn *conn, const bw_pgbackfill *b,
                                            bw_arena *arena, const char **condition, bw_error *err);
/* Where it stands once that slice is committed. */
void bw_pgbackfill_where(const bw_pgbackfill *b, bw_arena *arena, bw_pgbackfill_position *out);

#endif
