/*
 * Editing JSON objects as text: members are taken out, put in and merged without being converted,
 * so what a client has written comes back as it was. All inputs are valid JSON (the caller has
 * checked with bw_json_valid). Threads: any.
 */
#ifndef BW_SANDBOX_JSON_EDIT_H
#define BW_SANDBOX_JSON_EDIT_H

#include "backend/core/arena.h"
#include "backend/core/json.h"
#include "backend/core/text.h"

/* True when the whole text is one JSON object. */
bool bw_sb_json_is_object(bw_slice text);

/* Steps through an object's members: at 0 first, advanced by each call; key raw with its quotes. */
bool bw_sb_json_each(bw_slice object, size_t *at, bw_slice *key, bw_slice *value);
/* The elements of an array, in the same way. What is no object, or no array, has none. */
bool bw_sb_json_each_element(bw_slice array, size_t *at, bw_slice *value);

/* The object without the members whose names are listed (NULL-terminated). */
void bw_sb_json_without(bw_slice object, const char *const *names, bw_buf *out);
/* JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces. */
void bw_sb_json_merge(bw_slice base, bw_slice patch, bw_buf *out);
/* The members of an object without its braces, with a comma before them when there are any. */
void bw_sb_json_add_members(bw_buf *out, bw_slice object);

/* ,"name":  (what follows is the value) */
void bw_sb_json_add_name(bw_buf *out, const char *name);
/* ,"name":"text"  (with the comma unless the last byte is an opening brace); NULL adds nothing. */
void bw_sb_json_add_text(bw_buf *out, const char *name, const char *text);
/* ,"name":"123": int64 as Google writes it. */
void bw_sb_json_add_int64(bw_buf *out, const char *name, int64_t value);
void bw_sb_json_add_bool(bw_buf *out, const char *name, bool value);
/* ,"name":raw; an empty raw adds nothing. */
void bw_sb_json_add_raw(bw_buf *out, const char *name, bw_slice raw);

/* ---- Reading a member ------------------------------------------------------------------------- */

/* A string member, unescaped, in the arena; NULL when absent, null or not a string, and when it holds
   a NUL character: cut there it would mean something else. */
const char *bw_sb_json_text(bw_arena *arena, bw_slice object, const char *name);
/* true and "true"; `fallback` when absent. */
bool bw_sb_json_bool(bw_slice object, const char *name, bool fallback);
int64_t bw_sb_json_int(bw_slice object, const char *name, int64_t fallback);
/* A member that is an object; {NULL,0} otherwise. */
bw_slice bw_sb_json_object(bw_slice object, const char *name);

#endif
