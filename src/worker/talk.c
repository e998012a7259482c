/* The worker's side of the trainer protocol (events.md section 6). Every question is first recorded, then
 * answered from the state of the replica at that moment; so an answer can be given again, by this worker or
 * the next, and is right each time. */
#include "worker/talk_impl.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"

/* Sending. */

void cl_talk_error(struct cl_session *s, bool fatal, const char *field, const char *limit, const char *format,
                   ...) {
  char text[CLADE_ERR_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!cl_text_is_utf8(text, strlen(text))) (void)snprintf(text, sizeof text, "the message is not UTF-8");
  struct cl_message m = {
      .type = CL_MESSAGE_ERROR, .text = text, .field = field, .limit = limit, .fatal = fatal};
  s->open = s->held = false;
  cl_session_send(s, &m);
  if (fatal) cl_session_close(s);
}

static void send_answer(struct cl_session *s, const struct cl_message *m) {
  s->open = s->held = false;
  cl_session_send(s, m);
}

static void send_go(struct cl_session *s) {
  struct cl_message m = {.type = CL_MESSAGE_GO};
  send_answer(s, &m);
}

static bool can(const struct cl_session *s, unsigned what) {
  return (s->can & what) == what;
}

/* Values. */

static struct cl_wire_value wire_value(struct cl_value v) {
  struct cl_wire_value ret = {.kind = CL_WIRE_NULL};
  switch (v.kind) {
  case CL_BOOL:
    ret.kind = CL_WIRE_BOOL;
    ret.boolean = v.as.truth;
    break;
  case CL_INT:
    ret.kind = CL_WIRE_INT;
    ret.integer = v.as.integer;
    break;
  case CL_REAL:
    ret.kind = CL_WIRE_FLOAT;
    ret.number = v.as.real;
    break;
  case CL_TEXT:
    ret.kind = CL_WIRE_TEXT;
    ret.text = v.as.text;
    break;
  default: break;
  }
  return ret;
}

enum which { ALL, CHANGED, CHANGED_LIVE };

/* Fill the worker's pairs with the trial's values; what is given is remembered as known to the trainer. */
static int give_values(struct cl_session *s, enum which which, struct cl_message *m, struct cl_err *e) {
  struct cl_worker *w = s->worker;
  const struct cl_space *space = cl_study_space(w->study);
  CL_TRY(cl_worker_room(w, e));
  if (s->n_given < space->n) {
    uint64_t *given = cl_resize(s->given, (size_t)space->n * sizeof *given);
    if (given == NULL) return CL_FAIL_NOMEM(e);
    for (int i = s->n_given; i < space->n; i++) given[i] = 0;
    s->given = given;
    s->n_given = space->n;
  }
  cl_trial_values(w->study, cl_attempt_trial(s->attempt), w->values);
  size_t n = 0;
  for (int i = 0; i < space->n; i++) {
    uint64_t hash = cl_value_hash(w->values[i], 1);
    bool differs = hash != s->given[i], live = space->items[i].change == CL_LIVE;
    if (w->values[i].kind == CL_ABSENT) continue;
    if ((which != ALL && !differs) || (which == CHANGED_LIVE && !live)) continue;
    s->given[i] = hash;
    w->pairs[n++] = (struct cl_wire_pair){space->items[i].name, wire_value(w->values[i])};
  }
  m->values = w->pairs;
  m->n_values = n;
  return 0;
}

void cl_talk_give_all(struct cl_worker *w, const struct cl_value *values, struct cl_message *m) {
  const struct cl_space *space = cl_study_space(w->study);
  assert(w->cap_pairs >= (size_t)space->n);
  m->values = w->pairs;
  for (int i = 0; i < space->n; i++)
    if (values[i].kind != CL_ABSENT)
      w->pairs[m->n_values++] = (struct cl_wire_pair){space->items[i].name, wire_value(values[i])};
}

/* States. */

