/* Every allocation of the library fails once; the worker is a thread with canned answers, and allocates
 * nothing. */
#include "fault/alloc.h"
#include "peer.h"
#include "trainer/regions.h"
#include "trainer/report.h"
#include "trainer/trainer.h"

static char directory[64], path[96], state_path[128];

struct peer {
  long long reports, asked; /* ordinal recorded last; how many things the open report was asked for */
  bool loaded;
};

static void answer_report(struct peer *p, int fd) {
  p->asked++;
  if (p->reports == 1 && p->asked == 1) {
    peer_answer(fd, "{\"type\":\"save\",\"path\":\"%s\"}\n", state_path);
  } else if (p->reports == 2 && p->asked == 1) {
    peer_answer(fd,
                "{\"type\":\"load\",\"change\":8,\"path\":\"%s\",\"values\":{\"lr\":0.5,\"opt\":\"adam\"}}\n",
                state_path);
  } else if (p->reports == 3) {
    peer_answer(fd, "{\"type\":\"stop\"}\n");
  } else {
    peer_answer(
        fd,
        "{\"type\":\"go\",\"change\":9,\"values\":{\"opt\":\"rmsprop\"},\"save_at\":3.0,\"path\":\"%s\"}\n",
        state_path);
  }
}

static void take_line(void *ctx, int fd, const char *line) {
  struct peer *p = ctx;
  const char *ordinal = strstr(line, "\"ordinal\":");
  if (strstr(line, "\"hello\"") != NULL) {
    peer_answer(
        fd,
        "{\"type\":\"start\",\"change\":7,\"values\":{\"lr\":0.25,\"opt\":\"sgd\",\"n\":3},\"seed\":5,\"reports\":%lld,"
        "\"load\":%s%s%s}\n",
        p->reports, p->loaded ? "null" : "\"", p->loaded ? "" : state_path, p->loaded ? "" : "\"");
  } else if (ordinal != NULL) {
    long long n = strtoll(ordinal + 10, NULL, 10);
    if (n == p->reports + 1) p->asked = 0;
    if (n == p->reports + 1) p->reports = n;
    answer_report(p, fd);
  } else if (strstr(line, "\"loaded\"") != NULL && !p->loaded) {
    p->loaded = true;
    peer_answer(fd, "{\"type\":\"go\"}\n");
  } else if (p->reports > 0) {
    answer_report(p, fd);
  } else {
    peer_answer(fd, "{\"type\":\"go\"}\n");
  }
}

static int touch(void *ctx, const char *where) {
  (void)ctx;
  return where[0] == '/' ? 0 : 1;
}

/* Every call, each repeated as long as memory is the only thing it lacks; an open that failed ends it. */
static int train(clade_trainer *t) {
  int status = CLADE_ENOMEM;
  for (int turn = 0; turn < 2 && status == CLADE_ENOMEM; turn++) status = clade_trainer_start(t);
  if (status < 0) return status;
  for (int step = 1; step <= 3 && status >= 0 && status != CLADE_TRAINER_STOP; step++) {
    clade_trainer_metric(t, "loss", 2.385);
    clade_trainer_metric(t, "accuracy", 0.5);
    (void)clade_trainer_text(t, "lr");
    (void)clade_trainer_float(t, "other");
    status = clade_trainer_report(t, step);
    for (int turn = 0; turn < 3 && status == CLADE_ENOMEM; turn++) status = clade_trainer_report(t, step);
  }
  return status;
}

static void no_failed_allocation_is_lost(void **state) {
  (void)state;
  struct clade_trainer_options options = {.save = touch, .load = touch};
  const char *argv[] = {"program", "--other=1.5", NULL};
  FAULT_LOOP(n) {
    struct peer peer = {0};
    struct peer_server server = {.take_line = take_line, .ctx = &peer};
    peer_start(&server, path);
    clade_trainer *t = NULL;
    int status = clade_trainer_open(2, (char **)argv, &options, &t);
    bool opened = status == 0;
    if (opened) {
      clade_trainer_default(t, "other", "2.5");
      clade_trainer_default(t, "more", "text");
      status = train(t);
    }
    const char *opt = status < 0 ? NULL : clade_trainer_text(t, "opt");
    if (cl_fault_happened()) {
      assert_true(status == CLADE_ENOMEM || status == CLADE_TRAINER_STOP);
      bool once = n % 2 == 1; /* then a second try gets through */
      if (once && opened) assert_int_equal(status, CLADE_TRAINER_STOP);
      if (status == CLADE_ENOMEM) assert_string_equal(clade_trainer_errmsg(t), "out of memory");
    } else {
      assert_int_equal(status, CLADE_TRAINER_STOP);
      assert_int_equal(peer.reports, 3);
      assert_string_equal(opt, "rmsprop");
    }
    clade_trainer_close(t);
    peer_stop(&server);
  }
}

static void one_report_survives_every_failed_allocation(void **state) {
  (void)state;
  static const struct clade_report_metric metrics[] = {{"loss", 0.5}, {"accuracy", 0.25}};
  FAULT_LOOP(n) {
    struct peer peer = {.reports = 2, .loaded = true};
    struct peer_server server = {.take_line = take_line, .ctx = &peer};
    peer_start(&server, path);
    struct cl_err e = {0};
    int exit_status = 0;
    int status = clade_trainer_report_once(metrics, 2, NULL, NULL, NULL, &exit_status, &e);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : CLADE_STOP);
    assert_int_equal(exit_status, cl_fault_happened() ? 0 : 76);
    peer_stop(&server);
  }
}

