/* A study's history to begin with, so that a short input leads deep: a first line "p12" stands for the first
 * 12 events of the tale `pbt`. Tales: m(nist), p(bt), r(epeats), z (maze), h(ostile).
 */
#ifndef CL_TEST_PROLOGUE_H
#define CL_TEST_PROLOGUE_H

#include <stddef.h>
#include <stdint.h>

#include "model/event.h"

enum { PROLOGUE_MOST = 200 }; /* events */

struct prologue {
  struct cl_event
      *events;      /* the first one is `created`; their metrics have ids, so appending changes nothing */
  int n;            /* 0: there is none */
  const char *text; /* the same as lines of JSON */
  size_t length;
};

/* Borrows until the program ends. Returns how many bytes of the input the line has, 0 if it is none. */
size_t prologue_read(const uint8_t *data, size_t size, struct prologue *ret);

#endif