/* Memory for its regions, if it has any and some can be had: then `way` and path say so. */
static bool lend(struct cl_session *s, struct cl_message *m) {
  struct cl_attempt *a = s->attempt;
  if (s->bytes == 0) return false; /* also when it has not said that it can */
  if (a->lent != NULL && cl_buffer_is_lost(a->lent)) {
    cl_buffer_return(a->lent);
    a->lent = NULL;
  }
  if (a->lent == NULL) a->lent = cl_buffers_lend(s->worker, s->bytes);
  if (a->lent == NULL) return false;
  m->way = CL_MESSAGE_WAY_REGION;
  m->path = cl_buffer_path(a->lent);
  return true;
}

/* Does it hand itself over by fork? One with regions has the better way. */
static bool forks(const struct cl_session *s) {
  return can(s, CL_MESSAGE_CAN_FORK) && !can(s, CL_MESSAGE_CAN_REGIONS);
}

static bool hands_over(const struct cl_session *s) {
  return can(s, CL_MESSAGE_CAN_SAVE) || forks(s);
}

/* Where its state is to go: into memory, into a twin, else into a directory (*ret_path, to be freed). */
static int choose_place(struct cl_session *s, double step, struct cl_message *m, char **ret_path,
                        struct cl_err *e) {
  if (lend(s, m)) return 0;
  if (forks(s)) {
    m->way = CL_MESSAGE_WAY_FORK;
    m->path = cl_twins_offer(s->attempt);
    return m->path == NULL ? CL_FAIL(e, CLADE_EIO, "the system gives no random bytes") : 0;
  }
  *ret_path = cl_talk_checkpoint_path(s, step, ".new");
  if (*ret_path == NULL) return CL_FAIL_NOMEM(e);
  m->way = CL_MESSAGE_WAY_DIRECTORY;
  m->path = *ret_path;
  return 0;
}

/* Where a state is; what it is told to load is held until it has. CLADE_EMPTY: it cannot be had now. */
static int find_state(struct cl_session *s, const struct cl_snapshot *from, char **ret, struct cl_err *e) {
  struct cl_attempt *a = s->attempt;
  struct cl_buffer *buffer = NULL;
  int status = cl_buffers_locate(s->worker, from, ret, &buffer, e);
  if (status != 0) return status;
  if (buffer != NULL) cl_buffer_hold(buffer);
  cl_buffer_release(a->reading);
  a->reading = buffer;
  return 0;
}

static bool wants_save(const struct cl_session *s) {
  const struct cl_attempt *a = s->attempt;
  assert(hands_over(s) && s->report != 0);
  if (a->saved_step == s->step || a->damaged) return false;
  return forks(s) || cl_worker_has_room(s->worker, s);
}

/* Before its end: into a directory only, and not if that is done already. */
static bool wants_last_save(const struct cl_session *s) {
  const struct cl_attempt *a = s->attempt;
  bool wants = can(s, CL_MESSAGE_CAN_SAVE) && s->report != 0 && !a->damaged &&
               (!(a->saved_step == s->step) || a->saved_as_twin);
  return wants && cl_worker_has_room(s->worker, s);
}

/* Answers. */

void cl_talk_no_memory(struct cl_session *s, const struct cl_err *e) {
  cl_worker_fail(s->worker, e);
  cl_session_close(s);
}

/* pause or stop; with a state saved first when that is wanted and can be had. */
static void answer_end(struct cl_session *s, enum cl_message_type type, bool save) {
  struct cl_err e;
  bool wanted = save && wants_last_save(s);
  char *path = wanted ? cl_talk_checkpoint_path(s, s->step, ".new") : NULL;
  struct cl_message m = {.type = type, .save = path};
  if (wanted && path == NULL) {
    (void)CL_FAIL_NOMEM(&e);
    cl_talk_no_memory(s, &e);
    return;
  }
  s->told_to_end = true;
  s->farewell = s->saving = path != NULL;
  if (path == NULL && s->attempt != NULL) cl_life_urge(s->attempt, CL_URGE_SOON);
  send_answer(s, &m);
  cl_free(path);
}

