/* Every status that the trainer's headers name and only a worker can bring about, each by what it says. */
#include "peer.h"
#include "trainer/report.h"
#include "trainer/trainer.h"

#define START \
  "{\"type\":\"start\",\"change\":7,\"values\":{\"lr\":0.25},\"seed\":5,\"reports\":0,\"load\":null}\n"
#define GO "{\"type\":\"go\"}\n"

static char directory[64], path[96];

/* What the worker says to the first, second … line; null = nothing. */
struct script {
  const char *answers[8];
  int at;
};

static void take_line(void *ctx, int fd, const char *line) {
  struct script *s = ctx;
  (void)line;
  const char *answer = s->at < 8 ? s->answers[s->at++] : NULL;
  if (answer != NULL) peer_answer(fd, "%s", answer);
}

static struct script script;
static struct peer_server server = {.take_line = take_line, .ctx = &script};

static void play(struct script what) {
  script = what;
  peer_start(&server, path);
}

static int set_up(void **state) {
  (void)state;
  return setenv("CLADE_SOCKET", path, 1) | setenv("CLADE_TOKEN", "7f3a", 1) |
         setenv("CLADE_DIR", directory, 1) | setenv("CLADE_RECONNECT", "5", 1);
}

static void open_says_why_it_cannot(void **state) {
  (void)state;
  clade_trainer *t = NULL;
  play((struct script){.answers = {"{\"type\":\"stop\"}\n"}});
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), CLADE_ESTALE);
  assert_non_null(strstr(clade_trainer_errmsg(t), "newer one"));
  assert_int_equal(clade_trainer_exit_status(t), CLADE_TRAINER_EXIT_STOPPED);
  clade_trainer_close(t);
  peer_stop(&server);
  play((struct script){
      .answers = {"{\"type\":\"error\",\"text\":\"protocol 9 is not spoken\",\"fatal\":true}\n"}});
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), CLADE_EPROTOCOL);
  assert_non_null(strstr(clade_trainer_errmsg(t), "protocol 9 is not spoken"));
  clade_trainer_close(t);
  peer_stop(&server);
  assert_int_equal(setenv("CLADE_RECONNECT", "0.05", 1), 0);
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), CLADE_ECLOSED);
  assert_non_null(strstr(clade_trainer_errmsg(t), "no worker came back within 0.05 s"));
  assert_int_equal(clade_trainer_exit_status(t), CLADE_TRAINER_EXIT_PREEMPTED);
  clade_trainer_close(t);
}

static int take_any(void *ctx, const char *where) {
  (void)ctx;
  return where == NULL;
}

static void start_says_that_the_worker_speaks_otherwise(void **state) {
  (void)state;
  const struct clade_trainer_options options = {.save = take_any, .load = take_any};
  clade_trainer *t = NULL;
  play((struct script){
      .answers = {"{\"type\":\"start\",\"change\":7,\"values\":{\"lr\":0.25},\"seed\":5,\"reports\":1,"
                  "\"load\":\"/tmp\"}\n",
                  "{\"type\":\"hello\"}\n"}});
  assert_int_equal(clade_trainer_open(0, NULL, &options, &t), 0);
  assert_int_equal(clade_trainer_start(t), CLADE_EPROTOCOL);
  assert_string_not_equal(clade_trainer_errmsg(t), "");
  assert_int_equal(clade_trainer_report(t, 1), CLADE_EPROTOCOL); /* for good */
  clade_trainer_close(t);
  peer_stop(&server);
}

static void report_says_what_was_not_recorded(void **state) {
  (void)state;
  static char name[CLADE_TRAINER_NAME_MAX + 1];
  clade_trainer *t = NULL;
  play((struct script){
      .answers = {START, "{\"type\":\"error\",\"text\":\"the step goes back\",\"field\":\"step\"}\n", GO}});
  assert_int_equal(clade_trainer_open(0, NULL, NULL, &t), 0);
  assert_int_equal(clade_trainer_start(t), 0);
  clade_trainer_metric(t, "loss", 2.385);
  assert_int_equal(clade_trainer_report(t, 1), CLADE_EREFUSED);
  assert_non_null(strstr(clade_trainer_errmsg(t), "the step goes back; step"));
  memset(name, 0x01, CLADE_TRAINER_NAME_MAX); /* six bytes each in JSON */
  for (int i = 0; i < 60; i++) {
    name[0] = (char)('A' + i);
    clade_trainer_metric(t, name, 0.5);
  }
  assert_int_equal(clade_trainer_report(t, 2), CLADE_ELIMIT);
  assert_non_null(strstr(clade_trainer_errmsg(t), "the limit is 65536"));
  clade_trainer_metric(t, "loss", 0.5);
  assert_int_equal(clade_trainer_report(t, 3), 0);
  clade_trainer_close(t);
  peer_stop(&server);
}

/* One report of a program of its own. */
static int report_once(const struct clade_report_metric *metrics, size_t n, const double *step) {
  struct cl_err e = {0};
  int exit_status = 0;
  int status = clade_trainer_report_once(metrics, n, step, NULL, NULL, &exit_status, &e);
  assert_true(status >= 0 || e.text[0] != '\0');
  return status;
}

static void a_single_report_says_why_it_was_not_made(void **state) {
  (void)state;
  static struct clade_report_metric many[CLADE_TRAINER_METRICS_MAX + 1];
  const struct clade_report_metric good = {"loss", 0.5}, empty = {"", 0.5};
  const double never = 1.0 / 0.0;
  for (size_t i = 0; i <= CLADE_TRAINER_METRICS_MAX; i++) many[i] = good;
  play((struct script){.answers = {START, "{\"type\":\"error\",\"text\":\"no\"}\n", START,
                                   "{\"type\":\"start\"}\n", START, START, START}});
  assert_int_equal(report_once(&good, 1, NULL), CLADE_EREFUSED); /* clade_trainer_report_once */
  assert_int_equal(report_once(&good, 1, NULL), CLADE_EPROTOCOL);
  assert_int_equal(report_once(many, CLADE_TRAINER_METRICS_MAX + 1, NULL), CLADE_ELIMIT);
  assert_int_equal(report_once(&empty, 1, NULL), CLADE_EINVAL);
  assert_int_equal(report_once(&good, 1, &never), CLADE_EINVAL);
  peer_stop(&server);
  assert_int_equal(setenv("CLADE_DIR", "/nowhere", 1), 0);
  assert_int_equal(report_once(&good, 1, NULL), CLADE_EIO); /* the lock */
}

int main(void) {
  (void)snprintf(directory, sizeof directory, "/tmp/clade-test-XXXXXX");
  if (mkdtemp(directory) == NULL) return 1;
  (void)snprintf(path, sizeof path, "%s/s", directory);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(open_says_why_it_cannot, set_up),
      cmocka_unit_test_setup(start_says_that_the_worker_speaks_otherwise, set_up),
      cmocka_unit_test_setup(report_says_what_was_not_recorded, set_up),
      cmocka_unit_test_setup(a_single_report_says_why_it_was_not_made, set_up),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  static const char *const left[] = {"s", "report.lock"};
  for (size_t i = 0; i < 2; i++) {
    char name[160];
    (void)snprintf(name, sizeof name, "%s/%s", directory, left[i]);
    unlink(name);
  }
  rmdir(directory);
  return failed;
}
