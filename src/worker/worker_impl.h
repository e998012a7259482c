/* What the files of the worker share: the worker, the attempts it has in hand, the conversations with
 * trainers.
 *
 *   worker.c     joins, turns, leaves; hears the log        claim.c    takes waiting trials, spawns
 *   attempts.c   the table of attempts in hand              life.c     processes: signals, limits, ends
 *   finish.c     drains the output, records the end         recover.c  judges what other workers left
 *   server.c     the socket and its connections             talk.c     questions and answers
 *   publish.c    makes a saved state durable                computed.c the objective that is computed
 *   leftover.c   states that nobody has taken               missing.c  states that are gone
 *   removal.c    states that were deleted                   budget.c   whether one more has room
 *   tags.c       what a trainer wrote about itself
 *   buffers.c    memory for states of regions          buffers_make.c, _copy.c, _inherit.c   its parts
 *   twins.c      trainers that were forked             remake.c   and those that are made again
 *
 * Callbacks of the loop and of the log cannot return an error: they leave it in worker->failure, and the next
 * turn returns it.
 */
#ifndef CL_WORKER_IMPL_H
#define CL_WORKER_IMPL_H

#include "wire/lines.h"
#include "wire/message.h"
#include "worker/attempt.h"
#include "worker/buffers.h"
#include "worker/command.h"
#include "worker/exit.h"
#include "worker/keeper_link.h"
#include "worker/output.h"
#include "worker/remake.h"
#include "worker/twins.h"
#include "worker/worker.h"

enum cl_phase {
  CL_PHASE_CLAIMED = 1, /* `started` (or `adopted`) is put, not committed */
  CL_PHASE_SPAWNING,    /* the keeper has been asked */
  CL_PHASE_RUNNING,
  CL_PHASE_LEAVING,  /* another's child: it is gone, or its lock is held by nobody named; look until that is
                        clear */
  CL_PHASE_DRAINING, /* ended: its output is read to the end */
  CL_PHASE_CLOSING,  /* `ended` or `lost` is put */
  CL_PHASE_OVER
};

/* How far an attempt has been urged to end. */
enum cl_urge { CL_URGE_NONE = 0, CL_URGE_SOON /* SIGTERM at the deadline */, CL_URGE_TERM, CL_URGE_KILL };

struct cl_session;

struct cl_attempt {
  struct cl_worker *worker;
  struct cl_attempt *next; /* with the same hash */
  int64_t trial;
  int32_t number;
  int slot;
  enum cl_phase phase;
  int puts;        /* events about it that were put and not told */
  bool attention;  /* a decision about it has been applied */
  bool adopted;    /* by this worker; its process is another keeper's child */
  bool reclaiming; /* `started` of the open attempt is put */
  bool unreached;  /* adopted, and where the socket is now is not written, or not any more */
  char token[CL_TOKEN_SIZE];

  int lock; /* until the keeper has it; -1 */
  char **arguments;
  struct cl_words environment;

  int64_t started, from; /* positions: of `started`, of the snapshot it begins from */
  int64_t released;      /* of the last decision that lets a held report go */
  int64_t changed;       /* of the last event that wrote its values */
  int64_t asked;         /* of the last `checkpoint asked` */
  int64_t report;        /* of its last report, 0 = none */
  double saved_step;     /* of its last snapshot in the segment, NaN = none */
  bool saved_as_twin;    /* that one */
  uint64_t fixed;        /* cl_attempt_fixed of the values that its process has; 0 = unknown */
  int loads;             /* exploits it has loaded: a step may come again, its state needs another name */
  bool loaded;           /* the snapshot of its start */
  bool uncharted;        /* its event file could not be written */
  bool damaged;          /* a load has failed in the process: it trains no more from what it has */
  bool missing_put;      /* that the state it was to load is gone was recorded without asking it */
  int64_t failed;        /* change of the last load that failed, 0 = none */
  bool kill;             /* the decision that stopped it wants no waiting for a report */
  bool patient;          /* a person ended it: a program that does not listen has the grace before SIGTERM */
  bool stopping_put, preempting_put, computed_put, tags_put;

  pid_t pid; /* 0 = not spawned */
  int64_t start;
  pid_t keeper;
  int64_t keeper_start;
  uv_poll_t *watch; /* on a pidfd, of an adopted one */
  bool exit_known;
  struct cl_exit exit;
  char limit[120]; /* `"limit":"memory",…`: why it was killed; empty */
  int64_t started_ms, started_us, resident_bytes;

  enum cl_urge urge;
  int64_t deadline_us; /* of the next urge; 0 = none */

  struct cl_output *output; /* null: not followed (connected) */
  int watching;             /* inotify descriptor, -1 = none */
  int64_t look_us;          /* not watched: when to look at it, and to try to watch */
  bool connects, late_done; /* it has said hello; its late states are recorded (leftover.c) */
  struct cl_late *late;     /* one that is being published */

