/* What is read from the output of programs as people run them: goldens of lines, and of following files. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "worker/output.h"

static struct cl_hyperparameter hyperparameters[] = {{.id = 1, .name = "lr", .domain = CL_FLOAT},
                                                     {.id = 2, .name = "momentum", .domain = CL_FLOAT},
                                                     {.id = 3, .name = "layers", .domain = CL_ORDERED}};

static struct cl_settings settings_of(const char *metric) {
  struct cl_settings s = {.n_objectives = 1};
  s.objectives[0] = (struct cl_objective){metric, CL_MAXIMIZE, CL_LAST};
  s.space.n = 3;
  s.space.items = hyperparameters;
  return s;
}

struct world {
  char directory[64];
  struct cl_settings settings;
  struct cl_output_rules *rules;
  struct cl_output *output;
  struct cl_text reports; /* what was reported, one per line */
  struct cl_text notes;
  bool fails;
  char *only; /* print this metric alone; null = all */
};

static int hear_report(void *ctx, int64_t ordinal, double step, const struct cl_metric *metrics, int n,
                       struct cl_err *e) {
  struct world *w = ctx;
  if (w->fails) return CL_FAIL_NOMEM(e);
  cl_text_format(&w->reports, "%lld @%g", (long long)ordinal, step);
  for (int i = 0; i < n; i++) {
    cl_text_format(&w->reports, " %s=", metrics[i].name);
    cl_text_add_number(&w->reports, metrics[i].value);
  }
  cl_text_add(&w->reports, "\n");
  return 0;
}

static void hear_note(void *ctx, const char *text) {
  struct world *w = ctx;
  cl_text_format(&w->notes, "%s\n", text);
}

static void follow(struct world *w, int64_t recorded) {
  struct cl_output_sink sink = {hear_report, hear_note, w};
  cl_output_destroy(w->output);
  w->output = NULL;
  assert_int_equal(cl_output_create(w->rules, w->directory, recorded, &sink, &w->output, NULL), 0);
}

static void use(struct world *w, const char *metric) {
  cl_output_rules_destroy(w->rules);
  w->rules = NULL;
  if (metric != NULL) w->settings = settings_of(metric);
  struct cl_err e;
  if (cl_output_rules_create(&w->settings, &w->rules, &e) < 0) fail_msg("%s", e.text);
  follow(w, 0);
}

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof *w);
  (void)snprintf(w->directory, sizeof w->directory, "/tmp/clade-output-XXXXXX");
  assert_non_null(mkdtemp(w->directory));
  use(w, "loss");
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  struct world *w = *state;
  cl_output_destroy(w->output);
  cl_output_rules_destroy(w->rules);
  cl_text_done(&w->reports);
  cl_text_done(&w->notes);
  assert_int_equal(cl_dir_remove(w->directory, NULL), 0);
  free(w);
  return 0;
}

static void append_bytes(struct world *w, const char *file, const char *bytes, size_t n) {
  char path[100];
  (void)snprintf(path, sizeof path, "%s/%s", w->directory, file);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  assert_int_equal(cl_file_write_all(fd, bytes, n, path, NULL), 0);
  (void)close(fd);
}

static void append_to(struct world *w, const char *file, const char *text) {
  append_bytes(w, file, text, strlen(text));
}

static void append(struct world *w, const char *text) {
  append_to(w, "stdout", text);
}

static void read_all(struct world *w) {
  int status;
  while ((status = cl_output_read(w->output, NULL)) == CLADE_BUSY) {
  }
  assert_int_equal(status, 0);
}

static void assert_reports(struct world *w, const char *wanted) {
  read_all(w);
  assert_string_equal(cl_text_get(&w->reports), wanted);
}

