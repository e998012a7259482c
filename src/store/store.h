/* A store keeps the logs of studies: it appends events under the study's lock and reads them back in order.
 *
 * Stores see events, heads and leases, nothing of searchers or processes; SQL stays inside this room. One op
 * table per kind of store; the generic half (store.c) opens by address, checks events, and judges appends
 * with model/trial.h, so every store behaves the same (one conformance suite, tests/store).
 *
 * Addresses: a path or sqlite:///path (SQLite), postgresql://user@host:port/database (as libpq takes it),
 * memory: (this process only; each open is a new one). A server that goes is looked for again, for a minute:
 * then what was asked for is done as if nothing had happened.
 * One handle is used by one thread. Several handles and processes may use one store at the same time.
 */
#ifndef CL_STORE_H
#define CL_STORE_H

#include "model/study.h"

struct cl_store;

enum cl_store_mode {
  CL_STORE_READ,  /* the store must exist; appends are refused */
  CL_STORE_WRITE, /* the store must exist */
  CL_STORE_CREATE /* made if absent, with its directory */
};
enum cl_sync { CL_SYNC_NORMAL = 0, CL_SYNC_FULL };

struct cl_store_options {
  enum cl_store_mode mode;
  enum cl_sync sync;   /* what a power cut may take: normal = the newest events, full = nothing */
  int lock_timeout_ms; /* how long to wait for another writer; 0 = 30 000 */
  int reconnect_ms;    /* how long to look for a server that has gone; 0 = 60 000 */
  /* Called again and again while a server does not answer, each time to let some `ms` pass: whoever has a
   * loop lets it go on. It must not use this handle. Not 0: the server is waited for no longer, CLADE_EIO.
   * Null: the thread sleeps. */
  int (*idle)(void *ctx, int ms);
  void *ctx;
  bool beside; /* threads may be used. An SQLite store's copies its log into the file, which no commit then
                  waits for, and some read the tables of a long log, until cl_store_read returns */
  int64_t ahead_from; /* events from which on a log is long; 0 = 65536 */
};

/* Open. `address` borrows. Gives *ret; close with cl_store_close.
 * CLADE_ENOTFOUND (no such file), CLADE_EINVAL (unknown kind of address), CLADE_EUNSUPPORTED (network file
 * system: the sentence has the remedy), CLADE_ENEWER (schema of a newer clade), CLADE_ECORRUPT (not a store),
 * CLADE_EIO, CLADE_ENOMEM. */
int cl_store_open(const char *address, const struct cl_store_options *options, struct cl_store **ret,
                  struct cl_err *e);
void cl_store_close(struct cl_store *s);                /* null is allowed */
const char *cl_store_address(const struct cl_store *s); /* without a password */

/* A copy of an address for people, or of a word of a command that may be one: *** stands for its password.
 * Gives; free with cl_free. Null: no memory. */
char *cl_store_show(const char *address);
const char *cl_store_kind(const struct cl_store *s); /* "sqlite", "postgresql", "memory" */

struct cl_study_row {
  int64_t id; /* of the study in this store: 1, 2, … in order of creation, never reused */
  const char *name, *uuid;
  int64_t created_ms; /* wall clock */
  struct cl_study_head head;
};
/* All studies in order of creation. `visit` borrows the row; a non-zero return stops and is returned. */
int cl_store_studies(struct cl_store *s, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                     struct cl_err *e);

/* Begin a log: appends `created` (kind CL_EVENT_CREATED) as position 1. CLADE_EEXISTS when a study of that
 * name or uuid is there (sentence names it); CLADE_ESPEC when its settings are not legal. Names differ by
 * more than case. */
int cl_store_create(struct cl_store *s, const struct cl_event *created, int64_t *ret_study, struct cl_err *e);

/* By exact name, else by name regardless of case. CLADE_ENOTFOUND names the nearest study. */
int cl_store_find(struct cl_store *s, const char *name, int64_t *ret_study, struct cl_err *e);

/* Remove a study with all its rows. The only thing that removes events. CLADE_EBUSY when its lease is held.
 */
int cl_store_delete(struct cl_store *s, int64_t study, struct cl_err *e);

struct cl_append {
  int status;       /* 0 appended; CLADE_REPEATED, CLADE_ECONFLICT, CLADE_EBUDGET, CLADE_EREFUSED */
  bool late;        /* appended as a late fact */
  int64_t position; /* of the appended event; of a repeated fact its first; of a conflict the newer version;
                       else 0 */
};

/* Append n events as one commit under the study's lock: each is judged alone (some may be appended while
 * others are refused, also a report with a metric beyond CL_METRICS_MAX), positions are dense in the order
 * given. On return the appended events are durable in
 * the sense of `sync`. The events' position, late flag, and the ids of their metrics are filled in (so the
 * array of metrics must be writable), and `seen` where it was CL_SEEN_BATCH.
 * `results`: n. Returns 0 (look at the results; `e` then holds the sentence of the last refusal, if any), or
 * an error of the whole commit (CLADE_EIO, CLADE_EBUSY, CLADE_EINVAL for an event that is not legal in
 * itself, CLADE_ECORRUPT, CLADE_ENOMEM): then nothing was appended, as far as can be known. */
int cl_store_append(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                    struct cl_append *results, struct cl_err *e);

/* What follows from events that are being appended. `decide` is called when they have their positions and
 * results, under the study's lock and before the commit, if any was appended; it gives n more events, and
 * room for as many results, which stay its own and must last until the append returns. None of them is a
 * report. It must not use the store. `before`: the position of the log without them. */
