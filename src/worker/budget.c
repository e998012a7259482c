/* The disk budget (`limits: disk`): a state is not asked for when it could not be kept. What may still come
 * counts as if it were there: what running trainers were promised, or have put into the next commit, copies
 * of states in memory that are still to be written, files that are deleted in the log and not yet removed,
 * and, of every other engine of the study, a state for each of its slots. So all states together exceed the
 * budget by one at most, which is let through when nothing else is on its way. How much the first one takes
 * is known from a trainer's regions, or else when it has been written: what does not fit then does not stay.
 */
#include <assert.h>
#include <stdio.h>

#include "worker/worker_impl.h"

/* What other sessions were promised, and the bytes of what they have put. */
static int64_t count_promised(const struct cl_worker *w, const struct cl_session *but, int64_t *ret_keeping) {
  int64_t n = 0;
  *ret_keeping = 0;
  for (const struct cl_session *s = w->sessions; s != NULL; s = s->next) {
    n += s != but && !s->closed && (s->expects || s->saving);
    if (s != but) *ret_keeping += s->keeping;
  }
  return n;
}

static void say_full(struct cl_worker *w, const struct cl_disk *disk, int64_t bound) {
  if (w->said_full) return;
  w->said_full = true;
  cl_worker_say(
      w, 0,
      "the disk budget of %.4g MiB is used up (%lld states of %.4g MiB together): trials train on without "
      "saving until there is room. Raise `limits: {disk: …}`, or let fewer "
      "trials run at a time",
      (double)bound / 1048576, (long long)disk->n, (double)disk->bytes / 1048576);
}

static int64_t slots_elsewhere(const struct cl_worker *w) {
  const struct cl_worker_info *own = cl_study_worker(w->study, w->number);
  int64_t n = cl_study_slots(w->study) - (own == NULL ? 0 : own->slots);
  assert(n >= 0);
  return n;
}

bool cl_worker_has_room(struct cl_worker *w, const struct cl_session *s) {
  int64_t bound = cl_study_settings(w->study)->disk_bytes, keeping = 0;
  if (bound <= 0) return true;
  struct cl_disk disk = cl_study_disk(w->study);
  int64_t size = disk.largest > s->bytes ? disk.largest : s->bytes;
  int64_t promised = count_promised(w, s, &keeping);
  int64_t used = disk.bytes + disk.coming + w->removing + keeping + slots_elsewhere(w) * size;
  assert(promised >= 0 && w->removing >= 0);
  bool room = size == 0 || used + (promised + 1) * size <= bound || (promised == 0 && used <= bound);
  if (!room)
    say_full(w, &disk, bound);
  else if (used + size <= bound)
    w->said_full = false;
  return room;
}

/* Of several engines, the one that may exceed the budget. */
static bool is_first(const struct cl_worker *w) {
  for (int i = 1; i < w->number; i++) {
    const struct cl_worker_info *other = cl_study_worker(w->study, i);
    if (other != NULL && other->slots > 0) return false;
  }
  return true;
}

bool cl_worker_may_keep(struct cl_worker *w, const struct cl_session *s, int64_t bytes) {
  int64_t bound = cl_study_settings(w->study)->disk_bytes, keeping = 0;
  if (bound <= 0) return true;
  struct cl_disk disk = cl_study_disk(w->study);
  (void)count_promised(w, s, &keeping);
  int64_t used = disk.bytes + disk.coming + w->removing + keeping;
  bool room = used + bytes <= bound || (used <= bound && is_first(w));
  if (!room) say_full(w, &disk, bound);
  return room;
}
