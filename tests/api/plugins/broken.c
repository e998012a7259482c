/* A plugin that does what it is told to do wrong: the option `wrong` says what. For test_plugin.c. */
#include <clade/plugin.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct broken {
  const struct clade_plugin_study *study;
  char wrong[40];
  int64_t told;
};

static int begin(void *state, const struct clade_plugin_host *host, const struct clade_plugin_study *study,
                 char *error) {
  struct broken *s = state;
  const char *wrong = host->option(study, "wrong");
  s->study = study;
  (void)snprintf(s->wrong, sizeof s->wrong, "%s", wrong == NULL ? "" : wrong);
  if (strcmp(s->wrong, "init") != 0) return 0;
  (void)snprintf(error, CLADE_PLUGIN_ERROR, "no such space");
  return CLADE_ESPEC;
}

static int apply(void *state, const struct clade_plugin_host *host, const struct clade_plugin_trial *trial,
                 char *error) {
  struct broken *s = state;
  struct clade_plugin_told told = host->told(trial);
  s->told++;
  if (strcmp(s->wrong, "apply") != 0 || told.what != CLADE_PLUGIN_RESULT) return 0;
  (void)snprintf(error, CLADE_PLUGIN_ERROR, "trial %lld upset me", (long long)told.number);
  return CLADE_EINVAL;
}

static int next(void *state, const struct clade_plugin_host *host, struct clade_plugin_answer *answer,
                char *error) {
  struct broken *s = state;
  (void)error;
  struct clade_value nine = {.kind = CLADE_REAL, .as.real = 9},
                     text = {.kind = CLADE_TEXT, .as.text = "rmsprop"};
  if (strcmp(s->wrong, "value") == 0) host->set_value(answer, 0, nine);
  if (strcmp(s->wrong, "text") == 0) host->set_value(answer, 1, text);
  text.as.text = NULL;
  if (strcmp(s->wrong, "no text") == 0) host->set_value(answer, 1, text);
  if (strcmp(s->wrong, "unit") == 0) host->set_unit(answer, 0, 1.5);
  if (strcmp(s->wrong, "index") == 0) host->set_unit(answer, 4000, 0.5);
  if (strcmp(s->wrong, "note") == 0) host->note(answer, "\", \"method", 1);
  if (strcmp(s->wrong, "empty") == 0) return CLADE_EMPTY;
  if (strcmp(s->wrong, "silent") == 0) return CLADE_EIO;
  if (strcmp(s->wrong, "news") == 0) return 38;
  if (strcmp(s->wrong, "own") != 0) return 0;
  struct clade_value good = {.kind = CLADE_TEXT, .as.text = "sgd"};
  struct clade_plugin_parameter p = host->parameter(s->study, 0);
  host->set_value(answer, 1, good);
  host->set_value(answer, 0, (struct clade_value){.kind = CLADE_REAL, .as.real = (p.lo + p.hi) / 2});
  host->note(answer, "told", (double)s->told);
  return 0;
}

static const struct clade_plugin plugin = {.abi = sizeof(struct clade_plugin),
#ifdef OTHER_VERSION
                                           .version = CLADE_PLUGIN_VERSION + 1,
#else
                                           .version = CLADE_PLUGIN_VERSION,
#endif
                                           .summary = "wrong on purpose",
                                           .state_size = sizeof(struct broken),
                                           .init = begin,
                                           .apply = apply,
                                           .next = next};

const struct clade_plugin *clade_plugin_entry(void) {
  return &plugin;
}
