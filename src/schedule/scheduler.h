/* Schedulers: what becomes of trials that train: go on, take over another's state and values, pause, stop.
 *
 * A method is one file with one const op table, and one line in scheduler.c; what methods that rule
 * populations share, and how to add one, stands in ruling.h. A scheduler is pure: a function of (settings,
 * seed, log prefix); nothing of it is saved, and recorded decisions are applied, never recomputed. What it
 * must know of earlier decisions stands in their args. A trial asks when a report reached the `until` of its
 * last decision (events.md 1); a dead member of a population asks as well.
 *
 * Free mode: a trial is judged by all that is in the replica. Ordered mode: by rung, then trial, so that the
 * rulings do not depend on timing; only pauses that lend a slot do, and they change nothing.
 */
#ifndef CL_SCHEDULER_H
#define CL_SCHEDULER_H

#include "base/text.h"
#include "model/options.h"
#include "model/study.h"

/* What the engine knows and a replica does not say. */
struct cl_schedule_room {
  int64_t slots;      /* more trials that may be WAITING or RUNNING; negative: too many are */
  int64_t unproposed; /* trials that will still be proposed, and go first */
  double seconds;     /* what a reading of the clock would be: for `clock` events, and nothing else */
};

/* Valid until done; what it points to may change between calls. */
struct cl_schedule_env {
  const struct cl_study *study;
  const struct cl_settings *settings;
  struct cl_options options; /* as they are now; the method goes by those of its init */
};

enum {
  CL_SCHEDULE_EXPLOITS = 1u << 0, /* replaces members that failed or diverged */
};

/* An option of other methods that has no meaning in this one, which is refused with the reason: the end of
 * the sentence "<option> does not go with method <name>, …", with what to do instead. */
struct cl_refusal {
  const char *option, *why;
};

struct cl_scheduler_ops {
  size_t abi; /* sizeof(struct cl_scheduler_ops) when compiled; members are only appended */
  const char *name, *summary, *source;
  unsigned capabilities;
  const struct cl_option *options; /* ended by a null name */
  size_t state_size;
  /* Do the options suit the study? CLADE_ESPEC with the remedy. */
  int (*check)(const struct cl_settings *settings, const struct cl_options *options, struct cl_err *e);
  /* `st` is zeroed. The next event it hears is the one after `created`. */
  int (*init)(void *st, const struct cl_schedule_env *env, struct cl_err *e);
  int (*apply)(void *st, const struct cl_event *ev, struct cl_err *e);
  int (*next)(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e);
  int (*asks)(void *st, int64_t trial, struct cl_err *e); /* see cl_scheduler_asks */
  double (*first)(const struct cl_options *options);      /* see cl_schedule_until */
  /* Must it hear every report when a log is folded again, also of trials that have ended? Null: no. */
  bool (*curves)(const struct cl_options *options);
  /* See cl_scheduler_again. Null: it cannot say. */
  int (*again)(void *st, const struct cl_event *recorded, struct cl_event *ret, struct cl_err *e);
  void (*done)(void *st);
  /* See cl_scheduler_keeps. Null: nothing of its members is ever removed. */
  int (*keeps)(void *st, int (*visit)(void *ctx, int64_t snapshot), void *ctx);
  double (*last)(const struct cl_options *options); /* see cl_schedule_last; null: nobody knows */
  const struct cl_refusal *refusals;                /* ended by a null option; null: none */
};

const struct cl_scheduler_ops *const *cl_schedulers(void);          /* ended by null */
const struct cl_scheduler_ops *cl_scheduler_find(const char *name); /* null if unknown */

/* Check method and options of settings->schedule (null: fine). CLADE_ESPEC naming what is wrong. */
int cl_schedule_check(const struct cl_settings *settings, struct cl_err *e);

/* All options of the study's method with their values, for people: "interval 2, burn_in 0, …"; nothing
 * without a schedule. What is not given and means the number of trials is left out. */
void cl_schedule_describe(const struct cl_settings *settings, struct cl_text *ret);

/* Does the study's scheduler replace dead members? False without a schedule. */
bool cl_schedule_exploits(const struct cl_settings *settings);

