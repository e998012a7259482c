/* What the files of the stages share: stages.c the course, stages_text.c the console, stages_state.c the
 * saved progress. */
#ifndef CL_TRAINER_STAGES_IMPL_H
#define CL_TRAINER_STAGES_IMPL_H

#include "base/err.h"
#include "base/text.h"
#include "trainer/handle.h"
#include "trainer/stages.h"

struct cl_stage_tally {
  double sum, most, least;
  int64_t count;
};
double cl_stage_tally_value(const struct cl_stage_tally *tally, enum clade_stage_aggregate aggregate);

struct cl_stage_values {
  struct cl_stage_tally stage, report; /* of the whole stage; since its last report */
};

struct cl_stage_progress {
  size_t stage;
  int64_t iters;  /* done in this stage */
  int64_t base;   /* done in the stages before */
  double seconds; /* spent in this stage, before clade_stages.started */
  double best;    /* first metric in the best report of the stage */
  bool has_best;
};

struct clade_stages {
  clade_trainer *t;
  struct clade_stages_options o;
  struct clade_trainer_options program; /* the program's save and load */
  struct cl_stage_progress p;
  struct cl_stage_values *metrics; /* of the current stage; room for those of any */
  struct cl_stage_values *spare;   /* as many: those of a state that is being loaded */
  struct cl_stage_values *room;    /* the memory of both */
  int64_t weight;                  /* iterations that the one now done counts as */
  double started;                  /* on the clock */
  bool begun, completed;
  int status;            /* that ended the loop */
  struct cl_err pending; /* of clade_stages_add */
  struct cl_text line;   /* to be printed */
};

static inline const struct clade_stage *cl_stages_stage(const clade_stages *s) {
  return &s->o.stages[s->p.stage];
}

double cl_stages_seconds(const clade_stages *s); /* spent in the current stage */

/* stages_text.c: append to s->line; print writes it to standard output and empties it. CLADE_ENOMEM. */
void cl_stages_text_banner(clade_stages *s);
void cl_stages_text_stage(clade_stages *s);
void cl_stages_text_report(clade_stages *s, double hours); /* begins a line … */
void cl_stages_text_metric(clade_stages *s, const char *name, double value);
void cl_stages_text_saved(clade_stages *s, const char *failure); /* null = saved */
void cl_stages_text_summary(clade_stages *s);
void cl_stages_text_objective(clade_stages *s, double value, bool searched);
void cl_stages_text_completed(clade_stages *s);
int cl_stages_text_print(clade_stages *s, struct cl_err *e); /* … and ends it, if it is open */

/* stages_state.c: the file clade-stages of a saved state. 0, or what a load or save function returns when it
 * fails: errno, or -1 for a file that is not one of these stages. Read fills *ret and s->spare only. */
int cl_stages_write(const clade_stages *s, const char *directory);
int cl_stages_read(clade_stages *s, const char *directory, struct cl_stage_progress *ret);

#endif
