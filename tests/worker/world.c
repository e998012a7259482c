#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "query/timetable.h"

/* Ends with its test, too: when its directory is gone. */
const char world_patient[] = "cd \"$CLADE_DIR/attempt-$CLADE_ATTEMPT\"; env > env.new; mv env.new env; "
                             "i=0; while [ ! -e end ] && [ -e \"$CLADE_DIR\" ] && [ $i -lt 9000 ]; "
                             "do sleep 0.01; i=$((i + 1)); done; exit $(cat end)";

static void remember(void *ctx, int64_t trial, const char *text) {
  struct world *w = ctx;
  cl_text_format(&w->said, "%lld: %s\n", (long long)trial, text);
}

static double first_until(void *ctx, const struct cl_trial *t) {
  struct world *w = ctx;
  return isnan(t->head.until) ? w->until : t->head.until;
}

/* The keys of `more` replace those of the plain settings. */
static char *settings_of(const struct world *w, const char *script, const char *more) {
  struct cl_text t = {0};
  json_error_t why;
  cl_text_format(&t, "{%s}", more[0] == ',' ? more + 1 : more);
  json_t *changes = json_loads(cl_text_get(&t), 0, &why);
  if (changes == NULL) fail_msg("%s: %s", cl_text_get(&t), why.text);
  json_t *all = json_pack(
      "{s:s, s:s, s:[s,s,s], s:s, s:[{s:s,s:s,s:s}], s:[{s:i,s:s,s:s,s:f,s:f},{s:i,s:s,s:s,s:[s,s]}], s:{s:s}, s:i, "
      "s:i}",
      "study", "s", "origin", "native", "program", "/bin/sh", "-c", script, "cwd", w->directory, "objectives",
      "name", "loss", "goal", "minimize", "reduce", "last", "hyperparameters", "id", 1, "name", "lr",
      "domain", "float", "lo", 0.0, "hi", 10.0, "id", 2, "name", "opt", "domain", "unordered", "values",
      "adam", "sgd", "search", "method", "random", "trials", 1000, "parallel", 2);
  assert_non_null(all);
  assert_int_equal(json_object_update(all, changes), 0);
  char *dump = json_dumps(all, 0), *text = cl_copy_text(dump);
  free(dump);
  json_decref(all);
  json_decref(changes);
  cl_text_done(&t);
  return text;
}

static char *double_braces(const char *script) {
  struct cl_text t = {0};
  for (; *script != '\0'; script++) {
    if (*script == '{' || *script == '}') cl_text_add_char(&t, *script);
    cl_text_add_char(&t, *script);
  }
  return cl_text_take(&t);
}

static void create_study(struct world *w, const char *script, const char *more) {
  struct cl_store_options options = {.mode = CL_STORE_CREATE};
  struct cl_store *store = NULL;
  struct cl_err e = {0};
  char directory[100], *plain = double_braces(script), *settings = settings_of(w, plain, more);
  (void)snprintf(directory, sizeof directory, "%s/clade.db.d", w->directory);
  struct cl_event ev = {.kind = CL_EVENT_CREATED, .cause = CL_CAUSE_HUMAN};
  ev.u.created.name = "s";
  ev.u.created.uuid = "4f2c";
  ev.u.created.spec = "";
  ev.u.created.settings = settings;
  ev.u.created.directory = directory;
  ev.u.created.provenance = "{}";
  ev.u.created.seed = 7;
  if (cl_store_open(w->address, &options, &store, &e) < 0) fail_msg("%s", e.text);
  if (cl_store_create(store, &ev, &w->study, &e) < 0) fail_msg("%s", e.text);
  cl_store_close(store);
  cl_free(settings);
  cl_free(plain);
}

void world_begin(struct world *w, const char *script, const char *more) {
  *w = (struct world){.until = CL_NO_STEP};
  (void)snprintf(w->directory, sizeof w->directory, "/tmp/clade-worker-XXXXXX");
  assert_non_null(mkdtemp(w->directory));
  (void)snprintf(w->address, sizeof w->address, "%s/clade.db", w->directory);
  create_study(w, script, more);
  world_open(w);
}

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

