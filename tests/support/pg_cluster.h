/*
 * A throwaway PostgreSQL cluster: made with initdb in a directory of its own, listening on a Unix
 * socket there and on a free port of 127.0.0.1, without fsync, trusting everyone, ended and removed
 * with the test. As root the server runs as the user postgres, because it refuses root. What goes
 * wrong here ends the test with a message. Times out rather than hangs.
 * Threads: one; it must outlive the server (see process.h).
 */
#ifndef BW_TESTS_SUPPORT_PG_CLUSTER_H
#define BW_TESTS_SUPPORT_PG_CLUSTER_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct bw_pg_cluster bw_pg_cluster;

/* `settings` are "name=value" lines of postgresql.conf, NULL-terminated, or NULL. The superuser is
   postgres; the database too. Time zone of the server: UTC unless set. */
bw_pg_cluster *bw_pg_cluster_start(const char *const *settings);
/* Ends the server, whatever state it is in, and removes the directory. NULL is fine. */
void bw_pg_cluster_free(bw_pg_cluster *c);

/* The socket directory (for host), which is also where everything else lives, and the port. */
const char *bw_pg_cluster_dir(const bw_pg_cluster *c);
int bw_pg_cluster_port(const bw_pg_cluster *c);
pid_t bw_pg_cluster_pid(const bw_pg_cluster *c);
/* A libpq connection string for that database as the superuser over the socket. */
const char *bw_pg_cluster_conninfo(const bw_pg_cluster *c, const char *database, char *out,
                                   size_t size);
/* Path of a program of the same PostgreSQL ("psql"), free(). */
char *bw_pg_program(const char *name);

/* A stop that cuts connections (fast) or loses everything in memory (crash: SIGKILL), and the start
   after it on the same directory and port. */
void bw_pg_cluster_stop(bw_pg_cluster *c, bool crash);
void bw_pg_cluster_again(bw_pg_cluster *c);
/* Replaces pg_hba.conf and reloads; the superuser's socket stays trusted. */
void bw_pg_cluster_hba(bw_pg_cluster *c, const char *lines);
/* Writes a file into the data directory, owned by and readable only for the server's user, and
   returns its path (free()). */
char *bw_pg_cluster_file(bw_pg_cluster *c, const char *name, const char *content);

/* Runs statements in a connection of their own. An error ends the test. */
void bw_pg_sql(const bw_pg_cluster *c, const char *database, const char *sql);
void bw_pg_sqlf(const bw_pg_cluster *c, const char *database, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Rows as lines, columns parted by |, NULL as empty (free()). */
char *bw_pg_query(const bw_pg_cluster *c, const char *database, const char *sql);

/* A connection that stays: for open transactions. */
typedef struct bw_pg_session bw_pg_session;
bw_pg_session *bw_pg_session_open(const bw_pg_cluster *c, const char *database);
void bw_pg_session_sql(bw_pg_session *s, const char *sql);
char *bw_pg_session_query(bw_pg_session *s, const char *sql);
void bw_pg_session_close(bw_pg_session *s);

#endif
