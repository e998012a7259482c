/* What the two halves of the conversation with trainers share. talk.c: hello, answers, loads, the end, and
 * how anything is recorded; talk_report.c: reports, and the states that are saved. */
#ifndef CL_TALK_IMPL_H
#define CL_TALK_IMPL_H

#include "worker/worker_impl.h"

/* talk.c */
void cl_talk_no_memory(struct cl_session *s,
                       const struct cl_err *e); /* the worker fails, the connection ends */
/* An event of the session's attempt; the session is kept until `told`. CLADE_ENOMEM. */
int cl_talk_put(struct cl_session *s, struct cl_event *ev, cl_log_told *told, struct cl_err *e);
void cl_talk_put_or_fail(struct cl_session *s, struct cl_event *ev, cl_log_told *told);
void cl_talk_put_note(struct cl_session *s, const char *name, const char *text);
/* Legal in itself and in the trial's state? An event that is not would fail the commit of everybody. */
int cl_talk_check(const struct cl_session *s, const struct cl_event *ev, struct cl_err *e);
/* In `told`: count down, and say whether the session can still be answered. */
bool cl_talk_is_told(struct cl_session *s, const struct cl_append *result);
void cl_talk_told_nothing(void *ctx, const struct cl_event *ev, const struct cl_append *result);

/* talk_report.c */
void cl_talk_hear_report(struct cl_session *s, const struct cl_message *m, const char *line, size_t n);
void cl_talk_hear_saved(struct cl_session *s, const struct cl_message *m);
void cl_talk_remember_report(struct cl_session *s); /* on a new connection: the last one is the open one */
/* Of the state at a step, with that end of its name. Gives; null without memory. */
char *cl_talk_checkpoint_path(const struct cl_session *s, double step, const char *end);
/* It is not gone on with before that twin is there. False: no token of a twin of this attempt. */
bool cl_talk_await(struct cl_session *s, const char *token);

#endif
