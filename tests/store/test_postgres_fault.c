/* What fails between Clade and a PostgreSQL server: memory anywhere in the store, libpq's own, and every call
 * on libpq's socket. Either nobody notices, or there is an error with a sentence; nothing is lost or there
 * twice, and the handle goes on. */
#include "store/kit.h"

#include <unistd.h>

#include "fault/alloc.h"
#include "fault/libpq.h"
#include "store/private_server.h"

enum { LIVES_PER_STUDY = 3, PATIENCE = 12, ROUNDS_MAX = 20000 };

struct fixture {
  struct kit_place place;
  struct cl_store *other; /* somebody else's handle */
  char name[40];          /* of the study */
  int64_t appended;       /* events of the lives that it has had, at least */
  unsigned long lives;
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  kit_place_init(&f->place);
  if (private_server() != NULL) {
    f->other = kit_open(KIT_POSTGRES, &f->place);
    cl_fault_libpq_hook();
  }
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  cl_store_close(f->other);
  kit_place_done(&f->place);
  free(f);
  return 0;
}

static struct fixture *need(void **state) {
  struct fixture *f = *state;
  if (f->place.postgres[0] == '\0') skip();
  return f;
}

/* Some lives begin with a study, in others it is there. */
static void next_life(struct fixture *f) {
  if (f->lives++ % LIVES_PER_STUDY != 0) return;
  (void)snprintf(f->name, sizeof f->name, "study %lu", f->lives);
  f->appended = 1;
}

/* An engine that has other things to do, and, while a fault stays, soon enough of waiting. */
struct patience {
  bool has_end;
  int times;
};

static int idle(void *ctx, int ms) {
  struct patience *p = ctx;
  (void)usleep((useconds_t)ms * 100);
  return p->has_end && cl_fault_libpq_happened() && ++p->times > PATIENCE ? CLADE_STOP : 0;
}

/* How many events the study has, looked at by somebody else. */
static int64_t count_events(const struct fixture *f) {
  struct cl_study_head head = {0};
  struct cl_err e = {0};
  int64_t study = 0;
  int status = cl_store_find(f->other, f->name, &study, &e);
  if (status == 0) status = cl_store_head(f->other, study, &head, &e);
  if (status < 0 && status != CLADE_ENOTFOUND) fail_msg("%s", e.text);
  return head.position;
}

/* A life during which something fails, and one of the same handle when it is over. */
static int live_twice(struct fixture *f, const struct cl_store_options *options, void (*disarm)(void *ctx),
                      struct cl_err *e) {
  struct cl_store *s = NULL;
  struct cl_err after = {0};
  int status = cl_store_open(f->place.postgres, options, &s, e);
  bool open = status == 0;
  if (open) status = kit_live_in(s, f->name, e);
  disarm(options->ctx);
  if (status < 0) assert_true(e->text[0] != '\0');
  if (status == 0) f->appended += KIT_LIFE;
  int64_t n = count_events(f);
  if (status == 0)
    assert_int_equal(n, f->appended);
  else
    assert_true(n == 0 || (n >= f->appended && n <= f->appended + KIT_LIFE));
  if (open) {
    if (kit_live_in(s, f->name, &after) < 0) fail_msg("after '%s': %s", e->text, after.text);
    f->appended = (n == 0 ? 1 : n) + KIT_LIFE;
  } else {
    assert_int_equal(n == 0 ? f->appended : n, f->appended);
  }
  cl_store_close(s);
  return status;
}

static void disarm_memory(void *ctx) {
  (void)ctx;
  cl_fault_pause(true);
}

static void each_allocation_can_fail(void **state) {
  struct fixture *f = need(state);
  const struct cl_store_options options = {.mode = CL_STORE_CREATE};
  unsigned long n = 1, failed = 0, step = kit_stride(11);
  for (bool happened = true; happened && n < ROUNDS_MAX; n += step) {
    struct cl_err e = {0};
    next_life(f);
    cl_fault_arm((n + 1) / 2, n % 2 == 0);
    cl_fault_pause(false);
    int status = live_twice(f, &options, disarm_memory, &e);
    happened = cl_fault_happened();
    cl_fault_arm(0, false);
    cl_fault_pause(false);
    if (status != 0 && !(happened && status == CLADE_ENOMEM))
      fail_msg("allocation %lu: %s", (n + 1) / 2, e.text);
    failed += status != 0;
  }
  print_message("# %lu rounds, %lu failed\n", n, failed);
}

static void disarm_libpq(void *ctx) {
  ((struct patience *)ctx)->has_end = false;
  cl_fault_libpq_pause(true);
}

/* Once: the connection is made again, and nobody notices but those who were just opening the store. For ever:
 * an error for whoever does not want to wait. */
static void fail_each(struct fixture *f, const char *call, bool persistent, unsigned long step) {
  unsigned long n = 1, failed = 0;
  for (bool happened = true; happened && n < ROUNDS_MAX; n += step) {
    struct cl_err e = {0};
    struct patience patience = {.has_end = persistent};
    const struct cl_store_options options = {
        .mode = CL_STORE_CREATE, .idle = persistent || n % 2 == 0 ? idle : NULL, .ctx = &patience};
    next_life(f);
    cl_fault_libpq_arm(call, n, persistent);
    int status = live_twice(f, &options, disarm_libpq, &e);
    happened = cl_fault_libpq_happened();
    cl_fault_libpq_pause(false);
    failed += status != 0;
  }
  cl_fault_libpq_arm(NULL, 0, false);
  print_message("# %s: %lu rounds, %lu failed\n", call, n, failed);
}

static void each_call_on_the_socket_can_fail(void **state) {
  struct fixture *f = need(state);
  static const char *const calls[] = {"socket", "connect", "getsockopt", "send", "recv", "poll"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    fail_each(f, calls[i], false, kit_stride(7));
    fail_each(f, calls[i], true, kit_stride(19));
  }
}

/* Not its malloc: libpq 15 that has no room for the answer to a mark waits for it for ever. */
static void libpq_can_run_out_of_memory(void **state) {
  struct fixture *f = need(state);
  static const char *const calls[] = {"strdup", "calloc", "realloc"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    fail_each(f, calls[i], false, kit_stride(67));
    fail_each(f, calls[i], true, kit_stride(131));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_call_on_the_socket_can_fail, set_up, tear_down),
      cmocka_unit_test_setup_teardown(libpq_can_run_out_of_memory, set_up, tear_down),
      cmocka_unit_test_setup_teardown(each_allocation_can_fail, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
