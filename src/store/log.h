/* A study's log, followed: a store and a replica that are kept at the same position.
 *
 * The one way for engine, worker, queries and commands to read and to write a study. Facts and decisions are
 * put into the current turn and committed together (one transaction for all that arrived in one turn of the
 * loop); afterwards each putter is told what became of its event, in order. Every event, own or foreign,
 * passes through the replica exactly once and in order; then the listeners get it.
 */
#ifndef CL_LOG_H
#define CL_LOG_H

#include "store/store.h"

struct cl_log;

struct cl_log_options {
  bool full;                  /* read all reports too (verify, export), not only what the state needs */
  int64_t trial_lo, trial_hi; /* a partial replica of these trials; 0,0 = all */
  int64_t until; /* stop at this position (audit); 0 = follow the head. A log with `until` is read-only */
};

/* Open a study and replay it. Keeps `store` (must outlive the log). Gives *ret; close with cl_log_close. */
int cl_log_open(struct cl_store *store, int64_t study, const struct cl_log_options *options,
                struct cl_log **ret, struct cl_err *e);
void cl_log_close(struct cl_log *log); /* drops what was put and not committed; null is allowed */

const struct cl_study *cl_log_study(const struct cl_log *log); /* borrowed for the life of the log */
struct cl_store *cl_log_store(const struct cl_log *log);
int64_t cl_log_id(const struct cl_log *log);
int64_t cl_log_position(const struct cl_log *log);
int64_t cl_log_now_ms(const struct cl_log *log); /* ms since the study was created, for ev->time_ms */

/* Listener: called for every event applied by commit or follow, after the replica took it. */
typedef void cl_log_listener(void *ctx, const struct cl_event *ev);
int cl_log_listen(struct cl_log *log, cl_log_listener *fn, void *ctx, struct cl_err *e); /* at most 8 */
void cl_log_unlisten(struct cl_log *log, cl_log_listener *fn,
                     void *ctx); /* not from within a listener; unknown: nothing */

/* Told once the commit that held the event is through (or refused): `result->status` as in struct cl_append,
 * or a negative error of the whole commit. */
typedef void cl_log_told(void *ctx, const struct cl_event *ev, const struct cl_append *result);

/* Put an event (copied) into the current turn. time_ms is filled in. `told` may be null. CLADE_ENOMEM;
 * CLADE_ESPEC for an `updated` with settings that are not legal. */
int cl_log_put(struct cl_log *log, const struct cl_event *ev, cl_log_told *told, void *ctx, struct cl_err *e);
bool cl_log_has_put(const struct cl_log *log);

/* Commit what was put: append, apply (foreign events before own ones), listeners, then `told` in the order of
 * putting. Listeners and told functions may put more: it belongs to the next turn. 0, or the error of the
 * commit (everybody was told; what was put is gone). */
int cl_log_commit(struct cl_log *log, struct cl_err *e);

/* As cl_log_commit; and if all that was put are reports and saved states (the questions of trainers),
 * `decide` puts what follows from them into the same commit. The replica and the listeners have heard of them
 * then, and of the decisions once the commit is through. So who waits for a decision waits for one commit,
 * not for two. `decide` must not use the store, and what it puts is no report. Where it is not called
 * (another process has appended in between, or the store may lose its connection) the decisions belong to the
 * next turn. After an error in the commit the replica is ahead of the log: open it again. */
typedef int cl_log_decide(void *ctx, struct cl_err *e);
int cl_log_commit_with(struct cl_log *log, cl_log_decide *decide, void *ctx, struct cl_err *e);

/* Apply what others have appended. ret_n (may be null): how many. */
int cl_log_follow(struct cl_log *log, int64_t *ret_n, struct cl_err *e);

/* Append n events as one commit, without a turn: nothing is copied, and results[i] says what became of
 * events[i] (as cl_store_append, which fills the events in; by the time this returns the replica has applied
 * them). For who asks and tells by the million. Not while something is put (CLADE_EINVAL). */
int cl_log_append_all(struct cl_log *log, struct cl_event *events, int n, struct cl_append *results,
                      struct cl_err *e);

/* Put one event and commit at once; the result. For commands. */
int cl_log_append(struct cl_log *log, const struct cl_event *ev, struct cl_append *ret, struct cl_err *e);

#endif
