/* The replica: a study's state, folded from its events. The only mutable truth of a process; no I/O, no
 * clock.
 *
 * cl_study_apply is a pure function of the log prefix. Trials live in blocks that never move, so a pointer to
 * a trial stays valid. Values are packed into 8 bytes each; cl_trial_values unpacks them. Reading a big study
 * may leave out the reports of attempts whose `ended` sums them up: the state is the same, only curves are
 * then read from the store.
 *
 * A partial replica (cl_study_expect_partial) is fed all events of the study as subject and of some trials
 * only; then trials that were left out do not exist in it.
 */
#ifndef CL_STUDY_H
#define CL_STUDY_H

#include "model/settings.h"
#include "model/trial.h"

/* The values that a training had before those of now: a hash of them and of the steps at which they took
 * effect. Two trainings that have gone through the same values at the same steps have the same one. */
struct cl_course_so_far {
  uint64_t before;
  double since; /* the step at which those of now took effect; 0 = from the beginning */
};

struct cl_snapshot {
  int64_t position, trial;
  int32_t attempt, pins; /* trials that are about to begin from it (cl_head.source): it must not be deleted */
  double step;
  enum cl_way way;
  bool usable, late; /* not deleted; saved by an attempt that was not the current one any more */
  bool copied;       /* of regions: its durable copy has been written */
  int by;            /* the worker that saved it: it has the memory of one of regions */
  int64_t bytes;
  char *path, *hash, *host;
  struct cl_rollup rollup;
  bool diverged;                  /* what was reported up to it adds up to no finite number */
  struct cl_course_so_far course; /* of studies with a schedule, and … */
  uint64_t values;                /* … a hash of the values in force when it was saved */
};

struct cl_worker_info {
  int slots; /* 0 when gone */
  char *host, *boot;
  char *provenance; /* JSON: the code that its attempts ran; null: the study's */
};

/* In the args of a `stopped` of cause stop rule: training was stopped where that had been planned before it
 * began, so its value is a result like that of one that has ended by itself. Other rules stop early. */
#define CL_STOPPED_AT_END "\"rule\": \"stop\""

#define CL_NUMBER_MAX UINT32_MAX /* trials that a replica can have */

struct cl_trial_aside; /* what trials have for a while, or few of them ever; private to study*.c */

/* A study has a million of them: what is added here is added to what every command takes. */
struct cl_trial {
  struct cl_head head;
  double value;   /* reduced first objective; NaN = none */
  int64_t record; /* position of the report that listings show, 0 = none */
  int64_t result; /* position of the event that made it a result (cl_state_is_result); 0 = it is none */
  int64_t created_ms, started_ms; /* proposed (or imported); first start, -1 = none */
  int64_t changed_ms;             /* its last event that was read */
  struct cl_trial_aside *aside;
  uint32_t number;
  uint32_t of;         /* trial that it repeats or comes from, 0 = none */
  int32_t repeat;      /* 0 = the first run of its configuration */
  int32_t exit_status; /* of the last end: status, or 128 + signal; -1 = none or unknown */
  int32_t space_version;
  bool at_end;     /* PRUNED where its schedule had planned to stop it: see CL_STOPPED_AT_END */
  bool ended_last; /* its last end is also its last event: ask cl_trial_ended_ms */
};

struct cl_study;

/* Add a value of the first objective to what its segment adds up to. */
void cl_rollup_add(struct cl_rollup *r, const struct cl_objective *o, double value);

/* An empty replica; the first event it takes is `created`. Gives; free with cl_study_destroy. */
int cl_study_create(struct cl_study **ret, struct cl_err *e);
void cl_study_destroy(struct cl_study *s); /* null is allowed */
void cl_study_expect_partial(struct cl_study *s);
/* Whoever feeds a partial replica has seen the log up to `position`, and left out what stood at its end. */
void cl_study_reach(struct cl_study *s, int64_t position);