void world_open(struct world *w) {
  struct cl_store_options options = {.mode = CL_STORE_WRITE};
  struct cl_log_options log = {0};
  struct cl_err e = {0};
  if (cl_store_open(w->address, &options, &w->store, &e) < 0) fail_msg("%s", e.text);
  if (cl_log_open(w->store, w->study, &log, &w->log, &e) < 0) fail_msg("%s", e.text);
  w->s = cl_log_study(w->log);
  if (w->loop_open) return;
  assert_int_equal(uv_loop_init(&w->loop), 0);
  assert_int_equal(uv_timer_init(&w->loop, &w->tick), 0);
  assert_int_equal(uv_timer_start(&w->tick, on_tick, 50, 50), 0);
  w->loop_open = true;
}

void world_close(struct world *w) {
  cl_worker_destroy(w->worker);
  w->worker = NULL;
  if (w->loop_open) {
    uv_close((uv_handle_t *)&w->tick, NULL);
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
  }
  w->loop_open = false;
  cl_log_close(w->log);
  cl_store_close(w->store);
  w->log = NULL;
  w->store = NULL;
}

/* Whatever a test has left running is killed first. */
void world_end(struct world *w) {
  if (w->worker != NULL) {
    cl_worker_shutdown(w->worker, CL_SHUTDOWN_KILL, 0);
    WORLD_UNTIL(w, world_is_idle(w));
  }
  world_close(w);
  cl_text_done(&w->said);
  assert_int_equal(cl_dir_remove(w->directory, NULL), 0);
}

int world_try_to_work(struct world *w, int slots, struct cl_err *e) {
  struct cl_worker_options o = w->options;
  o.log = w->log;
  o.loop = &w->loop;
  o.slots = slots;
  o.until = first_until;
  o.say = remember;
  o.ctx = w;
  return cl_worker_create(&o, &w->worker, e);
}

int world_way(void *ctx, int64_t snapshot, struct cl_remake_way *ret, struct cl_err *e) {
  const struct world *w = ctx;
  struct cl_reader *reader = NULL;
  struct cl_lineage lineage = {0};
  struct cl_remake_way way = {0};
  CL_TRY(cl_reader_open(w->store, w->study, &reader, e));
  int status = cl_timetable_read_state(reader, snapshot, &way.table, &lineage, e);
  if (status == 0) status = cl_course_make(&way.table, cl_study_space(w->s), &way.course, e);
  if (status == 0) way.legs = cl_alloc_array(lineage.n, sizeof *way.legs);
  if (status == 0 && way.legs == NULL) status = CL_FAIL_NOMEM(e);
  for (; status == 0 && way.n < lineage.n; way.n++)
    way.legs[way.n] = (struct cl_remake_leg){.trial = lineage.legs[way.n].trial,
                                             .attempt = lineage.legs[way.n].attempt,
                                             .to = lineage.legs[way.n].to};
  if (status < 0)
    cl_remake_way_done(&way);
  else
    *ret = way;
  cl_lineage_done(&lineage);
  cl_reader_close(reader);
  return status;
}

void world_work(struct world *w, int slots) {
  struct cl_err e = {0};
  if (world_try_to_work(w, slots, &e) < 0) fail_msg("%s", e.text);
  if (cl_worker_recover(w->worker, &e) < 0) fail_msg("%s", e.text);
  world_turn(w);
}

void world_work_off(struct world *w, int slots) {
  world_work(w, slots);
  WORLD_UNTIL(w, world_is_idle(w));
}

static struct cl_append append(struct world *w, const struct cl_event *ev) {
  struct cl_append result = {0};
  struct cl_err e = {0};
  if (cl_log_append(w->log, ev, &result, &e) < 0) fail_msg("%s", e.text);
  return result;
}

