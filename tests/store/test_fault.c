/* Memory that runs out anywhere in a store or a log: an error with a sentence, nothing lost, nothing leaked.
 */
#include "store/kit.h"

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "fault/alloc.h"

/* SQLite allocates through the same failing allocator when `through` is set. */
static bool through;

union block {
  size_t size;
  max_align_t align;
};

static void *sqlite_malloc(int n) {
  union block *b = through ? cl_alloc((size_t)n + sizeof *b) : calloc(1, (size_t)n + sizeof *b);
  if (b == NULL) return NULL;
  b->size = (size_t)n;
  return b + 1;
}

static void sqlite_free(void *p) {
  if (p != NULL) free((union block *)p - 1);
}

static void *sqlite_realloc(void *p, int n) {
  union block *old = (union block *)p - 1;
  union block *b = through ? cl_resize(old, (size_t)n + sizeof *b) : realloc(old, (size_t)n + sizeof *b);
  if (b == NULL) return NULL;
  b->size = (size_t)n;
  return b + 1;
}

static int sqlite_size(void *p) {
  return p == NULL ? 0 : (int)((union block *)p - 1)->size;
}

static int sqlite_round_up(int n) {
  return (n + 15) / 16 * 16;
}

static int sqlite_begin(void *ctx) {
  (void)ctx;
  return SQLITE_OK;
}

static void sqlite_end(void *ctx) {
  (void)ctx;
}

/* Not FAULT_LOOP: the store is looked at in between, without failures. */
static void sqlite_survives_each_failing_allocation(void **state) {
  (void)state;
  struct kit_place p;
  kit_place_init(&p);
  unsigned long n = 1;
  for (bool happened = true; happened; n++) {
    char name[40];
    (void)snprintf(name, sizeof name, "study %lu", n / 40); /* some are created, some are there */
    struct cl_err e = {0};
    cl_fault_arm((n + 1) / 2, n % 2 == 0);
    int status = kit_live(p.address, name, &e);
    happened = cl_fault_happened();
    cl_fault_arm(0, false);
    assert_true(status == 0 || (happened && status == CLADE_ENOMEM));
    if (status < 0) assert_true(e.text[0] != '\0');
    kit_assert_whole(p.address, name);
  }
  assert_true(n > 200);
  kit_place_done(&p);
}

static void memory_survives_each_failing_allocation(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_err e = {0};
    int status = kit_live("memory:", "digits", &e);
    if (cl_fault_happened())
      assert_true(status == CLADE_ENOMEM || status == 0);
    else
      assert_int_equal(status, 0);
  }
  cl_fault_arm(0, false);
}

/* SQLite's own allocations are too many for all of them: some hundred, spread over the whole. */
static void sqlite_survives_its_own_failing_allocations(void **state) {
  (void)state;
  struct kit_place p;
  struct cl_rng rng = cl_rng_stream(2385, CL_RNG_USER, 0, 0);
  kit_place_init(&p);
  int failed = 0;
  for (int i = 0; i < 300; i++) {
    char name[40];
    (void)snprintf(name, sizeof name, "study %d", i / 10);
    struct cl_err e = {0};
    through = true;
    cl_fault_arm(1 + cl_rng_below(&rng, 2500), i % 2 == 0);
    int status = kit_live(p.address, name, &e);
    failed += cl_fault_happened();
    cl_fault_arm(0, false);
    through = false;
    if (status < 0) assert_true(e.text[0] != '\0');
    /* without memory SQLite may also fail to open or to read a file */
    assert_true(status == 0 || status == CLADE_ENOMEM || status == CLADE_EIO);
    kit_assert_whole(p.address, name);
  }
  assert_true(failed > 100);
  kit_place_done(&p);
}

int main(void) {
  static const sqlite3_mem_methods methods = {sqlite_malloc,   sqlite_free,  sqlite_realloc, sqlite_size,
                                              sqlite_round_up, sqlite_begin, sqlite_end,     NULL};
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_survives_each_failing_allocation),
      cmocka_unit_test(sqlite_survives_each_failing_allocation),
      cmocka_unit_test(sqlite_survives_its_own_failing_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
