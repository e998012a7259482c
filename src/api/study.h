/* The handles behind include/clade/study.h. */
#ifndef CL_API_STUDY_H
#define CL_API_STUDY_H

#include "clade/study.h"
#include "model/study.h"
#include "run/asker.h"

struct clade_study {
  struct cl_store *store;
  struct cl_log *log;
  struct cl_asker *asker;
  const struct cl_study *study;
  struct clade_trial *trials; /* handles, in a list */
  struct clade_trial *spare;  /* one that can be used again */
  size_t cap_room, cap_named;
  struct cl_value *room;           /* of one assignment */
  struct clade_named_value *named; /* of the last best or trial asked about */
};

struct clade_trial {
  struct clade_study *study;
  struct clade_trial *next, *before;
  int64_t number;
  int32_t attempt;
  int64_t version;       /* of the trial when its values were read; 0 = not yet */
  int64_t study_version; /* likewise of the study: its settings hold the names */
  size_t n, cap;
  struct clade_named_value *values;
  struct clade_population *population; /* whose model is stepped or scored just now; else null */
};

/* The spec that a space is; for clade_study_create. The first mistake of the builder, if there was one. */
int cl_api_space_write(const struct clade_space *space, struct cl_text *ret, struct cl_err *e);

/* The active values of a trial: *ret (grown) and how many. Texts borrow from the replica. */
int cl_api_trial_values(struct clade_study *s, const struct cl_trial *t, struct clade_named_value **ret,
                        size_t *cap, size_t *ret_n, struct cl_err *e);

#endif
