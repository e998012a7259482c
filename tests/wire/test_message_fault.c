#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fault/alloc.h"
#include "wire/lines.h"
#include "wire/message.h"

static const char stream[] =
    "{\"type\":\"loaded\",\"change\":1,\"missing\":[\"a\",\"b\"]}\n"
    "{\"type\":\"go\",\"values\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9}}\n"
    "{\"type\":\"report\",\"ordinal\":1,\"step\":0.5,\"metrics\":{\"loss\":0.25}}\n";

static int copy_all(struct cl_lines *lines, struct cl_message_memory *memory, struct cl_text *copy) {
  const char *line = NULL;
  size_t n = 0;
  CL_TRY(cl_lines_add(lines, stream, sizeof stream - 1, NULL));
  while (cl_lines_next(lines, CL_MESSAGE_MAX, &line, &n, NULL) == 0) {
    struct cl_message m;
    CL_TRY(cl_message_parse(line, n, memory, &m, NULL));
    CL_TRY(cl_message_write(copy, &m, NULL));
  }
  return 0;
}

static void every_failed_allocation_is_an_error_and_no_leak(void **state) {
  (void)state;
  FAULT_LOOP(n) {
    struct cl_lines lines = {0};
    struct cl_message_memory memory = {0};
    struct cl_text copy = {0};
    int status = copy_all(&lines, &memory, &copy);
    assert_int_equal(status, cl_fault_happened() ? CLADE_ENOMEM : 0);
    if (status == 0) assert_int_equal(copy.length, sizeof stream - 1);
    if (copy.length > 0) assert_int_equal(copy.bytes[copy.length - 1], '\n');
    cl_text_done(&copy);
    cl_message_memory_done(&memory);
    cl_lines_done(&lines);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_failed_allocation_is_an_error_and_no_leak)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
