/* Events in words, for people: "trial 3: proposed by search (random): lr=0.0123 momentum=0.91". */
#ifndef CL_SENTENCE_H
#define CL_SENTENCE_H

#include "model/study.h"

/* What happened, without position, time and subject; one line without newline, user text as it is. `study`
 * gives names to hyperparameters (those removed since show as h<id>). */
void cl_event_write(const struct cl_event *ev, const struct cl_study *study, struct cl_text *ret);

/* Why a decision was taken, in words: "search (dgd)", "exploit of trial 7's state", "a person: lr *= 1.1". */
void cl_cause_write(const struct cl_event *ev, struct cl_text *ret);

/* What an `ended` says of why, beside status or signal: "over its limit of memory: 213.1 MiB, at most 95.37",
 * "objective never reported". Nothing where it says no more. */
void cl_end_write(const struct cl_event *ev, struct cl_text *ret);

/* lr=0.01 momentum=0.9 */
void cl_assigned_write(const struct cl_assigned_list *values, const struct cl_study *study,
                       struct cl_text *ret);

#endif