  bool output_ready, output_again; /* again: a report was refused, so it is read from its beginning */
  int rereads, failed_looks;
  struct cl_session *session; /* its connection, or null */

  char twin[CL_TWIN_TOKEN_SIZE]; /* token of the twin that its trainer is to leave behind, or "" */
  bool cloned;                   /* it begins as the clone of a twin */
  bool clone_asked, clone_told;  /* the twin has been asked; that it is the state is put */
  int64_t clone_us;              /* until when it must have come */
  struct cl_session *mother;     /* the twin that makes it just now, or null */

  struct cl_buffer *lent;    /* its trainer may be writing into it, or null */
  struct cl_buffer *reading; /* held: its trainer was told to load it, or null */
};

/* One connection. In the worker's list until it is closed and nothing holds it: then it is freed. */
struct cl_session {
  struct cl_worker *worker;
  struct cl_session *next, *previous;
  uv_poll_t poll;
  int fd;
  int holds; /* who will call back: events put, a publishing */
  int puts;  /* of them, the events */
  bool closing, closed;
  struct cl_text unsent; /* what the trainer has not taken yet */
  struct cl_lines lines;
  struct cl_message_memory memory;

  int64_t trial; /* 0 until hello */
  int32_t number;
  struct cl_attempt *attempt; /* null: outdated, or not said hello */
  unsigned can;
  int64_t bytes; /* of a buffer for its regions; 0 = it has registered none */

  bool open;       /* a question waits for its answer */
  bool held;       /* … until a decision */
  bool saving;     /* a state is being written or published */
  bool expects;    /* it was told where to save when it comes to a step … */
  double save_at;  /* … which is this one */
  int64_t keeping; /* bytes of a state that was put and is not in the log yet */
  enum cl_message_type question;
  int64_t ordinal, report; /* of the last report; its position, 0 = none */
  double step;
  struct cl_text path; /* being published: where it was saved */
  bool farewell;       /* pause or stop with save was answered: what comes next is the end */
  bool told_to_end;
  bool may_differ;          /* it was given values with a load: those of a void are sent back whole */
  int twins_asked;          /* for this report, after the first one */
  struct cl_remake *remake; /* of a process that makes a state again */
  bool superseded;          /* of one that a clone has taken over from */
  char *twin;               /* of a twin: path of its snapshot */
  char awaited[100];        /* path of the twin without which it is not gone on, or "" */
  int64_t awaited_us;       /* not longer, if it never comes */
  uint64_t *given;          /* hashes of the values as the trainer has them, per hyperparameter */
  int n_given;
};

#define CL_ATTEMPT_BUCKETS 1024

struct cl_worker {
  struct cl_worker_options options; /* texts are copies */
  struct cl_log *log;
  const struct cl_study *study;
  uv_loop_t *loop;
  int number, lock, slots;
  char host[256], boot[64];
  char *store;
  char **gpus;

  struct cl_buffers *buffers;
  struct cl_keeper *keeper;
  uv_poll_t *server;
  int listener, spare;
  char *socket_directory, *socket;
  uv_timer_t *beat;  /* while attempts are in hand */
  uv_idle_t *hurry;  /* active while something is left to do without waiting */
  uv_poll_t *notify; /* inotify */
  int inotify;
  int n_handles; /* not closed yet; the last one frees the worker */
  bool destroying;

  struct cl_output_rules *rules;
  struct cl_attempt *buckets[CL_ATTEMPT_BUCKETS];
  struct cl_attempt **all;
  size_t n_all, cap_all;
  struct cl_session *sessions;
  struct cl_wire_pair *pairs; /* room for the values of a message */
  size_t cap_pairs;
  struct cl_value *values; /* room for an assignment */
  size_t cap_values;
  struct cl_text text; /* room for a message */
  char bytes[65536];   /* room for a read */

  enum cl_shutdown shutdown; /* 0 = none */
  int signal;
  bool attention; /* of some attempt, or strays */
  int64_t claim_after_us;
  int claim_failures;
  int64_t next_sample_us, next_look_us, next_judge_us;
  bool judge_again; /* some worker of this host could not be judged */
  struct stray {
    int64_t trial;
    int32_t attempt;
  } * strays; /* attempts started in this worker's name that it does not have */
  size_t n_strays, cap_strays;
  int64_t removing; /* bytes of states that are deleted in the log, and not removed yet */
  struct cl_remake *remakes;
  bool twins_stirred; /* some may not be needed any more */
  bool said_full;     /* that the disk budget is used up */
  double making_us;   /* processor time of making a trial's directories, a running mean … */
  bool spread;        /* … that was long, so the next trial has a place of its own on the disk */
  struct cl_err failure;
};

