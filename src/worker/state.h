/* What a state on disk is: its bytes, and a hash of names and contents. */
#ifndef CL_STATE_H
#define CL_STATE_H

#include <stdint.h>

#include "base/err.h"

/* Sync everything in a directory, and measure it: the same numbers as `saved` has. CLADE_EIO, CLADE_ELIMIT
 * (nested too deeply), CLADE_ENOMEM. Cost: it is read once. */
int cl_state_measure(const char *directory, int64_t *ret_bytes, char ret_hash[33], struct cl_err *e);

#endif
