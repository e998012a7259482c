/* Scenes: what the tests of the worker begin with, say and decide again and again. Trials that run and whose
 * trainers are connected, reports and states, rulings; and families of trainers that fork.
 *
 * Time is advanced, not waited for: who includes this is linked with --wrap=cl_clock_monotonic_us (dep_scenes
 * in meson.build).
 */
#ifndef CL_TEST_SCENE_H
#define CL_TEST_SCENE_H

#include "puppet.h"

extern const char scene_go[]; /* the answer that changes nothing */

void assert_has(const char *line, const char *part); /* `line` may be null: then it has not */

/* `n` trials whose processes wait (world_patient); the first reports at or above `until` ask. `more`: further
 * settings, as for world_begin. */
void scene_begin(struct world *w, int n, double until, const char *more);
void scene_end(struct world *w);                  /* what is being copied is copied first */
void scene_pass(struct world *w, double seconds); /* as if that had passed; and a turn */

/* Reports. `path`: of the state that comes with it, or null. */
void scene_send_report(struct client *c, int ordinal, double step, double loss, const char *path);
const char *scene_report(struct world *w, struct client *c, int ordinal, double step, double loss);

/* Decisions; each returns its position. */
int64_t scene_ask_state(struct world *w, int64_t trial);
int64_t scene_continue(struct world *w, int64_t trial, enum cl_cause cause, double until);
int64_t scene_answer(struct world *w, int64_t trial, double until); /* goes on from its last report */
int64_t scene_exploit(struct world *w, int64_t trial, int64_t snapshot, const char *opt,
                      double until); /* lr 0.125 */
int64_t scene_void(struct world *w, int64_t trial, int64_t change);
int64_t scene_retry(struct world *w, int64_t trial);
int64_t scene_delete(struct world *w, int64_t trial, int64_t snapshot);

/* The same without a turn of the worker: it does not know yet. */
void scene_decide_only(struct world *w, int64_t trial, struct cl_event ev);

/* Another worker, as far as the log and its lock are concerned; on this machine, if `host` is null. The lock:
 * it lives until that is closed. */
int scene_pretend_worker(struct world *w, int number, const char *host);

/* The newest state of a trial; null when there is none. */
const struct cl_snapshot *scene_last_snapshot(const struct world *w, int64_t trial);

/* Trials whose trainers can fork, and are asked for a twin at step 2. */
struct family {
  struct world w;
  int n;
  struct client trainers[3];
  char tokens[3][200]; /* of the twins that they were asked for */
};

typedef int family_way(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e);

void family_begin(struct family *f, int n, family_way *way); /* `way`: to make again what is gone, or null */
void family_end(struct family *f);

/* The twin of a trial's trainer, and the report that names it: the snapshot. */
int64_t family_leave_twin(struct family *f, int64_t trial, struct puppet *twin);
/* Its process is gone, and the worker knows. */
void family_lose_twin(struct family *f, struct puppet *twin, int64_t snapshot);
/* Trial 2 asks, is told to take over that state, and so to end; its next attempt is to be a clone. */
void family_supersede(struct family *f, int64_t snapshot);
/* What the twin is asked for: the clone's token, and its lock, which is the caller's. */
int family_hear_fork(struct family *f, struct puppet *twin, int attempt, char ret_token[200]);

/* A program that is run again writes its environment into the study's place: has it? And its token. */
bool family_runs_again(const struct family *f);
void family_take_token(struct family *f, char ret[200]);
/* For family_begin: as if the state had come over a clone, so that the program is to fork at step 1. */
int family_way_of_two(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e);

#endif