/* Must a scheduler of the study hear reports of trials that have ended? Else a reader may skip them. */
bool cl_schedule_needs_curves(const struct cl_settings *settings);

/* The `until` of a trial that is about to be started: of its last decision, else the first step at which the
 * scheduler wants to be asked; CL_NO_STEP without a schedule. For workers that decide nothing. */
double cl_schedule_until(const struct cl_settings *settings, const struct cl_trial *t);

/* The step at which members are stopped or end by themselves; NaN: there is no schedule, or its options do
 * not say it. */
double cl_schedule_last(const struct cl_settings *settings);

struct cl_scheduler;

/* A scheduler for a replica (keeps it) that has applied nothing yet: what was decided earlier cannot be read
 * from a replica, it must be heard. Gives; free with cl_scheduler_destroy. CLADE_ENOMEM. */
int cl_scheduler_create(const struct cl_study *study, struct cl_scheduler **ret, struct cl_err *e);
/* Go on with another replica of the same events. */
void cl_scheduler_move(struct cl_scheduler *s, const struct cl_study *study);
void cl_scheduler_destroy(struct cl_scheduler *s); /* null is allowed */

/* The replica has applied `ev`. Call for every event, in order. Without a schedule in the settings it does
 * nothing. CLADE_ESPEC as cl_schedule_check; CLADE_ENOMEM. */
int cl_scheduler_apply(struct cl_scheduler *s, const struct cl_event *ev, struct cl_err *e);

/* The next decision, as an event about a trial, or a reading of the clock about the study (seen and as_of
 * filled in; `by` is the caller's). *ret borrows until the next call. A trial that was decided about is left
 * alone until an event on it is applied. CLADE_EMPTY: nothing to decide as things stand. */
int cl_scheduler_next(struct cl_scheduler *s, const struct cl_schedule_room *room, struct cl_event *ret,
                      struct cl_err *e);

/* For audits: the decision about the trial of `recorded`, an earlier one, as the scheduler takes it now,
 * whoever's turn it is; the replica stands at recorded->as_of. *ret as in cl_scheduler_next. The scheduler
 * must go on with the recorded events: nothing was decided. CLADE_EMPTY: it would decide nothing about this
 * trial. CLADE_EUNSUPPORTED: no scheduler, or it cannot say. CLADE_ENOMEM. */
int cl_scheduler_again(struct cl_scheduler *s, const struct cl_event *recorded, struct cl_event *ret,
                       struct cl_err *e);

/* Is it the ruling of a method about a trial? */
bool cl_scheduler_is_ruling(const struct cl_event *ev);
/* Is it the answer to a report that is not judged, of a member that is ready by time or by a metric: it is
 * not ready, or its state is wanted first? These are put in words, and asked for again, as rulings are. */
bool cl_scheduler_is_answer(const struct cl_event *ev);

/* A ruling or answer in words: lines with rule, rank, scores, draw and what became of the values. study: for
 * names; null: ids. CLADE_ECORRUPT, CLADE_ENOMEM. */
int cl_scheduler_explain(const struct cl_event *recorded, const struct cl_study *study, struct cl_text *ret,
                         struct cl_err *e);
/* cl_scheduler_again, compared by kind, cause, state, values, next question and args. Nothing is appended to
 * *ret when they are the same, else a line per difference. Errors of cl_scheduler_again. */
int cl_scheduler_verify(struct cl_scheduler *s, const struct cl_event *recorded, struct cl_text *ret,
                        struct cl_err *e);

/* 1: the scheduler will decide about this trial, which has no process; do not retry it before. 0: it will
 * not. CLADE_ENOMEM. */
int cl_scheduler_asks(struct cl_scheduler *s, int64_t trial, struct cl_err *e);

/* Every snapshot that it may still hand out, some perhaps twice. A negative status of `visit` ends it and is
 * returned; CLADE_BUSY: it cannot say, so all are to be kept. Cost O(members * rungs that are compared). */
int cl_scheduler_keeps(struct cl_scheduler *s, int (*visit)(void *ctx, int64_t snapshot), void *ctx);

#endif
