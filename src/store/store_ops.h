/* What a kind of store provides, and what the generic half does for all of them.
 *
 * The generic half (store.c, append.c, check.c) parses addresses, checks and judges events, keeps the heads
 * that were used last, looks identities up, and asks a kind of store only for rows. Nothing here decides
 * whether an event may be appended; nothing there knows SQL.
 *
 * Between `begin` and `commit` or `rollback` the store's lock is held. `studies`, `trial_head`, `find`,
 * `count_reports`, `pins`, `name_metric`, `add_study` and `add` are the only functions called in between;
 * `find` and `count_reports` see what was added since `begin`.
 */
#ifndef CL_STORE_OPS_H
#define CL_STORE_OPS_H

#include "store/heads.h"
#include "store/store.h"

typedef int cl_event_visit(void *ctx, const struct cl_event *ev);

struct cl_store_ops {
  size_t abi;          /* sizeof (struct cl_store_ops) where the table was compiled */
  const char *name;    /* what cl_store_kind answers */
  const char *summary; /* one line for people */
  size_t state_size;   /* bytes of the state, zeroed before `open` */
  size_t heads_kept;   /* between appends, 130 bytes each: many where it takes long to read one again */

  /* `path` is the address without its scheme. On failure the state is as `close` leaves it. */
  int (*open)(void *state, const char *path, const struct cl_store_options *options, struct cl_err *e);
  void (*close)(void *state);

  int (*studies)(void *state, int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx,
                 struct cl_err *e);
  /* Optional: as `studies`, at least those whose name differs by nothing but the case of ASCII letters, and
   * the one with this uuid (null: none). */
  int (*namesakes)(void *state, const char *name, const char *uuid,
                   int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx, struct cl_err *e);
  /* The head of a study; CLADE_ENOTFOUND. */
  int (*head)(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e);
  /* The head of a trial; all zero when it does not exist. */
  int (*trial_head)(void *state, int64_t study, int64_t trial, struct cl_head *ret, struct cl_err *e);
  /* The metrics by ascending id. */
  int (*metrics)(void *state, int64_t study, int (*visit)(void *ctx, int id, const char *name), void *ctx,
                 struct cl_err *e);
  /* All heads as of one instant, trials ascending. */
  int (*heads)(void *state, int64_t study, struct cl_study_head *ret,
               int (*visit)(void *ctx, int64_t trial, const struct cl_head *head), void *ctx,
               struct cl_err *e);

  /* The trials whose head, as committed, has this source (cl_head.source): they pin the snapshot. */
  int (*pins)(void *state, int64_t study, int64_t snapshot, int (*visit)(void *ctx, int64_t trial), void *ctx,
              struct cl_err *e);

  /* The trials whose heads the next commit will ask for, so that they can come with the lock. May be null. */
  void (*hint)(void *state, const int64_t *trials, size_t n);
  /* Take the writer's lock and begin a commit. Study 0: a study is to be added, `ret` is left alone.
   * A store may guess the head, and take the lock when it must: then any function up to `commit` may say
   * CLADE_ESTALE, the guess was wrong, and the commit is to be rolled back and begun anew. It does not guess
   * twice in a row. */
  int (*begin)(void *state, int64_t study, struct cl_study_head *ret, struct cl_err *e);
  /* Add an empty study; the event `created` follows by `add`. Names are known to be free. */
  int (*add_study)(void *state, const struct cl_event *created, int64_t *ret_study, struct cl_err *e);
  /* The metric of that name, made if it is new; `guess` is the id it probably has. CLADE_ELIMIT above
   * CL_METRICS_MAX. */
  int (*name_metric)(void *state, int64_t study, const char *name, int guess, int *ret_id, struct cl_err *e);
  /* The head that `begin` gave is the study's, and the lock is held. CLADE_ESTALE. Null: it always is. */
  int (*confirm)(void *state, struct cl_err *e);
  /* Add the rows of an event whose position, late flag and metric ids are set. CLADE_EINVAL for a value of a
   * hyperparameter that the settings do not have. `ev` and what it refers to stay as they are until the
   * commit has ended. */
  int (*add)(void *state, int64_t study, const struct cl_event *ev, struct cl_err *e);
  /* Write the heads that changed and end the commit; the lock is free afterwards, whatever happened. */
  int (*commit)(void *state, int64_t study, const struct cl_study_head *head, const struct cl_heads *changed,
                struct cl_err *e);
  void (*rollback)(void *state); /* harmless when no commit has begun, or it has ended */
  /* Position of the fact of the same identity as `ev`, 0 if there is none. Identity is that of events.md
   * section 1; of `saved` it is (trial, attempt, step, way, path): an exploit may bring an attempt back to a
   * step where it has saved before, and the worker gives each segment paths of its own. */
  int (*find)(void *state, int64_t study, const struct cl_event *ev, int64_t *ret_position, struct cl_err *e);
  /* Ordinal of the last report of an attempt, 0 = none. */
  int (*count_reports)(void *state, int64_t study, int64_t trial, int attempt, int64_t *ret,
                       struct cl_err *e);