int64_t world_propose(struct world *w, double lr) {
  struct cl_assigned values[] = {{1, cl_value_real(lr)}, {2, cl_value_text("sgd")}};
  struct cl_event ev = {.kind = CL_EVENT_PROPOSED,
                        .subject = cl_study_trials(w->s) + 1,
                        .cause = CL_CAUSE_SEARCH,
                        .as_of = cl_log_position(w->log)};
  ev.u.proposed.role = CL_ROLE_SEARCH;
  ev.u.proposed.space_version = 1;
  ev.u.proposed.values = (struct cl_assigned_list){2, values};
  assert_int_equal(append(w, &ev).status, 0);
  return ev.subject;
}

int64_t world_decide(struct world *w, int64_t trial, struct cl_event ev) {
  ev.subject = trial;
  ev.seen = world_trial(w, trial)->head.version;
  ev.as_of = cl_log_position(w->log);
  struct cl_append result = append(w, &ev);
  if (result.status != 0) world_show(w);
  assert_int_equal(result.status, 0);
  world_turn(w);
  return result.position;
}

void world_turn(struct world *w) {
  struct cl_err e = {0};
  for (bool more = true; more;) {
    if (w->worker != NULL && cl_worker_turn(w->worker, &e) < 0) fail_msg("%s", e.text);
    more = cl_log_has_put(w->log);
    if (cl_log_commit(w->log, &e) < 0) fail_msg("%s", e.text);
  }
}

void world_round(struct world *w) {
  (void)uv_run(&w->loop, UV_RUN_ONCE);
  world_turn(w);
}

const struct cl_trial *world_trial(const struct world *w, int64_t trial) {
  return cl_study_trial(w->s, trial);
}

int world_state(const struct world *w, int64_t trial) {
  return world_trial(w, trial)->head.state;
}

bool world_is_idle(const struct world *w) {
  return cl_worker_busy(w->worker) == 0;
}

/* Files. */

char *world_path(struct world *w, int64_t trial, int attempt, const char *name) {
  char *path = cl_attempt_path(w->s, trial, attempt, name);
  assert_non_null(path);
  return path;
}

void world_touch(struct world *w, int64_t trial, int attempt, const char *name, const char *text) {
  char *path = world_path(w, trial, attempt, name);
  assert_int_equal(cl_file_write(path, text, strlen(text), false, NULL), 0);
  cl_free(path);
}

bool world_has(struct world *w, int64_t trial, int attempt, const char *name) {
  char *path = world_path(w, trial, attempt, name);
  bool has = cl_path_exists(path);
  cl_free(path);
  return has;
}

char *world_read(struct world *w, int64_t trial, int attempt, const char *name) {
  char *path = world_path(w, trial, attempt, name), *text = NULL;
  struct cl_err e = {0};
  if (cl_file_read(path, 1 << 20, &text, NULL, &e) < 0) fail_msg("%s", e.text);
  cl_free(path);
  return text;
}

bool world_process_is(pid_t pid, char state) {
  char path[40], *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  bool is = cl_file_read(path, 4096, &text, NULL, NULL) == 0 && strrchr(text, ')')[2] == state;
  cl_free(text);
  return is;
}

/* Events. */

struct telling {
  struct cl_text text;
  int64_t trial;
  enum cl_kind kind;
  json_t *last;
  int count;
};

static int tell(void *ctx, const struct cl_event *ev) {
  struct telling *t = ctx;
  struct cl_text line = {0};
  if (t->trial >= 0 && ev->subject != t->trial) return 0;
  cl_event_write_json(ev, &line);
  cl_text_format(&t->text, "%lld %s\n", (long long)ev->position, cl_text_get(&line));
  if (ev->kind == t->kind) {
    json_decref(t->last);
    t->last = json_loads(cl_text_get(&line), 0, NULL);
    t->count++;
  }
  cl_text_done(&line);
  return 0;
}

static struct telling tell_all(struct world *w, int64_t trial, enum cl_kind kind) {
  struct telling t = {.trial = trial, .kind = kind};
  struct cl_err e = {0};
  if (cl_store_read(w->store, w->study, &(struct cl_read){0}, tell, &t, &e) < 0) fail_msg("%s", e.text);
  return t;
}

