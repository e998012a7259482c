/* Trainers that mean no good, or do not know what they do. */
#include "worker/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "worker/process.h"

#define LONG_US 400000000 /* only ever waited for when something is broken */

#define LONG_UNTIL(w, condition) \
  do { \
    int64_t limit = cl_clock_monotonic_us() + LONG_US; \
    while (!(condition) && cl_clock_monotonic_us() < limit) world_round(w); \
    if (!(condition)) fail_msg("never: %s", #condition); \
  } while (0)

static void assert_has(const char *line, const char *part) {
  if (strstr(line, part) == NULL) fail_msg("'%s' is not in '%.500s'", part, line);
}

static const char go[] = "{\"type\":\"go\"}";

/* What the process has in memory now, from /proc. */
static int64_t resident_bytes(void) {
  char *text = NULL;
  assert_int_equal(cl_file_read("/proc/self/statm", 1000, &text, NULL, NULL), 0);
  char *second = strchr(text, ' ');
  int64_t pages = second == NULL ? 0 : strtoll(second, NULL, 10);
  cl_free(text);
  return pages * sysconf(_SC_PAGESIZE);
}

static int open_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < 4096; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

/* Many. */

enum { MANY = 10000 };

static void propose_many(struct world *w) {
  struct cl_err e = {0};
  for (int64_t i = 1; i <= MANY; i++) {
    struct cl_assigned values[] = {{1, cl_value_real((double)i / 2048)}, {2, cl_value_text("sgd")}};
    struct cl_event ev = {.kind = CL_EVENT_PROPOSED, .subject = i, .cause = CL_CAUSE_SEARCH};
    ev.u.proposed.role = CL_ROLE_SEARCH;
    ev.u.proposed.space_version = 1;
    ev.u.proposed.values = (struct cl_assigned_list){2, values};
    assert_int_equal(cl_log_put(w->log, &ev, NULL, NULL, &e), 0);
  }
  assert_int_equal(cl_log_commit(w->log, &e), 0);
}

static void ten_thousand_trials_of_one_line_each_are_all_recorded(void **state) {
  (void)state;
  struct world w;
  world_begin(
      &w, "",
      ", \"trials\": 10000, \"program\": [\"/bin/echo\", \"loss={lr}\"], \"values_to\": \"placeholders\"");
  propose_many(&w);
  world_work(&w, 8);
  int descriptors = open_descriptors();
  LONG_UNTIL(&w, cl_study_count(w.s, CL_COMPLETE) == MANY && world_is_idle(&w));
  for (int64_t i = 1; i <= MANY; i++) assert_true(world_trial(&w, i)->value == (double)i / 2048);
  assert_true(open_descriptors() <= descriptors);
  world_end(&w);
}

/* Much. */

/* A gigabyte on its output: the worker's memory does not grow with it, others are answered meanwhile, and the
 * reports before and behind it are recorded. The disk is the trainer's own affair: what it writes is kept. */
static void a_gigabyte_of_output_is_read_in_bounded_memory(void **state) {
  (void)state;
  struct world w;
  struct client c;
  world_begin(
      &w,
      "if [ \"$CLADE_TRIAL\" = 1 ]; then cd \"$CLADE_DIR/attempt-1\"; env > env.new; mv env.new env; i=0; "
      "while [ ! -e end ] && [ $i -lt 60000 ]; do sleep 0.01; i=$((i+1)); done; exit 0; fi; "
      "echo step=1 loss=2.385; tr '\\0' x < /dev/zero | head -c 400000000; echo; "
      "yes 'a line of no report' | head -c 600000000; echo; echo step=2 loss=0.385",
      "");
  world_propose(&w, 1);
  world_propose(&w, 2);
  world_work(&w, 2);
  WORLD_UNTIL(&w, world_has(&w, 1, 1, "env"));
  (void)client_hello(&w, &c, 1, 1, "");
  int64_t before = resident_bytes();
  for (int i = 1; i <= 20; i++) {
    client_send(&c, "{\"type\":\"report\",\"ordinal\":%d,\"step\":%d,\"metrics\":{\"loss\":0.5}}", i, i);
    assert_string_equal(client_hear(&w, &c), go);
  }
  LONG_UNTIL(&w, world_state(&w, 2) == CL_COMPLETE);
  assert_true(resident_bytes() - before < INT64_C(100) << 20); /* with the sanitizer's quarantine */
  assert_true(world_trial(&w, 2)->value == 0.385);
  assert_int_equal(world_count(&w, 2, CL_EVENT_REPORTED), 2);
  client_close(&c);
  world_touch(&w, 1, 1, "end", "0");
  WORLD_UNTIL(&w, world_is_idle(&w));
  world_end(&w);
}

/* Away. */

static pid_t read_pid(struct world *w, const char *name) {
  char *text = world_read(w, 1, 0, name);
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  cl_free(text);
  assert_true(pid > 1);
  return pid;
}

/* What leaves the session and the process group of its trainer is not the worker's any more: the attempt ends
 * with its first process; nobody waits for the runaway or kills it, and it may keep the lock. What it reports
 * is late. */
static void who_forks_away_ends_its_attempt(void **state) {
  (void)state;
  struct world w;
  struct client c;
  char token[CL_TOKEN_SIZE];
  world_begin(&w,
              "cd \"$CLADE_DIR\"; echo step=1 loss=0.385; "
              "setsid sh -c 'echo $$ > runaway.new; mv runaway.new runaway; i=0; "
              "while [ ! -e enough ] && [ $i -lt 3000 ]; do sleep 0.02; i=$((i+1)); done' & "
              "while [ ! -e runaway ]; do sleep 0.01; done",
              "");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_COMPLETE);
  assert_true(world_trial(&w, 1)->value == 0.385);
  pid_t runaway = read_pid(&w, "runaway");
  int64_t start = cl_process_start(runaway);
  assert_true(cl_process_lives(runaway, start));
  struct cl_attempt_probe p;
  assert_int_equal(cl_attempt_look(w.s, 1, 1, &p, NULL), 0);
  assert_true(p.held && p.exited); /* that it ended is written down, whoever has its lock */
  world_token(&w, 1, 1, token);
  client_open(&w, &c);
  client_send(&c, "{\"type\":\"hello\",\"token\":\"%s\",\"protocol\":1}", token);
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":0.125}}");
  assert_string_equal(client_hear(&w, &c), "{\"type\":\"stop\"}");
  assert_true(world_trial(&w, 1)->value == 0.385);
  client_close(&c);
  world_close(&w); /* and the next worker is not held up by it */
  world_open(&w);
  world_work(&w, 1);
  assert_true(world_is_idle(&w));
  assert_true(cl_process_lives(runaway, start));
  world_touch(&w, 1, 0, "enough", "");
  world_end(&w);
}

