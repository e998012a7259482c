/* The worker: records what trainers do and acts on what was decided about their trials.
 *
 * It takes WAITING trials into its slots, makes their directories, has its keeper start the programs, talks
 * to trainers over its socket or follows their output, and writes what it sees as facts into the log. Of
 * searchers and schedulers it knows nothing but the step `until` of a decision. It survives kill -9 of
 * anything: of itself (the next worker on this machine adopts its trainers), of the keeper, of trainers.
 *
 * Everything happens on the caller's loop and thread; nothing blocks. The worker puts events into the log and
 * never commits but in create and destroy; the caller's loop is
 *
 *   cl_worker_create(&options, &w, e); cl_worker_recover(w, e);
 *   for (;;) {
 *     for (bool more = true; more;) {
 *       … engine: decide, put …
 *       cl_worker_turn(w, e);                claim, spawn, carry out decisions
 *       more = cl_log_has_put(log);
 *       cl_log_commit(log, e);               one transaction for the turn; then the answers go out
 *     }
 *     if (… nothing left to do …) break;
 *     uv_run(loop, UV_RUN_ONCE);
 *   }
 *   cl_worker_destroy(w); uv_run(loop, UV_RUN_DEFAULT);
 *
 * Directories (cl_attempt_… in attempt.h gives the paths):
 *   <directory>/<study>/worker-<n>             lock of worker n, held while it lives
 *   <directory>/<study>/<trial>/               CLADE_DIR; params.json; socket, once another worker follows it
 *   <directory>/<study>/<trial>/attempt-<k>/   lock, exit, stdout, stderr, params.json, spec.yaml
 *   <directory>/<study>/<trial>/checkpoints/   CLADE_CKPT_DIR; <attempt>-<step>/
 */
#ifndef CL_WORKER_H
#define CL_WORKER_H

#include <uv.h>

#include "model/timetable.h"
#include "store/log.h"

struct cl_worker;

/* The way of a state from nothing: which trial trained it up to which step, the root first, and with which
 * values. The course is of the study's present space. */
struct cl_remake_leg {
  int64_t trial;
  int attempt;
  double to;
};
struct cl_remake_way {
  size_t n;
  struct cl_remake_leg *legs;
  struct cl_timetable table;
  struct cl_course course;
};
void cl_remake_way_done(struct cl_remake_way *way); /* all zero is allowed */

struct cl_worker_options {
  struct cl_log *log; /* keeps; open for writing; outlives the worker */
  uv_loop_t *loop;    /* keeps; outlives the worker's handles, see cl_worker_destroy */
  int slots;          /* trials at the same time, 1…CL_WORKER_SLOTS_MAX */
  int n_gpus;         /* 0, or the names for CUDA_VISIBLE_DEVICES: slot i gets gpus[i % n_gpus] */
  const char *const *gpus;
  const char *host, *boot; /* null = this machine's; given ones are for tests */
  const char *labels;      /* JSON for the `worker` event, or null */
  const char *provenance;  /* JSON for the `worker` event, or null */
  const char *keeper;      /* executable that runs cl_keeper_main for "__keeper"; null = /proc/self/exe */
  const char *store;       /* CLADE_STORE of the trainers: absolute; null = the store's own address */
  unsigned roles;          /* it takes trials of these roles only: bits 1u << role; 0 = all */
  double grace_s;          /* between asking, SIGTERM and SIGKILL; 0 = the study's `limits: grace` */

  /* The step at which the scheduler wants to be asked first, for a trial that is about to be started by this
   * worker; CL_NO_STEP = never. Null: the trial's own `until` (of its last decision). The worker calls it in
   * cl_worker_turn and keeps nothing. */
  double (*until)(void *ctx, const struct cl_trial *t);

  /* The step at which trainings end by themselves, where the study says so; CL_NO_STEP = nobody knows. A
   * trainer whose scheduler asks nothing more is told to save its state there: what it was trained for. Null:
   * nobody knows. */
  double (*last)(void *ctx);

  /* How the state of a snapshot came to be, so that one whose process is gone can be made again. Null: such
   * states are given up. Gives *ret, done with cl_remake_way_done. An error's sentence is told as `say`. */
  int (*way)(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e);

  /* A sentence for people about a trial (0 = the worker itself): what could not be done and what happens
   * next. Null: nobody listens. The text borrows. */
  void (*say)(void *ctx, int64_t trial, const char *text);
  void *ctx; /* of `until`, `last`, `way` and `say` */
};

#define CL_WORKER_SLOTS_MAX 10000

/* Join the study: start the keeper, open the socket, take the worker's lock, append `worker` (joined).
 * `options` and its texts borrow, but for log and loop. Gives *ret; free with cl_worker_destroy.
 *
 * CLADE_EINVAL (slots, or a study without a program: those are asked and told in process), CLADE_EIO
 * (directory, socket), CLADE_ESPAWN (keeper), CLADE_ENEWER, the errors of cl_log_append, CLADE_ENOMEM.
 * The soft limit of descriptors of this process is raised when that many slots need more.
 * Nothing is left behind on failure but directories, and handles that the loop has yet to close. The log must
 * have nothing put. */
int cl_worker_create(const struct cl_worker_options *options, struct cl_worker **ret, struct cl_err *e);

