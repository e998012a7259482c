#include "schedule/args.h"

#include <assert.h>
#include <math.h>

double cl_args_number(const json_t *args, const char *key) {
  assert(key != NULL);
  const json_t *node = json_object_get(args, key);
  return json_is_number(node) ? json_number_value(node) : NAN;
}