/* It daemonises at once: exit 0 without an objective is a failure that says so; nothing waits for the daemon.
 */
static void who_forks_away_at_once_has_failed(void **state) {
  (void)state;
  struct world w;
  world_begin(&w,
              "cd \"$CLADE_DIR\"; (setsid sh -c 'echo $$ > runaway.new; mv runaway.new runaway; i=0; "
              "while [ ! -e enough ] && [ $i -lt 3000 ]; do sleep 0.02; i=$((i+1)); done' &); "
              "while [ ! -e runaway ]; do sleep 0.01; done; exit 0",
              "");
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_FAILED);
  world_touch(&w, 1, 0, "enough", "");
  world_end(&w);
}

/* Still. */

/* A stopped process takes no SIGTERM; the SIGKILL after the grace ends it. */
static void a_trainer_that_is_stopped_ends_after_the_grace(void **state) {
  (void)state;
  struct world w;
  world_begin(&w, "echo loss=0.5; kill -STOP $$; exit 3", "");
  w.options.grace_s = 0.05;
  world_propose(&w, 1);
  world_work(&w, 1);
  WORLD_UNTIL(&w, world_trial(&w, 1)->value == 0.5);
  WORLD_UNTIL(&w, world_process_is(cl_attempts_find(w.worker, 1, 1)->pid, 'T'));
  (void)world_decide(&w, 1, (struct cl_event){.kind = CL_EVENT_STOPPED, .cause = CL_CAUSE_RUNG});
  WORLD_UNTIL(&w, world_is_idle(&w));
  assert_int_equal(world_state(&w, 1), CL_PRUNED);
  assert_int_equal(world_trial(&w, 1)->exit_status, 128 + SIGKILL);
  world_end(&w);
}

