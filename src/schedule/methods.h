/* The op tables of all methods. Only the files of this room include it. */
#ifndef CL_SCHEDULE_METHODS_H
#define CL_SCHEDULE_METHODS_H

#include "schedule/scheduler.h"

extern const struct cl_scheduler_ops cl_epbt_schedule;
extern const struct cl_scheduler_ops cl_fire_schedule;
extern const struct cl_scheduler_ops cl_ipbt_schedule;
extern const struct cl_scheduler_ops cl_mf_pbt_schedule;
extern const struct cl_scheduler_ops cl_pb2_schedule;
extern const struct cl_scheduler_ops cl_pb2_mix_schedule;
extern const struct cl_scheduler_ops cl_pbt_schedule;
extern const struct cl_scheduler_ops
    cl_policies_schedule; /* of any method that is a path; not in the registry */
/* Options of their own, as they are given: ", share 0.25". */
void cl_policies_describe(const struct cl_settings *settings, struct cl_text *ret);

#endif
