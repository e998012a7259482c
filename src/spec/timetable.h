/* Schedules in files: YAML or JSON of the format in model/timetable.h, CSV (written only), and the
 * `pbt_policy_….txt` of Ray Tune (read only). */
#ifndef CL_SPEC_TIMETABLE_H
#define CL_SPEC_TIMETABLE_H

#include "model/timetable.h"

/* Read a file. One whose first line is a JSON list is Ray's: lines [target, clone, target's step, clone's
 * step, old values, new values], read from the last one back for as long as each target is the clone of the
 * line behind it; nested values get names with slashes, and what is no scalar is left out. CLADE_ENOTFOUND,
 * CLADE_EIO, CLADE_ELIMIT above 16 MB; CLADE_ESPEC naming the file and the place. Gives *ret; done with
 * cl_timetable_done. */
int cl_timetable_load(const char *path, struct cl_timetable *ret, struct cl_err *e);
/* The same from memory; `name` stands in messages. */
int cl_timetable_parse(const char *text, size_t n, const char *name, struct cl_timetable *ret,
                       struct cl_err *e);

/* Writing: numbers so that they read back as the same. */
void cl_timetable_write_yaml(const struct cl_timetable *t, struct cl_text *ret);
/* A line per entry: step (0 where it begins), cause, and a column for each hyperparameter, all values given.
 */
int cl_timetable_write_csv(const struct cl_timetable *t, struct cl_text *ret, struct cl_err *e); /* ENOMEM */

#endif
