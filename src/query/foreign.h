/* Columns that are not there, and why: XT has them and Clade has no use for them, or nobody has made them
 * yet. */
#ifndef CL_FOREIGN_H
#define CL_FOREIGN_H

/* A sentence for a name as typed, such as "Clade has no parent runs: …"; for tags.NAME where nothing is
 * called nearly so (`nearest` is null) that nothing has this tag yet; null for any other name. */
const char *cl_foreign_column(const char *name, const char *nearest);

#endif