/* worker.c */
void cl_worker_say(struct cl_worker *w, int64_t trial, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cl_worker_fail(struct cl_worker *w, const struct cl_err *e); /* keeps the first failure */
void cl_worker_hurry(struct cl_worker *w);                        /* come back without waiting */
double cl_worker_grace(const struct cl_worker *w);
void cl_worker_let_go(struct cl_worker *w); /* one of its handles less, of which each keeps it in memory */
int cl_worker_room(struct cl_worker *w, struct cl_err *e); /* w->values and w->pairs fit the space */
/* Put about a trial: `by` and, for decisions, `as_of` and `seen` are filled in. */
int cl_worker_put(struct cl_worker *w, struct cl_event *ev, cl_log_told *told, void *ctx, struct cl_err *e);
bool cl_worker_is_dead(const struct cl_worker *w,
                       int number); /* a worker of this host that lives no longer */

/* attempts.c */
struct cl_attempt *cl_attempts_find(const struct cl_worker *w, int64_t trial, int32_t number);
struct cl_attempt *cl_attempts_first(const struct cl_worker *w,
                                     int64_t trial); /* any of the trial, or null */
int cl_attempts_add(struct cl_worker *w, int64_t trial, int32_t number, struct cl_attempt **ret,
                    struct cl_err *e);
void cl_attempts_remove(struct cl_worker *w, struct cl_attempt *a); /* frees it */
int cl_attempts_free_slot(const struct cl_worker *w);               /* lowest free one */
const struct cl_trial *cl_attempt_trial(const struct cl_attempt *a);
/* Is it the trial's current attempt, open, and this worker's? */
bool cl_attempt_is_current(const struct cl_attempt *a);
void cl_attempt_note(struct cl_attempt *a, const struct cl_event *ev); /* an event of its trial was applied */
void cl_attempt_chart(struct cl_attempt *a,
                      const struct cl_event *ev); /* likewise: its event file, if wanted */
int cl_attempt_put(struct cl_attempt *a, struct cl_event *ev, cl_log_told *told, struct cl_err *e);

/* claim.c */
int cl_worker_claim(struct cl_worker *w, struct cl_err *e);
int64_t cl_worker_delay_claims(struct cl_worker *w); /* longer each time until one is spawned; ms */
void cl_worker_back_off(struct cl_worker *w, int64_t trial, const char *why); /* no claim for a while */
/* Paused and continued before its process has noticed: its open attempt goes on, if it may. */
int cl_attempt_reclaim(struct cl_attempt *a, struct cl_err *e);
/* Its process has a CLADE_SOCKET that is not this worker's: where that is, it finds in its directory. */
int cl_worker_write_socket(struct cl_worker *w, int64_t trial, struct cl_err *e);
bool cl_worker_has_written_socket(const struct cl_worker *w, int64_t trial); /* and nobody else since */

/* life.c */
int cl_life_open_keeper(struct cl_worker *w, struct cl_err *e);
int cl_life_adopt(struct cl_attempt *a, struct cl_err *e); /* watch its process */
void cl_life_unwatch(struct cl_attempt *a);
void cl_life_urge(struct cl_attempt *a, enum cl_urge urge); /* raises it; acts at once */
int cl_life_beat(struct cl_worker *w, struct cl_err *e);    /* deadlines and limits */
int cl_life_obey(struct cl_attempt *a, struct cl_err *e);   /* carry out what was decided about it */
int cl_life_preempt(struct cl_attempt *a, int signal, struct cl_err *e); /* signal: that asked for it, or 0 */

/* finish.c */
int cl_attempt_follow(struct cl_attempt *a, int64_t recorded,
                      struct cl_err *e);                                   /* begin to read its output */
int cl_attempt_watch(struct cl_attempt *a, int64_t now, struct cl_err *e); /* its output, from time to time */
void cl_attempt_unfollow(struct cl_attempt *a);
int cl_attempt_read(struct cl_attempt *a,
                    struct cl_err *e); /* what it has written; goes on when it has ended */
int cl_attempt_ended(struct cl_attempt *a, const struct cl_exit *x,
                     struct cl_err *e); /* null: nobody saw how */
int cl_attempt_lost(struct cl_attempt *a, const char *lock, const char *why, struct cl_err *e);
void cl_finish_notified(struct cl_worker *w); /* inotify is readable */

/* recover.c */
int cl_recover_look(struct cl_attempt *a,
                    struct cl_err *e); /* judge an attempt whose process is not a child */
/* It says that it holds the lock, which has no name yet: a clone whose worker, or keeper, has gone between
 * the fork and its adoption. From here it can be adopted like any other. */
void cl_recover_name(struct cl_attempt *a, pid_t pid, int64_t start);
int cl_recover_others(struct cl_worker *w, struct cl_err *e); /* from time to time */

/* place.c */
/* A new directory of this user's only, "<base>/clade-<middle><random>". Gives. -1: it cannot be made. */
int cl_worker_make_directory(const char *base, const char *middle, char **ret);
/* One for a socket "s", in XDG_RUNTIME_DIR or /tmp; those there whose engines were killed are removed. Gives.
 * CLADE_EIO. */
int cl_worker_choose_place(char **ret, struct cl_err *e);

/* server.c */
int cl_server_open(struct cl_worker *w, struct cl_err *e);
void cl_server_close(struct cl_worker *w);
void cl_session_send(struct cl_session *s, const struct cl_message *m);
/* As cl_session_send, on a connection where nothing waits to be sent; a copy of the descriptor goes with it.
 */
void cl_session_send_with(struct cl_session *s, const struct cl_message *m, int fd);
void cl_session_close(struct cl_session *s);
void cl_session_release(struct cl_session *s); /* one hold less */

/* talk.c */
void cl_talk_line(struct cl_session *s, const char *line, size_t n);
void cl_talk_answer(struct cl_session *s); /* the open question, as things stand now */
/* All of these values (of the space) into a message. */
void cl_talk_give_all(struct cl_worker *w, const struct cl_value *values, struct cl_message *m);
void cl_talk_twins(struct cl_worker *w, int64_t now); /* go on with what has waited for a twin */
void cl_talk_error(struct cl_session *s, bool fatal, const char *field, const char *limit, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));

