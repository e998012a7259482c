/* The tags of a study and of its trials: what notes of the log say last. A tag has a name, and a text or
 * none. */
#ifndef CL_TAGS_H
#define CL_TAGS_H

#include "base/arena.h"
#include "store/store.h"

struct cl_tag {
  int64_t subject;         /* trial, or 0: the study itself */
  const char *name, *text; /* text null: none */
};

/* Zero-initialised = none. */
struct cl_tags {
  size_t n, n_names;
  struct cl_tag *items;     /* by subject, then name */
  const char *const *names; /* of the trials' tags, each once, in natural order */
  struct cl_arena arena;
};
void cl_tags_done(struct cl_tags *t);

/* The tags of the trials lo…hi (0, 0: of all; CL_NO_TRIALS twice: of none) and of the study. Cost O(notes of
 * the study). Gives *ret (empty before); free with cl_tags_done. Errors of the store. */
int cl_tags_read(struct cl_store *store, int64_t study, int64_t lo, int64_t hi, struct cl_tags *ret,
                 struct cl_err *e);

const struct cl_tag *cl_tags_find(const struct cl_tags *t, int64_t subject, const char *name); /* or null */

/* As a cell: true without a text, else the text as a person types a value. Absent for null. */
struct cl_value cl_tag_cell(const struct cl_tag *tag);

/* A typed NAME or NAME=TEXT: is the subject tagged so? Numbers are compared as numbers. */
bool cl_tags_hold(const struct cl_tags *t, int64_t subject, const char *name, const char *text);

#endif
