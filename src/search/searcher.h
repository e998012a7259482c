/* Searchers: what to try next. A method is one file with one const op table, and one line in registry.c.
 *
 * A searcher is pure: a function of (settings, seed, the trials it was told, trial number). It keeps no
 * generator (streams are named by trial, base/rng.h) and is never saved. The generic half (searcher.c) owns
 * the order in which trials are told, and that order is a function of the replica alone: first every searched
 * and enqueued trial as pending, by number; then the results. In free mode these come in the order of the log
 * (cl_trial.result); in ordered mode with lag L, proposal k (counting searched and enqueued trials) is told
 * the results of exactly the proposals up to k - L, by number. So a searcher made in the middle of a study
 * proposes what one would propose that was there from the beginning, and one for `as_of` recomputes a
 * proposal.
 *
 * Roles: search and enqueued are told; foreign ones as results only (in ordered mode only those imported
 * before the first searched trial, since later ones would depend on timing); confirm, assess, forked and
 * replay never. FAILED is a result when no retry is left; LOST and PREEMPTED are pending until they end for
 * good.
 */
#ifndef CL_SEARCHER_H
#define CL_SEARCHER_H

#include "model/options.h"
#include "model/study.h"

enum cl_told {
  CL_TOLD_PENDING = 1, /* proposed; no result yet */
  CL_TOLD_RESULT       /* COMPLETE, PRUNED, DIVERGED, INFEASIBLE or FAILED for good */
};

/* What a method sees of a trial. `values` borrow until the call returns. Each trial is told at most once as
 * pending, then at most once as a result, with the same values; when a person or a scheduler changes values
 * or revives a trial, the method is made anew and told everything again. */
struct cl_told_trial {
  int64_t number;
  enum cl_told what;
  int state;    /* enum cl_state, of a result */
  double value; /* first objective, minimise: sign applied; NaN = none or non-finite (ranks last) */
  const struct cl_value *values; /* space->n; of an older space version: absent where it had no value */
  enum cl_role role;             /* search, enqueued, or foreign */
};

struct cl_search_env {
  const struct cl_space *space;       /* keeps */
  const struct cl_settings *settings; /* keeps; settings->search has the options */
  uint64_t seed;
  const struct cl_searcher_ops *ops;
};

/* The proposal asked for, and the room for the answer. All but the first two begin as 0 or empty. */
struct cl_proposal {
  int64_t number;          /* of the trial: names its random streams */
  int64_t searched;        /* proposals with role search before this one */
  struct cl_value *values; /* space->n, all absent, the caller's room; texts borrow from the space */
  bool startup;            /* cause startup instead of search: drawn because too little is known */
  struct cl_text *args; /* the method appends its members, each as `, "name": value`, to the cause's args */
  int redraws;          /* attempts that broke a constraint; goes into args */
  bool infeasible;      /* no legal assignment was found in CL_REDRAWS_MAX draws */
  int64_t of;           /* first trial of the same configuration, if the method knows; 0 = none */
  int repeat;           /* trials of it before this one */
};

enum {
  CL_SEARCH_ENDS = 1u << 0,     /* may run out of points */
  CL_SEARCH_DISCRETE = 1u << 1, /* needs a finite grid */
  CL_SEARCH_LEARNS = 1u << 2    /* looks at results */
};

struct cl_searcher_ops {
  size_t abi; /* sizeof(struct cl_searcher_ops) when compiled; members are only appended */
  const char *name, *summary, *source;
  unsigned capabilities;
  const struct cl_option *options; /* ended by a null name */
  size_t state_size;
  /* `st` is zeroed; env stays valid until done. CLADE_ESPEC when the space does not suit, with the remedy. */
  int (*init)(void *st, const struct cl_search_env *env, struct cl_err *e);
  int (*tell)(void *st, const struct cl_told_trial *t, struct cl_err *e); /* null: does not look at trials */
  /* Propose trial p->number. CLADE_EMPTY: the space is used up. Must not change what a later ask answers. */
  int (*ask)(void *st, struct cl_proposal *p, struct cl_err *e);
  void (*done)(void *st); /* null allowed; must not look at env's space or settings */
  /* Lines for people from the args of a proposal, appended to `ret`; `study` may be null. Null: the generic
   * half lists the args. */
  void (*explain)(const json_t *args, const struct cl_study *study, struct cl_text *ret);
};

const struct cl_searcher_ops *const *cl_searchers(void);          /* ended by null */
const struct cl_searcher_ops *cl_searcher_find(const char *name); /* null if unknown */

/* Value of an option in the study's `search:` settings, or its default. A bool is 0 or 1. */
double cl_search_number(const struct cl_search_env *env, const char *option);
const char *cl_search_word(const struct cl_search_env *env,
                           const char *option); /* static or in the settings */

/* Check method and options of settings->search against the tables (no search: method random). CLADE_ESPEC
 * naming the option, its range, the nearest known one, or the known methods. */
int cl_search_check(const struct cl_settings *settings, struct cl_err *e);

/* cl_search_check, and does the method suit the space? CLADE_ESPEC with the remedy; CLADE_ENOMEM. */
int cl_search_fits(const struct cl_settings *settings, struct cl_err *e);

struct cl_searcher;

/* A searcher for this replica (keeps it), whatever it has applied already. Gives; free with
 * cl_searcher_destroy. CLADE_ESPEC as cl_search_check, or when the method does not suit the space;
 * CLADE_ENOMEM. Cost O(trials log trials) for methods that look at trials, else O(1). */
int cl_searcher_create(const struct cl_study *study, struct cl_searcher **ret, struct cl_err *e);
void cl_searcher_destroy(struct cl_searcher *s); /* null is allowed */

/* The replica has applied `ev`. Call for every event after the creation, in order. A new space or method
 * (`updated`), and values changed by a person or scheduler, are noticed. Errors as of cl_searcher_create. */
int cl_searcher_apply(struct cl_searcher *s, const struct cl_event *ev, struct cl_err *e);

/* The next proposal as an event (PROPOSED for the study's last trial + 1, seen 0, as_of the replica's
 * position; role enqueued while points of settings.enqueue are left). *ret borrows from the searcher until
 * its next call. CLADE_BUSY: ordered mode waits for a result; CLADE_EMPTY: the space is used up. Asking twice
 * gives the same. */
int cl_searcher_next(struct cl_searcher *s, struct cl_event *ret, struct cl_err *e);

/* A person's proposal: what is present in `given` (space->n, converted), the rest drawn. As cl_searcher_next,
 * with role enqueued and cause human. Whatever is wrong with the values stays wrong: a broken constraint
 * makes it INFEASIBLE. */
int cl_searcher_enqueue(struct cl_searcher *s, const struct cl_value *given, struct cl_event *ret,
                        struct cl_err *e);

/* Recompute a recorded proposal. `study` is a replica of exactly the events up to recorded->as_of (with all
 * reports). *ret_same: subject, role, cause, values and args are equal; if not, `ret_text` gets a line per
 * difference. CLADE_EUNSUPPORTED for a proposal that no method made (a person's, a fork, a confirmation). */
int cl_searcher_verify(const struct cl_study *study, const struct cl_event *recorded, bool *ret_same,
                       struct cl_text *ret_text, struct cl_err *e);

/* Why this proposal: lines for people from its cause and args. `study` (may be null) names values; a partial
 * replica will do. CLADE_ECORRUPT when args are no JSON object; CLADE_ENOMEM. */
int cl_searcher_explain(const struct cl_event *recorded, const struct cl_study *study, struct cl_text *ret,
                        struct cl_err *e);

#endif