void world_show(struct world *w) {
  struct telling t = tell_all(w, -1, CL_EVENT_NONE);
  for (char *line = t.text.bytes, *end; line != NULL && *line != '\0'; line = end + 1) {
    end = strchr(line, '\n');
    if (strstr(line, "\"created\"") == NULL || strstr(line, "\"created\"") > end)
      print_message("# %.*s\n", (int)(end - line), line);
  }
  print_message("# %s\n", cl_text_get(&w->said));
  cl_text_done(&t.text);
}

char *world_story(struct world *w, int64_t trial) {
  struct telling t = tell_all(w, trial, CL_EVENT_NONE);
  return cl_text_take(&t.text);
}

json_t *world_last(struct world *w, int64_t trial, enum cl_kind kind) {
  struct telling t = tell_all(w, trial, kind);
  cl_text_done(&t.text);
  return t.last;
}

json_t *world_field(json_t *event, const char *name) {
  json_t *field = json_object_get(json_object_get(event, "data"), name);
  return field != NULL ? field : json_object_get(event, name);
}

int world_count(struct world *w, int64_t trial, enum cl_kind kind) {
  struct telling t = tell_all(w, trial, kind);
  cl_text_done(&t.text);
  json_decref(t.last);
  return t.count;
}

/* The trainer's end. */

void client_open(struct world *w, struct client *c) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  *c = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", cl_worker_socket(w->worker));
  assert_int_equal(connect(c->fd, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

void client_close(struct client *c) {
  (void)close(c->fd);
  c->fd = -1;
}

void client_send(struct client *c, const char *format, ...) {
  struct cl_text t = {0};
  char line[4000];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(line, sizeof line, format, args);
  va_end(args);
  cl_text_format(&t, "%s\n", line);
  assert_int_equal(send(c->fd, t.bytes, t.length, MSG_NOSIGNAL), t.length);
  cl_text_done(&t);
}

/* 1 = a line stands in c->line; 0 = not yet; -1 = closed. */
static int take_line(struct client *c) {
  while (c->n == 0 || c->line[c->n - 1] != '\n') {
    ssize_t n = recv(c->fd, c->line + c->n, 1, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) return -1;
    c->n += (size_t)n;
    assert_true(c->n < sizeof c->line);
  }
  c->line[c->n - 1] = '\0';
  c->n = 0;
  return 1;
}

const char *client_hear(struct world *w, struct client *c) {
  int status = 0;
  WORLD_UNTIL(w, (status = take_line(c)) != 0);
  return status < 0 ? "" : c->line;
}

bool client_is_silent(struct world *w, struct client *c) {
  for (int i = 0; i < 5; i++) {
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    world_turn(w);
  }
  return take_line(c) == 0;
}

void client_take_text(const char *line, const char *key, char ret[200]) {
  char begin[40];
  (void)snprintf(begin, sizeof begin, "\"%s\":\"", key);
  const char *at = strstr(line, begin);
  if (at == NULL) fail_msg("no %s in '%s'", key, line);
  at += strlen(begin);
  (void)snprintf(ret, 200, "%.*s", (int)strcspn(at, "\""), at);
}

void world_token(struct world *w, int64_t trial, int attempt, char ret[CL_TOKEN_SIZE]) {
  struct cl_attempt_probe p;
  assert_int_equal(cl_attempt_look(w->s, trial, attempt, &p, NULL), 0);
  assert_true(p.found);
  memcpy(ret, p.token, CL_TOKEN_SIZE);
}

static bool is_being_spawned(const struct world *w, int64_t trial, int attempt) {
  const struct cl_attempt *a = cl_attempts_find(w->worker, trial, attempt);
  return a != NULL && !a->cloned && a->phase == CL_PHASE_SPAWNING;
}

const char *client_hello(struct world *w, struct client *c, int64_t trial, int attempt, const char *can) {
  char token[CL_TOKEN_SIZE];
  WORLD_UNTIL(w, !is_being_spawned(w, trial, attempt));
  world_token(w, trial, attempt, token);
  client_open(w, c);
  client_send(c, "{\"type\": \"hello\", \"token\": \"%s\", \"protocol\": 1, \"can\": \"%s\"}", token, can);
  return client_hear(w, c);
}
