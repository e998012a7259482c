/* The methods this build knows. A new one is one line here. */
#include <string.h>

#include "search/methods.h"

static const struct cl_searcher_ops *const searchers[] = {
    &cl_random_search, &cl_grid_search, &cl_sobol_search, &cl_dgd_search, &cl_tuned_search, NULL};

const struct cl_searcher_ops *const *cl_searchers(void) {
  return searchers;
}

const struct cl_searcher_ops *cl_searcher_find(const char *name) {
  for (int i = 0; searchers[i] != NULL; i++)
    if (strcmp(searchers[i]->name, name) == 0) return searchers[i];
  return NULL;
}
