/* The members of a population: who has reached which rung, who asks, and whose turn it is.
 *
 * A member asks when its report reached `until` (its process is held), when it stands paused there, or when
 * it is dead (failed for good, diverged, infeasible): then it asks for the rung after its last one. Processes
 * that are held come first; a free slot goes to the member that has come least far. When slots are few, a
 * held member lends its slot to one that is behind (a pause), and is judged when its turn comes: by the table
 * of its own rung, which does not change for that.
 *
 * A state that was given may turn out to be gone or unreadable: then the exploit is voided, its snapshot is
 * given to nobody any more, and the member asks again, for the rung that it had asked for, with the
 * evaluation that it had. In ordered mode nobody is judged while a load is under way, so that this is decided
 * by the same tables as the first time.
 */
#ifndef CL_MEMBERS_H
#define CL_MEMBERS_H

#include "schedule/population.h"
#include "schedule/questions.h"
#include "schedule/recent.h"
#include "schedule/scheduler.h"

enum cl_member_state {
  CL_MEMBER_TRAINS = 0, /* or waits for a slot, or will be retried */
  CL_MEMBER_HELD,       /* its report waits for an answer */
  CL_MEMBER_PAUSED,     /* asks, without a slot: paused, or its process is lost */
  CL_MEMBER_DEAD,       /* asks for another's state */
  CL_MEMBER_OUT         /* complete, stopped, paused by a person, or dead too often: nothing is decided */
};

struct cl_member {
  int64_t trial;
  int64_t put;                   /* version that a decision was made for; the same version is left alone */
  int32_t rung;                  /* last one with an evaluation, 0 = none */
  int32_t asks;                  /* the rung it asks for, while it asks */
  uint32_t rulings;              /* so far: names the random streams of the next one */
  uint8_t state;                 /* enum cl_member_state */
  uint8_t answer;                /* enum cl_answer: what its report waits for while it trains */
  uint8_t revivals;              /* since its last evaluation */
  uint8_t divergences;           /* takeovers for want of a score, since it last had one */
  struct cl_evaluation *pending; /* ordered mode: made, and nobody sees it before its turn */
  bool listed;                   /* among the answers */
  bool by_person;                /* paused by one */
  bool dismissed;                /* it is not revived any more, and the method stops it when it asks */
  bool lends;                    /* the decision that is on its way is a pause */
  bool skipped;                  /* dead, and nobody to take over from */
  bool loading;                  /* it is to begin with a state that it has not acknowledged */
  bool voided;                   /* it asks again: what it was to begin with is gone. It has a slot */
  bool again;                    /* it was voided, and the head says whether it has been decided again */
  bool was_dead;                 /* when it last took over a state; and … */
  uint8_t before_revivals, before_divergences;
  int32_t before_rung;
  int64_t exploit; /* … the event that says so, 0 = none that can be voided */
};

/* From this rung on, which stands at `step`, rungs are `interval` apart. */
struct cl_era {
  int32_t rung;
  double step, interval;
};

struct cl_members {
  const struct cl_schedule_env *env; /* keeps */
  double interval;
  struct cl_era *eras; /* of methods that change the interval; none: it holds from step 0 on */
  size_t n_eras, cap_eras;
  bool sync, ordered;
  struct cl_questions questions; /* when members are ready, if not every interval */
  int64_t clock_put;             /* version of the study that a reading of the clock was decided for */
  struct cl_population population;
  struct cl_recent recent; /* of larger = better scores; most = 0 unless the method sets it */
  struct cl_member *items; /* in the order of their proposals */
  size_t n, cap;
  int32_t *index; /* of a trial, by number; -1 = no member */
  size_t cap_index;
  uint32_t *held, *idle; /* members by (rung asked for, member) */
  uint32_t *touched;     /* members that an event was about */
  uint32_t *flying;      /* members with a decision that is on its way */
  uint32_t *answers;     /* members whose answer is due, or was */
  size_t n_held, n_idle, n_touched, n_flying, n_skipped, n_loading, n_voided;
  int64_t *banned; /* snapshots that could not be loaded */
  size_t n_banned, cap_banned;
  size_t cap_held, cap_idle, cap_touched, cap_flying, n_answers, cap_answers;
  int32_t *at; /* how many living members stand at each rung, from the lowest of them on … */
  size_t cap_at;
  int32_t lowest; /* … which is this one; 0 without living members */
  uint32_t scan;  /* members below this one do not train at a rung below … */
  int32_t scan_rung;
  /* Of the turn that goes on: until an event is applied, only what is on its way changes. */
  bool fresh;
  int64_t lent, taken; /* slots that decisions on their way will free or take */
  size_t next_held;    /* those before are on their way */
  size_t next_answer;  /* so are those */
};

#define CL_REVIVALS_MAX 3 /* of a member that never reports in between */
/* Takeovers of a member that lives, and has diverged again each time it was judged: values that are drawn, or
 * bred, may diverge by chance, so it has more of them. */
