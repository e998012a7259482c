/* Reads messages from standard input, one per line, and writes them back as this build writes them; a line
 * that is no message ends it with its sentence and status 1. For tests that are not written in C. */
#include <stdio.h>
#include <string.h>

#include "wire/message.h"

int main(void) {
  static char line[CL_MESSAGE_MAX + 2];
  struct cl_message_memory memory = {0};
  struct cl_text text = {0};
  struct cl_message m;
  struct cl_err e = {0};
  int status = 0;
  while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
    status = cl_message_parse(line, strcspn(line, "\n"), &memory, &m, &e);
    if (status == 0) status = cl_message_write(&text, &m, &e);
  }
  if (status < 0) fprintf(stderr, "%s\n", e.text);
  if (status == 0) fputs(cl_text_get(&text), stdout);
  cl_text_done(&text);
  cl_message_memory_done(&memory);
  return status < 0;
}
