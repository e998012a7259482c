/* Where a study comes from: what every trial of it has in common, as cells of listings. */
#ifndef CL_ORIGINS_H
#define CL_ORIGINS_H

#include "base/arena.h"
#include "model/study.h"
#include "store/store.h"

/* Texts are null where they are not known. */
struct cl_origins {
  const char *method, *style; /* style: single, repeat, static (proposals look at no result), dynamic */
  const char *script, *path;  /* the script's name in the command, or the program's; and where it lies */
  const char *username, *host, *version, *commit; /* of whoever created the study; commit: of the program */
  const char *store;                              /* its address, without a password */
};

/* Texts are of the arena, or borrow from the replica. CLADE_ENOMEM. */
int cl_origins_read(const struct cl_store *store, const struct cl_study *study, struct cl_arena *arena,
                    struct cl_origins *ret, struct cl_err *e);

#endif
