/* Twins: frozen copies of trainers (trainer.h, clade_trainer_fork), which are the states of snapshots of way
 * fork. A twin is a connection whose question is open for good: the worker answers `fork` when an attempt is
 * to begin from its state, and `stop` when nobody can need it any more.
 *
 * Its token is "twin.<trial>.<attempt>.<16 hex digits>.<32 hex digits>"; its snapshot's path is that of a
 * note in the attempt's directory, "<trial>/attempt-<attempt>/twin-<16 hex digits>", which says token,
 * process and boot: so the next worker knows a twin that comes back, and whether one that has not may still
 * come.
 */
#ifndef CL_TWINS_H
#define CL_TWINS_H

#include "model/study.h"
#include "wire/message.h"
#include "worker/command.h"

#define CL_TWIN_TOKEN_SIZE 110

struct cl_attempt;
struct cl_session;
struct cl_worker;

/* The token of the twin that the attempt's trainer is to leave behind next; null without randomness. The same
 * until that twin has come. */
const char *cl_twins_offer(struct cl_attempt *a);

bool cl_twins_is_token(const char *text);

/* Path of the snapshot whose state that twin is, if it is one of this attempt. */
bool cl_twins_path(const struct cl_attempt *a, const char *token, char *ret, size_t size);

/* Is that twin there? 0; CLADE_BUSY: it lives, and is on its way back; CLADE_STOP: it has ended; CLADE_EMPTY:
 * it was never there. */
int cl_twins_look(const struct cl_worker *w, const char *path);
int64_t cl_twins_bytes(const struct cl_worker *w, const char *path); /* of its own memory; 0 = unknown */

/* The process at the other end. False: it is gone already. */
bool cl_twins_peer(const struct cl_session *s, pid_t *ret_pid, int64_t *ret_start);

/* That process, held in a report, is from here on the twin of that path. False without memory. */
bool cl_twins_take(struct cl_session *s, const char *path);

/* The variables CLADE_… into the file that a clone reads. CLADE_EIO, CLADE_ENOMEM. */
int cl_twins_write_environment(const char *directory, const struct cl_words *environment, struct cl_err *e);

/* A connection has said hello with a twin's token. CLADE_ESTALE: with none that is known here; CLADE_BUSY: it
 * cannot be taken now, for want of memory, descriptors or disk, and is to come again. */
int cl_twins_hello(struct cl_session *s, const char *token);
void cl_twins_hear(struct cl_session *s, const struct cl_message *m); /* it has said something else */
void cl_twins_closed(struct cl_session *s);                           /* its connection ends */

/* Where is the state of a snapshot of way fork? 0: here; CLADE_BUSY: with another worker, on its way back to
 * one, or to be made again (remake.h); CLADE_EMPTY: nowhere. */
int cl_twins_find(const struct cl_worker *w, const struct cl_snapshot *n);

bool cl_twins_is_gone(const struct cl_worker *w,
                      const struct cl_snapshot *n); /* though it may be made again */

/* `started` of an attempt is committed that begins from such a snapshot: its clone is asked for as soon as
 * the twin can. CLADE_EIO: the environment could not be written; CLADE_ENOMEM. */
int cl_twins_begin(struct cl_attempt *a, struct cl_err *e);

/* The clone has said hello: its process becomes the keeper's. CLADE_BUSY: not now; CLADE_ECLOSED,
 * CLADE_ENOMEM: its attempt is given up. */
int cl_twins_born(struct cl_attempt *a, const struct cl_session *s, struct cl_err *e);

/* From time to time: ask for clones, stop what is needed no more, give up what does not come. */
int cl_twins_turn(struct cl_worker *w, struct cl_err *e);

/* The worker takes over from a dead one: where twins find the socket is written for each that may live. */
int cl_twins_invite(struct cl_worker *w, struct cl_err *e);

/* Nobody can need that state any more: a twin that has not come back yet is killed, unless it may have
 * another worker. (One that is connected here is told to stop.) */
void cl_twins_end(const struct cl_worker *w, const struct cl_snapshot *n);

/* The worker leaves for good: all twins end. */
void cl_twins_dismiss(struct cl_worker *w);

#endif
