/* What a session runs in the place of a search: confirmations, replays, an assessment. For the run's view. */
#ifndef CL_RUN_ASIDE_H
#define CL_RUN_ASIDE_H

#include "base/text.h"
#include "model/event.h"

struct cl_run_aside {
  enum cl_role role;                   /* of its trials; the others are not told of */
  int64_t (*planned)(const void *ctx); /* runs in all, those that are there already included … */
  int64_t (*ended)(const void *ctx);   /* … and those that have ended */
  bool (*is_over)(const void *ctx);
  bool (*is_hopeless)(const void *ctx);
  void (*describe)(const void *ctx, struct cl_text *ret); /* lines for people */
  const void *ctx;
};

#endif
