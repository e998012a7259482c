/* What a study tells its trainers by environment variables (contracts.md 1). */
#ifndef CL_TRAINER_ENVIRONMENT_H
#define CL_TRAINER_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Texts are those of the environment (keeps: valid while nobody changes it); null = unset or empty. */
struct cl_trainer_environment {
  const char *socket;                                /* CLADE_SOCKET; null = no study */
  const char *token;                                 /* CLADE_TOKEN; not null if socket is not */
  const char *directory, *checkpoints, *resume_from; /* CLADE_DIR, CLADE_CKPT_DIR, CLADE_RESUME_FROM */
  const char *seed;                                  /* CLADE_SEED */
  const char *search;                                /* CLADE_SEARCH; null = nothing is searched */
  double reconnect_s;                                /* CLADE_RECONNECT; 600 if unset */
  int64_t trial, attempt;                            /* CLADE_TRIAL, CLADE_ATTEMPT; 0 if unset */
  bool final;                                        /* CLADE_FINAL=1 */
};

/* CLADE_EINVAL: a socket without a token, or CLADE_RECONNECT is no number of seconds. */
int cl_trainer_environment_read(struct cl_trainer_environment *ret, struct cl_err *e);

#endif
