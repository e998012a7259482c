/* The state of a trial: one table of what may follow what, one function that changes a state.
 *
 * The head of a subject is the little that an append must know to judge the next event on it. Stores keep it
 * beside the log and judge under the study's lock; replicas keep the same head in every trial. Both call the
 * same two functions, so they cannot differ.
 *
 *             proposed            started                 done, ended 0
 *    (none) ───────────► WAITING ─────────► RUNNING ──────────────────────► COMPLETE
 *                          ▲  ▲               │ │ │ stopped, ended 76 ────► PRUNED
 *      retried (R),        │  └── PAUSED ◄────┘ │ └ ended other ──────────► FAILED, DIVERGED, INFEASIBLE
 *      exploited           │     continued      └── lost, ended 75 ──────► LOST, PREEMPTED
 *                          └──────────── FAILED LOST PREEMPTED DIVERGED INFEASIBLE
 *
 * Facts that hold in each state (asserted by cl_head_check):
 *   WAITING     `waiting` is the position that put it into the queue; an attempt may still be open (continued
 *               while its process waits in a report: then that attempt is started again, and goes on)
 *   RUNNING     attempt >= 1 and open
 *   PAUSED      its attempt may still be open (blocked in a report or saving)
 *   COMPLETE    an objective was reported (or it was imported, or told in process)
 *   PRUNED …    an attempt may still be open until its process has ended
 *   LOST        no attempt is open
 */
#ifndef CL_TRIAL_H
#define CL_TRIAL_H

#include "model/event.h"
#include "model/settings.h"

#define CL_STATE_MAP(X) \
  X(WAITING, 1) \
  X(RUNNING, 2) \
  X(PAUSED, 3) \
  X(COMPLETE, 4) \
  X(PRUNED, 5) \
  X(FAILED, 6) \
  X(LOST, 7) \
  X(PREEMPTED, 8) \
  X(DIVERGED, 9) \
  X(INFEASIBLE, 10)
enum cl_state {
  CL_STATE_NONE = 0,
#define CL_X(name, number) CL_##name = number,
  CL_STATE_MAP(CL_X)
#undef CL_X
};

#define CL_TRIES_MAX 10 /* LOST or PREEMPTED without progress (contracts.md 3) */

enum cl_head_flag {
  CL_ATTEMPT_OPEN = 1u << 0,   /* started, and neither ended nor lost */
  CL_ATTEMPT_DONE = 1u << 1,   /* the current attempt said done */
  CL_ATTEMPT_KNOWN = 1u << 2,  /* the current attempt has an `ended` that sums its reports up */
  CL_CONNECTED_ONCE = 1u << 3, /* the current attempt has said hello */
  CL_FLAG_DIVERGED = 1u << 4,  /* a non-finite objective in the current segment */
  CL_FLAG_PREEMPTING = 1u << 5,
  CL_STOPPED_CLOSED =
      1u << 7, /* PRUNED after its attempt had been closed: the end does not say how it came out */
  CL_FLAG_SCORED = 1u << 6, /* an objective was reported since the last start from the beginning */
  CL_FLAG_VOIDED = 1u << 8  /* its exploit was voided: it is decided about again before anything else */
};

struct cl_head {
  int64_t version;  /* position of the last V event on it */
  int64_t proposed; /* position of its proposal; 0 = the trial does not exist */
  int64_t waiting;  /* position of the event that made it WAITING last */
  int64_t load;     /* exploit that can be voided, 0 = none; negative when an attempt was started from its
                       snapshot, and has neither loaded it nor reported */
  int64_t source;   /* snapshot that it is about to begin from, and that must not be deleted; 0 = none */
  int64_t reports;  /* ordinal of the last report of the current attempt */
  double step;      /* last step in the segment, NaN = none */
  double furthest;  /* highest step of all attempts, NaN = none: what counts as progress */
  double until;     /* NaN = null */
  int32_t attempt;  /* the current one, 0 = none yet */
  int32_t worker;   /* that owns it */
  uint16_t flags;   /* enum cl_head_flag */
  uint8_t state;    /* enum cl_state */
  uint8_t tries;    /* retries since the last new step or snapshot */
  uint8_t failures; /* FAILED attempts retried */
  uint8_t role;     /* enum cl_role */
};

/* The head of the study itself. */
struct cl_study_head {
  int64_t position; /* of the last event */
  int64_t version;
  int64_t trials;  /* number of the last trial */
  int64_t counted; /* trials with role search or enqueued */
  int64_t budget;  /* the setting `trials` */
  int32_t workers; /* number of the last worker */
  int32_t objectives, space_version, retries;
  bool open; /* OPEN or FINISHED */
};

/* Judge an event before it is appended, under the study's lock. `h` is the head of its subject (all zero when
 * the trial does not exist; ignored for the study as subject).
 *   0                append it; *ret_late says whether as a late fact
 *   CLADE_REPEATED   a fact that is recorded already: answer as the first time, append nothing
 *   CLADE_ECONFLICT  the subject has moved on since `seen` (the sentence names both versions), or the number
 *                    of a new trial or worker is taken
 *   CLADE_EBUDGET    a proposal, and `trials` are used up, or the study is finished
 *   CLADE_EREFUSED   the table of states does not allow it
 *   CLADE_ENEWER     a kind that this clade does not know
 * Two things need a look into the tables, and the store does that itself: the identity of `saved`, `loaded`
 * and facts of earlier attempts; and whether a snapshot that is to be `deleted` is pinned (the source of any
 * head).
 */
int cl_head_admit(const struct cl_study_head *s, const struct cl_head *h, const struct cl_event *ev,
                  bool *ret_late, struct cl_err *e);

/* The one function that changes a state: apply an appended event (position set) to both heads.
 * CLADE_ECORRUPT when the event is not what cl_head_admit let pass here, its late flag included; CLADE_ENEWER
 * as there. Heads are then unchanged. */
int cl_head_apply(struct cl_study_head *s, struct cl_head *h, const struct cl_event *ev, struct cl_err *e);

/* The facts of the state hold. For asserts and `clade check`; e names the broken one. */
int cl_head_check(const struct cl_head *h, struct cl_err *e);

const char *cl_state_name(int state); /* "WAITING"; "?" for none */
int cl_state_find(const char *name);  /* any case; 0 if unknown */
bool cl_state_is_final(int state);    /* COMPLETE, PRUNED */
bool cl_state_is_pending(int state);  /* WAITING, RUNNING, PAUSED */
/* Nothing more comes by itself: COMPLETE PRUNED DIVERGED INFEASIBLE, and FAILED when no retry is left. */
bool cl_state_is_result(const struct cl_study_head *s, const struct cl_head *h);
/* FAILED, LOST, PREEMPTED that the engine must retry ("R" of the state table), or give up. */
bool cl_head_may_retry(const struct cl_study_head *s, const struct cl_head *h);
/* The next answer to its running process is to load `source`. */
bool cl_head_wants_load(const struct cl_head *h);
/* What it was to load could not be loaded, so the exploit is to be voided. */
bool cl_head_failed_to_load(const struct cl_head *h);

#endif