static void answer_save(struct cl_session *s) {
  struct cl_err e;
  char *path = NULL;
  struct cl_message m = {.type = CL_MESSAGE_SAVE};
  if (choose_place(s, s->step, &m, &path, &e) < 0) {
    cl_talk_no_memory(s, &e);
    return;
  }
  if (m.way == CL_MESSAGE_WAY_FORK) {
    m = (struct cl_message){.type = CL_MESSAGE_FORK, .token = m.path};
    (void)cl_talk_await(s, m.token);
    cl_text_clear(&s->path);
    s->twins_asked = 0;
  }
  s->saving = true;
  send_answer(s, &m);
  cl_free(path);
}

/* The step at which a state will be wanted: that at which the scheduler asks, else that at which training
 * ends. A twin of a program that ends is of no use. */
static double next_save(const struct cl_session *s) {
  const struct cl_worker_options *o = &s->worker->options;
  double until = cl_attempt_trial(s->attempt)->head.until;
  if (isfinite(until)) return until;
  return forks(s) || o->last == NULL ? CL_NO_STEP : o->last(o->ctx);
}

static int announce(struct cl_session *s, struct cl_message *m, char **ret_path, struct cl_err *e) {
  double step = next_save(s);
  if (!isfinite(step) || !hands_over(s) || (s->report != 0 && s->step >= step)) return 0;
  if (!forks(s) && !cl_worker_has_room(s->worker, s)) return 0;
  m->has_save_at = true;
  m->save_at = s->save_at = step;
  CL_TRY(choose_place(s, step, m, ret_path, e));
  s->expects = !forks(s); /* memory counts, too: its copy will need as much */
  return 0;
}

static void answer_go(struct cl_session *s) {
  struct cl_message m = {.type = CL_MESSAGE_GO};
  struct cl_err e;
  char *path = NULL;
  int status = give_values(s, s->may_differ ? CHANGED : CHANGED_LIVE, &m, &e);
  s->may_differ = false;
  s->expects = false;
  if (status == 0) status = announce(s, &m, &path, &e);
  if (m.n_values > 0) m.change = s->attempt->changed;
  if (status < 0)
    cl_talk_no_memory(s, &e);
  else
    send_answer(s, &m);
  cl_free(path);
}

static const struct cl_snapshot *pending_load(const struct cl_session *s) {
  const struct cl_worker *w = s->worker;
  const struct cl_trial *t = cl_attempt_trial(s->attempt);
  return cl_head_wants_load(&t->head) ? cl_study_snapshot(w->study, t->head.source) : NULL;
}

static enum cl_message_way way_of(const struct cl_snapshot *n) {
  return n->way == CL_WAY_DIRECTORY ? CL_MESSAGE_WAY_DIRECTORY : CL_MESSAGE_WAY_REGION;
}

static void put_gone(struct cl_session *s, const struct cl_snapshot *from);

/* A trainer that cannot load what it is to load ends, and the trial's next attempt begins from the snapshot.
 */
static void begin_again(struct cl_session *s) {
  struct cl_err e;
  s->held = true; /* until it is PREEMPTING */
  if (cl_life_preempt(s->attempt, 0, &e) < 0) cl_talk_no_memory(s, &e);
}

/* A process cannot become another one: it ends, and the trial's next attempt is a clone of the twin. */
static void answer_clone(struct cl_session *s, const struct cl_snapshot *from) {
  if (cl_twins_find(s->worker, from) == CLADE_EMPTY)
    put_gone(s, from);
  else
    begin_again(s);
}

static void answer_load(struct cl_session *s, const struct cl_snapshot *from) {
  struct cl_err e;
  char *path = NULL;
  bool gone = false;
  struct cl_message m = {
      .type = CL_MESSAGE_LOAD, .change = cl_attempt_trial(s->attempt)->head.load, .way = way_of(from)};
  int status = cl_snapshot_look(s->worker, from, &gone, &e);
  if (gone) {
    put_gone(s, from);
    return;
  }
  if (status == 0) status = find_state(s, from, &path, &e);
  if (status == CLADE_EMPTY) {
    s->held = true; /* another worker's memory: until its copy is written */
    return;
  }
  m.path = path;
  if (status == 0) status = give_values(s, CHANGED, &m, &e);
  s->may_differ = true;
  if (status < 0)
    cl_talk_no_memory(s, &e);
  else
    send_answer(s, &m);
  cl_free(path);
}

