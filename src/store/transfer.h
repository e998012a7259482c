/* Studies as JSON Lines: out of a store, and into one. An event per line, as cl_event_write_json writes it,
 * from `created` on; importing gives the same positions. */
#ifndef CL_TRANSFER_H
#define CL_TRANSFER_H

#include "store/store.h"

#define CL_TRANSFER_LINE_MAX (128 << 20) /* bytes of a line: an event has several texts */

/* Write all events up to the head as it is now. `write` borrows whole lines, some at a time, while no
 * transaction is open; a negative status ends it and is returned. ret_events (may be null): how many. */
int cl_store_export(struct cl_store *s, int64_t study,
                    int (*write)(void *ctx, const char *text, size_t n, struct cl_err *e), void *ctx,
                    int64_t *ret_events, struct cl_err *e);

/* Read lines until `read` gives none (as read(2): bytes, 0 at the end, negative errors, which are returned).
 * CLADE_EEXISTS; CLADE_ECORRUPT, CLADE_ELIMIT, CLADE_ENEWER naming `name` and the line: then, as with any
 * other error, nothing of the study is left in the store. */
int cl_store_import(struct cl_store *s, const char *name,
                    int (*read)(void *ctx, char *buffer, size_t n, struct cl_err *e), void *ctx,
                    int64_t *ret_study, struct cl_err *e);

#endif
