/* The clocks. Wall time is information only; waiting is by the monotonic clock. */
#ifndef CL_CLOCK_H
#define CL_CLOCK_H

#include <stdint.h>

int64_t cl_clock_wall_ms(void);      /* ms since 1970-01-01 UTC */
int64_t cl_clock_monotonic_us(void); /* us since some fixed instant of this boot */
int64_t cl_clock_thread_us(void);    /* us that this thread has used of its processors */

#endif