/* Must the report wait for a decision (events.md 1, `until`)? */
static bool must_wait(const struct cl_session *s, const struct cl_trial *t) {
  return s->report != 0 && !isnan(t->head.until) && s->step >= t->head.until &&
         s->attempt->released < s->report;
}

/* A state was to be loaded and could not: the exploit is voided, and decided again. */
static bool has_failed_load(const struct cl_session *s, const struct cl_trial *t) {
  bool decides = cl_study_settings(s->worker->study)->schedule != NULL;
  return cl_head_failed_to_load(&t->head) || ((t->head.flags & CL_FLAG_VOIDED) && decides);
}

/* Does the trial's assignment have values that its process can take up? Those of change class `restart` need
 * a new one. */
static bool fits_process(struct cl_session *s) {
  struct cl_worker *w = s->worker;
  cl_trial_values(w->study, cl_attempt_trial(s->attempt), w->values);
  uint64_t fixed = cl_attempt_fixed(cl_study_space(w->study), w->values);
  return s->attempt->fixed == 0 || s->attempt->fixed == fixed;
}

/* Its state was asked for, and there is no place for it; or it is saved already. */
static void leave_unsaved(struct cl_session *s) {
  s->attempt->asked = 0;
  if (!(s->attempt->saved_step == s->step))
    cl_talk_put_note(s, CL_NOTE_NOT_SAVED,
                     s->attempt->damaged ? "its process has lost it" : "the disk budget is used up");
}

static void answer_running(struct cl_session *s, const struct cl_trial *t) {
  struct cl_attempt *a = s->attempt;
  const struct cl_snapshot *load = pending_load(s);
  if ((t->head.flags & CL_FLAG_PREEMPTING) || a->urge != CL_URGE_NONE) {
    answer_end(s, CL_MESSAGE_STOP, load == NULL); /* else another state is to replace its own */
  } else if (a->preempting_put || has_failed_load(s, t)) {
    s->held = true;
  } else if (load != NULL && load->way == CL_WAY_FORK) {
    answer_clone(s, load);
  } else if (load != NULL && load->path != NULL) {
    if (can(s, CL_MESSAGE_CAN_LOAD) && fits_process(s))
      answer_load(s, load);
    else
      begin_again(s);
  } else if (a->asked != 0 && s->report != 0 && hands_over(s)) {
    if (wants_save(s))
      answer_save(s);
    else
      leave_unsaved(s);
    if (a->asked == 0 && !s->closing) answer_running(s, t);
  } else if (must_wait(s, t)) {
    s->held = true;
  } else if (a->damaged) {
    begin_again(s);
  } else {
    answer_go(s);
  }
}

void cl_talk_answer(struct cl_session *s) {
  assert(s->open);
  struct cl_attempt *a = s->attempt;
  if (a == NULL || !cl_attempt_is_current(a)) {
    answer_end(s, CL_MESSAGE_STOP, false);
    return;
  }
  if (s->farewell) {
    s->farewell = false;
    cl_life_urge(a, CL_URGE_SOON);
    send_go(s);
    return;
  }
  const struct cl_trial *t = cl_attempt_trial(a);
  switch (t->head.state) {
  case CL_RUNNING: answer_running(s, t); break;
  case CL_PAUSED: answer_end(s, CL_MESSAGE_PAUSE, true); break;
  case CL_WAITING: /* continued before it heard of the pause: its start is put, unless this worker ends */
    if (a->worker->shutdown != 0)
      answer_end(s, CL_MESSAGE_PAUSE, true);
    else
      s->held = true;
    break;
  default: answer_end(s, CL_MESSAGE_STOP, false);
  }
}

/* Recording. */

/* Count down, and say whether the session can still be answered. */
bool cl_talk_is_told(struct cl_session *s, const struct cl_append *result) {
  s->puts--;
  if (s->closing) return false;
  if (result->status >= 0 || result->status == CLADE_EREFUSED || result->status == CLADE_ECONFLICT)
    return true;
  cl_session_close(s); /* not recorded: it comes again and repeats its question */
  return false;
}

