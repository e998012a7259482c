/* Every kind of event in words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/reader.h"
#include "query/sentence.h"
#include "query/tales.h"

static struct cl_store *store;
static struct cl_reader *reader;
static const struct cl_study *study; /* with lr, momentum, layers, opt; val_accuracy and loss */

static int setup(void **state) {
  (void)state;
  store = tale_store("memory:");
  tell_mnist(store);
  if (cl_reader_open(store, 1, &reader, NULL) < 0) return -1;
  return cl_reader_need(reader, 0, 0, &study, NULL);
}

static int teardown(void **state) {
  (void)state;
  cl_reader_close(reader);
  cl_store_close(store);
  return 0;
}

static void assert_says(const struct cl_event *ev, const struct cl_study *of, const char *want) {
  struct cl_text t = {0};
  cl_event_write(ev, of, &t);
  assert_string_equal(cl_text_get(&t), want);
  cl_text_done(&t);
}

/* A struct cl_event with these members, in words. */
#define SAYS(want, ...) \
  do { \
    struct cl_event said = {__VA_ARGS__}; \
    assert_says(&said, study, want); \
  } while (0)

static void events_on_the_study_are_told(void **state) {
  (void)state;
  SAYS("study mnist created", .kind = CL_EVENT_CREATED, .u.created = {.name = "mnist", .seed = 7});
  SAYS("study mnist created: dgd, minimize loss, 23 trials, seed 7",
       .kind = CL_EVENT_CREATED, /* not as it is now */
       .u.created = {.name = "mnist",
                     .seed = 7,
                     .settings = "{\"study\": \"mnist\", \"trials\": 23, \"search\": {\"method\": \"dgd\"}, "
                                 "\"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}]}"});
  SAYS("changed: trials 7, constraints, because of a person (clade update)", .kind = CL_EVENT_UPDATED,
       .cause = CL_CAUSE_HUMAN, .args = "{\"text\": \"clade update\"}",
       .u.updated.settings = "{\"trials\": 7, \"constraints\": []}");
  SAYS("study paused", .kind = CL_EVENT_UPDATED, .u.updated.settings = "{\"paused\": [3]}");
  SAYS("study goes on", .kind = CL_EVENT_UPDATED, .u.updated.settings = "{\"paused\": null}");
  static const char *const reasons[] = {"",
                                        "finished: budget used up",
                                        "finished: space used up",
                                        "finished: target reached",
                                        "finished: too many failures",
                                        "finished: by a person"};
  for (int i = 1; i <= 5; i++)
    SAYS(reasons[i], .kind = CL_EVENT_FINISHED, .u.finished.reason = (enum cl_reason)i);
  SAYS("reopened", .kind = CL_EVENT_REOPENED);
  SAYS("clock: 2.385 s", .kind = CL_EVENT_CLOCK, .u.clock.seconds = 2.385);
  SAYS("auto chose {}", .kind = CL_EVENT_CHOSEN, .u.chosen = {.method = "auto", .what = "{}"});
  SAYS("worker 2 joined: frodo, 1 slot", .kind = CL_EVENT_WORKER,
       .u.worker = {.worker = 2, .slots = 1, .host = "frodo", .state = CL_WORKER_JOINED});
  SAYS("worker 2 changed: ?, 3 slots", .kind = CL_EVENT_WORKER,
       .u.worker = {.worker = 2, .slots = 3, .state = CL_WORKER_CHANGED});
  SAYS("worker 2 gone", .kind = CL_EVENT_WORKER, .u.worker = {.worker = 2, .state = CL_WORKER_GONE});
  SAYS("note: looks good", .kind = CL_EVENT_NOTE, .u.note = {.what = CL_NOTE_TEXT, .text = "looks good"});
  SAYS("tag best: 1", .kind = CL_EVENT_NOTE, .subject = 3,
       .u.note = {.what = CL_NOTE_TAG, .name = "best", .text = "1"});
  SAYS("tag removed best", .kind = CL_EVENT_NOTE, .subject = 3,
       .u.note = {.what = CL_NOTE_UNTAG, .name = "best"});
}

static void proposals_and_values_are_told(void **state) {
  (void)state;
  struct cl_assigned values[] = {{1, cl_value_real(0.0125)}, {2, {0}}, {99, cl_value_int(3)}};
  const struct cl_assigned_list list = {3, values};
  SAYS("proposed by search (random): lr=0.0125 h99=3", .kind = CL_EVENT_PROPOSED, .subject = 3,
       .cause = CL_CAUSE_SEARCH, .args = "{\"method\": \"random\"}", .u.proposed = {.values = list});
  SAYS("proposed by confirm, of trial 2, infeasible: lr=0.0125 h99=3", .kind = CL_EVENT_PROPOSED,
       .subject = 3, .u.proposed = {.role = CL_ROLE_CONFIRM, .of = 2, .infeasible = true, .values = list});
  SAYS("imported from trial 7 of other.db, COMPLETE: lr=0.0125 h99=3", .kind = CL_EVENT_IMPORTED,
       .subject = 3, .u.imported = {.origin = "other.db", .trial = 7, .state = CL_COMPLETE, .values = list});
  SAYS("takes over snapshot 31 with trial 5, because of exploit (truncation): lr=0.0125 h99=3",
       .kind = CL_EVENT_EXPLOITED, .subject = 3, .cause = CL_CAUSE_EXPLOIT,
       .args = "{\"rule\": \"truncation\"}", .u.exploited = {.snapshot = 31, .with = 5, .values = list});
  SAYS("takes over snapshot 31 with trial 5, but is infeasible with its values, because of generation 4 "
       "(descendant: rank 6 of 8): lr=0.0125 h99=3",
       .kind = CL_EVENT_EXPLOITED, .subject = 3, .cause = CL_CAUSE_GENERATION,
       .args = "{\"rule\": \"descendant\", \"number\": 4, \"rank\": 6, \"of\": 8}",
       .u.exploited = {.snapshot = 31, .with = 5, .values = list, .infeasible = true});
  SAYS("set lr=0.0125 h99=3, because of a person", .kind = CL_EVENT_SET, .subject = 3,
       .cause = CL_CAUSE_HUMAN, .args = "not JSON", .u.set.values = list);
  struct cl_text t = {0};
  cl_assigned_write(&list, NULL, &t);
  assert_string_equal(cl_text_get(&t), "h1=0.0125 h99=3");
  cl_text_done(&t);
  double ids[] = {1, 99};
  SAYS("held: lr h99", .kind = CL_EVENT_HELD, .subject = 3, .u.held = {.ids = {2, ids}, .on = true});
  SAYS("released: lr h99", .kind = CL_EVENT_HELD, .subject = 3, .u.held = {.ids = {2, ids}});
}

