/*
 * Commands: plain values that ask the engine for something. The same values come from the console's
 * keys, from the command line and, through the store, from other processes. The outcome comes back
 * as an event with the command's id. Read-only is refused here, not only at the key.
 * Threads: any.
 */
#ifndef BW_ENGINE_COMMAND_H
#define BW_ENGINE_COMMAND_H

#include "backend/core/arena.h"
#include "backend/core/error.h"

typedef enum bw_command_kind {
    BW_COMMAND_SYNC,  /* an incremental run now */
    BW_COMMAND_FULL,  /* a full resync by atomic replacement */
    BW_COMMAND_SINCE, /* since_us */
    BW_COMMAND_KEYS,  /* keys */
    BW_COMMAND_PAUSE,
    BW_COMMAND_RESUME,    /* also ends parking */
    BW_COMMAND_CANCEL,    /* the running run; its next start resumes */
    BW_COMMAND_TAKE_OVER, /* claim a target that another store owns */
    BW_COMMAND_REPLAY,    /* letters */
    BW_COMMAND_DISCARD,   /* letters */
    BW_COMMAND_EDIT,      /* letters[0], content */
    BW_COMMAND_KINDS,
} bw_command_kind;

/* "sync", "full", "pause", ... as stored. */
const char *bw_command_name(bw_command_kind kind);
bool bw_command_parse(const char *name, bw_command_kind *kind);

typedef struct bw_command {
    bw_command_kind kind;
    const char *who; /* the operator: user@host */
    const char *const *syncs;
    size_t n_syncs;
    const int64_t *letters; /* ids of dead letters */
    size_t n_letters;
    const char
        *reason; /* REPLAY, DISCARD without letters: the open ones of `syncs` with this reason;
                           NULL: with any */
    const char *const *keys; /* JSON objects */
    size_t n_keys;
    int64_t since_us;
    bw_slice content; /* EDIT: any bytes; ptr NULL: none */
    bool stored;      /* REPLAY: the stored content instead of re-reading the source */
    bool publish; /* REPLAY: messages go to their topic again, instead of taking their way here */
    bool replays; /* CANCEL: replays only; other runs go on */
    bool dry_run; /* REPLAY: only say what would happen */
    double rate;  /* REPLAY: letters per second; 0: no limit */
} bw_command;

/* Between the text and the hint of an outcome in the store. */
#define BW_OUTCOME_HINT "\nHINT: "

/* As the store's args, and back (strings in the arena). */
char *bw_command_to_json(const bw_command *command);
BW_NODISCARD bw_status bw_command_from_json(const char *kind, const char *who, const char *args,
                                            bw_arena *arena, bw_command *out, bw_error *err);

/* What became of something: for toasts, the messages list and the command line. */
typedef struct bw_news {
    uint64_t command; /* 0: the engine's own news */
    bool final;       /* the command is over */
    bool ok;
    int level; /* bw_log_level */
    char sync[128];
    char text[512];
    char hint[256];
    int64_t done, total; /* progress; -1 when there is none */
    int64_t wall_us;
} bw_news;

#endif
