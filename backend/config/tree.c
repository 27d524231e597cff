#include "backend/config/tree.h"

bw_tree *bw_tree_get(const bw_tree *map, const char *key)
{
    if (!map || map->kind != BW_TREE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->entries[i].key, key) == 0)
            return map->entries[i].value;
    return NULL;
}

static bw_tree_entry *entry_of(bw_tree *map, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(map->entries[i].key, key) == 0)
            return &map->entries[i];
    return NULL;
}

bw_tree *bw_tree_overlay(bw_tree *base, bw_tree *over, bw_arena *arena)
{
    if (!over || !base)
        return over ? over : base;
    /* "log:" with nothing after it overrides nothing. */
    if (base->kind == BW_TREE_MAP && bw_tree_empty(over))
        return base;
    if (base->kind != BW_TREE_MAP || over->kind != BW_TREE_MAP)
        return over;
    bw_tree *merged = BW_ARENA_NEW(arena, bw_tree);
    *merged = *base;
    merged->entries = BW_ARENA_ARRAY(arena, bw_tree_entry, base->count + over->count + 1);
    if (base->count > 0)
        memcpy(merged->entries, base->entries, base->count * sizeof(*base->entries));
    for (size_t i = 0; i < over->count; i++) {
        bw_tree_entry *have = entry_of(merged, base->count, over->entries[i].key);
        bw_tree_entry entry = over->entries[i];
        if (have)
            entry.value = bw_tree_overlay(have->value, entry.value, arena);
        else
            have = &merged->entries[merged->count++];
        *have = entry;
    }
    return merged;
}

void bw_tree_mark_profile(bw_tree *t, const char *profile)
{
    t->profile = profile;
    for (size_t i = 0; i < t->count; i++)
        bw_tree_mark_profile(t->entries[i].value, profile);
}

bw_tree *bw_tree_from_option(const char *path, const char *text, const char *option,
                             bw_arena *arena)
{
    bw_tree *t = BW_ARENA_NEW(arena, bw_tree);
    t->option = option;
    if (!path[0]) {
        t->kind = BW_TREE_SCALAR;
        t->text = bw_arena_strdup(arena, text);
        return t;
    }
    size_t n = strcspn(path, ".");
    t->kind = BW_TREE_MAP;
    t->count = 1;
    t->entries = BW_ARENA_NEW(arena, bw_tree_entry);
    t->entries->key = bw_arena_strndup(arena, path, n);
    t->entries->value = bw_tree_from_option(path[n] ? path + n + 1 : path + n, text, option, arena);
    return t;
}
