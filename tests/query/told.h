/* A tale in memory, and a reader of the study that it tells. */
#ifndef CL_TEST_TOLD_H
#define CL_TEST_TOLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/reader.h"
#include "query/tales.h"

struct told {
  struct cl_store *store;
  struct cl_reader *reader;
  const struct cl_study *study;
};

static inline struct told tell(void (*teller)(struct cl_store *s)) {
  struct told t = {.store = tale_store("memory:")};
  teller(t.store);
  assert_int_equal(cl_reader_open(t.store, 1, &t.reader, NULL), 0);
  assert_int_equal(cl_reader_need(t.reader, 0, 0, &t.study, NULL), 0);
  return t;
}

static inline void forget(struct told *t) {
  cl_reader_close(t->reader);
  cl_store_close(t->store);
}

#endif
