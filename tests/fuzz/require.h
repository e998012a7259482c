/* What must hold for every input; says which did not. */
#ifndef CL_TEST_REQUIRE_H
#define CL_TEST_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define require(condition) \
  do { \
    if (!(condition)) { \
      (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      abort(); \
    } \
  } while (0)

#endif