int cl_talk_put(struct cl_session *s, struct cl_event *ev, cl_log_told *told, struct cl_err *e) {
  ev->subject = s->trial;
  ev->attempt = s->number;
  CL_TRY(cl_worker_put(s->worker, ev, told, s, e));
  s->holds++;
  s->puts++;
  return 0;
}

void cl_talk_put_or_fail(struct cl_session *s, struct cl_event *ev, cl_log_told *told) {
  struct cl_err e;
  if (cl_talk_put(s, ev, told, &e) < 0) cl_talk_no_memory(s, &e);
}

/* Legal in itself and in the trial's state? An event that is not would fail the commit of everybody. */
int cl_talk_check(const struct cl_session *s, const struct cl_event *ev, struct cl_err *e) {
  struct cl_event copy = *ev;
  bool late;
  copy.subject = s->trial;
  copy.attempt = s->number;
  CL_TRY(cl_event_check(&copy, e));
  return cl_head_admit(cl_study_head(s->worker->study), &cl_study_trial(s->worker->study, s->trial)->head,
                       &copy, &late, e);
}

void cl_talk_told_nothing(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  (void)ev;
  (void)result;
  s->puts--;
  cl_session_release(s);
}

void cl_talk_put_note(struct cl_session *s, const char *name, const char *text) {
  struct cl_event ev = {.kind = CL_EVENT_NOTE};
  ev.u.note.what = CL_NOTE_TEXT;
  ev.u.note.name = name;
  ev.u.note.text = text;
  if (cl_event_check(&ev, NULL) == 0) cl_talk_put_or_fail(s, &ev, cl_talk_told_nothing);
  cl_worker_say(s->worker, s->trial, "%s: %s", name, text);
}

/* hello. */

static void send_start(struct cl_session *s) {
  struct cl_attempt *a = s->attempt;
  struct cl_worker *w = s->worker;
  const struct cl_trial *t = cl_attempt_trial(a);
  struct cl_message m = {.type = CL_MESSAGE_START,
                         .seed = (int64_t)cl_trial_seed(w->study, t),
                         .change = a->started,
                         .reports = t->head.reports};
  struct cl_err e;
  char *path = NULL, *load = NULL;
  const struct cl_snapshot *from = a->from == 0 || a->loaded ? NULL : cl_study_snapshot(w->study, a->from);
  if (from != NULL && from->way != CL_WAY_DIRECTORY && s->bytes == 0)
    from = NULL; /* its regions come later */
  int status = give_values(s, ALL, &m, &e);
  if (status == 0 && t->head.reports == 0) a->fixed = cl_attempt_fixed(cl_study_space(w->study), w->values);
  if (status == 0) status = announce(s, &m, &path, &e);
  if (status == 0 && from != NULL && from->path != NULL && t->head.reports == 0 &&
      can(s, CL_MESSAGE_CAN_LOAD)) {
    status = find_state(s, from, &load, &e);
    if (status == CLADE_EMPTY) { /* whose place, then, is empty: it says so, and the start is decided again */
      load = cl_attempt_path(w->study, 0, 0, from->path);
      status = load == NULL ? CL_FAIL_NOMEM(&e) : 0;
    }
    m.load = load;
  }
  if (status < 0)
    cl_talk_no_memory(s, &e);
  else
    send_answer(s, &m);
  cl_free(path);
  cl_free(load);
}

/* A clone of a twin has its state: that is told for it, once. */
static void put_cloned(struct cl_session *s) {
  struct cl_attempt *a = s->attempt;
  struct cl_event ev = {.kind = CL_EVENT_LOADED};
  ev.u.loaded.change = a->started;
  ev.u.loaded.snapshot = a->from;
  if (a->clone_told || cl_talk_check(s, &ev, NULL) < 0) return;
  a->clone_told = true;
  cl_talk_put_or_fail(s, &ev, cl_talk_told_nothing);
}