  /* As cl_store_read; `what->until` may be 0, the trial range is (0,0) or 1 <= lo <= hi. */
  int (*read)(void *state, int64_t study, const struct cl_read *what, cl_event_visit *visit, void *ctx,
              struct cl_err *e);
  int (*read_reports)(void *state, int64_t study, int64_t trial, cl_event_visit *visit, void *ctx,
                      struct cl_err *e);

  /* Show the lease's row to `change` under the lock and write back what it made of it, unless it returns
   * non-zero, which is returned. A null `change` only reads, without the lock. */
  int (*lease)(void *state, int64_t study, int (*change)(void *ctx, struct cl_lease *row), void *ctx,
               struct cl_lease *ret, struct cl_err *e);
  /* Optional, both or none: as cl_store_queue and cl_store_leave; CLADE_EBUSY after wait_ms. */
  int (*queue)(void *state, int64_t study, int wait_ms, struct cl_err *e);
  void (*leave)(void *state, int64_t study);
  int (*remove)(void *state, int64_t study, struct cl_err *e); /* CLADE_EBUSY when its lease is held */

  int (*watch)(void *state, int *ret_fd, struct cl_err *e); /* null: no descriptor */
  bool (*drain)(void *state);                               /* false: surely nothing of others */

  /* Called after a function has said CLADE_ECLOSED: its connection was lost, and nothing that was not
   * committed is left of what it did; a `commit` may have got through. Connects again, waiting for as long as
   * the options say; then what was asked for is asked for again. Null for stores that cannot be lost. */
  int (*mend)(void *state, struct cl_err *e);
};

extern const struct cl_store_ops cl_store_memory;
extern const struct cl_store_ops cl_store_sqlite;
extern const struct cl_store_ops cl_store_postgres;

struct cl_store {
  const struct cl_store_ops *ops;
  void *state;
  char *address;
  struct cl_store_options options;
  bool visiting;         /* a visit is going on: the handle must not be used from inside it */
  int64_t study;         /* whose heads are kept, 0 = none */
  int64_t position;      /* head of the log when they were */
  struct cl_heads heads; /* of the trials judged last */
  uint64_t commits;      /* appends of this handle, to tell one from the next */
  int64_t *seen;         /* of the events of an append, for it to begin again */
  size_t cap_seen;
};

/* As cl_store_open with a table of one's own (tests wrap stores this way). */
int cl_store_open_ops(const struct cl_store_ops *ops, const char *path,
                      const struct cl_store_options *options, struct cl_store **ret, struct cl_err *e);

/* After a function of the table has returned *status: true when its connection was lost and is there again,
 * so that it is to be called once more; at most MENDS_MAX times, which `n` counts. */
bool cl_store_mend(struct cl_store *s, int *status, int *n, struct cl_err *e);

/* The studies of a name or a uuid, as the op of that name says; where there is none, all. */
int cl_store_namesakes(struct cl_store *s, const char *name, const char *uuid,
                       int (*visit)(void *ctx, const struct cl_study_row *row), void *ctx, struct cl_err *e);

/* CLADE_EINVAL when a visit is going on; also when the store was opened for reading only. */
int cl_store_check_idle(const struct cl_store *s, struct cl_err *e);
int cl_store_check_writable(const struct cl_store *s, struct cl_err *e);

#endif