/* Lines. */

static void begin(struct world *w, struct client *c) {
  world_begin(w, world_patient, "");
  world_propose(w, 2.385);
  world_work(w, 1);
  WORLD_UNTIL(w, world_has(w, 1, 1, "env"));
  (void)client_hello(w, c, 1, 1, "save load");
}

static void end(struct world *w, struct client *c) {
  client_close(c);
  world_touch(w, 1, 1, "end", "0");
  WORLD_UNTIL(w, world_is_idle(w));
  world_end(w);
}

/* Names that are too long, for the message or for a name; hostile ones are names like others. */
static void names_are_refused_by_their_size_only(void **state) {
  (void)state;
  struct world w;
  struct client c, big;
  begin(&w, &c);
  struct cl_text line = {0};
  cl_text_add(&line, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5,\"");
  for (int i = 0; i < 60000; i++) cl_text_add_char(&line, 'n');
  cl_text_add(&line, "\":1}}\n");
  assert_int_equal(send(c.fd, line.bytes, line.length, 0), line.length);
  const char *answer = client_hear(&w, &c);
  assert_has(answer, "\"type\":\"error\"");
  assert_has(answer, "but the limit is 256");
  assert_null(strstr(answer, "\"fatal\":true"));
  assert_int_equal(world_count(&w, 1, CL_EVENT_REPORTED), 0);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5,"
                  "\"a'; DROP TABLE studies; --\":1,\"\\u001b[31m\\n\\\"\":2,\"\xf0\x9f\x8e\xb2\":3}}");
  assert_string_equal(client_hear(&w, &c), go);
  assert_int_equal(cl_store_check(w.store, w.study, NULL), 0);
  assert_true(cl_study_metric_find(w.s, "a'; DROP TABLE studies; --") > 0);
  client_open(&w, &big);
  cl_text_clear(&line);
  for (int i = 0; i < 1 << 20; i++) cl_text_add_char(&line, 'n');
  size_t sent = 0;
  bool open = true;
  for (int i = 0; i < 2000 && open && sent < line.length; i++) {
    ssize_t n = send(big.fd, line.bytes + sent, line.length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += (size_t)n;
    open = n > 0 || errno == EAGAIN;
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    world_turn(&w);
  }
  assert_false(open); /* hung up on at 64 KiB */
  cl_text_done(&line);
  client_close(&big);
  client_send(&c, "{\"type\":\"report\",\"ordinal\":2,\"step\":2,\"metrics\":{\"loss\":0.25}}");
  assert_string_equal(client_hear(&w, &c), go);
  end(&w, &c);
}