struct cl_store_more {
  int (*decide)(void *ctx, int64_t before, int *ret_n, struct cl_event **ret_events,
                struct cl_append **ret_results, struct cl_err *e);
  void *ctx;
};
/* As cl_store_append, with `more` (may be null) in the same commit; what it says in error ends that. It is
 * not called by a store that may lose its connection on the way: whether a commit got through is then found
 * out by making it again. */
int cl_store_append_more(struct cl_store *s, int64_t study, struct cl_event *events, int n,
                         struct cl_append *results, const struct cl_store_more *more, struct cl_err *e);

/* Wait for one's turn among those who are about to append what only one of them can, as the next trial: a
 * courtesy, which keeps them from making each other's proposals void again and again. Who does not queue may
 * come first all the same, and a store where conflicts cost little has no queue: it is always one's turn.
 * 0: until cl_store_leave, the loss of the connection, or the end of the process. CLADE_EBUSY after wait_ms
 * (1…): whoever has the turn stands still. CLADE_EIO, CLADE_ENOMEM, CLADE_EINVAL as when appending. */
int cl_store_queue(struct cl_store *s, int64_t study, int wait_ms, struct cl_err *e);
void cl_store_leave(struct cl_store *s, int64_t study); /* costs no round trip */

struct cl_read {
  int64_t after, until;       /* positions in (after, until]; until 0 = to the head at the time of the call */
  int64_t trial_lo, trial_hi; /* only events with these subjects, and the study's own; 0,0 = all trials */
  bool skip_known_reports;    /* leave out reports of finished trials whose `ended` sums them up; their
                                 `stopped`, `done` and `ended` carry a summary. No effect below the head */
  bool only_trials;           /* with trial_lo/hi: leave out the study's own events too */
  bool only_state; /* `by`, `as_of`, `args` (but those of `stopped`), and an end's `usage` are not asked for:
                      a replica has no use for them, and they may be left empty */
  bool only_notes; /* nothing but notes, tags and workers: cost is that of their rows */
};
/* Visit events in order of position. The event borrows until the visit returns. A non-zero return of `visit`
 * stops and is returned. CLADE_ECLOSED: cut off in the middle of a read with skip_known_reports; begin again.
 * No read transaction outlives the call, and a long read is cut into several, so
 * `visit` must not block: whoever prints to a slow pipe reads in slices. The handle cannot be used from
 * inside `visit` (CLADE_EINVAL). With a filter positions have gaps. Lists of values and
 * metrics come in ascending order of ids. */
int cl_store_read(struct cl_store *s, int64_t study, const struct cl_read *what,
                  int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, struct cl_err *e);

/* The reports of one trial in order (a curve), from its index: cost O(reports of the trial). Late and void
 * ones included (ev->late tells the late ones). */
int cl_store_read_reports(struct cl_store *s, int64_t study, int64_t trial,
                          int (*visit)(void *ctx, const struct cl_event *ev), void *ctx, struct cl_err *e);

/* The study's metrics by ascending id, objectives first: names that a reader needs who leaves reports out. */
int cl_store_metrics(struct cl_store *s, int64_t study, int (*visit)(void *ctx, int id, const char *name),
                     void *ctx, struct cl_err *e);

int cl_store_head(struct cl_store *s, int64_t study, struct cl_study_head *ret, struct cl_err *e);
int cl_store_trial_head(struct cl_store *s, int64_t study, int64_t trial, struct cl_head *ret,
                        struct cl_err *e);

/* The decider's lease: a row {holder, generation, beat}. Time is judged by the watcher (engine), never here.
 *   take   becomes holder if nobody is, or if the row still shows `expected_generation` and `expected_beat`
 * (the caller has watched it stand still); CLADE_BUSY otherwise, with *ret as it stands beat   beat + 1 if
 * still the holder of this generation, else CLADE_BUSY release gives it up if still the holder */
struct cl_lease {
  char holder[80]; /* "host:pid:worker"; empty = nobody */
  int64_t generation, beat;
};
int cl_store_lease_get(struct cl_store *s, int64_t study, struct cl_lease *ret, struct cl_err *e);
int cl_store_lease_take(struct cl_store *s, int64_t study, const char *holder, int64_t expected_generation,
                        int64_t expected_beat, struct cl_lease *ret, struct cl_err *e);
int cl_store_lease_beat(struct cl_store *s, int64_t study, struct cl_lease *lease, struct cl_err *e);
int cl_store_lease_release(struct cl_store *s, int64_t study, struct cl_lease *lease, struct cl_err *e);

/* A descriptor that becomes readable when another process may have appended (inotify on the WAL); -1 if this
 * store has none, or the system has no watch left (then look at the head now and then). After it woke: drain,
 * look at the head, and look again after 0.2 and 2 ms, because a wake can come before the commit is visible.
 * Owned by the store. */
int cl_store_watch(struct cl_store *s, int *ret_fd, struct cl_err *e);
bool cl_store_watch_drain(struct cl_store *s); /* false: there is surely nothing new of others */

/* Compare the mutable tables with a replay of the log. 0, or CLADE_ECORRUPT naming the first difference. */
int cl_store_check(struct cl_store *s, int64_t study, struct cl_err *e);

/* Write the mutable tables again as a replay of the log gives them, ten thousand trials a commit; others may
 * go on appending meanwhile. CLADE_ECORRUPT: the log itself is damaged; CLADE_EBUSY: others have appended
 * before each of a hundred tries; CLADE_EINVAL: opened for reading only. */
int cl_store_repair(struct cl_store *s, int64_t study, struct cl_err *e);

#endif
