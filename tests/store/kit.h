/* What the tests of stores share: studies and events to append, stores to append them to, a session that
 * goes on when its store fails. Every function asserts that it succeeds unless it returns a status. */
#ifndef CL_TEST_STORE_KIT_H
#define CL_TEST_STORE_KIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/log.h"

/* A place for files that is removed at the end. A PostgreSQL store has a schema of its own in the private
 * server of the test (private_server.h), and none without a server. */
struct kit_place {
  char dir[64];
  char address[96];
  char postgres[200]; /* the address of a new and empty store, "" before the first kit_open of that kind */
};
void kit_place_init(struct kit_place *p);
void kit_place_done(struct kit_place *p);

enum kit_kind {
  KIT_MEMORY,
  KIT_SQLITE,
  KIT_SQLITE_AHEAD /* reads with threads */,
  KIT_POSTGRES,
  KIT_FLAKY_MEMORY,
  KIT_FLAKY_SQLITE
};
struct cl_store *kit_open(enum kit_kind kind, struct kit_place *p);

/* A PostgreSQL store of its own on the test's private server, as a fixture begins with it: `settings` are the
 * server's (private_server.h), null the usual ones. Without a server `store` is null. */
struct kit_postgres {
  struct kit_place place;
  struct cl_store *store, *other; /* other: somebody else's handle, where a test opens one */
  int64_t study;
};
void kit_postgres_init(struct kit_postgres *p, const char *settings, const char *study, int64_t trials);
void kit_postgres_done(struct kit_postgres *p);
void kit_postgres_need(const struct kit_postgres *p); /* skips the test without a server */
/* For tests whose fixture is nothing but such a store: the teardown, and the store, as kit_postgres_need. */
int kit_postgres_tear_down(void **state);
struct kit_postgres *kit_postgres_given(void **state);
/* The rows of an answer: columns with a blank between them, a newline behind each row. The caller frees it.
 */
char *kit_postgres_ask(const struct kit_postgres *p, const char *sql);
void kit_postgres_do(const struct kit_postgres *p, const char *sql);
void kit_postgres_cut(const struct kit_postgres *p); /* all connections of stores */

/* Of all places where something can fail every so-manyth; with CLADE_THOROUGH=1 each (minutes). */
unsigned long kit_stride(unsigned long usual);

/* A study with objectives acc (maximize) and cost (minimize) and hyperparameters lr (1), opt (2: adam, sgd,
 * null, true), n (3: int). */
struct cl_event kit_created(const char *name, int64_t trials);
int64_t kit_create(struct cl_store *s, const char *name, int64_t trials);

/* Events, by value; lists borrow from static storage where it is not said otherwise. `seen` is left 0. */
struct cl_event kit_event(enum cl_kind kind, int64_t trial);
struct cl_event kit_proposed(int64_t trial, const struct cl_assigned *values, int n);
struct cl_event kit_started(int64_t trial, int attempt, int64_t seen);
struct cl_event kit_reported(int64_t trial, int attempt, int64_t ordinal, double step,
                             struct cl_metric *metrics, int n);
struct cl_event kit_ended(int64_t trial, int attempt, int status, const double *objectives, int n);
struct cl_event kit_saved(int64_t trial, int attempt, double step);

/* Append one event to a store; 0 or the status of its result. *ret_position may be null. */
int kit_append(struct cl_store *s, int64_t study, struct cl_event ev, int64_t *ret_position);
int64_t kit_appended(struct cl_store *s, int64_t study, struct cl_event ev); /* must be appended */
int64_t kit_version(struct cl_store *s, int64_t study, int64_t trial);       /* 0: the study's */
/* A trial of its own from proposal to its end with this objective: 3 events, returns its number. */
int64_t kit_finish_trial(struct cl_store *s, int64_t study, double value);

/* All events of a read, as copies. */
struct kit_events {
  struct cl_event **items;
  size_t n, cap;
};
int kit_collect(void *kit_events, const struct cl_event *ev); /* a visit */
void kit_read(struct cl_store *s, int64_t study, const struct cl_read *what, struct kit_events *ret);
void kit_events_done(struct kit_events *e);
void kit_print(const struct cl_event *ev);

/* A log that is used as workers use it: whatever fails with CLADE_EIO is done again. Facts are sent twice;
 * whether a decision came through is looked up in the log. */
struct kit_session {
  struct cl_log *log;
  struct kit_events seen; /* by listening */
};
void kit_session_open(struct kit_session *k, struct cl_store *s, int64_t study);
void kit_session_close(struct kit_session *k);
void kit_follow(struct kit_session *k);
/* As cl_log_append; the status of the event. */
int kit_say(struct kit_session *k, struct cl_event ev, int64_t *ret_position);
int64_t kit_said(struct kit_session *k, struct cl_event ev);

/* What a process does in its life: it opens the store, finds or makes a study of that name, appends two
 * trials with all kinds of rows, follows, repeats, holds the lease, reads, checks. Up to the first error,
 * which is returned. Adds KIT_LIFE events. */
int kit_live(const char *address, const char *name, struct cl_err *e);
int kit_live_in(struct cl_store *s, const char *name, struct cl_err *e); /* in a store that is open */
enum { KIT_LIFE = 15 };
/* The store can be opened, and if the study is there its heads are those of its log. */
void kit_assert_whole(const char *address, const char *name);

/* Both read the same log and come to the same state. */
void kit_assert_same(struct cl_log *a, struct cl_log *b);

#endif
