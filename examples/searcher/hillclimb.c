/* A searcher of one's own, as an example: the (1+1) evolution strategy, a hill climber.
 *
 *   cc -shared -fPIC -o libhillclimb.so hillclimb.c $(pkg-config --cflags clade)
 *
 *   search: {method: ./libhillclimb.so, startup: 5, step: 0.2}
 *
 * The first `startup` (5) trials are drawn at random; every later one steps from the best so far, by a normal
 * step of `step` (0.2) in the unit cube, which shrinks as trials go by. It knows no scale and no range:
 * coordinates do.
 */
#include <clade/plugin.h>
#include <math.h>
#include <stdio.h>

struct hillclimb {
  const struct clade_plugin_study *study;
  double startup, step;
  int64_t results;
  int64_t best;                      /* number of a trial, 0 = none */
  double value;                      /* of it; smaller is better */
  double u[CLADE_PLUGIN_PARAMETERS]; /* its coordinates, NaN = inactive */
};

static int begin(void *state, const struct clade_plugin_host *host, const struct clade_plugin_study *study,
                 char *error) {
  struct hillclimb *s = state;
  s->study = study;
  if (!host->number_option(study, "startup", &s->startup)) s->startup = 5;
  if (!host->number_option(study, "step", &s->step)) s->step = 0.2;
  if (s->step > 0 && s->step <= 1) return 0;
  (void)snprintf(error, CLADE_PLUGIN_ERROR, "step is %g, but must lie in 0 ... 1", s->step);
  return CLADE_ESPEC;
}

static int apply(void *state, const struct clade_plugin_host *host, const struct clade_plugin_trial *trial,
                 char *error) {
  struct hillclimb *s = state;
  struct clade_plugin_told told = host->told(trial);
  (void)error;
  if (told.what != CLADE_PLUGIN_RESULT) return 0;
  s->results++;
  if (isnan(told.value) || (s->best != 0 && told.value >= s->value)) return 0;
  s->best = told.number;
  s->value = told.value;
  for (int i = 0; i < host->parameters(s->study); i++) s->u[i] = host->unit(trial, i);
  return 0;
}

/* Box and Muller (1958), from two numbers of the trial's own stream. */
static double normal(const struct clade_plugin_host *host, const struct clade_plugin_answer *answer, int i) {
  double a = 1 - host->uniform(answer, 2 * (uint32_t)i), b = host->uniform(answer, 2 * (uint32_t)i + 1);
  return sqrt(-2 * log(a)) * cos(6.283185307179586 * b);
}

static int next(void *state, const struct clade_plugin_host *host, struct clade_plugin_answer *answer,
                char *error) {
  struct hillclimb *s = state;
  (void)error;
  if (s->best == 0 || (double)s->results < s->startup) return 0; /* all drawn */
  double sd = s->step / sqrt(1 + (double)s->results / 20);
  for (int i = 0; i < host->parameters(s->study); i++) {
    if (isnan(s->u[i])) continue;
    double u = s->u[i] + sd * normal(host, answer, i);
    host->set_unit(answer, i, fmin(1, fmax(0, u)));
  }
  host->note(answer, "from", (double)s->best);
  host->note(answer, "sd", sd);
  return 0;
}

static const struct clade_plugin plugin = {.abi = sizeof(struct clade_plugin),
                                           .version = CLADE_PLUGIN_VERSION,
                                           .summary = "steps from the best trial so far, ever smaller ones",
                                           .state_size = sizeof(struct hillclimb),
                                           .init = begin,
                                           .apply = apply,
                                           .next = next};

const struct clade_plugin *clade_plugin_entry(void) {
  return &plugin;
}
