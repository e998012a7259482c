/* What plugins of both kinds (searchers, schedules) see and say: hyperparameters and values, by their public
 * names. */
#ifndef CL_PLUGIN_H
#define CL_PLUGIN_H

#include "base/text.h"
#include "clade/plugin.h"
#include "model/settings.h"

/* Is the method of a spec a shared object: does its name hold a slash? Null is none. */
bool cl_plugin_is_path(const char *method);
/* Where it is: a relative one starts in the study's cwd. From cl_alloc; null without memory. */
char *cl_plugin_path(const struct cl_settings *settings, const char *method);

/* Hyperparameter i, 0 … space->n - 1; an empty name for any other. Borrows from the space. */
struct clade_plugin_parameter cl_plugin_parameter(const struct cl_space *space, int i);
/* Texts borrow. What comes from outside may be anything: a kind that is none, and a text that is null, are
 * absent. */
struct clade_value cl_plugin_value(struct cl_value v);
struct cl_value cl_plugin_inner_value(struct clade_value v);

/* May it set hyperparameter h? Not what is constant or drawn for every trial. */
bool cl_plugin_may_set(const struct cl_hyperparameter *h);

/* A value that it set, as one of the domain; texts are those of the space. CLADE_EINVAL with a sentence;
 * CLADE_ENOMEM. */
int cl_plugin_take(const struct cl_hyperparameter *h, struct cl_value given, struct cl_value *ret,
                   struct cl_err *e);

/* Letters, digits and _, 1 to 40 of them. */
bool cl_plugin_is_name(const char *name);
/* Add separator and `"name": x` to args, if the name is one. */
bool cl_plugin_note(struct cl_text *args, const char *separator, const char *name, double x);

/* The sentence that the plugin wrote into `error`, or that of its status. `who`: "the searcher". Returns
 * status, if it is negative; CLADE_EINVAL for news that nobody asked for. */
int cl_plugin_blame(const char *who, const char *method, int status, char *error, const char *what,
                    struct cl_err *e);

#endif
