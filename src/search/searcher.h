/* Searchers: what to try next. A method is one file with one const op table, and one line in registry.c.
 *
 * A searcher is pure: a function of (settings, seed, what it was told, trial number). It keeps no generator
 * (streams are named by trial, base/rng.h) and is never saved: its state is rebuilt by telling it the same
 * trials in the same order. The generic half (searcher.c) owns that order: in free mode the order of the log,
 * in ordered mode trial by trial, such that proposal t is told the results of exactly the trials below t -
 * lag + 1 and those up to t - 1 as pending.
 */
#ifndef CL_SEARCHER_H
#define CL_SEARCHER_H

#include "model/study.h"

enum cl_told {
  CL_TOLD_PENDING = 1, /* proposed; no result yet */
  CL_TOLD_RESULT       /* COMPLETE, PRUNED, DIVERGED, INFEASIBLE or FAILED for good */
};

/* What a method sees of a trial. `values` borrow until the call returns. */
struct cl_told_trial {
  int64_t number;
  enum cl_told what;
  int state;    /* enum cl_state, of a result */
  double value; /* first objective, minimise: sign applied; NaN = none or non-finite (ranks last) */
  const struct cl_value *values; /* space->n */
  enum cl_role role;             /* search, enqueued, or foreign */
};

struct cl_search_env {
  const struct cl_space *space;       /* keeps */
  const struct cl_settings *settings; /* keeps; settings->search has the options */
  uint64_t seed;
  const struct cl_searcher_ops *ops;
};

struct cl_proposal {
  struct cl_value *values; /* space->n, the caller's room; texts borrow from the space */
  enum cl_cause cause;     /* CL_CAUSE_SEARCH or CL_CAUSE_STARTUP */
  struct cl_text args;     /* JSON object: {"method": …, its numbers}; the caller's */
  bool infeasible;         /* no legal assignment was found in CL_REDRAWS_MAX draws */
};

struct cl_option { /* of a method, under `search:` */
  const char *name;
  const char *type;     /* "int", "float", "bool", "choice a|b" */
  double lo, hi;        /* inclusive range of a number */
  const char *standard; /* the default, as text; the only place where it is written */
  const char *help;     /* one sentence */
};

enum {
  CL_SEARCH_ENDS = 1u << 0 /* may run out of points */,
  CL_SEARCH_DISCRETE = 1u << 1 /* needs a finite grid */
};

struct cl_searcher_ops {
  size_t abi; /* sizeof(struct cl_searcher_ops) when compiled; members are only appended */
  const char *name, *summary, *source;
  unsigned capabilities;
  const struct cl_option *options; /* ended by a null name */
  size_t state_size;
  /* `st` is zeroed. CLADE_ESPEC when the space does not suit, with the remedy. */
  int (*init)(void *st, const struct cl_search_env *env, struct cl_err *e);
  int (*tell)(void *st, const struct cl_told_trial *t, struct cl_err *e); /* null: does not look at trials */
  /* Propose trial `number`. CLADE_EMPTY: the space is used up. */
  int (*ask)(void *st, int64_t number, struct cl_proposal *ret, struct cl_err *e);
  void (*done)(void *st); /* null allowed */
};

const struct cl_searcher_ops *const *cl_searchers(void);          /* ended by null */
const struct cl_searcher_ops *cl_searcher_find(const char *name); /* null if unknown */

/* Value of an option in the study's `search:` settings, or its default. */
double cl_search_number(const struct cl_search_env *env, const char *option);
const char *cl_search_word(const struct cl_search_env *env, const char *option);

/* Check method and options of settings->search against the tables. CLADE_ESPEC naming the option, its range,
 * the nearest. */
int cl_search_check(const struct cl_settings *settings, struct cl_err *e);

struct cl_searcher;

/* A searcher for this replica (keeps it; a new space version is noticed). Gives; free with
 * cl_searcher_destroy. */
int cl_searcher_create(const struct cl_study *study, struct cl_searcher **ret, struct cl_err *e);
void cl_searcher_destroy(struct cl_searcher *s); /* null is allowed */

/* The replica has applied `ev`. Call for every event, in order. */
int cl_searcher_apply(struct cl_searcher *s, const struct cl_event *ev, struct cl_err *e);

/* The next proposal as an event (PROPOSED for the study's last trial + 1, seen 0, as_of the replica's
 * position; role enqueued while points of settings.enqueue are left). *ret borrows from the searcher until
 * its next call. CLADE_BUSY: ordered mode waits for a result; CLADE_EMPTY: the space is used up. */
int cl_searcher_next(struct cl_searcher *s, struct cl_event *ret, struct cl_err *e);

#endif
