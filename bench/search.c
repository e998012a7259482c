/* What searchers are worth, and what they cost.
 *
 *   search            both parts
 *   search noisy      true value of the configuration chosen in the noisy grid study, mean of 40 seeds
 *   search cost       processor time per ask, and per ask + apply, at 1 000 and 1 000 000 trials
 */
#include <stdio.h>

#include "measure.h"
#include "search/noisy.h"

static void print_noisy(const char *name, const char *search, enum noisy_choice choice) {
  double few = noisy_mean(search, 100, 40, choice), many = noisy_mean(search, 500, 40, choice);
  printf("%-10s %12.4f %12.4f\n", name, few, many);
}

static void compare_methods(void) {
  printf("noisy grid study: true value of the chosen configuration (best possible 0.05)\n");
  printf("%-10s %12s %12s\n", "method", "100 trials", "500 trials");
  print_noisy("random", "{\"method\": \"random\"}", NOISY_BEST_SCORE);
  print_noisy("dgd", "{\"method\": \"dgd\"}", NOISY_BEST_POSTERIOR);
  print_noisy("dgd xt", "{\"method\": \"dgd\", \"variant\": \"xt\"}", NOISY_BEST_MEAN);
}

struct load {
  struct cl_study *study;
  struct cl_searcher *searcher;
};

static struct load begin(const char *search, bool lists) {
  struct load l = {0};
  struct cl_text t = {0};
  cl_text_format(&t,
                 "{\"study\": \"s\", \"objectives\": [{\"name\": \"y\", \"goal\": \"maximize\"}], "
                 "\"trials\": 10000000, \"search\": %s, \"hyperparameters\": [",
                 search);
  for (int i = 1; i <= 10; i++)
    cl_text_format(&t, "%s{\"id\": %d, \"name\": \"x%d\", %s}", i > 1 ? ", " : "", i, i,
                   lists ? "\"domain\": \"ordered\", \"values\": [1, 2, 3, 4, 5, 6]"
                         : "\"domain\": \"float\", \"lo\": 0.001, \"hi\": 1, \"scale\": \"log\"");
  cl_text_add(&t, "]}");
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = ev.u.created.uuid = ev.u.created.directory = "s";
  ev.u.created.settings = cl_text_get(&t);
  ev.u.created.seed = 7;
  if (cl_study_create(&l.study, NULL) < 0 || cl_searcher_create(l.study, &l.searcher, NULL) < 0) abort();
  noisy_apply(l.study, l.searcher, &ev);
  cl_text_done(&t);
  return l;
}

/* Ask, start and end trials up to number `until`; scores are a smooth function of the first level plus noise.
 */
static void grow(struct load *l, int64_t until) {
  for (int64_t t = cl_study_trials(l->study) + 1; t <= until; t++) {
    struct cl_event ev = {0};
    if (cl_searcher_next(l->searcher, &ev, NULL) != 0) abort();
    double first = cl_value_number(ev.u.proposed.values.items[0].value);
    noisy_apply(l->study, l->searcher, &ev);
    double score = first + (double)(cl_mix64((uint64_t)t) % 1000) / 500;
    noisy_end(l->study, l->searcher, t, score);
  }
}

static double ask_us(struct load *l) {
  enum { ASKS = 20000 };
  double begin = now();
  for (int i = 0; i < ASKS; i++) {
    struct cl_event ev = {0};
    if (cl_searcher_next(l->searcher, &ev, NULL) != 0) abort();
  }
  return (now() - begin) / ASKS * 1e6;
}

static void print_cost(const char *name, const char *search, bool lists) {
  static const int64_t sizes[] = {1000, 1000000};
  struct load l = begin(search, lists);
  printf("%-10s", name);
  for (int i = 0; i < 2; i++) {
    int64_t before = cl_study_trials(l.study);
    double start = now();
    grow(&l, sizes[i]);
    double each = (now() - start) / (double)(sizes[i] - before) * 1e6;
    printf(" %12.2f %12.2f", ask_us(&l), each);
  }
  printf("\n");
  cl_searcher_destroy(l.searcher);
  cl_study_destroy(l.study);
}

static void measure_cost(void) {
  printf("processor microseconds: one ask; one trial (ask, three events applied to replica and searcher)\n");
  printf("%-10s %12s %12s %12s %12s\n", "method", "ask at 1000", "per trial", "ask at 10^6", "per trial");
  print_cost("random", "{\"method\": \"random\"}", false);
  print_cost("sobol", "{\"method\": \"sobol\"}", false);
  print_cost("grid", "{\"method\": \"grid\"}", true);
  print_cost("dgd", "{\"method\": \"dgd\"}", true);
}

int main(int argc, char **argv) {
  const char *part = argc > 1 ? argv[1] : "";
  if (strcmp(part, "cost") != 0) compare_methods();
  if (strcmp(part, "noisy") != 0) measure_cost();
  return 0;
}