/* A program that says hello for the first time when its trial has been decided about already ends at once. */
static bool ends_at_hello(const struct cl_session *s, const struct cl_trial *t) {
  if (!cl_attempt_is_current(s->attempt)) return true;
  return s->ordinal == 0 && t->head.reports == 0 && t->head.state != CL_RUNNING &&
         t->head.state != CL_WAITING;
}

static void told_hello(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  (void)ev;
  if (cl_talk_is_told(s, result)) {
    if (s->attempt == NULL || ends_at_hello(s, cl_attempt_trial(s->attempt)))
      cl_talk_answer(s);
    else
      send_start(s);
  }
  cl_session_release(s);
}

static void write_capabilities(unsigned can_do, char ret[60]) {
#define CL_X(id, bit, word) {1u << (bit), word},
  static const struct {
    unsigned bit;
    const char *word;
  } all[] = {CL_MESSAGE_CAN_MAP(CL_X)};
#undef CL_X
  size_t n = 0;
  ret[0] = '\0';
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (can_do & all[i].bit) n += (size_t)snprintf(ret + n, 60 - n, "%s%s", n > 0 ? " " : "", all[i].word);
}

/* An attempt that nobody follows, although its process is here: does its lock say whose it is? */
static void name_clone(struct cl_attempt *a, const struct cl_session *s) {
  struct cl_attempt_probe probe;
  pid_t pid = 0;
  int64_t start = 0;
  if (cl_attempt_look(a->worker->study, a->trial, a->number, &probe, NULL) < 0) return;
  if (probe.held && !probe.named && cl_twins_peer(s, &pid, &start)) cl_recover_name(a, pid, start);
}

/* Who is it? An attempt in hand; or one whose token its directory confirms: outdated. */
static int find_speaker(struct cl_session *s, const char *token, struct cl_err *e) {
  struct cl_worker *w = s->worker;
  struct cl_attempt_probe probe;
  int64_t trial;
  int number;
  if (!cl_token_parse(token, &trial, &number) || cl_study_trial(w->study, trial) == NULL)
    return CL_FAIL(e, CLADE_ESTALE, "no attempt has this token");
  struct cl_attempt *a = cl_attempts_find(w, trial, number);
  if (a == NULL || strcmp(a->token, token) != 0) {
    CL_TRY(cl_attempt_look(w->study, trial, number, &probe, e));
    if (!probe.found || strcmp(probe.token, token) != 0)
      return CL_FAIL(e, CLADE_ESTALE, "no attempt has this token");
  }
  if (a != NULL && a->phase == CL_PHASE_LEAVING) name_clone(a, s);
  if (a != NULL && a->phase != CL_PHASE_SPAWNING && a->phase != CL_PHASE_RUNNING) return CLADE_BUSY;
  const struct cl_trial *t = cl_study_trial(w->study, trial);
  if (a == NULL && t->head.attempt == number && (t->head.flags & CL_ATTEMPT_OPEN)) return CLADE_BUSY;
  s->trial = trial;
  s->number = (int32_t)number;
  s->attempt = a;
  return 0;
}

static void hear_twin(struct cl_session *s, const char *token) {
  int status = cl_twins_hello(s, token);
  if (status == CLADE_ESTALE)
    cl_talk_error(s, true, "token", NULL, "no twin has this token");
  else if (status != 0)
    cl_session_close(s);
}

