/* Twins that are gone are made again: the program is run from step 0 along the lineage of the state, with the
 * values and the seeds that were in force, and forked where a clone began; at the step of the snapshot it is
 * held in its report, and is the twin. Its reports are heard, and recorded nowhere. Only if it scores there
 * what was recorded is it the state that was ranked; else, or when it has failed three times, the state is
 * gone for good.
 *
 * It takes a slot while it runs, and has a directory of its own, "<trial>/attempt-<attempt>/again-<name>".
 */
#ifndef CL_REMAKE_H
#define CL_REMAKE_H

#include <sys/types.h>

#include "model/study.h"
#include "wire/message.h"

struct cl_session;
struct cl_worker;

/* May that state, whose twin is nowhere, still be made again by this worker? */
bool cl_remake_may(const struct cl_worker *w, const struct cl_snapshot *n);

/* Begin with it, unless that is done already. CLADE_ENOMEM. */
int cl_remake_begin(struct cl_worker *w, const struct cl_snapshot *n, struct cl_err *e);
int cl_remake_running(const struct cl_worker *w); /* how many slots that takes */

/* What the keeper says of its process; 0: it could not be started. */
void cl_remake_spawned(struct cl_worker *w, int64_t snapshot, pid_t pid, int64_t start);
void cl_remake_keeper_lost(struct cl_worker *w); /* what it was asked for and did not start will not come */

bool cl_remake_is_token(const char *text);
bool cl_remake_hello(struct cl_session *s, const struct cl_message *m); /* false: of none that runs */
void cl_remake_hear(struct cl_session *s, const struct cl_message *m);  /* what it says then */
void cl_remake_closed(struct cl_session *s);

void cl_remake_turn(struct cl_worker *w,
                    int64_t now);           /* what has not come back is begun again, or given up */
void cl_remake_forget(struct cl_worker *w); /* the space is another one: begun again if need be */
void cl_remake_close(struct cl_worker *w);  /* the worker leaves: they are killed */

#endif
