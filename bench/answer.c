/* Is what `best`, `confirm` and `eval` say true, and what does it cost?
 *
 *   answer            all parts
 *   answer interval   in how many of 200 DGD studies of the noisy grid the interval of `best` holds the true
 * value (limit 90 %) answer bias       what the best of 500 random trials claims, against the mean of 20
 * fresh runs of it (limit 1.3 times) answer eval       processor time of `eval` and `best` on 100 000 trials,
 * random and DGD (limit 0.3 s)
 */
#include <stdio.h>

#include "measure.h"
#include "query/best.h"
#include "query/eval.h"
#include "search/noisy.h"

static double truth_of(const struct cl_study *study, int64_t trial) {
  struct cl_value v[NOISY_LISTS];
  cl_trial_values(study, cl_study_trial(study, trial), v);
  return noisy_truth(v);
}

static struct cl_study *search(const char *method, int trials, int64_t seed) {
  struct cl_searcher *searcher = NULL;
  struct cl_study *study = noisy_study(method, trials, seed, &searcher);
  for (int64_t t = 1; t <= trials; t++) (void)noisy_trial(study, searcher, seed, t);
  cl_searcher_destroy(searcher);
  return study;
}

static void measure_interval(int trials) {
  enum { STUDIES = 200 };
  int held = 0, below = 0;
  double width = 0, estimate = 0, truth = 0;
  for (int64_t seed = 1; seed <= STUDIES; seed++) {
    struct cl_study *study = search("{\"method\": \"dgd\"}", trials, seed);
    struct cl_best b;
    if (cl_best_find(study, &b, NULL) < 0 || !b.has_estimate) abort();
    double x = truth_of(study, b.trial);
    held += x >= b.lo && x <= b.hi;
    below += x < b.lo;
    width += b.hi - b.lo;
    estimate += b.estimate;
    truth += x;
    cl_study_destroy(study);
  }
  printf(
      "%4d trials: holds in %5.1f %% (below it %d, above it %d); mean estimate %.4f, truth %.4f, width %.4f\n",
      trials, 100.0 * held / STUDIES, below, STUDIES - held - below, estimate / STUDIES, truth / STUDIES,
      width / STUDIES);
}

static void measure_bias(void) {
  enum { STUDIES = 40, FRESH = 20 };
  double claimed = 0, mean = 0;
  for (int64_t seed = 1; seed <= STUDIES; seed++) {
    struct cl_study *study = search("{\"method\": \"random\"}", 500, seed);
    int64_t best = cl_study_best(study);
    claimed += cl_study_trial(study, best)->value;
    for (int64_t k = 0; k < FRESH; k++) {
      struct cl_rng r = cl_rng_stream((uint64_t)seed, CL_RNG_USER, (uint64_t)(1000000 + k), 0);
      mean += (truth_of(study, best) + NOISY_SD * cl_rng_normal(&r)) / FRESH;
    }
    cl_study_destroy(study);
  }
  printf("best of 500 random trials claims %.4f, confirmed mean %.4f: %.2f times (%d studies)\n",
         claimed / STUDIES, mean / STUDIES, claimed / mean, STUDIES);
}

static void measure_eval(const char *name, const char *method) {
  struct cl_study *study = search(method, 100000, 1);
  struct cl_best b;
  struct cl_eval v;
  double start = now();
  if (cl_best_find(study, &b, NULL) < 0) abort();
  double best = now() - start;
  start = now();
  if (cl_eval_study(study, &(struct cl_eval_options){0}, &v, NULL) < 0) abort();
  printf("%-7s 100000 trials, %lld configurations: best %.3f s, eval %.3f s (%zu and %zu rows)\n", name,
         (long long)v.configurations, best, now() - start, v.n_rows, v.n_online);
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