static void hear_hello(struct cl_session *s, const struct cl_message *m) {
  struct cl_err e;
  char capabilities[60];
  if (m->protocol != CL_MESSAGE_PROTOCOL) {
    cl_talk_error(s, true, "protocol", "1",
                  "protocol %lld is not spoken here; update clade or the trainer's library",
                  (long long)m->protocol);
    return;
  }
  if (cl_remake_is_token(m->token)) {
    if (!cl_remake_hello(s, m))
      cl_talk_error(s, true, "token", NULL, "nothing is made again under this token");
    return;
  }
  if (cl_twins_is_token(m->token)) {
    hear_twin(s, m->token);
    return;
  }
  int status = find_speaker(s, m->token, &e);
  bool newborn = status == 0 && s->attempt != NULL && s->attempt->cloned && s->attempt->pid == 0;
  if (newborn) status = cl_twins_born(s->attempt, s, &e);
  if (status == CLADE_ESTALE) {
    cl_talk_error(s, true, "token", NULL, "%s", e.text);
    return;
  }
  if (status != 0) { /* about to be adopted, or another worker's: it comes again, by its socket file; or
                        nobody can look now, which is no fault of its own */
    cl_session_close(s);
    return;
  }
  s->open = true;
  s->question = CL_MESSAGE_HELLO;
  s->can = m->can;
  s->bytes = (m->can & CL_MESSAGE_CAN_REGIONS) ? m->bytes : 0;
  s->ordinal = m->reports;
  if (s->bytes > 0) cl_buffers_expect(s->worker, s->bytes);
  if (s->attempt == NULL) {
    cl_talk_answer(s);
    return;
  }
  struct cl_session *old = s->attempt->session;
  s->attempt->session = s;
  if (old != NULL) cl_session_close(old);
  cl_attempt_unfollow(s->attempt); /* from here it reports itself */
  write_capabilities(m->can, capabilities);
  struct cl_event ev = {.kind = CL_EVENT_CONNECTED};
  ev.u.connected.protocol = (int)m->protocol;
  ev.u.connected.capabilities = capabilities;
  cl_talk_put_or_fail(s, &ev, told_hello);
  if (s->attempt != NULL && s->attempt->cloned) put_cloned(s);
}

/* loaded, done. */

/* What it was to load cannot be had any more: it could not be loaded, without its being asked. So the process
 * stays as it is, until that is decided about. */
static void told_gone(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  (void)ev;
  if (cl_talk_is_told(s, result)) cl_talk_answer(s);
  cl_session_release(s);
}

static void put_gone(struct cl_session *s, const struct cl_snapshot *from) {
  struct cl_event ev = {.kind = CL_EVENT_LOADED};
  struct cl_err e;
  s->held = true;
  if (s->attempt->missing_put) return;
  ev.u.loaded.change = cl_attempt_trial(s->attempt)->head.load;
  ev.u.loaded.snapshot = from->position;
  ev.u.loaded.error =
      from->way == CL_WAY_DIRECTORY
          ? "the state is gone"
          : "the state was in the memory of a worker that is gone, and no copy of it had been written";
  if (cl_talk_check(s, &ev, &e) < 0) return;
  s->attempt->missing_put = true;
  cl_talk_put_or_fail(s, &ev, told_gone);
  if (cl_snapshot_put_gone(s->worker, s->trial, from, &e) < 0) cl_talk_no_memory(s, &e);
}

static void told_loaded(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  if (cl_talk_is_told(s, result)) {
    if (s->attempt != NULL && ev->u.loaded.change == s->attempt->started) s->attempt->loaded = true;
    if (ev->u.loaded.error == NULL) s->may_differ = false;
    cl_talk_answer(s);
  }
  cl_session_release(s);
}

static void hear_loaded(struct cl_session *s, const struct cl_message *m) {
  struct cl_event ev = {.kind = CL_EVENT_LOADED};
  struct cl_err e;
  struct cl_attempt *a = s->attempt;
  if (a == NULL) {
    cl_talk_answer(s);
    return;
  }
  const struct cl_trial *t = cl_attempt_trial(a);
  bool of_start = m->change == a->started && a->from != 0;
  bool again = m->error != NULL && m->change == a->failed; /* told before, and perhaps voided since */
  if (!of_start && !again && m->change != t->head.load && m->change != a->changed) {
    cl_talk_error(s, false, "change", NULL, "no load belongs to the change %lld", (long long)m->change);
    return;
  }
  ev.u.loaded.change = m->change;
  ev.u.loaded.snapshot = of_start ? a->from : cl_trial_resume_from(s->worker->study, t);
  ev.u.loaded.missing.n = (int)m->n_missing;
  ev.u.loaded.missing.items = m->missing;
  ev.u.loaded.error = m->error;
  if (m->error != NULL) cl_worker_say(s->worker, s->trial, "a state could not be loaded: %s", m->error);
  if (!of_start) cl_talk_remember_report(s);
  int status = cl_talk_check(s, &ev, &e);
  if (status < 0)
    cl_talk_error(s, false, "change", NULL, "%s", e.text);
  else
    cl_talk_put_or_fail(s, &ev, told_loaded);
}

