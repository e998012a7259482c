/* A schedule as a table: the values that one training had over its steps, from its root on.
 *
 * What a lineage says (query/schedule.h), what a file holds (spec/timetable.h) and what a study replays is
 * this one thing. As JSON, the format of the files (contracts: "Schedules"): {study, trial, seed, metric,
 * unit, end, initial: {name: value, …}, changes: [{step, set: {name: value}, cause}]}; end only where
 * training was stopped by a schedule and not by itself. A change takes effect when the report of its step, or
 * the first one above it, is answered; changes stand in the order of their steps. A null is a value of that
 * list, or says that the hyperparameter is inactive.
 */
#ifndef CL_TIMETABLE_H
#define CL_TIMETABLE_H

#include "base/arena.h"
#include "model/space.h"

struct cl_timetable_value {
  const char *name;
  struct cl_value value;
};

struct cl_timetable_change {
  double step;
  const char *cause; /* "exploit", "human" …; null = not said */
  size_t n;
  const struct cl_timetable_value *set;
};

struct cl_timetable {
  const char *study; /* where it comes from; null = not said */
  int64_t trial;     /* whose schedule it is; 0 = not said */
  bool has_seed;
  int64_t seed; /* of the root: what began with it and goes through these values comes to the same */
  const char *metric, *unit; /* null = not said; unit: of the steps */
  size_t n_initial, n_changes;
  const struct cl_timetable_value *initial;
  const struct cl_timetable_change *changes; /* steps never decrease */
  bool has_end; /* training is stopped at the report of step `end`, or the first one above it */
  double end;
  bool foreign;          /* of another system: it also holds settings that are no hyperparameters here */
  struct cl_arena arena; /* owns all of it */
};
void cl_timetable_done(struct cl_timetable *t); /* all zero is allowed */

/* Read the JSON above. CLADE_ESPEC naming the place; CLADE_ENOMEM. Fills *ret; done with cl_timetable_done.
 */
int cl_timetable_from_json(const json_t *node, struct cl_timetable *ret, struct cl_err *e);
void cl_timetable_write_json(const struct cl_timetable *t, struct cl_text *ret); /* one line, no newline */

/* 16 hexadecimal digits that are equal for tables with the same values at the same steps. */
#define CL_TIMETABLE_HASH 17
int cl_timetable_hash(const struct cl_timetable *t, char ret[CL_TIMETABLE_HASH],
                      struct cl_err *e); /* ENOMEM */

/* The table in terms of a space: whole assignments. */
struct cl_course {
  int n;                         /* values of an assignment: space->n */
  double end;                    /* step at which training is stopped; CL_NO_STEP = it ends by itself */
  size_t entries;                /* 1 + changes; entry 0 is where it begins */
  const double *steps;           /* of each entry; -inf for entry 0 */
  const struct cl_value *values; /* entries * n; absent = inactive */
  struct cl_arena arena;
};
void cl_course_done(struct cl_course *c); /* all zero is allowed */

/* Names become indices and values those of their domains. A hyperparameter without a value takes its tuned
 * value, else the middle of its range. CLADE_ESPEC: a name that the space does not have (of a foreign table
 * only if it changes), a value outside of its range, an assignment that breaks a constraint; the sentence
 * names the step. CLADE_ENOMEM. Texts borrow from both. Gives *ret; done with cl_course_done. */
int cl_course_make(const struct cl_timetable *t, const struct cl_space *space, struct cl_course *ret,
                   struct cl_err *e);

/* The entry in force after the report of this step; NaN = none has been made: 0. */
size_t cl_course_entry(const struct cl_course *c, double step);
/* Step of the next change, or of the end if that comes first; CL_NO_STEP = neither comes. */
double cl_course_next(const struct cl_course *c, size_t entry);
const struct cl_value *cl_course_values(const struct cl_course *c, size_t entry);

#endif