static void decisions_on_trials_are_told(void **state) {
  (void)state;
  SAYS("attempt 2 started on worker 1 from snapshot 9 until step 4.5", .kind = CL_EVENT_STARTED, .subject = 3,
       .attempt = 2, .u.started = {.worker = 1, .from = 9, .until = 4.5});
  SAYS("attempt 1 asked for", .kind = CL_EVENT_STARTED, .subject = 3, .attempt = 1, .u.started.until = NAN);
  SAYS("continued until step 3, because of rung", .kind = CL_EVENT_CONTINUED, .subject = 3,
       .cause = CL_CAUSE_RUNG, .u.continued.until = 3);
  SAYS("change 17 taken back", .kind = CL_EVENT_VOIDED, .subject = 3, .u.voided.change = 17);
  SAYS("snapshot 18 deleted, because of budget (disk)", .kind = CL_EVENT_DELETED, .subject = 3,
       .cause = CL_CAUSE_BUDGET, .args = "{\"which\": \"disk\"}", .u.deleted.snapshot = 18);
  SAYS("to be tried again (2)", .kind = CL_EVENT_RETRIED, .subject = 3, .u.retried.count = 2);
  SAYS("attempt 4 lost", .kind = CL_EVENT_LOST, .subject = 3, .attempt = 4);
  SAYS("paused", .kind = CL_EVENT_PAUSED, .subject = 3);
  SAYS("given up", .kind = CL_EVENT_GIVEN_UP, .subject = 3);
}

static void facts_are_told(void **state) {
  (void)state;
  SAYS("attempt 2 taken over by worker 5", .kind = CL_EVENT_ADOPTED, .subject = 3, .attempt = 2,
       .u.adopted.worker = 5);
  SAYS("connected, can save load", .kind = CL_EVENT_CONNECTED, .subject = 3,
       .u.connected.capabilities = "save load");
  struct cl_metric metrics[] = {{2, NULL, 0.25}, {7, "spare", 3}, {8, NULL, NAN}};
  struct cl_event ev = {.kind = CL_EVENT_REPORTED, .subject = 3, .late = true};
  ev.u.reported.step = 1.5;
  ev.u.reported.metrics = (struct cl_metric_list){3, metrics};
  struct cl_text t = {0};
  cl_event_write(&ev, study, &t);
  assert_non_null(strstr(cl_text_get(&t), " 1.5: loss=0.25 spare=3 m8=nan (late: it counts for nothing)"));
  cl_text_done(&t);
  assert_says(&ev, NULL, "reported step 1.5: m2=0.25 spare=3 m8=nan (late: it counts for nothing)");
  static const char *const ways[] = {
      "", "snapshot at step 2 (directory, 96 bytes)", "snapshot at step 2 (region, 96 bytes)",
      "snapshot at step 2 (fork, 96 bytes)", "snapshot at step 2 (copy, 96 bytes)"};
  for (int way = 1; way <= 4; way++)
    SAYS(ways[way], .kind = CL_EVENT_SAVED, .subject = 3,
         .u.saved = {.step = 2, .way = (enum cl_way)way, .bytes = 96});
  SAYS("snapshot 8 loaded", .kind = CL_EVENT_LOADED, .subject = 3, .u.loaded.snapshot = 8);
  SAYS("snapshot 8 loaded with an error: no such file", .kind = CL_EVENT_LOADED, .subject = 3,
       .u.loaded = {.snapshot = 8, .error = "no such file"});
  SAYS("done", .kind = CL_EVENT_DONE, .subject = 3);
}

static void ends_are_told_with_their_values(void **state) {
  (void)state;
  double values[] = {0.75, 2.385};
  SAYS("attempt 1 ended with status 0, value 0.75 2.385", .kind = CL_EVENT_ENDED, .subject = 3, .attempt = 1,
       .u.ended = {.known = true, .objectives = {2, values}});
  SAYS("attempt 1 ended, killed by signal 9", .kind = CL_EVENT_ENDED, .subject = 3, .attempt = 1,
       .u.ended = {.known = true, .signal = 9});
  SAYS("attempt 1 ended, status unknown", .kind = CL_EVENT_ENDED, .subject = 3, .attempt = 1);
}

static void what_a_newer_clade_wrote_has_no_words(void **state) {
  (void)state;
  SAYS("?", .kind = (enum cl_kind)63, .subject = 3);
  SAYS("?", .kind = (enum cl_kind)63);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_on_the_study_are_told),
      cmocka_unit_test(proposals_and_values_are_told),
      cmocka_unit_test(decisions_on_trials_are_told),
      cmocka_unit_test(facts_are_told),
      cmocka_unit_test(ends_are_told_with_their_values),
      cmocka_unit_test(what_a_newer_clade_wrote_has_no_words),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
