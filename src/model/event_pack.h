/* Events as bytes, a tenth of their size in memory: for a log that is kept in memory. No file format: only
 * the process that has packed an event unpacks it. */
#ifndef CL_EVENT_PACK_H
#define CL_EVENT_PACK_H

#include "model/event.h"

/* How many bytes an event takes at most, of which it mostly takes a third. */
size_t cl_event_pack_max(const struct cl_event *ev);

/* Packs `ev` into as many bytes, and returns how many it took. -0.0 becomes 0.0, as in every store; a summary
 * is left out. */
size_t cl_event_pack(const struct cl_event *ev, char *ret);

/* What is asked of many events and needs no unpacking. */
struct cl_event_key {
  enum cl_kind kind;
  int64_t subject;
  int32_t attempt;
};
struct cl_event_key cl_event_peek(const char *packed);

/* An event that was unpacked, and the memory of its lists. Zero-initialised = empty. */
struct cl_unpacked {
  struct cl_event
      ev; /* its texts stand in the packed bytes, its lists here: valid until the next unpacking */
  struct cl_assigned *assigned;
  struct cl_metric *metrics;
  double *numbers;
  const char **names;
  size_t cap_assigned, cap_metrics, cap_numbers, cap_names;
};

/* Back again: the event equals the one that was packed. CLADE_ENOMEM. */
int cl_event_unpack(const char *packed, struct cl_unpacked *ret, struct cl_err *e);
void cl_unpacked_done(struct cl_unpacked *u);

#endif
