/* What a person decides about a study that runs: stop, pause, continue, update. Public shapes and meaning:
 * clade/command.h. Every decision is appended on the version that was looked at, and decided again when that
 * was overtaken. */
#ifndef CL_RUN_CONTROL_H
#define CL_RUN_CONTROL_H

#include "clade/command.h"

/* As clade_stop and its kin, whose arguments have been checked: statuses stand in clade/command.h. `address`:
 * null for the latest study that is not finished (only to continue). *ret: free with cl_control_free. */
int cl_control_stop(const char *store, const char *address, const struct clade_stop_options *options,
                    struct clade_steered **ret, struct cl_err *e);
int cl_control_pause(const char *store, const char *address, const struct clade_pause_options *options,
                     struct clade_steered **ret, struct cl_err *e);
int cl_control_continue(const char *store, const char *address, struct clade_steered **ret, struct cl_err *e);
void cl_control_free(struct clade_steered *s); /* null is allowed */

int cl_control_update(const char *store, const char *study, const struct clade_update_options *options,
                      struct clade_updated **ret, struct cl_err *e);
void cl_control_updated_free(struct clade_updated *u); /* null is allowed */

#endif
