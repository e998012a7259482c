/* Who takes what from whom: the table of origins for given scores. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schedule/migration.h"

static void groups_evolve_at_their_own_pace(void **state) {
  (void)state;
  static const double periods[4] = {1, 10, 25, 50};
  static const struct {
    int64_t round;
    bool evolves[4];
  } cases[] = {{50, {true, true, true, true}},
               {25, {true, false, true, false}},
               {10, {true, true, false, false}},
               {7, {true, false, false, false}}};
  for (int k = 0; k < 4; k++)
    for (int g = 0; g < 4; g++)
      assert_int_equal(cl_migration_is_round(periods[g], cases[k].round), cases[k].evolves[g]);
}

static int compare_ranked(const void *a, const void *b) {
  const struct cl_ranked *x = a, *y = b;
  return (x->score < y->score) - (x->score > y->score);
}

/* scores[member]; members take turns in the groups. */
static void rank_members(const double *scores, size_t n, int groups, struct cl_ranked *ret) {
  for (size_t i = 0; i < n; i++)
    ret[i] = (struct cl_ranked){i, (int)(i % (size_t)groups), scores[i], isfinite(scores[i])};
  qsort(ret, n, sizeof *ret, compare_ranked);
}

/* {rule, member of the state, member of the values} of each member. */
static void check_origins(const double *scores, size_t n, int groups, const double *periods,
                          const int (*wanted)[3]) {
  struct cl_ranked table[32];
  rank_members(scores, n, groups, table);
  for (size_t rank = 0; rank < n; rank++) {
    const struct cl_move m = cl_migration_move(table, n, periods, rank);
    const int *w = wanted[table[rank].member];
    assert_int_equal(m.rule, w[0]);
    if (m.rule == CL_MOVE_NONE) continue;
    assert_int_equal(table[m.state].member, w[1]);
    assert_int_equal(table[m.values].member, w[2]);
  }
}

enum { NONE = CL_MOVE_NONE, COPY = CL_MOVE_COPY, MIGRATE = CL_MOVE_MIGRATE };

static void two_groups_of_four(void **state) {
  (void)state;
  static const double scores[8] = {5, 9, 3, 6, 2, 4, 1, 0}, periods[2] = {1, 10};
  static const int wanted[8][3] = {{NONE},          {NONE}, /* the best of each */
                                   {NONE},          {NONE}, /* and the second */
                                   {MIGRATE, 1, 1},         /* 9 > 2, of a slower group: with its values */
                                   {MIGRATE, 0, 1}, /* 5 > 4, of a faster one: values of the own best */
                                   {COPY, 0, 0},    {COPY, 1, 1}};
  check_origins(scores, 8, 2, periods, wanted);
}

/* Groups of eight: two of each quarter. Even members are group 0. */
static void migrants_are_taken_once_and_only_by_those_that_are_worse(void **state) {
  (void)state;
  static const double scores[16] = {80, 78, 79, 60, 50, 55, 49, 54, 77, 53, 30, 52, 20, 10, 19, 9};
  static const double periods[2] = {25, 1};
  /* group 0: 80 79 77 50 | 49 30 | 20 19 (members 0 2 8 4 | 6 10 | 12 14); the others: 78 60 55 …
   * group 1: 78 60 55 54 | 53 52 | 10 9 (members 1 3 5 7 | 9 11 | 13 15); the others: 80 79 … */
  static const int wanted[16][3] = {{NONE},       {NONE},          {NONE},          {NONE},
                                    {NONE},       {NONE},          {MIGRATE, 1, 0}, {NONE},
                                    {NONE},       {MIGRATE, 0, 0}, {MIGRATE, 3, 0}, {MIGRATE, 2, 2},
                                    {COPY, 0, 0}, {COPY, 1, 1},    {COPY, 2, 2},    {COPY, 3, 3}};
  check_origins(scores, 16, 2, periods, wanted);
}

static void nobody_takes_what_is_worse_or_gone(void **state) {
  (void)state;
  static const double periods[2] = {1, 10};
  static const double ahead[8] = {50, 4, 40, 3, 30, 2, 20, 1}; /* group 0 leads everywhere */
  static const int wanted[8][3] = {{NONE}, {NONE},          {NONE},       {NONE},
                                   {NONE}, {MIGRATE, 0, 1}, {COPY, 0, 0}, {COPY, 1, 1}};
  check_origins(ahead, 8, 2, periods, wanted);
  struct cl_ranked table[8];
  rank_members(ahead, 8, 2, table);
  table[0].gives = false; /* member 0's state was not saved: the next one gives */
  assert_int_equal(table[cl_migration_move(table, 8, periods, 3).state].member, 2);
  assert_int_equal(table[cl_migration_move(table, 8, periods, 6).state].member, 2);
  for (size_t i = 0; i < 8; i++) table[i].gives = false;
  for (size_t i = 0; i < 8; i++) assert_int_equal(cl_migration_move(table, 8, periods, i).rule, CL_MOVE_NONE);
  assert_int_equal(cl_migration_move(table, 3, periods, 2).rule, CL_MOVE_NONE); /* too few for quarters */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(groups_evolve_at_their_own_pace),
      cmocka_unit_test(two_groups_of_four),
      cmocka_unit_test(migrants_are_taken_once_and_only_by_those_that_are_worse),
      cmocka_unit_test(nobody_takes_what_is_worse_or_gone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
