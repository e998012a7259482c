/* The same values again: new trials that repeat old ones. */
#include <assert.h>

#include "base/alloc.h"
#include "clade/command.h"
#include "query/address.h"
#include "query/trials.h"

enum { TRIES_MAX = 1000 }; /* others propose at the same time */

struct rerunning {
  struct cl_store *store;
  struct cl_reader *reader;
  struct cl_log *log; /* of none of the trials: it only appends */
  const struct cl_study *study;
  int64_t *of;
  size_t n;
  bool new_seed;
  struct cl_value *values;
  struct cl_assigned *assigned;
};

static void rerunning_done(struct rerunning *r) {
  cl_log_close(r->log);
  cl_reader_close(r->reader);
  cl_store_close(r->store);
  cl_free(r->of);
  cl_free(r->values);
  cl_free(r->assigned);
}

static int open_trials(struct rerunning *r, const char *store, const char *address, struct cl_err *e) {
  struct cl_selection selection = {0};
  struct cl_log_options none = {.trial_lo = CL_NO_TRIALS, .trial_hi = CL_NO_TRIALS};
  int64_t id = 0;
  CL_TRY(cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_WRITE}, &r->store, e));
  int status = cl_address_resolve(r->store, address, &id, &selection, e);
  if (status >= 0) status = cl_reader_open(r->store, id, &r->reader, e);
  if (status >= 0 && selection.kind == CL_SELECT_NONE)
    status =
        CL_FAIL(e, CLADE_EINVAL,
                "'%.100s' is a study: say which of its trials to run again, such as STUDY/3 or STUDY/best",
                address == NULL ? "" : address);
  if (status >= 0) status = cl_trials_find(r->reader, &selection, &r->of, &r->n, e);
  cl_selection_done(&selection);
  if (status >= 0) status = cl_reader_need(r->reader, 0, 0, &r->study, e); /* all, to count the repetitions */
  return status < 0 ? status : cl_log_open(r->store, id, &none, &r->log, e);
}

static int64_t count_reruns(const struct cl_study *s, const struct cl_trial *of) {
  int64_t n = of->repeat;
  assert(of->number >= 1 && n >= 0);
  for (int64_t i = of->number + 1; i <= cl_study_trials(s); i++) {
    const struct cl_trial *t = cl_study_trial(s, i);
    n += t != NULL && t->of == (uint64_t)of->number;
  }
  return n;
}

/* The proposal but for its number. */
static int make_proposal(struct rerunning *r, const struct cl_trial *of, struct cl_event *ret,
                         struct cl_err *e) {
  const struct cl_space *space = cl_study_space(r->study);
  int n = 0;
  cl_trial_values(r->study, of, r->values);
  int status = cl_space_check(space, r->values, e);
  if (status < 0)
    return e == NULL
               ? status
               : cl_err_prefix(
                     e, "trial %lld cannot be run again, for the space has changed: ", (long long)of->number);
  for (int i = 0; i < space->n; i++)
    if (r->values[i].kind != CL_ABSENT)
      r->assigned[n++] = (struct cl_assigned){space->items[i].id, r->values[i]};
  assert(n <= space->n);
  *ret = (struct cl_event){.kind = CL_EVENT_PROPOSED, .cause = CL_CAUSE_HUMAN};
  ret->u.proposed.role = CL_ROLE_FORKED;
  ret->u.proposed.of = of->number;
  ret->u.proposed.repeat = (int)count_reruns(r->study, of) + 1;
  ret->u.proposed.has_seed = !r->new_seed;
  if (!r->new_seed) ret->u.proposed.seed = (int64_t)cl_trial_seed(r->study, of);
  ret->u.proposed.space_version = space->version;
  ret->u.proposed.values = (struct cl_assigned_list){n, r->assigned};
  return 0;
}

static int propose(struct rerunning *r, struct cl_event *ev, int64_t *ret_trial, struct cl_err *e) {
  struct cl_append result = {.status = CLADE_ECONFLICT};
  for (int i = 0; i < TRIES_MAX && result.status == CLADE_ECONFLICT; i++) {
    struct cl_study_head head;
    CL_TRY(cl_store_head(r->store, cl_log_id(r->log), &head, e));
    ev->subject = head.trials + 1;
    ev->as_of = head.position;
    CL_TRY(cl_log_append(r->log, ev, &result, e));
  }
  if (result.status < 0)
    return CL_FAIL(e, result.status, "trial %lld was not proposed again: %s", (long long)ev->u.proposed.of,
                   clade_error_text(result.status));
  assert(result.status == 0 && result.position > ev->as_of);
  *ret_trial = ev->subject;
  return 0;
}

static int rerun_all(struct rerunning *r, struct clade_rerun *ret, struct cl_err *e) {
  size_t room = (size_t)cl_study_space(r->study)->n;
  r->values = cl_alloc_array(room + 1, sizeof *r->values);
  r->assigned = cl_alloc_array(room + 1, sizeof *r->assigned);
  if (r->values == NULL || r->assigned == NULL) return CL_FAIL_NOMEM(e);
  for (size_t i = 0; i < r->n; i++) {
    const struct cl_trial *of = cl_study_trial(r->study, r->of[i]);
    struct cl_event ev = {0};
    assert(of != NULL);
    CL_TRY(make_proposal(r, of, &ev, e));
    CL_TRY(propose(r, &ev, &ret[i].trial, e));
    ret[i].of = of->number;
  }
  return 0;
}

int clade_rerun(const char *store, const char *address, bool new_seed, struct clade_rerun **ret,
                size_t *ret_n, struct cl_err *e) {
  if (store == NULL || ret == NULL || ret_n == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "say which trials to run again, and where to put their numbers");
  struct rerunning r = {.new_seed = new_seed};
  struct clade_rerun *list = NULL;
  int status = open_trials(&r, store, address, e);
  if (status >= 0 && (list = cl_alloc_array(r.n, sizeof *list)) == NULL) status = CL_FAIL_NOMEM(e);
  if (status >= 0) status = rerun_all(&r, list, e);
  if (status >= 0) {
    *ret = list;
    *ret_n = r.n;
    list = NULL;
  }
  cl_free(list);
  rerunning_done(&r);
  return status < 0 ? status : 0;
}
