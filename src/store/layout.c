/* Which table a kind of event goes to, and which of its columns hold which of its fields. */
#include "store/layout.h"

#include <assert.h>
#include <string.h>

enum { ASSIGNED = -1 }; /* the field's home is the table `assigned` */

static const struct {
  const char *name, *columns;
  int n, more;
} shared[TABLES] = {
    [DECISIONS] = {"decisions",
                   "kind, time, \"by\", subject, seen, as_of, cause, args, attempt, ref, n, until, more",
                   D_MORE + 1, D_MORE},
    [ATTEMPTS] = {"attempts",
                  "kind, time, \"by\", trial, attempt, late, status, signal, known, record, value, "
                  "args, more",
                  A_MORE + 1, A_MORE},
    [SNAPSHOTS] = {"snapshots",
                   "kind, time, \"by\", trial, attempt, late, step, way, ref, bytes, hash, path, host, "
                   "last, best, sum, count, snapshot, error, more",
                   S_MORE + 1, S_MORE},
    [NOTES] = {"notes", "kind, time, \"by\", subject, n, name, text, more", N_MORE + 1, N_MORE},
};

/* Where the fields live that are frequent or that somebody may ask for in SQL. */
static const struct {
  enum cl_kind kind;
  int column;
  const char *field;
} homes[] = {
    {CL_EVENT_UPDATED, D_N, "space_version"},
    {CL_EVENT_FINISHED, D_N, "reason"},
    {CL_EVENT_STARTED, D_N, "worker"},
    {CL_EVENT_STARTED, D_REF, "from"},
    {CL_EVENT_STARTED, D_UNTIL, "until"},
    {CL_EVENT_CONTINUED, D_REF, "report"},
    {CL_EVENT_CONTINUED, D_UNTIL, "until"},
    {CL_EVENT_PAUSED, D_REF, "at"},
    {CL_EVENT_STOPPED, D_REF, "at"},
    {CL_EVENT_STOPPED, D_N, "how"},
    {CL_EVENT_PREEMPTING, D_N, "worker"},
    {CL_EVENT_RETRIED, D_N, "count"},
    {CL_EVENT_EXPLOITED, D_REF, "snapshot"},
    {CL_EVENT_EXPLOITED, D_N, "infeasible"},
    {CL_EVENT_EXPLOITED, D_UNTIL, "until"},
    {CL_EVENT_EXPLOITED, ASSIGNED, "values"},
    {CL_EVENT_SET, D_UNTIL, "until"},
    {CL_EVENT_SET, ASSIGNED, "values"},
    {CL_EVENT_HELD, D_N, "on"},
    {CL_EVENT_VOIDED, D_REF, "change"},
    {CL_EVENT_DELETED, D_REF, "snapshot"},
    {CL_EVENT_ADOPTED, A_STATUS, "worker"},
    {CL_EVENT_CONNECTED, A_STATUS, "protocol"},
    {CL_EVENT_CONNECTED, A_ARGS, "capabilities"},
    {CL_EVENT_ENDED, A_STATUS, "status"},
    {CL_EVENT_ENDED, A_SIGNAL, "signal"},
    {CL_EVENT_ENDED, A_KNOWN, "known"},
    {CL_EVENT_ENDED, A_RECORD, "record"},
    {CL_EVENT_ENDED, A_VALUE, "objectives"}, /* the first; two and more stand in `more` as well */
    {CL_EVENT_ENDED, A_ARGS, "usage"},
    {CL_EVENT_SAVED, S_STEP, "step"},
    {CL_EVENT_SAVED, S_WAY, "way"},
    {CL_EVENT_SAVED, S_REF, "report"},
    {CL_EVENT_SAVED, S_BYTES, "bytes"},
    {CL_EVENT_SAVED, S_HASH, "hash"},
    {CL_EVENT_SAVED, S_PATH, "path"},
    {CL_EVENT_SAVED, S_HOST, "host"},
    {CL_EVENT_SAVED, S_LAST, "rollup"},
    {CL_EVENT_LOADED, S_REF, "change"},
    {CL_EVENT_LOADED, S_SNAPSHOT, "snapshot"},
    {CL_EVENT_LOADED, S_ERROR, "error"},
    {CL_EVENT_NOTE, N_N, "what"},
    {CL_EVENT_NOTE, N_NAME, "name"},
    {CL_EVENT_NOTE, N_TEXT, "text"},
    {CL_EVENT_WORKER, N_N, "state"},
    {CL_EVENT_WORKER, N_NAME, "host"},
};

static enum cl_table table_of(enum cl_kind kind) {
  switch (kind) {
  case CL_EVENT_PROPOSED:
  case CL_EVENT_IMPORTED: return TRIALS;
  case CL_EVENT_REPORTED: return REPORTS;
  case CL_EVENT_ADOPTED:
  case CL_EVENT_CONNECTED:
  case CL_EVENT_DONE:
  case CL_EVENT_ENDED: return ATTEMPTS;
  case CL_EVENT_SAVED:
  case CL_EVENT_LOADED: return SNAPSHOTS;
  case CL_EVENT_WORKER:
  case CL_EVENT_NOTE: return NOTES;
  default: return DECISIONS;
  }
}

void cl_lay_out(struct cl_layout layouts[CL_EVENT_KINDS]) {
  memset(layouts, 0, CL_EVENT_KINDS * sizeof *layouts);
  for (int k = 0; k < CL_EVENT_KINDS; k++) layouts[k].table = table_of((enum cl_kind)k);
  for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
    struct cl_layout *l = &layouts[homes[i].kind];
    const struct cl_field *fields = cl_kind_fields(homes[i].kind);
    int f = 0;
    while (fields[f].name != NULL && strcmp(fields[f].name, homes[i].field) != 0) f++;
    assert(fields[f].name != NULL && l->n < 8);
    l->skip |= 1u << f;
    if (homes[i].column == ASSIGNED) continue;
    l->items[l->n].field = &fields[f];
    l->items[l->n++].column = homes[i].column;
  }
}

uint32_t cl_layout_skip(const struct cl_layout *l, const struct cl_event *ev) {
  uint32_t skip = l->skip;
  if (ev->kind != CL_EVENT_ENDED || ev->u.ended.objectives.n <= 1) return skip;
  for (int f = 0; cl_kind_fields(ev->kind)[f].name != NULL; f++)
    if (cl_kind_fields(ev->kind)[f].type == CL_FIELD_NUMBERS) skip &= ~(1u << f);
  return skip;
}

uint32_t cl_layout_skip_values(enum cl_kind kind) {
  uint32_t skip = 0;
  for (int f = 0; cl_kind_fields(kind)[f].name != NULL; f++)
    if (cl_kind_fields(kind)[f].type == CL_FIELD_ASSIGNED) skip |= 1u << f;
  return skip;
}

const char *cl_table_columns(enum cl_table table) {
  assert(shared[table].columns != NULL);
  return shared[table].columns;
}

int cl_table_n_columns(enum cl_table table) {
  assert(shared[table].n > 0);
  return shared[table].n;
}

int cl_table_more(enum cl_table table) {
  return shared[table].more;
}

const char *cl_table_name(enum cl_table table) {
  return shared[table].name;
}