/* Judge every open attempt of workers of this host that live no longer (events.md 7): adopt those that run
 * (`adopted`: their output is followed, connected trainers come back by themselves), record the end of those
 * that left an exit status (`ended`), and call the others `lost`. Their workers are recorded as gone. What is
 * RETRIED or GIVEN UP afterwards is the engine's decision. More attempts than slots may be adopted; then none
 * is claimed before enough have ended.
 *
 * Call once after create; from then on the worker looks every two seconds whether another one of this host
 * has died. Only puts events. Cost O(trials), and O(events of the trial) for each one adopted. The errors of
 * cl_worker_turn. */
int cl_worker_recover(struct cl_worker *w, struct cl_err *e);

/* Claim waiting trials for free slots, start the processes whose `started` is committed, carry out decisions
 * about the worker's own attempts. Call once per turn of the loop, before cl_log_commit. Cheap when nothing
 * has happened: O(attempts that changed).
 *
 * 0; an error when the worker cannot go on (CLADE_ENOMEM, CLADE_EIO, CLADE_ECORRUPT, CLADE_ENEWER): destroy
 * it; the trainers run on and wait at their next report. What went wrong with one trial alone is no error: it
 * is said, and tried again or recorded. */
int cl_worker_turn(struct cl_worker *w, struct cl_err *e);

enum cl_shutdown {
  CL_SHUTDOWN_DRAIN = 1, /* claim no more; let everything end by itself */
  CL_SHUTDOWN_ASK,   /* and preempt: connected trainers save at their next report and end, others get SIGTERM
                        after the grace (then SIGKILL after it once more) */
  CL_SHUTDOWN_KILL,  /* and SIGKILL to the process groups at once */
  CL_SHUTDOWN_DETACH /* claim no more, and leave the trainers running: cl_worker_busy is 0 from here. Only
                        destroy may follow. A later worker adopts them */
};
/* Modes only rise; a lower one changes nothing. `signal`: the signal that asked for it (args of the
 * decision), 0 = none. */
void cl_worker_shutdown(struct cl_worker *w, enum cl_shutdown mode, int signal);

/* Attempts that are not over yet: claimed, running, or ended with their last facts not committed. */
int cl_worker_busy(const struct cl_worker *w);
int cl_worker_number(const struct cl_worker *w);
const char *cl_worker_socket(const struct cl_worker *w); /* its path; borrowed */

/* Number of slots; takes effect at the next turn, running trials stay. Puts `worker` (changed). CLADE_EINVAL.
 */
int cl_worker_resize(struct cl_worker *w, int slots, struct cl_err *e);

enum cl_slot_phase {
  CL_SLOT_FREE = 0,
  CL_SLOT_CLAIMED, /* `started` is not committed yet, or the process not spawned */
  CL_SLOT_RUNNING,
  CL_SLOT_HELD,    /* its report waits for a decision */
  CL_SLOT_SAVING,  /* a checkpoint is being written or published */
  CL_SLOT_ENDING,  /* asked or signalled to end */
  CL_SLOT_DRAINING /* ended; its last output is read */
};
struct cl_slot_view {
  int64_t trial; /* 0 = free */
  int32_t attempt, pid;
  enum cl_slot_phase phase;
  bool connected;
  double step, value;     /* of the last report that counts; NaN = none */
  int64_t started_ms;     /* cl_log_now_ms at the start of the attempt (of its adoption, if adopted) */
  int64_t resident_bytes; /* of the process group when last sampled; 0 = not sampled (no memory limit) */
};
/* Progress of slots 0…: fills up to n, returns how many there are (more than the slots after adopting more).
 */
int cl_worker_views(const struct cl_worker *w, struct cl_slot_view *ret, int n);

/* Leave the study (`worker` gone is appended, unless something is put and not committed or the log fails) and
 * free. Running trainers stay alive as with CL_SHUTDOWN_DETACH. Its handles are closed by the loop: run it
 * until it is empty (UV_RUN_DEFAULT) before uv_loop_close. What it has put and was not committed must not be
 * committed any more: the log can then only be closed. Null is allowed. */
void cl_worker_destroy(struct cl_worker *w);

/* The text of /proc/sys/kernel/random/boot_id and the host's name, as they stand in `worker` events. */
int cl_worker_here(char ret_host[256], char ret_boot[64], struct cl_err *e);

enum cl_worker_life {
  CL_LIFE_NONE = 0, /* no worker of this number is known */
  CL_LIFE_DEAD,     /* its lock is free, or the machine has restarted since */
  CL_LIFE_ALIVE,    /* its lock is held */
  CL_LIFE_UNKNOWN,  /* its lock cannot be looked at just now: to be taken for alive */
  CL_LIFE_ELSEWHERE /* of another host: cannot be judged here */
};
/* Does worker `number` of the study live, as seen from `host` and `boot` (cl_worker_here)? */
enum cl_worker_life cl_worker_judge(const struct cl_study *s, int number, const char *host, const char *boot);

/* Remove what workers of the study have left in shared memory: nobody will resume it. None of them may live.
 */
void cl_worker_forget_memory(const struct cl_study *s);

/* Workers that have not left and are not dead; those of other hosts are taken for alive. CLADE_EIO. */
int cl_worker_count_living(const struct cl_study *s, int *ret, struct cl_err *e);

#endif
