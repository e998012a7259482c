/* Lists of the notes and tags of a study and its trials. */
#ifndef CL_NOTES_H
#define CL_NOTES_H

#include "query/listing.h"

/* Those of the trials that options->selection names; of a study without trials named, its own ones first and
 * those of all trials. `tags`: the tags as they are now, by trial (columns trial, tag, text); else the notes
 * in order (time, trial, name, text, by). Gives *ret (empty before); free with cl_table_done. */
int cl_notes_read(struct cl_reader *r, bool tags, const struct cl_list_options *options, struct cl_table *ret,
                  struct cl_err *e);

#endif
