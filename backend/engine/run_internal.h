/*
 * What the files of a run share: run.c begins and ends it, run_progress.c says how far it is,
 * prepare.c opens both ends, reading.c takes one batch after the other from the source, replay.c takes
 * dead letters their way again, batch.c carries out the commit protocol of one batch with loading.c
 * and finals.c, pieces.c loads a batch whose rows are refused, recover.c finishes or abandons what an
 * earlier process left.
 * Threads: the worker of the run.
 */
#ifndef BW_ENGINE_RUN_INTERNAL_H
#define BW_ENGINE_RUN_INTERNAL_H

#include "backend/destination/encoder.h"
#include "backend/engine/occurrences.h"
#include "backend/engine/run.h"
#include "backend/engine/scorer.h"
#include "backend/engine/uploader.h"

typedef struct bw_run_work {
    bw_run *run;
    bw_budget_ops budget;
    bw_source_env source_env;
    const bw_source_class *class; /* of `source`: the definition's, or the events stage's upon it */
    bw_source *source;
    bw_table_info info;
    bw_sync_mode mode;
    bw_target_spec target_spec;
    bw_target target;
    bw_target *further; /* tables that get the same rows */
    size_t n_further;
    char *target_name; /* project.dataset.table, in the run's arena */
    bw_destination *destination;
    bw_uploader *uploader;
    bw_reader *reader;
    bw_chunk chunk;
    bool prefetched, prefetched_end; /* the chunk holds the batch's first rows, not yet passed on */
    bool source_failed;              /* reading failed: loading again would not help */
    bool finds_by_id;     /* by event ids the target is asked, not yet seen to be of this sync */
    bool unresolved;      /* a load straight into the target was sent, and its end is not known */
    bw_sync_record sync;  /* as it was when the run began */
    bw_arena batch_arena; /* ids, labels and texts of the batch at hand */
    const char *held_back_by;       /* by the end of the batch at hand */
    bw_arena letter_arena;          /* of the two below */
    const char *const *letter_keys; /* of open letters, sorted */
    size_t n_letter_keys;
    bool *letter_landed;     /* beside letter_keys: landed in the batch at hand */
    bw_occurrences rejected; /* rows of the attempt at hand that no key tells apart */
    int64_t new_letters;     /* of this run so far, without the current batch's */
    int64_t rows_settled;    /* rows that this run read in the batches before the one at hand */
    bw_row_scorer *scorer;
} bw_run_work;

void bw_run_phase(bw_run *run, const char *phase);
void bw_run_waiting(bw_run *run, const char *text);
/* The same as a listener of the destination's. */
void bw_run_tell_waiting(void *run, const char *text);

/* The word of the history: incremental, backfill, ... */
const char *bw_run_kind_word(const bw_run *run);

/* Opens the source and asks how it is. */
BW_NODISCARD bw_status bw_run_open_source(bw_run_work *w, bw_error *err);
/* Describes the table and makes the target fit; INVALID where a type stops the sync. */
BW_NODISCARD bw_status bw_run_prepare(bw_run_work *w, bw_error *err);

/* Labels of a step's job, in the arena. */
const bw_job_label *bw_batch_labels(bw_arena *arena, const char *store, const char *sync,
                                    int64_t batch, int attempt, const char *step, size_t *count);
/* bw_<store>_<sync>_<batch>_<attempt>_<step>; the sync's name is encoded injectively. */
const char *bw_batch_job_id(bw_arena *arena, const char *store, const char *sync, int64_t batch,
                            int attempt, const char *step);
const char *bw_batch_staging_name(bw_arena *arena, const char *store, const char *sync,
                                  int64_t batch, int attempt);

/* What is to be read, from where. INVALID where the target holds what the run would double or lose. */
BW_NODISCARD bw_status bw_run_make_request(bw_run_work *w, bw_read_request *request, bw_error *err);
/* Reads as the request says, batch after batch. */
BW_NODISCARD bw_status bw_run_read_batches(bw_run_work *w, const bw_read_request *request,
                                           bw_error *err);
/* The run's dead letters, some hundreds at a time. */
BW_NODISCARD bw_status bw_run_replay(bw_run_work *w, bw_error *err);

/* The open letters' keys, whose landing is watched for from now on; of very many only some. A replay
   watches for those of each group itself. */
BW_NODISCARD bw_status bw_run_watch_letters(bw_run_work *w, bw_error *err);

/* Reads, loads and commits the reader's current batch. */
BW_NODISCARD bw_status bw_batch_execute(bw_run_work *w, const bw_batch_plan *plan, bw_error *err);
/* What is counted while the rows of a batch pass. */
typedef struct bw_batch_rows {
    int64_t read, encoded, rejected;
    int64_t version_min, version_max; /* of the cursor, for time bounds */
    bool any_version;
} bw_batch_rows;

