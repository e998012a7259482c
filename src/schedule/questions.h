/* The reports of members that are ready by time or by a metric: each asks, and most are answered at once.
 *
 * What a member's state has come to since it was ready last (struct cl_progress) is folded from the log: from
 * reports, readings of the clock, rulings. It is kept with every snapshot, so that a member that begins again
 * from one, its own or another's, goes on counting from there.
 */
#ifndef CL_QUESTIONS_H
#define CL_QUESTIONS_H

#include "schedule/ready.h"

enum cl_answer {
  CL_ANSWER_NONE = 0, /* no report waits; or the clock, or its state, is being waited for */
  CL_ANSWER_GO,       /* it is not ready: it goes on, and is asked again */
  CL_ANSWER_RUN,      /* it is past the end: it goes on, and is asked no more */
  CL_ANSWER_SAVE,     /* it is ready, and its state is not saved */
  CL_ANSWER_JUDGE
};

struct cl_question {
  struct cl_progress now, before; /* before: what the last exploit replaced */
  double since;                /* reading of the clock since which it trains; NaN: it does not, or none yet */
  int64_t report;              /* the last one that counts */
  int64_t asked, refused;      /* the report whose state was asked for; whose state cannot be had */
  int64_t trial;               /* once it was started */
  int64_t begun, before_begun; /* the event that gave it the state which it trains since */
  int64_t answered;            /* the event that answered the report before the last one */
  int64_t newest;              /* snapshot of its newest mark, 0 = none */
  int32_t judged, before_judged; /* how often, on the way to this state or a later one that was lost */
  int32_t attempt;
  bool can_save; /* its process can hand its state over */
  bool open;     /* its report is not answered */
  bool unread;   /* … and the clock has not been read since */
  bool listed;   /* it waits for a reading */
};

struct cl_mark {
  int64_t snapshot, before; /* before: of the same member, 0 = none */
  uint32_t member;
  int32_t attempt;
  double step;
  struct cl_progress progress;
  bool dropped; /* the snapshot was deleted; such marks are removed all at once, now and then */
};

struct cl_questions {
  struct cl_ready ready;
  double burn_in, stop, end; /* steps, as in CL_RULING_OPTIONS */
  struct cl_question *items; /* by member */
  size_t n, cap;
  struct cl_mark *marks; /* by snapshot */
  size_t n_marks, n_dropped, cap_marks;
  uint32_t *unread; /* members that wait for a reading */
  size_t n_unread, cap_unread;
  double clock; /* last reading, s */
};

void cl_questions_done(struct cl_questions *q);            /* all zero is allowed: every `interval` steps */
bool cl_questions_are_asked(const struct cl_questions *q); /* by time or metric */

/* There are n members. CLADE_ENOMEM. */
int cl_questions_reach(struct cl_questions *q, size_t n, struct cl_err *e);
/* The replica has applied an event on this member's trial; `rules`: a decision of the method. CLADE_ENOMEM.
 */
int cl_questions_hear(struct cl_questions *q, const struct cl_study *s, size_t member,
                      const struct cl_event *ev, bool rules, struct cl_err *e);
/* The clock was read: for those of q->unread, who are to be looked at; it is empty then. */
void cl_questions_read(struct cl_questions *q, const struct cl_study *s, double seconds);

/* What is to become of the report of this member, whose process runs. A member
 * that has begun again from an earlier state is not judged twice. `has_state`: the state at
 * that report is saved. */
enum cl_answer cl_questions_answer(const struct cl_questions *q, size_t member, const struct cl_trial *t,
                                   bool has_state);
/* Does it ask to be judged, though it has no process? */
bool cl_questions_is_ready(const struct cl_questions *q, size_t member);

#endif
