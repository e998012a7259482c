/* What the files of the replica share; nobody else includes this. Trials stand in blocks of 512 that never
 * move; each value takes 8 bytes (a packed cell). */
#ifndef CL_STUDY_IMPL_H
#define CL_STUDY_IMPL_H

#include "model/cell.h"
#include "model/study.h"

/* Small enough to be cut from the heap: a mapping of its own for each would fill its last page badly. */
enum { CL_BLOCK = 512 };

struct cl_block {
  int width;   /* columns when it was made; later columns are absent in it */
  bool asides; /* one of its trials has had something aside */
  uint64_t *cells;
  struct cl_trial trials[CL_BLOCK];
};

/* A value that an exploit has replaced, and that nothing has written since: what `voided` puts back. */
struct cl_write {
  int column;
  uint64_t before;
};

struct cl_trial_more {
  struct cl_course_so_far course; /* of studies with a schedule */
  bool has_seed;
  int64_t seed, parent;
  int64_t donor;    /* snapshot of its last exploit, 0 = none */
  int64_t snapshot; /* where its next start begins: last own durable one, or the donor's; 0 = the beginning */
  int64_t segment;  /* position at which its segment began, 0 = with a start from the beginning */
  int64_t before_donor, before_snapshot; /* what the exploit that can be voided has replaced … */
  int64_t before_record, before_segment; /* … and, with its start, the segment that it has ended */
  double before_value;
  struct cl_rollup before_rollup; /* count 0: there was none */
  size_t n_writes, cap_writes;
  struct cl_write *writes;
  size_t n_held;
  uint8_t *held;             /* per column, or null */
  double *objectives;        /* values from index 1 on; null when there is only one */
  struct cl_rollup *rollups; /* from index 1 on; null when `ended` has summed them up */
};

struct cl_trial_aside {
  struct cl_rollup rollup; /* of the open segment; count 0 = there is none */
  int64_t ended_ms;        /* unless the trial's last event says it (ended_last); -1 = none */
  struct cl_trial_more *more;
};

struct cl_queued {
  int64_t position, trial;
};

struct cl_configuration {
  uint32_t hash, last; /* last trial that has it; 0: an empty slot */
};

/* The index of configurations. It only repeats what the trials say, so a replica that is only looked at may
 * have it built. */
struct cl_configurations {
  struct cl_configuration *slots; /* open addressing; null until asked for */
  size_t n_slots, n_used;
  uint32_t *next_repeat; /* by trial up to n_indexed; behind the last of a configuration comes the first */
  size_t cap_next;
  int64_t n_indexed;
};

struct cl_study {
  struct cl_study_head head;
  struct cl_settings *settings;
  char *name, *uuid, *spec, *directory, *provenance;
  int64_t seed, created_ms, reopened; /* reopened: position of the last `reopened` */
  enum cl_reason reason;
  bool partial, newer;

  struct cl_block **blocks;
  size_t n_blocks, cap_blocks;
  int *columns; /* column → stable id; those of removed hyperparameters stay */
  size_t n_columns, cap_columns;
  struct cl_cells cells;

  struct cl_snapshot *snapshots; /* ascending positions */
  size_t n_snapshots, cap_snapshots;
  struct cl_disk disk;
  struct cl_worker_info *workers;
  size_t n_workers, cap_workers;
  char **metrics; /* by id - 1 */
  size_t n_metrics, cap_metrics;

  struct cl_queued *queue; /* FIFO; its first entry waits, behind it those whose trial has left are skipped */
  size_t queue_first, queue_end, cap_queue;
  int64_t counts[CL_INFEASIBLE + 1], pending, asked, enqueued, points, best;
  int64_t failed; /* searched and enqueued trials that are FAILED for good since the study was opened last */
  bool succeeded; /* one of them has had another result */

  struct cl_configurations *configurations; /* never null */
};

/* study_trial.c. `before`: the trial's head before the event. */
struct cl_trial *cl_study_find(const struct cl_study *s, int64_t number); /* null if it does not exist */
int cl_study_make_trial(struct cl_study *s, int64_t number, struct cl_trial **ret, struct cl_err *e);
int cl_study_add_columns(struct cl_study *s, struct cl_err *e); /* of the present space */
int cl_study_find_column(const struct cl_study *s, int id);     /* -1 if none */
int cl_study_apply_birth(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev, struct cl_err *e);
int cl_study_apply_to_trial(struct cl_study *s, struct cl_trial *t, const struct cl_event *ev,
                            const struct cl_head *before, struct cl_err *e);
uint64_t cl_study_mix_cells(const struct cl_study *s, int64_t number); /* of its values */
/* Of what is searched: false where some of it is active only under values of others. */
bool cl_study_hash_searched(const struct cl_study *s, int64_t number, uint64_t *ret);

/* study_aside.c. Both make it when it is not there yet; CLADE_ENOMEM. */
int cl_study_aside_of(struct cl_study *s, struct cl_trial *t, struct cl_trial_aside **ret, struct cl_err *e);
int cl_study_more_of(struct cl_study *s, struct cl_trial *t, struct cl_trial_more **ret, struct cl_err *e);
void cl_study_destroy_aside(struct cl_trial_aside *a); /* null is allowed */
void cl_study_drop_rollup(struct cl_trial *t);         /* and what is aside, if nothing else is */
/* An event of this time is applied; and it is an end. CLADE_ENOMEM. */
int cl_study_note_time(struct cl_study *s, struct cl_trial *t, int64_t time_ms, struct cl_err *e);
int cl_study_note_end(struct cl_study *s, struct cl_trial *t, int64_t time_ms, struct cl_err *e);

/* The same. Ids are nearly always 1, 2, … in the order of the columns: look there first. */
static inline int cl_study_column(const struct cl_study *s, int id) {
  if (id >= 1 && (size_t)id <= s->n_columns && s->columns[id - 1] == id) return id - 1;
  return cl_study_find_column(s, id);
}

static inline struct cl_trial_more *cl_study_more(const struct cl_trial *t) { /* null: it has none */
  return t->aside == NULL ? NULL : t->aside->more;
}

/* study_course.c: how the values came to be what they are, in studies with a schedule; nothing elsewhere. */
/* Its state is this snapshot's (0 = none) from now on, and is trained on with the values that it has. ENOMEM
 */
int cl_study_begin_course(struct cl_study *s, struct cl_trial *t, int64_t snapshot, struct cl_err *e);
/* Values of a process that trains have been set, by the event at this position. */
void cl_study_set_course(struct cl_study *s, struct cl_trial *t, uint64_t before, int64_t position);
void cl_study_save_course(const struct cl_study *s, const struct cl_trial *t, struct cl_snapshot *n);
uint64_t cl_study_hash_values(const struct cl_study *s, const struct cl_trial *t);
/* Equal for equal courses that end with equal values; 0 without a schedule. */
uint64_t cl_study_course(const struct cl_study *s, const struct cl_trial *t);

/* study_configs.c. The values of trial `number` are not what was indexed; 0: the space is not. */
void cl_study_forget_configurations(struct cl_study *s, int64_t number);
void cl_study_destroy_configurations(struct cl_study *s);

#endif
