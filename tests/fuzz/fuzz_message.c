/* What the reader accepts, the writer writes, and that reads back as the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/lines.h"
#include "wire/message.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line, size_t n) {
  struct cl_message_memory memory = {0}, memory_again = {0};
  struct cl_text once = {0}, twice = {0};
  struct cl_message m, again;
  struct cl_err e = {0};
  int status = cl_message_parse(line, n, &memory, &m, &e);
  require((status < 0) == (e.text[0] != '\0'));
  /* A float gains a point or an exponent, so what was accepted at the limit may be too long to write. */
  if (status == 0) status = cl_message_write(&once, &m, &e);
  require(status == 0 || status == CLADE_EPROTOCOL || status == CLADE_ELIMIT);
  if (status == 0) {
    require(cl_message_parse(once.bytes, once.length - 1, &memory_again, &again, &e) == 0);
    require(cl_message_write(&twice, &again, &e) == 0);
    require(strcmp(once.bytes, twice.bytes) == 0);
  }
  cl_text_done(&once);
  cl_text_done(&twice);
  cl_message_memory_done(&memory);
  cl_message_memory_done(&memory_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cl_lines lines = {0};
  const char *line = NULL;
  size_t n = 0;
  require(cl_lines_add(&lines, (const char *)data, size, NULL) == 0);
  while (cl_lines_next(&lines, CL_MESSAGE_MAX, &line, &n, NULL) == 0) check_line(line, n);
  cl_lines_done(&lines);
  return 0;
}