static void keras_reports_at_the_end_of_an_epoch(void **state) {
  struct world *w = *state;
  use(w, "val_accuracy");
  append(
      w,
      "Epoch 1/2\n\n  1/938 [..............................] - ETA: 5:04 - loss: 2.3504 - accuracy: 0.1250"
      "\b\b\b\b\b\b\r 44/938 [>.............................] - ETA: 1s - loss: 1.1020 - accuracy: 0.6740"
      "\b\b\b\b\b\b\r938/938 [==============================] - 2s 2ms/step - loss: 0.2619 - accuracy: 0.9235 "
      "- val_loss: 0.1240 - val_accuracy: 0.9641\nEpoch 2/2\n\r938/938 [====] - 2s 2ms/step - loss: 0.1129 "
      "- accuracy: 0.9664 - val_loss: 0.0961 - val_accuracy: 0.9704\n");
  assert_reports(w, "1 @1 loss=0.2619 accuracy=0.9235 val_loss=0.124 val_accuracy=0.9641\n"
                    "2 @2 loss=0.1129 accuracy=0.9664 val_loss=0.0961 val_accuracy=0.9704\n");
}

/* Lines at the edges of the rules: what each one reports, or nothing. */
static void lines_at_the_edges_are_read_by_the_rules(void **state) {
  struct world *w = *state;
  static const struct {
    const char *line, *report; /* null: none */
  } cases[] = {{"loss=1e+2", "1 @1 loss=100\n"},
               {"loss=5E-1", "1 @1 loss=0.5\n"},
               {"loss=1e", NULL},
               {"loss=1e+", NULL},
               {"loss=1e-x", NULL},
               {"loss=1111111111111111111111111111111111111111111111111111111111111111111111", NULL},
               {"loss\v=\f0.5", "1 @1 loss=0.5\n"},
               {"epoch=inf loss=0.5", "1 @1 loss=0.5\n"},
               {"epoch=3 epoch=4 loss=0.5", "1 @3 loss=0.5\n"},
               {"epoch 3 epoch 4 loss=0.5", "1 @3 loss=0.5\n"},
               {"epoch 3x loss=0.5", "1 @1 loss=0.5\n"},
               {"epoch x loss=0.5", "1 @1 loss=0.5\n"},
               {"loss=0.5 epoch", "1 @1 loss=0.5\n"},
               {"{\"loss\": 0.5} \t", "1 @1 loss=0.5\n"},
               {"{\"loss\": \"0.5\"}", NULL},
               {"{\"loss\": true}", NULL},
               {"{\"loss\": \"-inf\"}", "1 @1 loss=-inf\n"},
               {"{loss=0.5}", "1 @1 loss=0.5\n"},
               {"loss: }", NULL},
               {"[{\"loss\": 0.5}]", "1 @1 loss=0.5\n"},
               {"loss=0.5\x1b[3", "1 @1 loss=0.5\n"},
               {"loss=0.5\x1b", "1 @1 loss=0.5\n"},
               {"=:= : ", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[100];
    (void)snprintf(path, sizeof path, "%s/stdout", w->directory);
    (void)unlink(path);
    cl_text_clear(&w->reports);
    use(w, "loss");
    append(w, cases[i].line);
    append(w, "\n");
    read_all(w);
    const char *found = cl_text_get(&w->reports), *wanted = cases[i].report == NULL ? "" : cases[i].report;
    if (strcmp(found, wanted) != 0) fail_msg("'%s' gives '%s', not '%s'", cases[i].line, found, wanted);
  }
}

/* Also one that is called like a step. */
static void an_objective_is_no_step(void **state) {
  struct world *w = *state;
  use(w, "epoch");
  append(w, "epoch=3\nepoch=4 step=9\n");
  assert_reports(w, "1 @1 epoch=3\n2 @9 epoch=4\n");
}

/* What is no number, no name, no report; and what is one all the same. */
static void odd_lines_are_read_as_people_mean_them(void **state) {
  struct world *w = *state;
  static const char zero[] = "loss=\0 0.5\n";
  append(
      w,
      "loss=\nloss= \nloss:\"0.5\"\nloss=.\nloss=+\nloss=12:30\nloss=1.2.3\nloss=4ms\nloss=nanometres\n"
      "loss=0.5e\nloss=inf5\nloss=1:2\nloss=--1\nloss=tensor\nloss=tensor(\nloss=x(0.5\n-=3\n%loss%=1\n=1\n");
  assert_reports(w, "1 @1 loss=0.5\n"); /* x(0.5: a call that goes on */
  cl_text_clear(&w->reports);
  append(
      w,
      "loss=+.5\nloss=5.\nloss=1E+2\nloss=1e-1,\nloss=-Infinity\nloss=+INF\n\"loss\" : 2\nloss\t=\v3\fx\n"
      "loss=4: \nloss=5.\nloss = np.float64(6)\nstep 27 loss=8\nepoch=38 epoch=4 loss=9\nstep=x loss=10\nstep loss=11\n"
      "step 52:30 loss=12\n\x1b[loss=13\n\x1b]loss=14\nloss=15\x1b\nl\bloss=16\n\xff=1 loss=17\n");
  append_bytes(w, "stdout", zero, sizeof zero - 1);
  assert_reports(
      w,
      "2 @2 loss=0.5\n3 @3 loss=5\n4 @4 loss=100\n5 @5 loss=0.1\n6 @6 loss=-inf\n7 @7 loss=inf\n8 @8 loss=2\n9 @9 loss=3\n"
      "10 @10 loss=4\n11 @11 loss=5\n12 @12 loss=6\n13 @27 loss=8\n14 @38 loss=9\n15 @38 loss=10\n16 @38 loss=11\n"
      "17 @38 loss=12\n18 @38 loss=14\n19 @38 loss=15\n20 @38 loss=17\n21 @38 loss=0.5\n");
}

static void odd_objects_are_read_or_left(void **state) {
  struct world *w = *state;
  append(
      w,
      "{}\n{\"loss\": }\n[{\"loss\": 1}]\n{\"loss\": 1} x\n}\n{\"loss\": 1, \"loss\": 2}\n{\"loss\": null}\n"
      "{\"loss\": \"0.5\"}\n{\"loss\": \"nan\"}  \n[tune]: {\"loss\": 3, \"step\": 4, \"a b\": 5, \"\": 6}\n{\"loss\": true}\n");
  assert_reports(w, "1 @1 loss=1\n2 @2 loss=1\n3 @3 loss=2\n4 @4 loss=nan\n5 @4 loss=3 a b=5\n");
}

static void keras_3_reports_in_colour(void **state) {
  struct world *w = *state;
  append(
      w,
      "\x1b[1m  1/938\x1b[0m \x1b[37m━━━━━━━━━━\x1b[0m \x1b[1m3:35\x1b[0m 230ms/step - accuracy: 0.09 - loss: 2.4"
      "\r\x1b[1m938/938\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m3s\x1b[0m 2ms/step - "
      "accuracy: 0.8645 - loss: 0.4799\n");
  assert_reports(w, "1 @1 accuracy=0.8645 loss=0.4799\n");
}

static void pytorch_examples_report_losses_and_accuracy(void **state) {
  struct world *w = *state;
  append(
      w,
      "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.282550\nTrain Epoch: 1 [640/60000 (1%)]\tLoss: 1.384441\n"
      "\nTest set: Average loss: 0.0662, Accuracy: 9791/10000 (98%)\n\nTrain Epoch: 2 [0/60000 (0%)]\tLoss: "
      "0.064\n");
  assert_reports(w, "1 @1 loss=2.28255\n2 @1 loss=1.384441\n3 @3 loss=0.0662 Accuracy=9791\n");
  assert_non_null(strstr(cl_text_get(&w->notes), "from step 3 to 2"));
}

static void lightning_reports_the_state_its_bar_ends_with(void **state) {
  struct world *w = *state;
  use(w, "val_loss");
  append(w, "\rTraining: 0it [00:00, ?it/s]\rEpoch 0:   0%|          | 0/1719 [00:00<?, ?it/s]"
            "\rEpoch 0: 100%|██████████| 1719/1719 [00:21<00:00, 80.44it/s, v_num=0, train_loss=0.0433]"
            "\rEpoch 0: 100%|██████████| 1719/1719 [00:21<00:00, 79.97it/s, v_num=0, train_loss=0.0433, "
            "val_loss=0.0512]\n");
  assert_reports(w, "1 @0 v_num=0 train_loss=0.0433 val_loss=0.0512\n");
}

static void tqdm_reports_the_state_its_bar_ends_with(void **state) {
  struct world *w = *state;
  append_to(w, "stderr",
            "\r  0%|          | 0/469 [00:00<?, ?it/s]\r 10%|█         | 47/469 [00:01<00:12, "
            "33.1it/s, loss=0.91]");
  assert_reports(w, "");
  const char *rest =
      "\r100%|██████████| 469/469 [00:12<00:00, 36.7it/s, loss=0.305]\r100%|██████████| 469/469 "
      "[00:12<00:00, 36.70it/s, loss=0.304]\n";
  append_to(w, "stderr", rest);
  assert_reports(w, "1 @1 loss=0.304\n");
}

static void xgboost_and_lightgbm_report_without_blanks(void **state) {
  struct world *w = *state;
  use(w, "valid-auc");
  append(
      w,
      "[12:30:01] WARNING: ../src/learner.cc:767: Parameters: {'x'}\n[0]\ttrain-auc:0.95171\tvalid-auc:0.93215\n"
      "[1]\ttrain-auc:0.96+0.01\tvalid-auc:0.94\n");
  assert_reports(w, "1 @1 train-auc=0.95171 valid-auc=0.93215\n2 @2 train-auc=0.96 valid-auc=0.94\n");
  use(w, "binary_logloss");
  cl_text_clear(&w->reports);
  append(w, "[1]\tvalid_0's binary_logloss: 0.681\n");
  assert_reports(w, "1 @1 binary_logloss=0.681\n");
}

static void huggingface_reports_python_dictionaries(void **state) {
  struct world *w = *state;
  append(w, "{'loss': 0.3452, 'grad_norm': 1.25, 'learning_rate': 4.9e-05, 'epoch': 0.16}\n"
            "{'loss': np.float64(0.25), 'epoch': 0.32}\nloss=tensor(0.125, device='cuda:0')\n");
  assert_reports(
      w, "1 @0.16 loss=0.3452 grad_norm=1.25 learning_rate=4.9e-05\n2 @0.32 loss=0.25\n3 @3 loss=0.125\n");
}

static void arguments_and_hyperparameters_are_no_reports(void **state) {
  struct world *w = *state;
  append(w, "Namespace(lr=0.01, momentum=0.9, epochs=10, layers=2)\nlr: 0.01  momentum: 0.9\n"
            "epoch=3 lr=0.01 accuracy=0.93\nepoch=3 lr=0.01 loss=0.7\n");
  assert_reports(w, "1 @3 loss=0.7\n");
}

static void a_line_may_be_a_json_object(void **state) {
  struct world *w = *state;
  append(w, "{\"step\": 12, \"loss\": 0.5, \"name\": \"x\", \"ok\": true, \"more\": {\"deep\": 3}}\n"
            "[tune-metric]: {\"loss\": \"nan\", \"steps\": 13}\n{\"loss\": 0.25, }\n");
  assert_reports(w, "1 @12 loss=0.5\n2 @13 loss=nan\n3 @13 loss=0.25\n");
}

static void the_step_is_the_first_name_of_the_list(void **state) {
  struct world *w = *state;
  append(w, "loss=1 index=9 iter=2 epoch=1\nloss=2 Step: 7 epoch=2\n[Epoch 8/10] loss=3\nloss=4, steps=9\n"
            "loss=5 STEP=10.5\n");
  assert_reports(w, "1 @1 loss=1\n2 @7 loss=2\n3 @8 loss=3\n4 @9 loss=4\n5 @10.5 loss=5\n");
}

static void the_unit_of_the_settings_wins(void **state) {
  struct world *w = *state;
  w->settings.step = "iter";
  use(w, NULL);
  append(w, "loss=1 epoch=1 iter=100\nloss=2 epoch=1 iter=200\n");
  assert_reports(w, "1 @100 loss=1\n2 @200 loss=2\n");
}

static void the_exact_name_of_a_metric_wins_over_another_case(void **state) {
  struct world *w = *state;
  append(w, "Loss=1\nLOSS=2 loss=3\n");
  assert_reports(w, "1 @1 loss=1\n2 @2 LOSS=2 loss=3\n");
}

static void numbers_are_read_in_every_form(void **state) {
  struct world *w = *state;
  append(w,
         "loss=nan\nloss: -inf\nloss = +1.5E-3,\nloss=.5;\nloss=5.|\nloss=Infinity\nloss=-0.0\nloss=92.5%\n");
  assert_reports(
      w, "1 @1 loss=nan\n2 @2 loss=-inf\n3 @3 loss=0.0015\n4 @4 loss=0.5\n5 @5 loss=5\n6 @6 loss=inf\n"
         "7 @7 loss=0\n8 @8 loss=92.5\n");
}

static void what_only_looks_like_a_number_is_none(void **state) {
  struct world *w = *state;
  append(
      w,
      "loss=12:30\nloss=4ms\nloss=1.2.3\nloss=x5\nloss==5\nloss=\nloss=.\nloss=-\nloss=1e\nloss 5\nfloss=3\n"
      "loss=0x10\nloss=nano\n=5\n: 3\n\xff\xfe=3\n");
  assert_reports(w, "");
}

static void a_computed_objective_takes_any_metric(void **state) {
  struct world *w = *state;
  w->settings = settings_of("hpmax");
  w->settings.computed = "hpmax";
  use(w, NULL);
  append(w, "epoch=1 lr=0.5\nepoch=1 reward=3\n");
  assert_reports(w, "1 @1 reward=3\n");
}

static void an_expression_replaces_the_tokens(void **state) {
  struct world *w = *state;
  w->settings.metric_regex = "([a-z]+) is now ([0-9.]+)";
  use(w, NULL);
  append(w, "loss=5\nthe epoch is now 4, the loss is now 0.25 and accuracy is now 0.9\n");
  assert_reports(w, "1 @4 loss=0.25 accuracy=0.9\n");
  w->settings.metric_regex = "result: *(([0-9]+)[.][0-9]*)";
  use(w, NULL);
  cl_text_clear(&w->reports);
  append(w, "result: 2.385\n");
  assert_reports(w, "1 @1 loss=2.385\n");
}

static void an_expression_must_have_a_group(void **state) {
  struct world *w = *state;
  struct cl_output_rules *rules = NULL;
  struct cl_err e;
  w->settings.metric_regex = "loss";
  assert_int_equal(cl_output_rules_create(&w->settings, &rules, &e), CLADE_ESPEC);
  assert_non_null(strstr(e.text, "no group"));
  w->settings.metric_regex = "(loss";
  assert_int_equal(cl_output_rules_create(&w->settings, &rules, &e), CLADE_ESPEC);
  assert_null(rules);
}

static void names_that_do_not_fit_are_left_out(void **state) {
  struct world *w = *state;
  char line[1000] = "loss=1 ";
  memset(line + 7, 'n', 201);
  (void)snprintf(line + 208, 100, "=5 b\xff=6 ok=7\n");
  append(w, line);
  assert_reports(w, "1 @1 loss=1 ok=7\n");
}

static void more_metrics_than_the_limit_are_left_out(void **state) {
  struct world *w = *state;
  struct cl_text line = {0};
  cl_text_add(&line, "loss=1");
  for (int i = 0; i < 400; i++) cl_text_format(&line, " m%d=%d", i, i);
  cl_text_add(&line, "\n");
  append(w, cl_text_get(&line));
  cl_text_done(&line);
  read_all(w);
  assert_non_null(strstr(cl_text_get(&w->reports), " m198=198\n"));
}

static void reports_come_as_they_are_written(void **state) {
  struct world *w = *state;
  assert_reports(w, "");
  append(w, "los");
  assert_reports(w, "");
  append(w, "s=0.5 step=3\nloss=0.2");
  assert_reports(w, "1 @3 loss=0.5\n");
  append(w, "5 step=4");
  assert_reports(w, "1 @3 loss=0.5\n");
  assert_int_equal(cl_output_finish(w->output, NULL), 0);
  assert_reports(w, "1 @3 loss=0.5\n2 @4 loss=0.25\n");
  assert_int_equal(cl_output_reports(w->output), 2);
}

static void recorded_reports_are_read_over(void **state) {
  struct world *w = *state;
  append(w, "step=1 loss=1\nstep=2 loss=2\nstep=1 loss=9\nstep=3 loss=3\n");
  follow(w, 2);
  assert_reports(w, "3 @3 loss=3\n");
}

static void the_first_stream_with_a_report_is_the_one(void **state) {
  struct world *w = *state;
  append_to(w, "stderr", "loss=5\n");
  assert_reports(w, "1 @1 loss=5\n");
  append(w, "loss=6\n");
  append_to(w, "stderr", "loss=7\n");
  assert_reports(w, "1 @1 loss=5\n2 @2 loss=7\n");
  cl_text_clear(&w->reports);
  follow(w, 1); /* a later engine: stdout has a report now, and is read first */
  assert_reports(w, "2 @2 loss=7\n");
}

static void a_line_end_of_two_characters_is_one(void **state) {
  struct world *w = *state;
  append(w, "loss=5\r\nloss=6\r\r\nloss=8\rloss=7\n");
  assert_reports(w, "1 @1 loss=5\n2 @2 loss=6\n3 @3 loss=7\n");
}

static void a_line_that_is_too_long_is_no_report(void **state) {
  struct world *w = *state;
  size_t n = CL_OUTPUT_LINE_MAX + 10;
  char *line = malloc(n);
  memset(line, ' ', n);
  memcpy(line, "loss=1", 6);
  line[n - 1] = '\n';
  append_bytes(w, "stdout", line, n);
  line[CL_OUTPUT_LINE_MAX] = '\n';
  line[5] = '2';
  append_bytes(w, "stdout", line, CL_OUTPUT_LINE_MAX + 1);
  assert_reports(w, "1 @1 loss=2\n");
  memset(line, 'x', n);
  append_bytes(w, "stdout", line, n);
  append(w, "\rloss=3\n"); /* a bar that went over itself */
  assert_reports(w, "1 @1 loss=2\n2 @2 loss=3\n");
  free(line);
}

static void a_flood_does_not_grow_memory(void **state) {
  struct world *w = *state;
  struct rusage before, after;
  char path[100];
  (void)snprintf(path, sizeof path, "%s/stdout", w->directory);
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  assert_int_equal(ftruncate(fd, (off_t)1 << 30), 0); /* 1 GiB without a newline, no block on disk */
  assert_int_equal(pwrite(fd, "\nloss=4\n", 8, (off_t)1 << 30), 8);
  (void)close(fd);
  assert_int_equal(cl_output_read(w->output, NULL), CLADE_BUSY);
  (void)getrusage(RUSAGE_SELF, &before);
  read_all(w);
  (void)getrusage(RUSAGE_SELF, &after);
  assert_true(after.ru_maxrss - before.ru_maxrss < 4096); /* KiB */
  assert_string_equal(cl_text_get(&w->reports), "1 @1 loss=4\n");
}

static void a_flood_of_reports_is_taken_in_turns(void **state) {
  struct world *w = *state;
  struct cl_text text = {0};
  for (int i = 0; i < 2500; i++) cl_text_add(&text, "loss=1\n");
  append(w, cl_text_get(&text));
  cl_text_done(&text);
  assert_int_equal(cl_output_read(w->output, NULL), CLADE_BUSY);
  assert_int_equal(cl_output_reports(w->output), 1000);
  assert_int_equal(cl_output_read(w->output, NULL), CLADE_BUSY);
  assert_int_equal(cl_output_read(w->output, NULL), 0);
  assert_int_equal(cl_output_reports(w->output), 2500);
}

static void a_file_that_is_cut_is_followed_at_its_end(void **state) {
  struct world *w = *state;
  char path[100];
  append(w, "loss=1\nxxxxxxxxxxxxxxxxx");
  assert_reports(w, "1 @1 loss=1\n");
  (void)snprintf(path, sizeof path, "%s/stdout", w->directory);
  assert_int_equal(truncate(path, 0), 0);
  read_all(w);
  append(w, "loss=2\n");
  assert_reports(w, "1 @1 loss=1\n2 @2 loss=2\n");
}

static void a_failing_report_stops_the_reading(void **state) {
  struct world *w = *state;
  append(w, "loss=1\n");
  w->fails = true;
  assert_int_equal(cl_output_read(w->output, NULL), CLADE_ENOMEM);
}

static void a_stream_that_cannot_be_read_is_said(void **state) {
  struct world *w = *state;
  char path[100];
  (void)snprintf(path, sizeof path, "%s/stdout", w->directory);
  assert_int_equal(cl_dir_create(path, NULL), 0);
  append_to(w, "stderr", "loss=1\n");
  assert_reports(w, "1 @1 loss=1\n");
  assert_non_null(strstr(cl_text_get(&w->notes), "stdout"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(keras_reports_at_the_end_of_an_epoch),
                                     TEST(keras_3_reports_in_colour),
                                     TEST(lines_at_the_edges_are_read_by_the_rules),
                                     TEST(an_objective_is_no_step),
                                     TEST(odd_lines_are_read_as_people_mean_them),
                                     TEST(odd_objects_are_read_or_left),
                                     TEST(pytorch_examples_report_losses_and_accuracy),
                                     TEST(lightning_reports_the_state_its_bar_ends_with),
                                     TEST(tqdm_reports_the_state_its_bar_ends_with),
                                     TEST(xgboost_and_lightgbm_report_without_blanks),
                                     TEST(huggingface_reports_python_dictionaries),
                                     TEST(arguments_and_hyperparameters_are_no_reports),
                                     TEST(a_line_may_be_a_json_object),
                                     TEST(the_step_is_the_first_name_of_the_list),
                                     TEST(the_unit_of_the_settings_wins),
                                     TEST(the_exact_name_of_a_metric_wins_over_another_case),
                                     TEST(numbers_are_read_in_every_form),
                                     TEST(what_only_looks_like_a_number_is_none),
                                     TEST(a_computed_objective_takes_any_metric),
                                     TEST(an_expression_replaces_the_tokens),
                                     TEST(an_expression_must_have_a_group),
                                     TEST(names_that_do_not_fit_are_left_out),
                                     TEST(more_metrics_than_the_limit_are_left_out),
                                     TEST(reports_come_as_they_are_written),
                                     TEST(recorded_reports_are_read_over),
                                     TEST(the_first_stream_with_a_report_is_the_one),
                                     TEST(a_line_end_of_two_characters_is_one),
                                     TEST(a_line_that_is_too_long_is_no_report),
                                     TEST(a_flood_does_not_grow_memory),
                                     TEST(a_flood_of_reports_is_taken_in_turns),
                                     TEST(a_file_that_is_cut_is_followed_at_its_end),
                                     TEST(a_failing_report_stops_the_reading),
                                     TEST(a_stream_that_cannot_be_read_is_said)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