/* Ids of the attempt at hand. `straight`: into the target, without a staging table. */
void bw_batch_set_ids(bw_run_work *w, bw_batch_record *batch, bool straight);
/* Loads the batch, in as many attempts as it takes. `replaces`: it becomes the target's content. */
BW_NODISCARD bw_status bw_batch_load(bw_run_work *w, const bw_encoder_class *class,
                                     bw_encoder *encoder, bw_batch_record *batch,
                                     bw_batch_rows *rows, bool replaces, bw_error *err);
/* What the attempt before met. */
void bw_batch_forget_attempt(bw_run_work *w);
/* Waits before the next of several attempts: 1 s, then twice as long. CANCELLED. */
BW_NODISCARD bw_status bw_batch_pause(bw_run_work *w, int tries, bw_error *err);
/* The final jobs and their texts, into the record; `replaces` as above. INVALID: a configured key
   occurs twice. */
BW_NODISCARD bw_status bw_batch_plan_finals(bw_run_work *w, bool replaces, bw_batch_record *batch,
                                            const bw_batch_rows *rows, bw_error *err);
/* From `loaded` on: final jobs, commit, staging dropped. Also for a batch of an earlier process. */
BW_NODISCARD bw_status bw_batch_finish(bw_run_work *w, bw_batch_record *batch, bw_slice score_model,
                                       bool replaced, bool recovered, bw_error *err);
/* The step in the ids of the final job at hand, in the arena. */
const char *bw_batch_final_step(bw_arena *arena, const bw_batch_record *batch, int i);
/* Waits until the job of that step of the batch has ended, if the service knows it. TIMEOUT. */
BW_NODISCARD bw_status bw_batch_await_job(bw_run_work *w, const bw_batch_record *batch,
                                          const char *step, bw_error *err);
/* Finishes or abandons the sync's open batches and drops staging tables that are left over. */
BW_NODISCARD bw_status bw_run_recover(bw_run_work *w, bw_error *err);

/* Quota bookings on the store. */
bw_budget_ops bw_budget_on_store(bw_run *run);

/* ---- rows on their way ------------------------------------------------------------------ */

typedef bw_status bw_row_sink(void *user, bw_buf *line, const bw_value *row,
                              const bw_row_event *event, bw_error *err);

/* Reads the next chunk, scores and encodes its rows. Each encoded row is appended to `out`; with a
   sink it is called after each row (and may empty `out`). Rows that do not fit are staged as dead
   letters of the batch. */
BW_NODISCARD bw_status bw_batch_read_chunk(bw_run_work *w, const bw_encoder_class *class,
                                           bw_encoder *encoder, int64_t batch, bw_batch_rows *rows,
                                           bw_buf *out, bw_row_sink *sink, void *user, bool *end,
                                           bw_error *err);
/* Loads the batch again in pieces, dead-lettering the rows that the destination refuses. */
BW_NODISCARD bw_status bw_batch_load_pieces(bw_run_work *w, const bw_encoder_class *class,
                                            bw_encoder *encoder, bw_batch_record *batch,
                                            bw_batch_rows *rows, bw_error *err);
/* A row of canonical values as the JSON of its texts: a letter's content where the source's own
   texts are gone. */
bw_slice bw_row_values_json(bw_arena *arena, const bw_schema *schema, const bw_value *row);
/* What a row becomes that the destination refuses: key, content, and of a change stream what its
   event is known by; copied into the arena. */
bw_rejected_row bw_row_rejection(bw_arena *arena, const bw_table_info *info, const bw_value *row,
                                 const bw_row_event *event);
/* Stages one dead letter for a row that the destination refused. */
BW_NODISCARD bw_status bw_batch_reject_row(bw_run_work *w, int64_t batch,
                                           const bw_rejected_row *row, bw_error *err);
/* FLOOD: BW_REJECTED when the run has more new dead letters than the sync allows. */
BW_NODISCARD bw_status bw_batch_check_flood(bw_run_work *w, int64_t batch, bw_error *err);

/* ---- the run's report ------------------------------------------------------------------- */

/* Makes it anew; with the scores so far. */
void bw_run_make_detail(bw_run_work *w);
/* A stream that commits is well, although its run has not ended. */
BW_NODISCARD bw_status bw_run_commit_seen(bw_run_work *w, bw_error *err);

/* Columns that were added to a target with rows and are not filled for those (unfilled.c): noted
   once the target is prepared, forgotten after a whole reading, listed for the Sync screen. Noting
   decides whether the run asks for a full resync. */
void bw_run_note_unfilled(bw_run_work *w);
void bw_run_all_filled(bw_run_work *w);
void bw_run_list_unfilled(const bw_run_work *w, bw_arena *arena, bw_sync_detail *out);

#endif
