/* The power is cut at every sync of a recorded piece of work, and whatever had not been synced is lost, kept,
 * or half of it kept. What is left is an earlier state of the same store: of every study the first events,
 * none of them other than it was, none missing before another; with `sync: full` all that was acknowledged.
 */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/file.h"
#include "base/rng.h"
#include "store/power.h"

enum { STUDIES = 2, TURNS = 60, SEEDS = 2 };

struct work {
  struct kit_place place;
  enum cl_sync sync;
  struct cl_store *store;
  int64_t studies[STUDIES + 1]; /* by number, once created */
  struct kit_events logs[STUDIES + 1];
  struct cl_rng rng;
  int64_t cuts, losses; /* losses: acknowledged events that a cut took */
};

static struct cl_store *open_store(const char *path, enum cl_sync sync) {
  const struct cl_store_options options = {.mode = CL_STORE_CREATE, .sync = sync};
  struct cl_store *s = NULL;
  struct cl_err e = {0};
  if (cl_store_open(path, &options, &s, &e) < 0) fail_msg("%s", e.text);
  return s;
}

static void acknowledge(const struct work *w, int64_t study) {
  struct cl_study_head head;
  assert_int_equal(cl_store_head(w->store, study, &head, NULL), 0);
  power_acknowledge(study, head.position);
}

/* A trial from its proposal to its end, in commits of several events; columns come in, values change. */
static void run_trial(struct work *w, int64_t study, int turn) {
  struct cl_study_head head;
  char name[20];
  static const double objectives[] = {0.5, 0.125};
  const struct cl_assigned values[] = {{1, cl_value_real(cl_rng_uniform(&w->rng))},
                                       {2, cl_value_text("sgd")}};
  assert_int_equal(cl_store_head(w->store, study, &head, NULL), 0);
  int64_t trial = head.trials + 1;
  (void)snprintf(name, sizeof name, "metric %d", turn / 12);
  struct cl_metric m[] = {{0, "acc", cl_rng_uniform(&w->rng)}, {0, name, 0.25}};
  struct cl_append results[3];
  struct cl_event begin[] = {kit_proposed(trial, values, 2), kit_started(trial, 1, CL_SEEN_BATCH),
                             kit_reported(trial, 1, 1, 1.5, m, 2)};
  assert_int_equal(cl_store_append(w->store, study, begin, 3, results, NULL), 0);
  acknowledge(w, study);
  if (turn % 7 == 3) {
    struct cl_event set = kit_event(CL_EVENT_SET, trial);
    set.seen = kit_version(w->store, study, trial);
    set.u.set.values = (struct cl_assigned_list){1, values};
    kit_appended(w->store, study, set);
    acknowledge(w, study);
  }
  kit_appended(w->store, study, kit_ended(trial, 1, 0, objectives, 2));
  acknowledge(w, study);
}

/* As another program would: the write-ahead log goes into the file, and is begun anew afterwards. */
static void checkpoint(const struct work *w) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(w->place.address, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "SELECT count(*) FROM studies", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL), SQLITE_OK);
  (void)sqlite3_close(db);
}

static void do_work(struct work *w) {
  w->store = open_store(w->place.address, w->sync);
  for (int turn = 0; turn < TURNS; turn++) {
    int64_t study = 1 + turn % STUDIES;
    if (w->studies[study] == 0) {
      w->studies[study] = kit_create(w->store, study == 1 ? "digits" : "letters", 1000);
      assert_int_equal(w->studies[study], study);
      acknowledge(w, study);
    }
    run_trial(w, study, turn);
    if (turn % 9 == 5) checkpoint(w);
    if (turn % 20 != 13) continue;
    cl_store_close(w->store); /* the last one takes the log into the file and removes it */
    w->store = open_store(w->place.address, w->sync);
  }
  for (int64_t i = 1; i <= STUDIES; i++) kit_read(w->store, i, NULL, &w->logs[i]);
  cl_store_close(w->store);
}

/* What is there of a study: nothing (0), or its first events. */
static int64_t look_at_log(const struct work *w, struct cl_store *s, int64_t study) {
  struct kit_events got;
  struct cl_study_head head;
  struct cl_err e = {0};
  if (cl_store_head(s, study, &head, NULL) == CLADE_ENOTFOUND) return 0;
  kit_read(s, study, NULL, &got);
  assert_int_equal(got.n, head.position);
  assert_true(got.n >= 1 && got.n <= w->logs[study].n);
  for (size_t i = 0; i < got.n; i++) assert_true(cl_event_equal(got.items[i], w->logs[study].items[i]));
  if (cl_store_check(s, study, &e) < 0) fail_msg("%s", e.text);
  kit_events_done(&got);
  return head.position;
}

static void check_cut(struct work *w, size_t moment, enum power_rule rule, uint64_t seed) {
  struct kit_place p;
  kit_place_init(&p);
  power_cut(moment, rule, seed, p.dir);
  struct cl_store *s = open_store(p.address, w->sync);
  for (int64_t study = 1; study <= STUDIES; study++) {
    int64_t there = look_at_log(w, s, study);
    int64_t acknowledged = power_acknowledged(moment, study);
    bool kept = w->sync == CL_SYNC_FULL || rule == POWER_ALL;
    w->losses += there < acknowledged ? acknowledged - there : 0;
    if (kept && there < acknowledged)
      fail_msg("cut before step %zu: %lld events of study %lld were acknowledged, %lld are there", moment,
               (long long)acknowledged, (long long)study, (long long)there);
  }
  w->cuts++;
  cl_store_close(s);
  kit_place_done(&p);
}

static void cut_everywhere(enum cl_sync sync) {
  struct work w = {.sync = sync, .rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0)};
  kit_place_init(&w.place);
  power_record(w.place.dir);
  do_work(&w);
  power_stop();
  size_t syncs = 0;
  for (size_t moment = 0; moment <= power_moments(); moment++) {
    bool last = moment == power_moments(), sync_point = !last && power_is_sync(moment);
    syncs += sync_point;
    if (last || sync_point) {
      check_cut(&w, moment, POWER_NONE, 0);
      check_cut(&w, moment, POWER_ALL, 0);
      for (uint64_t seed = 1; seed <= SEEDS; seed++) check_cut(&w, moment, POWER_SOME, seed);
    }
    /* between syncs of `normal` there is much that can be torn */
    if (!last && sync == CL_SYNC_NORMAL && power_is_acknowledgement(moment) && moment % 3 == 0)
      check_cut(&w, moment, POWER_SOME, 3);
  }
  assert_true(power_checkpoint_writes() > 20);
  print_message("# %lld cuts, %lld events lost\n", (long long)w.cuts, (long long)w.losses);
  assert_true(sync == CL_SYNC_FULL ? w.losses == 0 : w.losses > 0);
  assert_true(syncs >= (sync == CL_SYNC_FULL ? 2 * TURNS : 10));
  power_forget();
  for (int64_t i = 1; i <= STUDIES; i++) kit_events_done(&w.logs[i]);
  kit_place_done(&w.place);
}

static void a_power_cut_takes_nothing_acknowledged_in_sync_full(void **state) {
  (void)state;
  cut_everywhere(CL_SYNC_FULL);
}

static void a_power_cut_takes_only_the_newest_in_sync_normal(void **state) {
  (void)state;
  cut_everywhere(CL_SYNC_NORMAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_power_cut_takes_nothing_acknowledged_in_sync_full),
      cmocka_unit_test(a_power_cut_takes_only_the_newest_in_sync_normal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
