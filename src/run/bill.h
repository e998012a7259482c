/* What the states of a population will take on disk and in memory, said before it runs: about how many are
 * kept at a time, and how much one takes, where an earlier study of that name tells. */
#ifndef CL_BILL_H
#define CL_BILL_H

#include "base/text.h"
#include "model/settings.h"
#include "store/store.h"

/* What one state took. */
struct cl_bill_size {
  int64_t bytes;  /* 0: nobody knows */
  bool in_memory; /* it was handed over in memory */
  bool is_twin;   /* it was a process: nothing on disk, and so much memory of its own */
  char study[128];
};

/* The newest study called `name`, or name-2 and the like, that has saved a state. A store that cannot be read
 * knows of none. Cost: a walk over the studies, and the events of one trial of each that matches. */
void cl_bill_find(struct cl_store *store, const char *name, struct cl_bill_size *ret);

/* One sentence, added to *ret; nothing where the study has no schedule. */
void cl_bill_write(const struct cl_settings *settings, const struct cl_bill_size *size, struct cl_text *ret);

#endif
