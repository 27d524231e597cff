#include "backend/sandbox/insert_ids.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend/sandbox/hash.h"

#define SLOTS  65536
#define WINDOW BW_MINUTE

/* Two 64-bit hashes of table and id: a collision within a minute is not worth more memory. */
typedef struct id_slot {
    uint64_t hash, check;
    int64_t mono_us;
} id_slot;

struct bw_sb_insert_ids {
    const bw_clock *clock;
    pthread_mutex_t mu;
    id_slot slots[SLOTS]; /* guarded by mu */
};

bw_sb_insert_ids *bw_sb_insert_ids_new(const bw_clock *clock)
{
    bw_sb_insert_ids *ids = bw_xcalloc(1, sizeof *ids);
    ids->clock = clock;
    pthread_mutex_init(&ids->mu, NULL);
    return ids;
}

void bw_sb_insert_ids_free(bw_sb_insert_ids *ids)
{
    if (!ids)
        return;
    pthread_mutex_destroy(&ids->mu);
    free(ids);
}

/* With its NUL, so that a name does not run into the next one. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    return bw_sb_hash(hash, text, strlen(text) + 1);
}

static uint64_t hash_all(uint64_t seed, bq_table_ref table, const char *id)
{
    return hash_text(
        hash_text(hash_text(hash_text(seed, table.project), table.dataset), table.table), id);
}

bool bw_sb_insert_ids_claim(bw_sb_insert_ids *ids, bq_table_ref table, const char *id)
{
    uint64_t hash = hash_all(BW_SB_HASH_SEED, table, id);
    uint64_t check = hash_all(0x9e3779b97f4a7c15U, table, id);
    int64_t now = bw_mono_us(ids->clock);
    pthread_mutex_lock(&ids->mu);
    id_slot *slot = &ids->slots[(hash ^ hash >> 32) % SLOTS];
    bool known =
        slot->mono_us && slot->hash == hash && slot->check == check && now - slot->mono_us < WINDOW;
    if (!known)
        *slot = (id_slot){hash, check, now};
    pthread_mutex_unlock(&ids->mu);
    return !known;
}

void bw_sb_insert_ids_release(bw_sb_insert_ids *ids, bq_table_ref table, const char *id)
{
    uint64_t hash = hash_all(BW_SB_HASH_SEED, table, id);
    pthread_mutex_lock(&ids->mu);
    id_slot *slot = &ids->slots[(hash ^ hash >> 32) % SLOTS];
    if (slot->hash == hash)
        *slot = (id_slot){0};
    pthread_mutex_unlock(&ids->mu);
}
