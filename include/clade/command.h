/* Change studies by command: the same verbs for the command line, the terminal and the web.
 *
 * A command opens the store for writing by itself and returns when its decision is durable. All functions
 * return 0 or an error of <clade/error.h> with a sentence in *e (null is allowed).
 */
#ifndef CLADE_COMMAND_H
#define CLADE_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a deletion would remove. */
struct clade_deletion {
  char study[256];
  char directory[4096]; /* of its trials; "" if there is none */
  int64_t trials, events;
};

/* Remove a study: its rows, and its directory with everything in it. Nothing else ever removes events.
 *
 *   dry  remove nothing, only fill in *ret
 *   ret  may be null
 *
 * CLADE_ENOTFOUND (the nearest study is named), CLADE_EBUSY when it runs, CLADE_EIO: the rows are gone and
 * the directory is not, or not all of it. */
CLADE_API int clade_delete(const char *store, const char *study, bool dry, struct clade_deletion *ret,
                           struct cl_err *e);

/* Write a note on a study or on the trials that the address names. */
CLADE_API int clade_note(const char *store, const char *address, const char *text, struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
