/* Training with a schedule again, in a study of its own; and the one final training that may look at test
 * data. */
#ifndef CL_RUN_REPLAY_H
#define CL_RUN_REPLAY_H

#include "clade/run.h"

#define CL_REPLAY_SEEDS_MAX 1000000

/* As clade_replay and clade_assess, whose arguments have been checked: what->seeds in 0…CL_REPLAY_SEEDS_MAX,
 * trial >= 0 (0: the best), engine->study given. */
int cl_replay(const struct clade_run_options *options, const struct clade_replay_options *what,
              const struct clade_run_callbacks *callbacks, struct clade_run_result *ret, struct cl_err *e);
int cl_assess(const struct clade_resume_options *engine, int64_t trial,
              const struct clade_run_callbacks *callbacks, struct clade_run_result *ret, struct cl_err *e);

#endif
