/* Failing by place: each allocation, and each call of tests/fault/calls.h, fails once for each chain of calls
 * that leads to it, in whatever study that happens first. So every branch behind a failure is gone along, and
 * a study is not played anew for each instant: most instants are places that have failed before.
 *
 *   cl_fault_places_arm(true);       the next new place fails, and disarms
 *   if (cl_fault_place_happened()) … it has; arm again to go on
 *
 * Places are remembered until the process ends. Threads may come here at once.
 */
#ifndef CL_FAULT_PLACES_H
#define CL_FAULT_PLACES_H

#include <stdbool.h>
#include <stddef.h>

void cl_fault_places_arm(bool on);

/* Has one failed since they were armed? */
bool cl_fault_place_happened(void);

/* How many have failed in this process; and the name of the last one, for people. */
size_t cl_fault_places(void);
const char *cl_fault_place_name(void);

/* For the functions that fail: is this to fail now? Its callers tell places apart, and `name`. */
bool cl_fault_place_fails(const char *name);

#endif