static int register_both(struct cl_trainer_regions *r, char *first, char *second, struct cl_err *e) {
  int status = cl_trainer_regions_add(r, "first", first, 5000, e);
  return status < 0 ? status : cl_trainer_regions_add(r, "second", second, 3, e);
}

/* Out of the winner's memory into the loser's, by way of a buffer, or of files. */
static int hand_over(struct cl_trainer_regions *winner, struct cl_trainer_regions *loser, bool in_memory,
                     struct cl_err *e) {
  char buffer[160];
  snprintf(buffer, sizeof buffer, "%s/buffer", directory);
  int status =
      in_memory ? cl_trainer_regions_put(winner, buffer, e) : cl_trainer_regions_write(winner, state_path, e);
  return status < 0 ? status : cl_trainer_regions_take(loser, in_memory ? buffer : state_path, e);
}

static void regions_arrive_whole_or_not_at_all(void **state) {
  (void)state;
  static char from[2][5000], to[2][5000], untouched[5000], buffer[160];
  for (size_t i = 0; i < sizeof from[0]; i++) from[0][i] = (char)(i * 7 + 1);
  memcpy(from[1], "xyz", 3);
  snprintf(buffer, sizeof buffer, "%s/buffer", directory);
  FILE *file = fopen(buffer, "w");
  assert_true(file != NULL && ftruncate(fileno(file), 1 << 20) == 0 && fclose(file) == 0);
  (void)mkdir(state_path, 0777);
  for (int in_memory = 0; in_memory < 2; in_memory++) {
    FAULT_LOOP(n) {
      struct cl_trainer_regions winner = {0}, loser = {0};
      struct cl_err e = {0};
      memset(to, 0, sizeof to);
      int status = register_both(&winner, from[0], from[1], &e);
      if (status == 0) status = register_both(&loser, to[0], to[1], &e);
      if (status == 0) status = hand_over(&winner, &loser, in_memory, &e);
      if (cl_fault_happened()) {
        assert_int_equal(status, CLADE_ENOMEM);
        assert_memory_equal(to[0], untouched, sizeof untouched);
      } else {
        assert_int_equal(status, 0);
        assert_memory_equal(to[0], from[0], 5000);
        assert_memory_equal(to[1], "xyz", 4);
        assert_int_equal(loser.n_missing, 0);
      }
      cl_trainer_regions_done(&winner);
      cl_trainer_regions_done(&loser);
    }
  }
  unlink(buffer);
  static const char *const files[] = {"regions", "0-first", "1-second"};
  for (size_t i = 0; i < 3; i++) {
    char name[160];
    snprintf(name, sizeof name, "%s/%s", state_path, files[i]);
    assert_int_equal(unlink(name), 0);
  }
  rmdir(state_path);
}

/* What needs memory and no answer of the worker. */
static int prepare(clade_trainer *t, double *weights) {
  int status = clade_trainer_state(t, "weights", weights, sizeof *weights);
  if (status < 0) return status;
  return clade_trainer_tag(t, "kept", "2.385");
}

static void regions_and_tags_without_memory_say_so(void **state) {
  (void)state;
  char tags[160];
  double weights = 0;
  snprintf(tags, sizeof tags, "%s/tags", directory);
  assert_int_equal(setenv("CLADE_DIR", directory, 1), 0);
  FAULT_LOOP(n) {
    struct peer peer = {.loaded = true};
    struct peer_server server = {.take_line = take_line, .ctx = &peer};
    peer_start(&server, path);
    clade_trainer *t = NULL;
    int status = clade_trainer_open(0, NULL, NULL, &t);
    if (status == 0) status = prepare(t, &weights); /* clade_trainer_state, clade_trainer_tag */
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    clade_trainer_close(t);
    peer_stop(&server);
  }
  unlink(tags);
}

static void a_tag_that_cannot_be_written_says_where(void **state) {
  (void)state;
  struct peer peer = {.loaded = true};
  struct peer_server server = {.take_line = take_line, .ctx = &peer};
  peer_start(&server, path);
  clade_trainer *t = NULL;
  assert_int_equal(setenv("CLADE_DIR", "/nowhere", 1), 0);
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), 0);
  assert_int_equal(clade_trainer_tag(t, "kept", NULL), CLADE_EIO);
  assert_non_null(strstr(clade_trainer_errmsg(t), "/nowhere/tags"));
  clade_trainer_close(t);
  unsetenv("CLADE_DIR");
  peer_stop(&server);
}

int main(void) {
  snprintf(directory, sizeof directory, "/tmp/clade-test-XXXXXX");
  if (mkdtemp(directory) == NULL) return 1;
  snprintf(path, sizeof path, "%s/s", directory);
  snprintf(state_path, sizeof state_path, "%s/state", directory);
  if (setenv("CLADE_SOCKET", path, 1) != 0 || setenv("CLADE_TOKEN", "7f3a", 1) != 0) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_failed_allocation_is_lost),
                                     cmocka_unit_test(one_report_survives_every_failed_allocation),
                                     cmocka_unit_test(regions_arrive_whole_or_not_at_all),
                                     cmocka_unit_test(regions_and_tags_without_memory_say_so),
                                     cmocka_unit_test(a_tag_that_cannot_be_written_says_where)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  rmdir(state_path);
  rmdir(directory);
  return failed;
}
