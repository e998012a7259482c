/* Staying awake for what comes at once. To put a processor to sleep and to wake it again takes longer than a
 * short answer: in a virtual machine tens of microseconds. Whoever waits for one may look for it a little
 * while before sleeping.
 *
 * That is for answers that come soon, and takes a processor's time when they do not. So it is done only after
 * one that came soon, and never where there is but one processor; when CL_SPIN_US have passed in vain, the
 * next CL_SPIN_NAPS are slept for. At worst it costs CL_SPIN_US once in as many answers.
 *
 * Times are of cl_clock_monotonic_us. */
#ifndef CL_SPIN_H
#define CL_SPIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
  CL_SPIN_US = 70,
  CL_SPIN_SOON_US = 140, /* with the waking, perhaps of both ends, after a sleep */
  CL_SPIN_NAPS = 31
};

struct cl_spin {
  int processors; /* that this process may use */
  bool eager;     /* the last one came soon */
  int naps;       /* still to be slept for */
  int64_t begun_us;
};

/* Costs a system call. A zeroed struct never stays awake. */
void cl_spin_init(struct cl_spin *s);

/* The waiting begins. */
void cl_spin_begin(struct cl_spin *s, int64_t now_us);
/* Shall the caller look again? Else it sleeps until what it waits for is there. */
bool cl_spin_goes_on(struct cl_spin *s, int64_t now_us);
/* It is there. */
void cl_spin_end(struct cl_spin *s, int64_t now_us);

#endif
