/* The registered regions of the program's memory: out to a buffer that the worker lends (shared memory) or to
 * a directory, and back. Matches by name and size; knows nothing of studies. */
#ifndef CL_TRAINER_REGIONS_H
#define CL_TRAINER_REGIONS_H

#include <sys/types.h>

#include "trainer/copy.h"
#include "wire/regions.h"

enum { CL_TRAINER_MAPPINGS = 4 };

struct cl_trainer_regions {
  struct cl_region *items;         /* names are copies */
  void **memory;                   /* of the program (keeps) */
  bool *loaded;                    /* by the last load */
  const char **missing;            /* names of those that were not; borrow from items */
  struct cl_trainer_piece *pieces; /* room for one of each */
  size_t n, n_missing, cap_items, cap_memory, cap_loaded, cap_missing, cap_pieces;
  int64_t bytes;              /* of a buffer that holds all */
  struct cl_trainer_mapping { /* buffers stay mapped, the one not used for longest goes first */
    char *address;
    size_t size;
    dev_t device;
    ino_t inode;
    bool writable, met; /* met: was copied to or from */
    uint64_t used;
  } mappings[CL_TRAINER_MAPPINGS];
  uint64_t uses;
};

void cl_trainer_regions_done(struct cl_trainer_regions *r);

/* Register n > 0 bytes at `memory` (keeps). CLADE_EINVAL: an unusable name, one that is there already, or no
 * bytes; CLADE_ELIMIT: more than CL_REGIONS_MAX; CLADE_ENOMEM. */
int cl_trainer_regions_add(struct cl_trainer_regions *r, const char *name, void *memory, size_t n,
                           struct cl_err *e);

/* Was that region filled by the last load? Name null: was any? */
bool cl_trainer_regions_loaded(const struct cl_trainer_regions *r, const char *name);
void cl_trainer_regions_forget(struct cl_trainer_regions *r); /* no load has happened */

/* Copy all regions into the buffer at `path`, which has at least r->bytes. At memory speed
 * (copy.h); a buffer that is met for the first time takes two to three times as long. CLADE_EIO,
 * CLADE_EINVAL: it is smaller. */
int cl_trainer_regions_put(struct cl_trainer_regions *r, const char *path, struct cl_err *e);

/* Copy what the buffer or directory at `path` holds under the same names and in the same sizes into the
 * regions; the others stay as they are and are counted as missing. CLADE_EIO; CLADE_ECORRUPT: it is no such
 * state; CLADE_ENOMEM. On failure nothing is changed, unless a file could not be read to its end. */
int cl_trainer_regions_take(struct cl_trainer_regions *r, const char *path, struct cl_err *e);

/* Write all regions as files of `directory`, which exists. CLADE_EIO, CLADE_ENOMEM. */
int cl_trainer_regions_write(const struct cl_trainer_regions *r, const char *directory, struct cl_err *e);

/* Is `path` a buffer, or a directory of regions? */
bool cl_trainer_regions_is_state(const char *path);

/* regions_files.c: as take, of a directory. */
int cl_trainer_regions_read(struct cl_trainer_regions *r, const char *directory, struct cl_err *e);

/* Which of the state's regions is the i-th of the program's? Null when none has its name and size. */
const struct cl_region *cl_trainer_regions_match(const struct cl_trainer_regions *r, size_t i,
                                                 const struct cl_regions *state);

#endif