/* Apply the next event. Positions must rise by one (partial: only rise). CLADE_ECORRUPT with a sentence
 * naming position and reason, CLADE_ELIMIT behind trial CL_NUMBER_MAX, CLADE_ENOMEM: the replica must be
 * thrown away. An event of an unknown kind is passed by, and the replica serves only reading from then on
 * (cl_study_is_newer). Cost O(values of the event); of a new space or new limits O(trials). */
int cl_study_apply(struct cl_study *s, const struct cl_event *ev, struct cl_err *e);

/* Looking. Everything is borrowed until the next apply unless said. */
const struct cl_study_head *cl_study_head(const struct cl_study *s);
const struct cl_settings *cl_study_settings(const struct cl_study *s);
const struct cl_space *cl_study_space(const struct cl_study *s);
const char *cl_study_name(const struct cl_study *s);
const char *cl_study_uuid(const struct cl_study *s);
const char *cl_study_spec(const struct cl_study *s);       /* its text, as read */
const char *cl_study_directory(const struct cl_study *s);  /* parent of the trial directories */
const char *cl_study_provenance(const struct cl_study *s); /* JSON */
int64_t cl_study_seed(const struct cl_study *s);
int64_t
cl_study_created_ms(const struct cl_study *s); /* wall clock of the creation, from provenance; 0 unknown */
int64_t cl_study_trials(const struct cl_study *s); /* number of the last trial */
int cl_study_reason(const struct cl_study *s);     /* enum cl_reason once finished, 0 while open */
bool cl_study_is_newer(const struct cl_study *s);  /* met an unknown kind: must not decide */

/* Trial `number` (1…), or null if it does not exist here. Valid for the replica's life. */
const struct cl_trial *cl_study_trial(const struct cl_study *s, int64_t number);
/* Its last end, in ms since the study was created; -1 = none. */
int64_t cl_trial_ended_ms(const struct cl_trial *t);
/* Of the open segment; count 0 where nothing was reported, and when its `ended` has summed it up. */
struct cl_rollup cl_trial_rollup(const struct cl_trial *t);
/* Its values, unpacked into ret[space->n]; texts borrow from the replica. */
void cl_trial_values(const struct cl_study *s, const struct cl_trial *t, struct cl_value *ret);
/* Objective i (0…): reduced value, NaN if none. The first one runs along the lineage; a snapshot has no
 * roll-up of the others, so they are of the present segment. */
double cl_trial_objective(const struct cl_trial *t, int i);
/* Objectives as an `ended` states them, from the reports of the open segment: none when nothing was reported;
 * cut behind the last one known. `ret`: CL_OBJECTIVES_MAX. Returns how many. */
int cl_trial_objectives(const struct cl_study *s, const struct cl_trial *t, double *ret);
/* The seed the trial is trained with: from study seed, its configuration's repeat and number, never from the
 * method. */
uint64_t cl_trial_seed(const struct cl_study *s, const struct cl_trial *t);
/* The same for a trial that need not be there, and was given no seed of its own. 31 bits. */
uint64_t cl_trial_seed_of(int64_t study_seed, int64_t number, int64_t repeat);
/* The snapshot (position) its next start begins from: an exploit's, else its own last usable one, else its
 * parent's; 0. */
int64_t cl_trial_resume_from(const struct cl_study *s, const struct cl_trial *t);
/* The snapshot (position, of any trial) that its state came from when it was last exploited, else proposed;
 * 0. */
int64_t cl_trial_donor(const struct cl_trial *t);
/* The snapshot that it goes back to if the load that is under way fails: 0 without one. */
int64_t cl_trial_fallback(const struct cl_trial *t);
/* Is hyperparameter `index` held by a person in this trial? */
bool cl_trial_is_held(const struct cl_study *s, const struct cl_trial *t, int index);

const struct cl_snapshot *cl_study_snapshot(const struct cl_study *s, int64_t position); /* null if none */
/* The newest one of a trial with this path, null if none. Looks at all snapshots. */
const struct cl_snapshot *cl_study_find_snapshot(const struct cl_study *s, int64_t trial, const char *path);
/* The durable copy that was written of a snapshot of regions: same trial, same path; null if there is none.
 * Looks at the snapshots behind it. */
