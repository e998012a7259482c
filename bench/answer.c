/* Is what `best`, `confirm` and `eval` say true, and what does it cost?
 *
 *   answer            all parts
 *   answer interval   in how many of 200 DGD studies of the noisy grid the interval of `best` holds the truth
 *   answer bias       what the best of 500 random trials claims, against the mean of 20 fresh runs of it
 *   answer eval       time of `eval` and `best` on 100 000 trials, random and DGD (as commands: scale)
 *
 * Limits stand in brackets.
 */
#include <stdio.h>

#include "measure.h"
#include "query/best.h"
#include "query/eval.h"
#include "search/noisy.h"

static void measure_interval(int trials) {
  enum { STUDIES = 200 };
  int held = 0, below = 0;
  double width = 0, estimate = 0, truth = 0;
  for (int64_t seed = 1; seed <= STUDIES; seed++) {
    struct cl_study *study = noisy_search("{\"method\": \"dgd\"}", trials, seed);
    struct cl_best b;
    if (cl_best_find(study, &b, NULL) < 0 || !b.has_estimate) abort();
    double x = noisy_truth_of(study, b.trial);
    held += x >= b.lo && x <= b.hi;
    below += x < b.lo;
    width += b.hi - b.lo;
    estimate += b.estimate;
    truth += x;
    cl_study_destroy(study);
  }
  printf(
      "%4d trials: holds in %5.1f %% (at least 90; below it %d, above it %d); mean estimate %.4f, truth %.4f, width %.4f\n",
      trials, 100.0 * held / STUDIES, below, STUDIES - held - below, estimate / STUDIES, truth / STUDIES,
      width / STUDIES);
}

static void measure_bias(void) {
  enum { STUDIES = 40, FRESH = 20 };
  double claimed = 0, mean = 0;
  for (int64_t seed = 1; seed <= STUDIES; seed++) {
    struct cl_study *study = noisy_search("{\"method\": \"random\"}", 500, seed);
    double confirmed = 0;
    claimed += noisy_claim(study, seed, FRESH, &confirmed);
    mean += confirmed;
    cl_study_destroy(study);
  }
  printf(
      "best of 500 random trials claims %.4f, confirmed mean %.4f: %.2f times (at least 1.3; %d studies)\n",
      claimed / STUDIES, mean / STUDIES, claimed / mean, STUDIES);
}

static void measure_eval(const char *name, const char *method) {
  struct cl_study *study = noisy_search(method, 100000, 1);
  struct cl_best b;
  struct cl_eval v;
  double start = now();
  if (cl_best_find(study, &b, NULL) < 0) abort();
  double best = now() - start;
  start = now();
  if (cl_eval_study(study, &(struct cl_eval_options){0}, &v, NULL) < 0) abort();
  printf(
      "%-7s 100000 trials, %lld configurations: best %.3f s, eval %.3f s (at most 0.3; %zu and %zu rows)\n",
      name, (long long)v.configurations, best, now() - start, v.n_rows, v.n_online);
  cl_eval_done(&v);
  cl_study_destroy(study);
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  if (part[0] == '\0' || strcmp(part, "interval") == 0)
    for (int i = 0; i < 3; i++) measure_interval((int[]){100, 200, 500}[i]);
  if (part[0] == '\0' || strcmp(part, "bias") == 0) measure_bias();
  if (part[0] == '\0' || strcmp(part, "eval") == 0) {
    measure_eval("random", "{\"method\": \"random\"}");
    measure_eval("dgd", "{\"method\": \"dgd\"}");
  }
  return 0;
}