/* Who asks and never reads is hung up on before its answers take much memory, and may come again. */
static void a_trainer_that_never_reads_is_hung_up_on(void **state) {
  (void)state;
  struct world w;
  struct client c;
  struct cl_text line = {0};
  char heard[4096];
  begin(&w, &c);
  cl_text_add(&line, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"");
  for (int i = 0; i < 257; i++) cl_text_add_char(&line, 'n'); /* each is answered by a sentence */
  cl_text_add(&line, "\":0.5}}\n");
  assert_false(line.failed);
  bool open = true;
  int asked = 0;
  for (; asked < 100000 && open; asked++) {
    ssize_t n = send(c.fd, line.bytes, line.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    open = n > 0 || errno == EAGAIN;
    assert_true(n < 0 || n == (ssize_t)line.length);
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    world_turn(&w);
  }
  assert_false(open);
  cl_text_done(&line);
  size_t sum = 0;
  for (ssize_t n = 0; (n = recv(c.fd, heard, sizeof heard - 1, MSG_DONTWAIT)) > 0; sum += (size_t)n) {
    heard[n] = '\0';
    assert_null(strstr(heard, "fatal")); /* nothing but its deafness was held against it */
  }
  print_message("# hung up on after %d questions, %zu bytes of answers\n", asked, sum);
  client_close(&c);
  assert_has(client_hello(&w, &c, 1, 1, "save load"), "\"type\":\"start\"");
  client_send(&c, "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.25}}");
  assert_string_equal(client_hear(&w, &c), go);
  end(&w, &c);
}

static const char *const seeds[] = {
    "{\"type\":\"hello\",\"token\":\"%\",\"protocol\":1,\"can\":\"save load\",\"reports\":1}\n",
    "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5}}\n",
    "{\"type\":\"report\",\"ordinal\":2,\"step\":1e308,\"metrics\":{\"loss\":\"nan\",\"x\":\"-inf\"}}\n",
    "{\"type\":\"saved\",\"step\":1,\"path\":\"/etc/passwd\",\"bytes\":1}\n",
    "{\"type\":\"saved\",\"step\":1,\"error\":\"none\"}\n",
    "{\"type\":\"loaded\",\"change\":3,\"missing\":[\"a\",\"b\"]}\n",
    "{\"type\":\"report\",\"ordinal\":1,\"step\":1,\"metrics\":{\"loss\":0.5},\"path\":\"../../x.new\"}\n",
    "{\"type\":\"go\"}\n{\"type\":\"start\"}\n\n\n",
};

/* One message, with some bytes changed, doubled or left out. */
static size_t mutate(const char *seed, const char *token, struct cl_rng *rng, char ret[1000]) {
  char line[500];
  const char *gap = strchr(seed, '%'); /* where the token stands */
  int head = gap == NULL ? (int)strlen(seed) : (int)(gap - seed);
  (void)snprintf(line, sizeof line, "%.*s%s%s", head, seed, gap == NULL ? "" : token,
                 gap == NULL ? "" : gap + 1);
  size_t n = 0, from = strlen(line);
  for (size_t i = 0; i < from && n < 990; i++) {
    uint64_t what = cl_rng_below(rng, 60);
    if (what == 0) continue;
    ret[n++] = what == 1 ? (char)cl_rng_below(rng, 256) : line[i];
    if (what == 2) ret[n++] = line[i];
  }
  ret[n++] = '\n';
  return n;
}

/* Whatever comes, the worker goes on, and only what is legal is recorded. */
static void hostile_lines_hurt_nobody(void **state) {
  (void)state;
  struct world w;
  struct client c, other;
  char token[CL_TOKEN_SIZE], line[1000];
  struct cl_rng rng = cl_rng_stream(7, CL_RNG_USER, 1, 0);
  begin(&w, &c);
  world_token(&w, 1, 1, token);
  int descriptors = open_descriptors();
  for (int i = 0; i < 3000; i++) {
    client_open(&w, &other);
    for (int k = 0; k < 3; k++) {
      size_t n = mutate(seeds[k == 0 && i % 2 == 0 ? 0 : cl_rng_below(&rng, 8)], token, &rng, line);
      (void)send(other.fd, line, n, MSG_NOSIGNAL);
      if (i % 3 == 0) (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    world_turn(&w);
    client_close(&other);
  }
  for (int i = 0; i < 20; i++) {
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    world_turn(&w);
  }
  client_close(&c);
  assert_int_equal(cl_store_check(w.store, w.study, NULL), 0);
  assert_has(client_hello(&w, &c, 1, 1, ""), "\"type\":\"start\"");
  assert_true(open_descriptors() <= descriptors);
  assert_int_equal(world_state(&w, 1), CL_RUNNING);
  end(&w, &c);
}

#define TEST(name) cmocka_unit_test(name)

int main(int argc, char **argv) {
  WORLD_MAIN_BEGIN(argc, argv);
  const struct CMUnitTest tests[] = {TEST(ten_thousand_trials_of_one_line_each_are_all_recorded),
                                     TEST(a_gigabyte_of_output_is_read_in_bounded_memory),
                                     TEST(who_forks_away_ends_its_attempt),
                                     TEST(who_forks_away_at_once_has_failed),
                                     TEST(a_trainer_that_is_stopped_ends_after_the_grace),
                                     TEST(names_are_refused_by_their_size_only),
                                     TEST(a_trainer_that_never_reads_is_hung_up_on),
                                     TEST(hostile_lines_hurt_nobody)};
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
