/* A population without processes and without a clock: an engine with a scripted worker on a memory store.
 *
 * A member has one number as its state, theta; a step adds its hyperparameter `x`, the first one, to it, and
 * theta is its score. A snapshot keeps theta, a load takes it over, and finds what was ranked. The script
 * says who fails, diverges, dawdles or is preempted, and when.
 */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include "engine/engine.h"

enum trouble { NO_TROUBLE = 0, CRASHES, DIVERGES, IS_PREEMPTED, IS_LOST };

struct simulator {
  /* set before simulator_begin */
  int slots, trials;
  double steps;         /* a member is done after so many */
  const char *schedule; /* JSON */
  const char *space;    /* JSON of the hyperparameters, the first a float; null: `x` from 0 to 1 */
  const char *more;     /* further settings: `, "ordered": true, "lag": 2`, or "" */
  int64_t seed;
  bool
      apart; /* reports are committed before anything is decided about them, as in a store that can be lost */
  /* What a step adds to theta; null: the first hyperparameter. */
  double (*gain)(const struct simulator *s, const struct cl_value *values, double step, double theta);
  /* The trouble of a trial at a step; null: none. */
  enum trouble (*script)(const struct simulator *s, int64_t trial, int attempt, double step);
  /* Can nobody load this state? Null: all can. */
  bool (*unreadable)(const struct simulator *s, const struct cl_snapshot *n);
  /* Does it take part in this turn? Null: always. */
  bool (*moves)(const struct simulator *s, int64_t trial, int turn);

  /* Can its state not be saved when it is asked for? Null: it can. */
  bool (*unsaved)(const struct simulator *s, int64_t trial, double step);
  bool saves; /* every state is saved before it is reported, asked for or not */
  bool asks;  /* members are ready by time or metric: their trainers connect, and save when they are asked */

  /* Is this state, which nobody is about to begin from, removed in this turn? Null: none ever. */
  bool (*removes)(const struct simulator *s, const struct cl_snapshot *n, int turn);

  /* Where deciding may fail: gets the error, and the study is over then. Null: the test fails. */
  struct cl_err *refused;

  struct cl_store *store;
  int64_t id;
  struct cl_log *log;
  struct cl_engine *engine;
  int answers;                            /* commits of reports within which was decided */
  int worker, turns, quiet, longest_held; /* the most turns that a report waited for its answer */
  int64_t now_ms;
  double *theta, *step; /* by trial: of the running process */
  int *held;            /* turns that its report has waited */
  int64_t *open;        /* trials with a process */
  int n_open;
  int64_t *newest_saved;   /* of each trial, from 1; 0 = none */
  bool *wanted, *answered; /* its state was asked for; its last report has been answered */
  bool *damaged;           /* whether a load has left the process in no state at all */
  size_t n_saved, cap_saved;
  struct simulator_saved *saved;
};

void simulator_begin(struct simulator *s);
/* False: the study is over. Fails the test when nothing has happened for 500 turns. */
bool simulator_turn(struct simulator *s);
void simulator_run(struct simulator *s);
void simulator_crash(struct simulator *s); /* kill -9 of engine and worker; another one takes over */
void simulator_end(struct simulator *s);
const struct cl_study *simulator_study(const struct simulator *s);

/* What the check of a study of 4 trials with this schedule says (JSON; `space` as above). The
 * test fails when they cannot be parsed. */
int simulator_check(const char *schedule, const char *space, struct cl_err *e);

/* Scripts: each kind of trouble about once in so many steps, the same for equal seeds. */
struct simulator_odds {
  uint64_t crashes, diverges, is_preempted, is_lost;
};
enum trouble simulator_trouble(const struct simulator *s, int64_t trial, int attempt, double step,
                               struct simulator_odds odds);
enum trouble simulator_often(const struct simulator *s, int64_t trial, int attempt, double step);
enum trouble simulator_seldom(const struct simulator *s, int64_t trial, int attempt, double step);

#endif
