/* What every method that rules a population is made of: members that ask, rulings as events with args that
 * say why, and what earlier rulings say when a log is folded again.
 *
 * A new method is a small file. Its state begins with `struct cl_rulings`; its `judge` says about one member
 * that asks whom it takes over from and with which values. How to write one:
 *
 *   struct mine { struct cl_rulings rulings; struct cl_explore explore; … };  // rulings first
 *   static int judge_mine(struct cl_rulings *r, size_t member, const struct cl_evaluation *own,
 *                         struct cl_event *ret, struct cl_err *e) {
 *     struct mine *s = (struct mine *)r;
 *     … look at r->members.population, choose `state` of member `donor` …
 *     if (nobody) {
 *       if (cl_ruling_is_dead(r, member)) return CLADE_EMPTY;          // waits until somebody can give
 *       cl_ruling_keep(r, "my rule", member, own, view, ret);
 *     } else {
 *       CL_TRY(cl_explore_values(&s->explore, r->env->study, …, e));
 *       cl_ruling_take_over(r, "my rule", member, own, view, &take, ret);
 *       cl_explore_describe(&s->explore, space, &r->args);
 *     }
 *     cl_text_format(&r->args, ", \"mine\": %d", …);                   // what else made the decision
 *     return cl_ruling_end(r, ret, e);
 *   }
 *
 * init: cl_rulings_init, then one's own options, then judge. The op table names cl_rulings_apply, _next,
 * _asks and _again as they are (or wraps apply, to keep something per event: it must then hear earlier
 * rulings too), .first = cl_rulings_first, and its option table begins with CL_RULING_OPTIONS. Registering:
 * methods.h, one line in scheduler.c.
 *
 * A judge is pure: the tables, the settings and streams named by (seed, purpose, trial, rulings so far) are
 * all it may look at. Whatever it remembers must be told by the log: by reports, or by the args of its
 * rulings.
 */
#ifndef CL_RULING_H
#define CL_RULING_H

#include "base/text.h"
#include "schedule/exploit.h"
#include "schedule/members.h"
#include "schedule/scheduler.h"

/* The options that all of them have. */
/* clang-format off */
#define CL_RULING_OPTIONS CL_RULING_OPTIONS_WITH("false")
#define CL_RULING_OPTIONS_WITH(together) \
  {"population", "int", 2, 1e6, "2", "number of members; every trial is one", NULL}, \
  {"interval", "float", 1e-9, 1e15, "1", "steps between two moments at which a member is judged", \
   "perturbation_interval"}, \
  {"ready", "object", 0, 0, "{}", "instead of interval: judged by time or by a metric, see ready.h", NULL}, \
  {"burn_in", "float", 0, 1e15, "0", "steps before the first of them", "burn_in_period"}, \
  {"sync", "bool", 0, 0, together, "judge all members together, when the last one has come so far", "synch"}, \
  {"stop", "float", 0, 1e15, "0", "members that have come so far are stopped; 0 = never", NULL}, \
  {"end", "float", 0, 1e15, "0", "the step at which training ends by itself: nobody is judged there any more", \
   NULL}
/* clang-format on */

struct cl_rulings {
  const struct cl_schedule_env *env; /* keeps */
  struct cl_members members;
  double stop, end;
  int32_t stop_rung;         /* members that have come to this rung are stopped; 0 = none */
  enum cl_cause cause;       /* of rulings: CL_CAUSE_EXPLOIT unless the method says so after init */
  struct cl_archive archive; /* empty for ever unless cl_rulings_archive was called */
  int32_t archived_after;    /* states of this rung and earlier ones do not come into it */
  struct cl_text args;       /* of the ruling that is being written */
  struct cl_assigned *assigned;
  size_t cap_assigned;
  /* The method's: what becomes of this member, which asks at r->members.items[member].asks and has `own`
   * there (score -inf: it must take over, if anybody can give). 0: *ret is its ruling; CLADE_EMPTY: it is
   * dead and nobody can give: it asks again when a state is saved. CLADE_ENOMEM. */
  int (*judge)(struct cl_rulings *r, size_t member, const struct cl_evaluation *own, struct cl_event *ret,
               struct cl_err *e);
};

/* Whose state, and the values to go on with. */
struct cl_takeover {
  size_t donor;                      /* member whose state it is … */
  const struct cl_evaluation *state; /* … this one, saved */
  const struct cl_value *values;     /* finished and legal, in the order of the space */
  int64_t with;                      /* trial of a second donor, 0 = none */
  bool infeasible;                   /* the values must not be trained: the member becomes INFEASIBLE */
};

