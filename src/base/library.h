/* Plugins: a shared object of a user's that exports one function, which gives one table of functions. */
#ifndef CL_LIBRARY_H
#define CL_LIBRARY_H

#include <stddef.h>

#include "base/err.h"

/* What is looked for, and how sentences call it. All borrowed. */
struct cl_library_kind {
  const char *section; /* of the spec: "search" */
  const char *noun;    /* "searcher" */
  const char *entry;   /* the exported function: no arguments, gives the table */
  const char *header;  /* where it is described */
  int version;         /* that this clade knows, and … */
  size_t size;         /* … the size of its table */
};

/* Every table begins so. */
struct cl_library_head {
  size_t abi; /* sizeof of the table, as compiled */
  int version;
};

/* Load `path` and get its table. Gives *ret_library, to be closed with cl_library_close; *ret_table borrows
 * from it. CLADE_ESPEC with a sentence: no such file, no shared object, not the entry, no table, another
 * version, a smaller table. */
int cl_library_open(const struct cl_library_kind *kind, const char *path, void **ret_library,
                    const void **ret_table, struct cl_err *e);
void cl_library_close(void *library); /* null is allowed */

#endif
