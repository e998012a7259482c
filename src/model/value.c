#include "model/value.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

bool cl_value_equal(struct cl_value a, struct cl_value b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
  case CL_ABSENT:
  case CL_NULL: return true;
  case CL_BOOL: return a.as.truth == b.as.truth;
  case CL_INT: return a.as.integer == b.as.integer;
  case CL_REAL: return a.as.real == b.as.real || (isnan(a.as.real) && isnan(b.as.real));
  case CL_TEXT: return strcmp(a.as.text, b.as.text) == 0;
  }
  return false;
}

bool cl_value_same(struct cl_value a, struct cl_value b) {
  if (a.kind == CL_INT && b.kind == CL_REAL) a = cl_value_real((double)a.as.integer);
  if (a.kind == CL_REAL && b.kind == CL_INT) b = cl_value_real((double)b.as.integer);
  return cl_value_equal(a, b);
}

double cl_value_number(struct cl_value v) {
  if (v.kind == CL_INT) return (double)v.as.integer;
  return v.kind == CL_REAL ? v.as.real : NAN;
}

static uint64_t hash_text(const char *text, uint64_t h) {
  for (const char *p = text; *p != '\0'; p++) h = (h ^ (unsigned char)*p) * 0x100000001B3ull; /* FNV-1a */
  return h;
}

uint64_t cl_value_hash(struct cl_value v, uint64_t seed) {
  uint64_t bits = 0;
  switch (v.kind) {
  case CL_ABSENT:
  case CL_NULL: break;
  case CL_BOOL: bits = v.as.truth; break;
  case CL_INT: bits = (uint64_t)v.as.integer; break;
  case CL_REAL: memcpy(&bits, &v.as.real, sizeof bits); break;
  case CL_TEXT: bits = hash_text(v.as.text, 0xCBF29CE484222325ull); break;
  }
  return cl_mix64(seed ^ cl_mix64(bits + (uint64_t)v.kind * 0x9E3779B97F4A7C15ull));
}

/* A whole real keeps its point, so that it does not come back as an integer. */
static void write_real(struct cl_text *t, double x) {
  char buffer[CL_NUMBER_TEXT];
  const char *text = cl_number_text(x, buffer);
  cl_text_add(t, text);
  if (isfinite(x) && strpbrk(text, ".e") == NULL) cl_text_add(t, ".0");
}

void cl_value_write(struct cl_text *t, struct cl_value v) {
  switch (v.kind) {
  case CL_ABSENT: break;
  case CL_NULL: cl_text_add(t, "null"); break;
  case CL_BOOL: cl_text_add(t, v.as.truth ? "true" : "false"); break;
  case CL_INT: cl_text_format(t, "%lld", (long long)v.as.integer); break;
  case CL_REAL: write_real(t, v.as.real); break;
  case CL_TEXT: cl_text_add(t, v.as.text); break;
  }
}

void cl_value_write_json(struct cl_text *t, struct cl_value v) {
  if (v.kind == CL_ABSENT)
    cl_text_add(t, "null");
  else if (v.kind == CL_TEXT)
    cl_text_add_json(t, v.as.text);
  else if (v.kind == CL_REAL && !isfinite(v.as.real))
    cl_text_add_json_number(t, v.as.real);
  else
    cl_value_write(t, v);
}

int cl_value_from_json(const json_t *node, struct cl_value *ret, struct cl_err *e) {
  switch (node == NULL ? JSON_OBJECT : json_typeof(node)) {
  case JSON_NULL: *ret = (struct cl_value){.kind = CL_NULL}; return 0;
  case JSON_TRUE: *ret = cl_value_bool(true); return 0;
  case JSON_FALSE: *ret = cl_value_bool(false); return 0;
  case JSON_INTEGER: *ret = cl_value_int(json_integer_value(node)); return 0;
  case JSON_REAL: *ret = cl_value_real(json_real_value(node)); return 0;
  case JSON_STRING: *ret = cl_value_text(json_string_value(node)); return 0;
  case JSON_OBJECT:
  case JSON_ARRAY: break;
  }
  return CL_FAIL(e, CLADE_ESPEC, "a value must be a number, a string, true, false or null");
}

struct cl_value cl_value_parse(const char *text) {
  if (strcmp(text, "null") == 0) return (struct cl_value){.kind = CL_NULL};
  if (strcmp(text, "true") == 0 || strcmp(text, "True") == 0) return cl_value_bool(true);
  if (strcmp(text, "false") == 0 || strcmp(text, "False") == 0) return cl_value_bool(false);
  int64_t integer = 0;
  if (cl_text_to_int(text, &integer)) return cl_value_int(integer);
  double real = 0;
  if (cl_text_to_number(text, &real) && isfinite(real)) return cl_value_real(real);
  return cl_value_text(text);
}