/* Options into a zeroed struct (keeps env). Set judge afterwards. */
void cl_rulings_init(struct cl_rulings *r, const struct cl_schedule_env *env);
/* After init, by methods that do not refuse `ready` in their check (cl_scheduler_ops.refusals). CLADE_ENOMEM.
 */
int cl_rulings_ask(struct cl_rulings *r, struct cl_err *e);
void cl_rulings_done(struct cl_rulings *r);
/* Read CL_ARCHIVE_OPTION too; what it returns is for cl_exploit.archive. */
const struct cl_archive *cl_rulings_archive(struct cl_rulings *r, const struct cl_options *o);
/* The archive begins anew: nothing that was ranked up to this rung is given from it. */
void cl_rulings_clear_archive(struct cl_rulings *r, int32_t rung);
/* CLADE_ESPEC: population differs from trials, or fewer than two members. */
int cl_rulings_check(const struct cl_settings *settings, const struct cl_options *o, struct cl_err *e);
/* The same where `starters` trials begin for each member that goes on: the population is trials / starters.
 */
int cl_rulings_check_starters(const struct cl_settings *settings, const struct cl_options *o,
                              int64_t starters, struct cl_err *e);

/* For the op table; `st` begins with struct cl_rulings. */
#define CL_RULING_OPS \
  .abi = sizeof(struct cl_scheduler_ops), .capabilities = CL_SCHEDULE_EXPLOITS, .first = cl_rulings_first, \
  .asks = cl_rulings_asks, .keeps = cl_rulings_keeps
double cl_rulings_first(const struct cl_options *o);
double cl_rulings_last(const struct cl_options *o); /* not in CL_RULING_OPS: some count differently */
int cl_rulings_apply(void *st, const struct cl_event *ev, struct cl_err *e);
int cl_rulings_next(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e);
/* Only what reports that are not judged are answered with; _next does that first. For methods that rule one
 * member after the other, and must not keep these waiting. CLADE_EMPTY: none is due. CLADE_ENOMEM. */
int cl_rulings_answer(void *st, const struct cl_schedule_room *room, struct cl_event *ret, struct cl_err *e);
int cl_rulings_asks(void *st, int64_t trial, struct cl_err *e);
int cl_rulings_again(void *st, const struct cl_event *recorded, struct cl_event *ret, struct cl_err *e);
int cl_rulings_keeps(void *st, int (*visit)(void *ctx, int64_t snapshot), void *ctx);

/* For judges. The number of rulings so far names the streams of the next one: rng of purpose, member. */
struct cl_rng cl_ruling_stream(const struct cl_rulings *r, enum cl_purpose purpose, size_t member);
bool cl_ruling_is_dead(const struct cl_rulings *r, size_t member);
/* How often the perturbation of a member that takes over is to be halved: once more each time that it comes
 * back from where nobody has a score. */
int cl_ruling_halvings(const struct cl_rulings *r, size_t member, const struct cl_exploit_view *view);
double cl_ruling_until(const struct cl_rulings *r, int32_t rung); /* asked next, after this rung */
/* The step of a state that is ranked: that of its rung, or, where rungs are ready points, its own. */
double cl_ruling_step(const struct cl_rulings *r, const struct cl_evaluation *v);

/* Begin a ruling: its event and the args that all have. `rule` names the method's reason; view may be null.
 * Then add to r->args as one likes (`, "key": value`) and end it; *ret borrows until the next ruling. */
void cl_ruling_keep(struct cl_rulings *r, const char *rule, size_t member, const struct cl_evaluation *own,
                    const struct cl_exploit_view *view, struct cl_event *ret);
/* Its training is over, by a rule of the method's. */
void cl_ruling_stop(struct cl_rulings *r, const char *rule, size_t member, const struct cl_evaluation *own,
                    struct cl_event *ret);
/* CLADE_ENOMEM. */
int cl_ruling_take_over(struct cl_rulings *r, const char *rule, size_t member,
                        const struct cl_evaluation *own, const struct cl_exploit_view *view,
                        const struct cl_takeover *take, struct cl_event *ret, struct cl_err *e);
int cl_ruling_end(struct cl_rulings *r, struct cl_event *ret, struct cl_err *e); /* CLADE_ENOMEM */

#endif
