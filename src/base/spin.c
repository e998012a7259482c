#include "base/spin.h"

#include <assert.h>
#include <sched.h>

void cl_spin_init(struct cl_spin *s) {
  cpu_set_t set;
  *s = (struct cl_spin){.processors = 1};
  if (sched_getaffinity(0, sizeof set, &set) == 0) s->processors = CPU_COUNT(&set);
}

void cl_spin_begin(struct cl_spin *s, int64_t now_us) {
  assert(!s->eager || (s->processors > 1 && s->naps == 0));
  s->begun_us = now_us;
}

bool cl_spin_goes_on(struct cl_spin *s, int64_t now_us) {
  if (!s->eager || now_us - s->begun_us < CL_SPIN_US) return s->eager;
  s->eager = false;
  s->naps = CL_SPIN_NAPS;
  return false;
}

void cl_spin_end(struct cl_spin *s, int64_t now_us) {
  assert(s->naps >= 0 && s->naps <= CL_SPIN_NAPS);
  if (s->naps > 0)
    s->naps--;
  else if (!s->eager)
    s->eager = s->processors > 1 && now_us - s->begun_us < CL_SPIN_SOON_US;
}
