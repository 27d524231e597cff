/* Names for what curses reports as function keys. Threads: UI. */
#ifndef BW_VIEWS_KIT_TERM_KEYS_H
#define BW_VIEWS_KIT_TERM_KEYS_H

/* Teaches curses the sequences that terminal descriptions leave out; after newterm(). */
void bw_term_keys_define(void);
/* A key's name as in keys.h, or one of BW_FEED_*; NULL for what is no key. */
const char *bw_term_key_name(int code);

#endif
