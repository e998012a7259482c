#include "fault/places.h"

#include <assert.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { SLOTS = 1 << 16, DEPTH = 14 };

static atomic_bool armed, happened;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t places[SLOTS]; /* 0 = free */
static size_t count;
static const char *last = "";

void cl_fault_places_arm(bool on) {
  void *frame;
  (void)backtrace(&frame, 1); /* its first call allocates */
  atomic_store(&happened, false);
  atomic_store(&armed, on);
}

bool cl_fault_place_happened(void) {
  return atomic_load(&happened);
}

size_t cl_fault_places(void) {
  return count;
}

const char *cl_fault_place_name(void) {
  return last;
}

static uint64_t hash_of(void *const *frames, int n, const char *name) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
  for (int i = 0; i < n; i++) hash = (hash ^ (uintptr_t)frames[i]) * UINT64_C(1099511628211);
  return hash == 0 ? 1 : hash;
}

/* With the lock. */
static bool is_new(uint64_t hash) {
  size_t at = hash % SLOTS;
  while (places[at] != 0 && places[at] != hash) at = (at + 1) % SLOTS;
  if (places[at] == hash) return false;
  assert(count < SLOTS / 2);
  places[at] = hash;
  count++;
  return true;
}

bool cl_fault_place_fails(const char *name) {
  void *frames[DEPTH];
  if (!atomic_load(&armed)) return false;
  uint64_t hash = hash_of(frames, backtrace(frames, DEPTH), name);
  (void)pthread_mutex_lock(&lock);
  bool fails = atomic_load(&armed) && is_new(hash);
  if (fails) atomic_store(&armed, false);
  if (fails) atomic_store(&happened, true);
  if (fails) last = name;
  (void)pthread_mutex_unlock(&lock);
  return fails;
}
