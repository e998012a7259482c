/* Studies told to a store event by event, as engine and worker would: for the tests of queries and commands.
 *
 * Every event must be appended, else the program ends. Times are made up: a second passes with each event,
 * from a creation at 2026-02-07 14:03:05 UTC.
 */
#ifndef CL_TEST_TALE_H
#define CL_TEST_TALE_H

#include "store/log.h"

#define TALE_CREATED_MS INT64_C(1770472985000)

struct tale {
  struct cl_store *store;
  int64_t study, time_ms;
};

/* Ends the program with the sentence of the failure. */
struct cl_store *tale_store(const char *address);

/* `settings`: JSON of the settings but for study, origin, cwd and program, without braces. */
struct tale tale_begin(struct cl_store *store, const char *name, const char *settings);
struct tale tale_begin_seeded(struct cl_store *store, const char *name, const char *settings, int64_t seed);

void tale_worker(struct tale *t, const char *host, int slots);

struct tale_proposal {
  enum cl_role role;   /* 0 = search */
  enum cl_cause cause; /* 0 = search */
  const char *args;
  int64_t of, parent;
  int repeat;
};
/* The next trial with these values (ids 1…n in order; absent ones are left out); returns its number. */
int64_t tale_propose(struct tale *t, const struct tale_proposal *how, int n, const struct cl_value *values);
void tale_start(struct tale *t, int64_t trial, int attempt, int64_t from);
/* Metrics: up to 4 pairs of name and value, ended by a null name. Returns its position. */
int64_t tale_report(struct tale *t, int64_t trial, double step, ...);
int64_t tale_save(struct tale *t, int64_t trial, double step);
int64_t tale_save_scored(struct tale *t, int64_t trial, double step, double value); /* one report, of value */
void tale_set(struct tale *t, int64_t trial, int id, struct cl_value value, const char *text);
int64_t tale_exploit(struct tale *t, int64_t trial, int64_t snapshot, int n, const struct cl_value *values);
void tale_load(struct tale *t, int64_t trial, int64_t exploit,
               int64_t snapshot); /* its process has taken the state over */
/* The process ends with this status (128+n: signal n); record and value are those of its last report (0:
 * none). */
void tale_end(struct tale *t, int64_t trial, int status, int64_t record, double value);
void tale_stop(struct tale *t, int64_t trial, enum cl_cause cause); /* pruned, or diverged */
void tale_stop_because(struct tale *t, int64_t trial, enum cl_cause cause, const char *args);
void tale_retry(struct tale *t, int64_t trial);
void tale_note(struct tale *t, int64_t trial, const char *text);
void tale_tag(struct tale *t, int64_t trial, const char *name, const char *text); /* text null: no value */
void tale_untag(struct tale *t, int64_t trial, const char *name);
void tale_finish(struct tale *t, enum cl_reason reason);

/* A searched trial with one report that ends well: 4 events. */
int64_t tale_run(struct tale *t, const struct tale_proposal *how, int n, const struct cl_value *values,
                 const char *metric, double value);

#endif
