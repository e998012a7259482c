#include "run/bill.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/collect.h"

#define MIB 1048576.0

/* Finding. */

enum { MATCHES_MAX = 16 };

struct matches {
  const char *name;
  int n; /* the newest ones, in a ring */
  int64_t ids[MATCHES_MAX];
  char names[MATCHES_MAX][128];
};

/* "digits", "digits-2", "digits-best": of one family. */
static int match(void *ctx, const struct cl_study_row *row) {
  struct matches *m = ctx;
  size_t n = strlen(m->name);
  if (strncmp(row->name, m->name, n) != 0 || (row->name[n] != '\0' && row->name[n] != '-')) return 0;
  int at = m->n++ % MATCHES_MAX;
  assert(at >= 0 && at < MATCHES_MAX);
  m->ids[at] = row->id;
  (void)snprintf(m->names[at], sizeof m->names[at], "%s", row->name);
  return 0;
}

static int look(void *ctx, const struct cl_event *ev) {
  struct cl_bill_size *size = ctx;
  if (ev->kind != CL_EVENT_SAVED || ev->u.saved.bytes <= 0) return 0;
  size->bytes = ev->u.saved.bytes;
  size->in_memory = ev->u.saved.way == CL_WAY_REGION;
  size->is_twin = ev->u.saved.way == CL_WAY_FORK;
  return CLADE_STOP;
}

void cl_bill_find(struct cl_store *store, const char *name, struct cl_bill_size *ret) {
  struct matches m = {.name = name};
  const struct cl_read first = {
      .trial_lo = 1, .trial_hi = 1, .only_trials = true, .skip_known_reports = true};
  *ret = (struct cl_bill_size){0};
  if (cl_store_studies(store, match, &m, NULL) < 0) return;
  for (int i = m.n - 1; i >= 0 && i >= m.n - MATCHES_MAX && ret->bytes == 0; i--) {
    (void)cl_store_read(store, m.ids[i % MATCHES_MAX], &first, look, ret, NULL);
    (void)snprintf(ret->study, sizeof ret->study, "%s", m.names[i % MATCHES_MAX]);
  }
}

/* Saying. */

static void add_bytes(struct cl_text *t, double bytes) {
  bool giga = bytes >= 1024 * MIB, mega = bytes >= MIB;
  assert(bytes >= 0);
  cl_text_format(t, "%.4g %s",
                 bytes / (giga   ? 1024 * MIB
                          : mega ? MIB
                                 : 1024),
                 giga   ? "GiB"
                 : mega ? "MiB"
                        : "KiB");
}

static void add_bound(struct cl_text *t, int64_t bound, double wanted) {
  if (bound <= 0) {
    cl_text_add(t, "; `limits: {disk: 10G}` would set a bound");
    return;
  }
  cl_text_add(t, "; `limits: disk` allows ");
  add_bytes(t, (double)bound);
  if (wanted > (double)bound)
    cl_text_add(t, ": states that have no room are not saved, and cannot be taken over");
}

/* A twin never grows; what neither it nor its trainer has written to since the fork they have in common. */
static void add_twins(struct cl_text *t, const struct cl_settings *s, const struct cl_bill_size *size,
                      double most) {
  assert(size->is_twin && size->bytes > 0);
  cl_text_add(t, "Each is a frozen process: in memory they hold up to ");
  add_bytes(t, most * (double)size->bytes);
  cl_text_add(t, " together, by the ");
  add_bytes(t, (double)size->bytes);
  cl_text_format(t, " that one held in '%s', less what they have in common with their trainers", size->study);
  if (s->memory_bytes <= 0) return;
  cl_text_add(t, "; `limits: memory` allows each ");
  add_bytes(t, (double)s->memory_bytes);
}

void cl_bill_write(const struct cl_settings *s, const struct cl_bill_size *size, struct cl_text *ret) {
  if (s->schedule == NULL) return;
  int64_t most = cl_collection_most(s->trials, s->parallel), members = s->trials;
  double wanted = (double)most * (double)size->bytes;
  assert(most > members && !(size->in_memory && size->is_twin));
  cl_text_format(ret,
                 "%lld members, %d at a time, keep about two saved states each: up to %lld, more while some "
                 "are far behind others. ",
                 (long long)members, s->parallel, (long long)most);
  if (size->is_twin) {
    add_twins(ret, s, size, (double)most);
    return;
  }
  if (size->bytes == 0) {
    cl_text_format(ret, "On disk that is %lld times what one takes, which is said with the first",
                   (long long)most);
  } else {
    cl_text_add(ret, "On disk that is ");
    add_bytes(ret, wanted);
    cl_text_add(ret, ", by the ");
    add_bytes(ret, (double)size->bytes);
    cl_text_format(ret, " that one took in '%s'", size->study);
  }
  if (size->in_memory) {
    cl_text_add(ret, ", and in memory ");
    add_bytes(ret, (double)size->bytes * (double)(members + s->parallel + 2));
  }
  add_bound(ret, s->disk_bytes, wanted);
}
