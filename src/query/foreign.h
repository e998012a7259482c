/* Columns that XT has and Clade has no use for: what to look at instead. */
#ifndef CL_FOREIGN_H
#define CL_FOREIGN_H

/* A sentence for a name as typed, such as "Clade has no parent runs: …"; null where the name is none of XT's.
 */
const char *cl_foreign_column(const char *name);

#endif
