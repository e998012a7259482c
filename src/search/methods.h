/* The op tables of all methods, and what several of them use. Only the files of this room include it. */
#ifndef CL_METHODS_H
#define CL_METHODS_H

#include "search/searcher.h"

extern const struct cl_searcher_ops cl_random_search;
extern const struct cl_searcher_ops cl_tuned_search;
extern const struct cl_searcher_ops cl_grid_search;
extern const struct cl_searcher_ops cl_sobol_search;
extern const struct cl_searcher_ops cl_dgd_search;
extern const struct cl_searcher_ops cl_plugin_search; /* of any method that is a path; not in the registry */

/* Can the plugin of these settings be loaded? CLADE_ESPEC with a sentence. */
int cl_plugin_check(const struct cl_settings *settings, struct cl_err *e);

/* Fill p->values with a random draw that keeps the values of `given` (may be null; not p->values); notes
 * redraws and infeasibility in p. */
void cl_search_draw(const struct cl_search_env *env, enum cl_purpose purpose, const struct cl_value *given,
                    struct cl_proposal *p);

#endif
