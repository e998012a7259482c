/* The engine: decides, while it holds the study's lease.
 *
 * Every process that runs a study has one. It follows the log; whoever holds the lease proposes trials,
 * retries failed ones, stops diverged ones and finishes the study. It acts on nothing and sees no process:
 * workers do that. Decisions are put into the log's turn and may be refused there (conflict): then they are
 * decided again from the newer state. Two deciders at once are harmless, so the lease only saves work.
 *
 * What it decides is a function of the replica; only the lease looks at a clock, the watcher's own.
 */
#ifndef CL_ENGINE_H
#define CL_ENGINE_H

#include "store/log.h"

struct cl_engine;

struct cl_engine_options {
  struct cl_log *log; /* keeps */
  const char *holder; /* who takes the lease: "host:pid:worker"; borrows */
  int worker;         /* `by` of its decisions */
  /* May the holder of the lease be judged dead at once (its lock is free)? Null: only by a beat that stands
   * still. */
  bool (*is_dead)(void *ctx, const char *holder);
  /* A sentence for people. Null: nobody listens. */
  void (*say)(void *ctx, const char *text);
  void *ctx;
};

#define CL_LEASE_PATIENCE_MS 10000 /* a beat that stands still for so long has no owner */
#define CL_LEASE_BEAT_MS     2000

/* Gives *ret; free with cl_engine_destroy. The lease is taken by the first turns. The search method is made
 * ready: CLADE_ESPEC if it does not suit the space; CLADE_ELIMIT when the log has no listener left;
 * CLADE_ENOMEM. Cost O(trials). */
int cl_engine_create(const struct cl_engine_options *options, struct cl_engine **ret, struct cl_err *e);
void cl_engine_destroy(struct cl_engine *g); /* gives the lease back; null is allowed */

/* Once per turn of the loop, before cl_log_commit: beat or take over the lease (now_ms: monotonic), decide
 * what can be decided and put it. 0, or an error that ends the engine: CLADE_ENEWER (written by a newer
 * clade), CLADE_ENOMEM, CLADE_ESPEC (new settings that the search method cannot use), the errors of the
 * store.
 *
 * Two engines that decide at once cannot keep each other from deciding: of two decisions on one subject the
 * first stands, and the other engine decides again from there. Nothing is decided for a trial that a person
 * has paused; when only such are left, `say` is told once. While the whole study is paused (settings.paused)
 * nothing is proposed and it is not finished. */
int cl_engine_turn(struct cl_engine *g, int64_t now_ms, struct cl_err *e);

/* Within a commit of reports (cl_log_commit_with): decide what the scheduler makes of them, and put it;
 * nothing, if this engine does not decide. Uses no store, and says nothing to people: what else there is to
 * decide, and to say, the next turn does. As cl_engine_turn. */
int cl_engine_answer(struct cl_engine *g, int64_t now_ms, struct cl_err *e);

bool cl_engine_is_decider(const struct cl_engine *g);

/* Finished, and no trial runs any more. Searched trials that still wait then are never started. */
bool cl_engine_is_over(const struct cl_engine *g);

#endif
