/* The console of a training with stages, as XT and rl_nexus print it. */
#include <stdio.h>
#include <string.h>

#include "trainer/stages_impl.h"

#define DECIMALS 5

/* "1,000", at least 12 characters wide. */
static void add_grouped(struct cl_text *t, int64_t n) {
  char digits[24], grouped[40];
  int length = snprintf(digits, sizeof digits, "%lld", (long long)n), used = 0;
  for (int i = 0; i < length; i++) {
    if (i > 0 && (length - i) % 3 == 0) grouped[used++] = ',';
    grouped[used++] = digits[i];
  }
  grouped[used] = '\0';
  cl_text_format(t, "%12s", grouped);
}

/* A number in its shortest form, as a study says it: a default may be written as 0.90. */
static void add_value(struct cl_text *t, const char *value) {
  int64_t whole;
  double number;
  if (value == NULL)
    cl_text_add(t, "null");
  else if (!cl_text_to_int(value, &whole) && cl_text_to_number(value, &number))
    cl_text_add_number(t, number);
  else
    cl_text_add(t, value);
}

/* The line behind the values has four blanks, as the original has. */
void cl_stages_text_banner(clade_stages *s) {
  const char *name = cl_trainer_hyperparameter(s->t, 0);
  if (name == NULL) return;
  cl_text_add(&s->line, "Chosen hyperparameter values:\n");
  for (size_t i = 0; (name = cl_trainer_hyperparameter(s->t, i)) != NULL; i++) {
    cl_text_format(&s->line, "  %s: ", name);
    add_value(&s->line, clade_trainer_text(s->t, name));
    cl_text_add_char(&s->line, '\n');
  }
  cl_text_add(&s->line, "    \n");
}

void cl_stages_text_stage(clade_stages *s) {
  const char *title = cl_stages_stage(s)->title;
  cl_text_format(&s->line, "%sProcessing stage %zu of %zu\n", s->p.stage > 0 ? "\n" : "", s->p.stage + 1,
                 s->o.n_stages);
  if (title != NULL) cl_text_format(&s->line, "%s:  Started\n", title);
}

void cl_stages_text_report(clade_stages *s, double hours) {
  cl_text_add_fixed(&s->line, hours, 7, 3);
  cl_text_add(&s->line, " hrs  ");
  add_grouped(&s->line, s->p.iters);
  cl_text_add(&s->line, " iters");
}

void cl_stages_text_metric(clade_stages *s, const char *name, double value) {
  cl_text_add(&s->line, "      ");
  cl_text_add_fixed(&s->line, value, 0, DECIMALS);
  cl_text_format(&s->line, " %s", name);
}

void cl_stages_text_saved(clade_stages *s, const char *failure) {
  if (failure == NULL)
    cl_text_add(&s->line, "    SAVED");
  else
    cl_text_format(&s->line, "    not saved: %s", failure);
}

void cl_stages_text_summary(clade_stages *s) {
  static const char *const words[] = {"mean", "max", "min"};
  const struct clade_stage *stage = cl_stages_stage(s);
  const struct clade_stage_metric *metric = &stage->metrics[0];
  cl_text_format(&s->line, "Stage summary (%s %s):  ", words[metric->aggregate],
                 metric->long_name == NULL ? metric->name : metric->long_name);
  cl_text_add_fixed(&s->line, cl_stage_tally_value(&s->metrics[0].stage, metric->aggregate), 0, DECIMALS);
  if (stage->title != NULL) cl_text_format(&s->line, "\n%s:  Completed", stage->title);
}

void cl_stages_text_objective(clade_stages *s, double value, bool searched) {
  cl_text_format(&s->line, "\nObjective %s maximized by hyperparameter tuning (hpmax):  ",
                 searched ? "being" : "that would be");
  cl_text_add_fixed(&s->line, value, 0, DECIMALS);
}

void cl_stages_text_completed(clade_stages *s) {
  cl_text_add(&s->line, "\nAll processing stages completed.");
}

int cl_stages_text_print(clade_stages *s, struct cl_err *e) {
  struct cl_text *t = &s->line;
  if (t->length > 0 && t->bytes[t->length - 1] != '\n') cl_text_add_char(t, '\n');
  bool failed = t->failed;
  if (!failed) (void)fputs(cl_text_get(t), stdout), (void)fflush(stdout);
  if (failed) cl_text_done(t);
  cl_text_clear(t);
  return failed ? CL_FAIL_NOMEM(e) : 0;
}
