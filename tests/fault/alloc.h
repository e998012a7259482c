/* An allocator that fails on request: linked by fault tests in place of base/alloc.c (dep_core +
 * lib_fault_alloc).
 *
 *   FAULT_LOOP(n) {                  // n = 1, 2, … until the body gets through without a failure
 *     int status = thing_under_test();
 *     if (cl_fault_happened()) assert_int_equal(status, CLADE_ENOMEM);
 *   }
 *
 * The body runs once more without failures at the end. Leaks are found by the sanitizer.
 */
#ifndef CL_FAULT_ALLOC_H
#define CL_FAULT_ALLOC_H

#include <stdbool.h>

/* The nth allocation from now on fails (1 = the next), and all after it when `persistent`; 0 = none. */
void cl_fault_arm(unsigned long nth, bool persistent);

/* What a test does in between does not count, and does not fail. */
void cl_fault_pause(bool on);

/* Has an allocation failed since the last cl_fault_arm? */
bool cl_fault_happened(void);

/* For FAULT_LOOP: arm the next round; false when the round before got through. */
bool cl_fault_next(unsigned long *n);

#define FAULT_LOOP(n) for (unsigned long n = 0; cl_fault_next(&n);)

#endif
