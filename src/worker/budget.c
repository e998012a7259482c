/* The disk budget (`limits: disk`): a state is not asked for when it could not be kept. What may still come
 * counts as if it were there: directories that running trainers were promised, and files that are deleted in
 * the log and not yet removed. So the states of this host exceed the budget by one at most, that is let
 * through when nothing else is on its way; before the first is saved nobody knows how much they take. */
#include <assert.h>
#include <stdio.h>

#include "worker/worker_impl.h"

static int64_t count_promised(const struct cl_worker *w, const struct cl_session *but) {
  int64_t n = 0;
  for (const struct cl_session *s = w->sessions; s != NULL; s = s->next)
    n += s != but && !s->closed && (s->expects || s->saving);
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

bool cl_worker_has_room(struct cl_worker *w, const struct cl_session *s) {
  int64_t bound = cl_study_settings(w->study)->disk_bytes;
  if (bound <= 0) return true;
  struct cl_disk disk = cl_study_disk(w->study);
  int64_t promised = count_promised(w, s), used = disk.bytes + w->removing;
  assert(promised >= 0 && w->removing >= 0);
  bool room =
      disk.largest == 0 || used + (promised + 1) * disk.largest <= bound || (promised == 0 && used <= bound);
  if (!room)
    say_full(w, &disk, bound);
  else if (used + disk.largest <= bound)
    w->said_full = false;
  return room;
}
