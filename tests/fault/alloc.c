/* Stands in for base/alloc.c. The counters are of this process, whose threads share them. */
#include "fault/alloc.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "fault/places.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long pending; /* allocations until the failure; 0 = none is armed */
static bool stays, happened, resting;

void cl_fault_arm(unsigned long nth, bool persistent) {
  pending = nth;
  stays = persistent;
  happened = false;
}

void cl_fault_pause(bool on) {
  resting = on;
}

bool cl_fault_happened(void) {
  return happened;
}

/* Rounds 1, 2, … fail once; between them the same failure stays. */
bool cl_fault_next(unsigned long *n) {
  bool through = *n > 0 && !happened;
  cl_fault_arm(0, false);
  if (through) return false;
  ++*n;
  cl_fault_arm((*n + 1) / 2, *n % 2 == 0);
  return true;
}

/* With the lock. */
static bool is_due(void) {
  if (happened && stays) return true;
  if (pending == 0 || --pending > 0) return false;
  happened = true;
  return true;
}

static bool fails(void) {
  if (resting) return false;
  if (cl_fault_place_fails("memory")) return true;
  (void)pthread_mutex_lock(&lock);
  bool due = is_due();
  (void)pthread_mutex_unlock(&lock);
  return due;
}

void *cl_alloc(size_t n) {
  return fails() ? NULL : calloc(1, n ? n : 1);
}

void *cl_alloc_array(size_t count, size_t size) {
  return fails() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *cl_resize(void *p, size_t n) {
  return fails() ? NULL : realloc(p, n ? n : 1);
}

void cl_free(void *p) {
  free(p);
}