const struct cl_snapshot *cl_study_copy(const struct cl_study *s, const struct cl_snapshot *n);
size_t cl_study_snapshots(const struct cl_study *s);
const struct cl_snapshot *cl_study_nth_snapshot(const struct cl_study *s, size_t i); /* by position, 0… */
/* The snapshot of regions that a durable copy was made of; null for anything else. */
const struct cl_snapshot *cl_study_original(const struct cl_study *s, const struct cl_snapshot *copy);
/* States on disk (checkpoint directories and durable copies) that are not deleted: their bytes, those of the
 * largest there ever was, and how many; and the bytes of states in memory whose copies are still to come. */
struct cl_disk {
  int64_t bytes, largest, n, coming;
};
struct cl_disk cl_study_disk(const struct cl_study *s);
bool cl_snapshot_is_durable(const struct cl_snapshot *n);
int cl_study_workers(const struct cl_study *s); /* number of the last worker */
const struct cl_worker_info *cl_study_worker(const struct cl_study *s, int worker); /* 1…; null if unknown */
int cl_study_slots(const struct cl_study *s);                /* of the living workers */
int64_t cl_study_count(const struct cl_study *s, int state); /* trials in this state */
int64_t cl_study_pending(const struct cl_study *s);       /* searched and enqueued ones WAITING or RUNNING */
int64_t cl_study_first_waiting(const struct cl_study *s); /* oldest of the queue, 0 = none */
/* The one behind `trial` (which is WAITING) in the queue, 0 = none. Cost O(log) and what is skipped. */
int64_t cl_study_next_waiting(const struct cl_study *s, int64_t trial);
int64_t cl_study_enqueued(const struct cl_study *s); /* trials with role enqueued */
int64_t cl_study_points(const struct cl_study *s);   /* of them: points of settings.enqueue */
/* Searched and enqueued trials that RUN outside of any worker: asked for in process, or by hand. */
int64_t cl_study_asked(const struct cl_study *s);
/* Searched and enqueued trials that are FAILED for good, since the study was created or opened again; -1 once
 * one of them has had another result. */
int64_t cl_study_failures_in_a_row(const struct cl_study *s);

/* Metrics by id (1…; objectives first). */
int cl_study_metrics(const struct cl_study *s);
const char *cl_study_metric_name(const struct cl_study *s, int id);   /* null if unknown */
int cl_study_metric_find(const struct cl_study *s, const char *name); /* id, 0 if unknown */
/* Names come with the first report; a reader that leaves reports out gives them here. CLADE_ENOMEM. */
int cl_study_name_metric(struct cl_study *s, int id, const char *name, struct cl_err *e);

/* Configurations: trials with equal active values (cl_space_equal). Where a schedule changes values while
 * trials train, trials are of one configuration when they have gone through equal values at equal steps,
 * their lineage included; and runs that confirm or assess a trial are of its configuration, whatever they
 * have come to. Values that a person has set while a process trained make a configuration of their own. The
 * index is built when first asked for, O(trials), extended for new trials, and built again after the space or
 * the values of a trial in it have changed: a cache, so that a study which is only looked at may be asked
 * too; CLADE_ENOMEM. `configurations`: how many there are. `configuration` of a trial (which exists): number
 * of the first trial that has it. */
int cl_study_configurations(const struct cl_study *s, int64_t *ret, struct cl_err *e);
int cl_study_configuration(const struct cl_study *s, int64_t number, int64_t *ret, struct cl_err *e);
/* The next trial after `number` with the same configuration, 0 = none. After one of the two above, with no
 * event applied in between. */
int64_t cl_study_next_repeat(const struct cl_study *s, int64_t number);

/* Trial with the best value (finite, role search or enqueued, COMPLETE or PRUNED; ties: lower number); 0 =
 * none. */
int64_t cl_study_best(const struct cl_study *s);

/* A number that is equal for equal states, whatever was read on the way: for `clade check` and tests.
 * CLADE_ENOMEM. */
int cl_study_digest(const struct cl_study *s, uint64_t *ret, struct cl_err *e);

#endif