/* publish.c */
struct cl_published {
  int status;
  struct cl_err error;
  int64_t bytes;
  char hash[33];
  bool in_memory;   /* nothing was published: it is kept in a buffer */
  const char *twin; /* nothing was published: it is that twin (path) */
};
/* Sync everything in `from`, rename it to `to`, sync the directory; when `from` is gone and `to` is there,
 * that was done before. In a thread; then `done` is called from the loop. CLADE_ENOMEM. */
int cl_publish(uv_loop_t *loop, const char *from, const char *to,
               void (*done)(void *ctx, const struct cl_published *p), void *ctx, struct cl_err *e);
/* The same, here and now. */
void cl_publish_now(const char *from, const char *to, struct cl_published *ret);

/* tags.c */
int cl_attempt_put_tags(struct cl_attempt *a, struct cl_err *e); /* once, when it has ended */

/* leftover.c */
/* At the attempt's end, again and again until *ret_busy is false: publish and record what its trainer has
 * saved while no worker was there. */
int cl_attempt_publish_late(struct cl_attempt *a, bool *ret_busy, struct cl_err *e);
void cl_attempt_forget_late(struct cl_attempt *a); /* it goes: what is being published is left as it is */
/* Its end is recorded: remove the states that no event refers to. */
void cl_attempt_collect(struct cl_attempt *a);

/* missing.c */
/* Is a state gone that was saved on this host, or in memory that nobody has (null: no)? CLADE_ENOMEM. */
int cl_snapshot_look(const struct cl_worker *w, const struct cl_snapshot *n, bool *ret_gone,
                     struct cl_err *e);
/* Put that it is: `trial` was to go on from it. */
int cl_snapshot_put_gone(struct cl_worker *w, int64_t trial, const struct cl_snapshot *n, struct cl_err *e);
/* Is what a waiting trial would start from gone? Then that is put, or said when nothing can be done: it is
 * not to be started now. */
int cl_worker_check_source(struct cl_worker *w, const struct cl_trial *t, bool *ret_gone, struct cl_err *e);

/* removal.c */
/* A snapshot was deleted in the log: remove its files, if they are of this host. CLADE_ENOMEM. */
int cl_worker_unlink(struct cl_worker *w, int64_t snapshot);
/* A directory (takes its path) that no event names, and none will. */
void cl_worker_discard(struct cl_worker *w, char *path, int64_t bytes);
/* All that were, and are still there. Cost O(snapshots), a look at the disk for each deleted one. */
int cl_worker_unlink_all(struct cl_worker *w, struct cl_err *e);

/* budget.c */
/* Does the disk budget allow one more state, for this session? Says once when it does not. */
bool cl_worker_has_room(struct cl_worker *w, const struct cl_session *s);
/* A state of `bytes` has been published for it: may it stay? Not when it is larger than any before it, or the
 * first, and turns out not to fit. Says once when it may not. */
bool cl_worker_may_keep(struct cl_worker *w, const struct cl_session *s, int64_t bytes);

/* computed.c */
/* Mean over all counting reports of the first metric of the last stage (origins A13). CLADE_EMPTY without
 * one. */
int cl_computed_value(struct cl_log *log, const struct cl_trial *t, double *ret, struct cl_err *e);

#endif
