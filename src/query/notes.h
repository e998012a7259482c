/* Lists of the notes and tags of a study and its trials. */
#ifndef CL_NOTES_H
#define CL_NOTES_H

#include "query/listing.h"

/* Those of the trials that options->selection names; of a study without trials named, its own ones first and
 * those of all trials. `tags`: the tags as they are now, by trial (columns trial, tag, text); else the notes
 * in order (time, trial, name, text, by). Gives *ret (empty before); free with cl_table_done. */
int cl_notes_read(struct cl_reader *r, bool tags, const struct cl_list_options *options, struct cl_table *ret,
                  struct cl_err *e);

/* What was noted last of each trial and of the study (0). Zero-initialised = nothing. */
struct cl_last_note {
  int64_t subject, position;
  const char *text;
};
struct cl_last_notes {
  size_t n, capacity;
  struct cl_last_note *items; /* by subject */
  struct cl_arena arena;
};
void cl_last_notes_done(struct cl_last_notes *l);

/* Of the trials lo…hi (0, 0: of all; CL_NO_TRIALS twice: of none) and of the study. Cost O(their notes).
 * Gives *ret (empty before); free with cl_last_notes_done. Errors of the store. */
int cl_last_notes_read(struct cl_store *store, int64_t study, int64_t lo, int64_t hi,
                       struct cl_last_notes *ret, struct cl_err *e);
const char *cl_last_notes_find(const struct cl_last_notes *l, int64_t subject); /* or null */

#endif
