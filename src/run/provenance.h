/* Where a study's results come from: code, command, machine. Recorded at creation, compared at `clade
 * resume`. */
#ifndef CL_PROVENANCE_H
#define CL_PROVENANCE_H

#include "base/err.h"
#include "base/text.h"

/* JSON object: created_ms, clade, host, cpu, cwd, command (of this process), program, commit, dirty (hash of
 * the uncommitted changes, absent when clean), files (hashes of the files up to 64 MB that words of the
 * program name). commit and dirty only inside a git work tree. Runs git; about 10 ms. */
int cl_provenance_write(const char *cwd, int n_program, const char *const *program, struct cl_text *ret,
                        struct cl_err *e);

/* What of the code differs, as a sentence part per line ("the git commit was 1a2b…, it is 3c4d… now"); "" if
 * nothing. */
void cl_provenance_compare(const char *before, const char *now, struct cl_text *ret);

#endif
