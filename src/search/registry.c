/* The methods this build knows, and their options. A new one is one line here. */
#include <assert.h>
#include <string.h>

#include "model/plugin.h"
#include "search/methods.h"

static const struct cl_searcher_ops *const searchers[] = {
    &cl_random_search, &cl_grid_search, &cl_sobol_search, &cl_dgd_search, &cl_tuned_search, NULL};

const struct cl_searcher_ops *const *cl_searchers(void) {
  return searchers;
}

/* What every op table owes the generic half. */
static void assert_ops(const struct cl_searcher_ops *ops) {
  assert(ops->abi == sizeof *ops && ops->name != NULL && ops->summary != NULL && ops->source != NULL);
  assert(ops->init != NULL && ops->ask != NULL && ops->options != NULL && ops->state_size > 0);
  assert(!(ops->capabilities & CL_SEARCH_LEARNS) || ops->tell != NULL);
  (void)ops;
}

const struct cl_searcher_ops *cl_searcher_find(const char *name) {
  assert(name != NULL);
  for (int i = 0; searchers[i] != NULL; i++)
    if (strcmp(searchers[i]->name, name) == 0) return searchers[i];
  return cl_plugin_is_path(name) ? &cl_plugin_search : NULL;
}

static int refuse_method(const char *name, struct cl_err *e) {
  struct cl_text known = {0};
  for (int i = 0; cl_searchers()[i] != NULL; i++)
    cl_text_format(&known, "%s%s", i > 0 ? ", " : "", cl_searchers()[i]->name);
  int status = known.failed ? CL_FAIL_NOMEM(e)
                            : CL_FAIL(e, CLADE_ESPEC, "search: this clade has no method \"%s\"; it has %s",
                                      name, cl_text_get(&known));
  cl_text_done(&known);
  return status;
}

static struct cl_options options_of(const struct cl_searcher_ops *ops, const struct cl_settings *settings) {
  return (struct cl_options){"search", ops->name, ops->options, settings->search};
}

int cl_search_check(const struct cl_settings *settings, struct cl_err *e) {
  const struct cl_searcher_ops *ops = cl_searcher_find(settings->method);
  if (ops == NULL) return refuse_method(settings->method, e);
  assert_ops(ops);
  if (ops == &cl_plugin_search) return cl_plugin_check(settings, e); /* its options are its own */
  struct cl_options options = options_of(ops, settings);
  return cl_options_check(&options, e);
}

double cl_search_number(const struct cl_search_env *env, const char *option) {
  struct cl_options options = options_of(env->ops, env->settings);
  return cl_options_number(&options, option);
}

const char *cl_search_word(const struct cl_search_env *env, const char *option) {
  struct cl_options options = options_of(env->ops, env->settings);
  return cl_options_word(&options, option);
}
