/* Everything that happened to one trial: attempts, reports, changes of its values. Read from the log by its
 * index. */
#ifndef CL_STORY_H
#define CL_STORY_H

#include "base/arena.h"
#include "query/reader.h"

struct cl_story_attempt {
  int number, worker;
  int64_t started_ms, ended_ms; /* since the study was created; -1 = not (yet) */
  int64_t from;                 /* snapshot (position), 0 = the beginning */
  int64_t reports;
  double last_step;   /* NaN = none */
  int status, signal; /* once ended */
  bool known, lost, done, ended;
  const char *reason; /* why it ended, where status or signal do not say; null: nothing more is known */
};

struct cl_story_report {
  int64_t position, time_ms;
  int attempt;
  double step;
  bool late, is_void; /* does not count: a superseded attempt's, or a later attempt began below its step */
  bool given_up; /* of a state that the trial has left for another one's, or for an earlier one of its own */
  int64_t
      answered; /* the values as of this position went out with its answer; 0 = not answered yet, or late */
  int n_metrics;
  const struct cl_metric *metrics; /* with names */
};

struct cl_story_change { /* of one value */
  int64_t position, time_ms;
  enum cl_kind kind; /* proposed, exploited, set, voided */
  enum cl_cause cause;
  int by, index; /* writer; hyperparameter in the space */
  double step;   /* last step reported when it was decided; NaN = none */
  bool loads;    /* it comes with a state, and into force when that is taken over */
  struct cl_value before, after;
};

struct cl_story_begin {   /* a moment at which its state was replaced: a new attempt, or a load */
  int64_t position, from; /* from: snapshot (position), 0 = from the beginning */
  int64_t as_of;          /* it began with the values as of this position */
  int attempt;
  bool loaded;   /* by a process that runs on; else an attempt began, and voided what was reported above it */
  int n_missing; /* parts that the state lacked: those stayed as they were */
  size_t reports; /* of the story, before it */
};

struct cl_story {
  const struct cl_event *birth; /* its `proposed` or `imported` */
  size_t n_attempts, n_reports, n_changes, n_begins, cap_attempts, cap_reports, cap_changes, cap_begins;
  struct cl_story_attempt *attempts;
  struct cl_story_begin *begins;
  struct cl_story_report *reports;
  struct cl_story_change *changes;
  struct cl_arena arena;
  struct cl_event *birth_copy;
};

/* Cost O(events of the trial). CLADE_ENOTFOUND when there is no such trial. Free with cl_story_done. */
int cl_story_read(struct cl_reader *r, int64_t trial, struct cl_story *ret, struct cl_err *e);
void cl_story_done(struct cl_story *s); /* all zero is allowed */

/* A curve of the reports that count: the metric of that id over the step. Gives both arrays (*ret_n each);
 * free with cl_free. */
int cl_story_curve(const struct cl_story *s, int metric, double **ret_x, double **ret_y, size_t *ret_n,
                   struct cl_err *e);

#endif