static void told_done(void *ctx, const struct cl_event *ev, const struct cl_append *result) {
  struct cl_session *s = ctx;
  (void)ev;
  if (cl_talk_is_told(s, result)) {
    s->told_to_end = true;
    send_go(s);
  }
  cl_session_release(s);
}

/* The computed objective is a report of its own, before the trial is complete. */
static int put_computed(struct cl_session *s, struct cl_err *e) {
  struct cl_worker *w = s->worker;
  struct cl_attempt *a = s->attempt;
  const struct cl_trial *t = cl_attempt_trial(a);
  double value;
  if (cl_study_settings(w->study)->computed == NULL || a->computed_put || !cl_attempt_is_current(a)) return 0;
  a->computed_put = true;
  int status = cl_computed_value(w->log, t, &value, e);
  if (status != 0) return status < 0 ? status : 0;
  struct cl_metric metric = {.name = cl_study_settings(w->study)->objectives[0].name, .value = value};
  struct cl_event ev = {.kind = CL_EVENT_REPORTED};
  ev.u.reported.ordinal = t->head.reports + 1;
  ev.u.reported.step = t->head.step;
  ev.u.reported.metrics.n = 1;
  ev.u.reported.metrics.items = &metric;
  return cl_talk_put(s, &ev, cl_talk_told_nothing, e);
}

static void hear_done(struct cl_session *s) {
  struct cl_event ev = {.kind = CL_EVENT_DONE};
  struct cl_err e;
  if (s->attempt == NULL) {
    cl_talk_answer(s);
    return;
  }
  int status = cl_talk_check(s, &ev, &e);
  if (status < 0) {
    cl_talk_error(s, false, NULL, NULL, "%s", e.text);
    return;
  }
  if (status == 0) status = put_computed(s, &e);
  if (status < 0)
    cl_talk_no_memory(s, &e);
  else
    cl_talk_put_or_fail(s, &ev, told_done);
}

/* Lines. */

static void hear(struct cl_session *s, const struct cl_message *m, const char *line, size_t n) {
  s->open = true;
  s->question = m->type;
  switch (m->type) {
  case CL_MESSAGE_REPORT: cl_talk_hear_report(s, m, line, n); break;
  case CL_MESSAGE_SAVED: cl_talk_hear_saved(s, m); break;
  case CL_MESSAGE_LOADED: hear_loaded(s, m); break;
  case CL_MESSAGE_DONE: hear_done(s); break;
  default:
    cl_talk_error(s, false, "type", "hello, report, saved, loaded or done", "'%s' is said by the worker only",
                  cl_message_type_text(m->type));
  }
}

void cl_talk_line(struct cl_session *s, const char *line, size_t n) {
  struct cl_message m;
  struct cl_err e;
  if (s->open) { /* also a twin's: it speaks when it has been asked to fork */
    cl_talk_error(s, true, NULL, NULL,
                  "a second question came before the first was answered: one is open at a time");
    return;
  }
  int status = cl_message_parse(line, n, &s->memory, &m, &e);
  if (status == CLADE_ENOMEM) {
    cl_session_close(s); /* nothing is wrong with the message: it comes again */
  } else if (status < 0) {
    cl_talk_error(s, false, NULL, NULL, "%s", e.text);
  } else if (s->twin != NULL) {
    cl_twins_hear(s, &m);
  } else if (s->remake != NULL || s->superseded) {
    cl_remake_hear(s, &m);
  } else if (s->trial == 0 && m.type != CL_MESSAGE_HELLO) {
    cl_talk_error(s, true, "type", "hello", "the first message was '%s'", cl_message_type_text(m.type));
  } else if (s->trial == 0) {
    hear_hello(s, &m);
  } else if (m.type == CL_MESSAGE_HELLO) {
    cl_talk_error(s, false, "type", "said once", "hello was said already on this connection");
  } else {
    hear(s, &m, line, n);
  }
}
