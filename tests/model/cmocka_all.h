/* What every test of this folder includes first: cmocka and the headers it needs. */
#ifndef CL_TEST_CMOCKA_ALL_H
#define CL_TEST_CMOCKA_ALL_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
