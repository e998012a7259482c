/* Buffers: the memory in which states of regions are handed over. The worker owns them; a trainer copies its
 * regions into one within a report, and a loser copies them out of it.
 *
 * A buffer is a file of /dev/shm, in a directory of this worker's own, whose path stands in the study's
 * directory (worker-<n>.memory): so the next worker of this machine finds the states of one that was killed.
 * (Where /dev/shm has no room, it is memory without a name, reached by /proc/<pid>/fd, and lost with the
 * worker.) All its pages are made before it is lent.
 *
 *   spare   nobody's
 *   lent    to an attempt, which may be writing into it
 *   kept    holds a snapshot of the log (way region), never to be written to: first to be copied into a
 *           directory behind the trainers' backs (way durable copy); spare again once it has been copied, a
 *           newer state of its trial is kept, nobody is about to begin from it (pins) and nobody reads it,
 *           or once the snapshot is deleted
 *
 * There are as many as members have states here, attempts are in hand, and two more; small ones may be more,
 * up to CL_BUFFERS_SMALL_BYTES, and of up to a MiB each up to CL_BUFFERS_MANY_BYTES: of a member that is
 * ahead every state is kept that slower ones may still take over. When none can be had, the state goes into a
 * directory at once.
 */
#ifndef CL_BUFFERS_H
#define CL_BUFFERS_H

#include "model/study.h"

#define CL_BUFFERS_SMALL_BYTES (INT64_C(32) << 20)  /* of one: up to half of it */
#define CL_BUFFERS_MANY_BYTES  (INT64_C(256) << 20) /* of all that are up to a MiB */

struct cl_worker;
struct cl_buffer;
struct cl_buffers;

struct cl_buffers *cl_buffers_create(void); /* null without memory; gives, to cl_buffers_close */

/* A trainer with regions of `bytes` has connected: have the two spares ready. */
void cl_buffers_expect(struct cl_worker *w, int64_t bytes);

/* A spare of at least `bytes`, now lent; null when there is none. Give it back, or keep what was written. */
struct cl_buffer *cl_buffers_lend(struct cl_worker *w, int64_t bytes);
void cl_buffer_return(struct cl_buffer *b); /* null is allowed */
void cl_buffer_keep(struct cl_buffer *b, const struct cl_event *saved);
const char *cl_buffer_path(const struct cl_buffer *b);
bool cl_buffer_is_lost(const struct cl_buffer *b); /* nobody finds it at its path any more: return it */

/* The buffer that holds a snapshot, null when it is not here. While it is held (a count) it stays. */
struct cl_buffer *cl_buffers_find(const struct cl_worker *w, const struct cl_snapshot *n);
void cl_buffer_hold(struct cl_buffer *b);
void cl_buffer_release(struct cl_buffer *b); /* null is allowed */

/* Where a state can be loaded from: its buffer (*ret_buffer, to be held), its directory, or that of its
 * durable copy. Gives *ret (cl_free). CLADE_EMPTY: nowhere here. CLADE_ENOMEM. */
int cl_buffers_locate(const struct cl_worker *w, const struct cl_snapshot *n, char **ret,
                      struct cl_buffer **ret_buffer, struct cl_err *e);
/* Nowhere here, but a living worker may have it, and will write a copy. */
bool cl_buffers_may_come(const struct cl_worker *w, const struct cl_snapshot *n);

void cl_buffers_note(struct cl_worker *w, const struct cl_event *ev); /* an event was applied */
int cl_buffers_turn(struct cl_worker *w, struct cl_err *e);           /* begins what is to be done behind */
bool cl_buffers_busy(const struct cl_worker *w);                      /* copies are still to be written */

/* Take over what a dead worker of this host and boot has left. CLADE_ENOMEM. */
int cl_buffers_inherit(struct cl_worker *w, int number, struct cl_err *e);
/* A worker has come or gone: at the next turn, delete (by decisions) what cannot be had any more. */
void cl_buffers_look(struct cl_worker *w);

/* Leave: remove what was copied, or is spare; `keep` all, for the next worker. */
void cl_buffers_close(struct cl_worker *w, bool keep);

#endif
