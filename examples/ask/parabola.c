/* Ask and tell: search for the lowest point of a parabola, in one process. */
#include <clade/study.h>
#include <stdio.h>

int main(void) {
  struct cl_err e = {0};
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  struct clade_study_best best;
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "x", -10, 10, NULL);
  clade_space_add_int(space, "n", 1, 64, "log");
  struct clade_study_options options = {.store = "memory:",
                                        .name = "parabola",
                                        .space = space,
                                        .minimize = "loss",
                                        .trials = 200,
                                        .has_seed = true,
                                        .seed = 1};
  int status = clade_study_create(&options, &study, &e);
  while (status == 0 && (status = clade_study_ask(study, &trial, &e)) == 0) {
    double x = clade_trial_float(trial, "x"), n = clade_trial_float(trial, "n");
    status = clade_trial_tell(trial, (x - 2) * (x - 2) + 1 / n, &e);
  }
  if (status == CLADE_EMPTY && (status = clade_study_best(study, &best, &e)) == 0)
    printf("trial %lld: loss %.4f at x = %.3f, n = %lld\n", (long long)best.number, best.value,
           best.values[0].value.as.real, (long long)best.values[1].value.as.integer);
  if (status < 0) fprintf(stderr, "%s\n", e.text);
  clade_study_close(study);
  clade_space_destroy(space);
  return status < 0;
}