#define CL_DIVERGENCES_MAX 10

void cl_members_done(struct cl_members *m); /* a zeroed struct with env and options set is an empty one */

/* Ordered mode: nobody sees an evaluation before its turn has come. A barrier sees to that by itself. */
bool cl_members_hide(const struct cl_members *m);

/* Was it decided by a method that rules a population (causes exploit, explore, generation)? */
bool cl_members_is_ruling(const struct cl_event *ev);

/* The replica has applied `ev`. CLADE_ENOMEM. */
int cl_members_apply(struct cl_members *m, const struct cl_event *ev, struct cl_err *e);

/* From `rung` on, which is not below the last change, the interval is another one. CLADE_ENOMEM. */
int cl_members_change_interval(struct cl_members *m, int32_t rung, double interval, struct cl_err *e);
/* Step of a rung; the rung that a step has reached, 1 at least. */
double cl_members_step(const struct cl_members *m, int32_t rung);
int32_t cl_members_rung(const struct cl_members *m, double step);

/* The next member to decide about: 0, and *ret_lend when it should only lend its slot. CLADE_EMPTY: none.
 * Afterwards call one of the two that follow. CLADE_ENOMEM. */
int cl_members_next(struct cl_members *m, const struct cl_schedule_room *room, size_t *ret, bool *ret_lend,
                    struct cl_err *e);
int cl_members_decided(struct cl_members *m, size_t member, bool lends, struct cl_err *e); /* CLADE_ENOMEM */
/* Reports that are not for judging. The next member whose report is answered at once (*ret; CL_ANSWER_GO, RUN
 * or SAVE: call cl_members_decided), or CL_ANSWER_NONE. CLADE_ENOMEM. */
int cl_members_answer(struct cl_members *m, size_t *ret, enum cl_answer *ret_answer, struct cl_err *e);
/* Must the clock be read first? Asked for once until that is in the log. */
bool cl_members_want_clock(struct cl_members *m);

/* Nobody has a state that it could take over: it asks again when somebody has. */
void cl_members_skip(struct cl_members *m, size_t member);

/* The population goes on without this trial's member. CLADE_ENOMEM. */
int cl_members_dismiss(struct cl_members *m, int64_t trial, struct cl_err *e);

/* Is a ruling on its way that the tables do not show yet? For methods that rule one after the other. */
bool cl_members_waits(const struct cl_members *m);

/* For audits: what the report of `trial` that waits is answered with at once; CL_ANSWER_NONE: with nothing,
 * or it is for judging. CLADE_ENOMEM. */
int cl_members_recompute(struct cl_members *m, int64_t trial, size_t *ret, enum cl_answer *ret_answer,
                         struct cl_err *e);
/* For audits: make `trial`'s member ready to be ruled, whoever's turn it is; `lends`: its evaluation stays
 * where it is. CLADE_EMPTY: it does not ask. CLADE_ENOMEM. */
int cl_members_call(struct cl_members *m, int64_t trial, bool lends, size_t *ret, struct cl_err *e);

/* The rung at which all are judged together, when the last one has come there; 0: some have not, or nobody
 * asks. Their evaluations are in the table then. Sync only. CLADE_ENOMEM. */
int cl_members_barrier(struct cl_members *m, const struct cl_schedule_room *room, int32_t *ret,
                       struct cl_err *e);

/* 1: it stands without a slot and will be decided about; 0: it will not. CLADE_ENOMEM. */
int cl_members_asks(struct cl_members *m, int64_t trial, struct cl_err *e);

/* What a member that asks has, without its values. */
struct cl_evaluation cl_members_describe(const struct cl_members *m, size_t member);

/* An earlier decision says that the member had this evaluation (takes it). CLADE_ENOMEM. */
int cl_members_recall(struct cl_members *m, size_t member, struct cl_evaluation *v, struct cl_err *e);
/* It takes over the state of rung `came_to`; `from`: with this evaluation, null if that is not known.
 * `was_dead`, and `scored` (its score was finite): as the decision says. CLADE_ENOMEM. */
int cl_members_clone(struct cl_members *m, size_t member, const struct cl_evaluation *from, int32_t came_to,
                     bool was_dead, bool scored, struct cl_err *e);
/* Could this snapshot not be loaded when it was given? Then nobody is given it any more. */
bool cl_members_is_banned(const struct cl_members *m, int64_t snapshot);

/* Visit the states that may still be given: of the evaluations in the tables (a
 * generation also gives those that their members have given up), and of those whose turn has not come. */
int cl_members_keep(const struct cl_members *m, int (*visit)(void *ctx, int64_t snapshot), void *ctx);

/* Tables that no decision will look at any more are dropped. */
void cl_members_forget(struct cl_members *m);

int cl_members_find(const struct cl_members *m, int64_t trial); /* -1 = no member */

#endif
