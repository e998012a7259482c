/* The space in words, for the lines printed before the first trial and for sentences about values. */
#include "model/space_impl.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LISTED_MAX 8 /* values of a list that are shown */

static void write_values(const struct cl_value *values, int n, struct cl_text *t) {
  assert(n >= 1);
  cl_text_add_char(t, '[');
  for (int i = 0; i < n; i++) {
    if (n > LISTED_MAX && i == LISTED_MAX - 2) {
      cl_text_add(t, ", …");
      i = n - 1;
    }
    if (i > 0) cl_text_add(t, ", ");
    cl_value_write(t, values[i]);
  }
  cl_text_add_char(t, ']');
  if (n > LISTED_MAX) cl_text_format(t, " (%d values)", n);
}

static void write_bound(double x, bool whole, struct cl_text *t) {
  if (whole && isfinite(x))
    cl_value_write(t, cl_value_int((int64_t)x));
  else if (isfinite(x))
    cl_value_write(t, cl_value_real(x));
  else
    cl_text_add(t, x < 0 ? "-∞" : "∞");
}

void cl_space_write_range(const struct cl_hyperparameter *h, struct cl_text *ret) {
  if (h->domain == CL_CONSTANT) {
    cl_value_write(ret, h->values[0]);
    return;
  }
  if (!cl_space_is_number(h)) {
    write_values(h->values, h->n_values, ret);
    return;
  }
  bool whole = h->domain == CL_INTEGER;
  if (h->zero > 0) cl_text_add(ret, "0 or ");
  write_bound(h->lo, whole, ret);
  cl_text_add(ret, " … ");
  write_bound(h->hi, whole, ret);
  if (h->step > (whole ? 1 : 0)) {
    cl_text_add(ret, " step ");
    cl_text_add_number(ret, h->step);
  }
}

/* Characters, not bytes: the texts hold "…". */
static size_t width_of(const char *text) {
  size_t n = 0;
  for (const char *p = text; *p != '\0'; p++) n += ((unsigned char)*p & 0xC0) != 0x80;
  return n;
}

static void add_column(struct cl_text *ret, const char *text, size_t width) {
  cl_text_add(ret, text);
  for (size_t n = width_of(text); n < width; n++) cl_text_add_char(ret, ' ');
  cl_text_add(ret, " ");
}

static void write_scale(const struct cl_hyperparameter *h, struct cl_text *t) {
  if (!cl_space_is_number(h)) return;
  cl_text_add(t, cl_scale_name(h->scale));
  if (h->scale != CL_NORMAL && h->scale != CL_LOGNORMAL) return;
  cl_text_add(t, "(");
  cl_text_add_number(t, h->mean);
  cl_text_add(t, ", ");
  cl_text_add_number(t, h->sd);
  cl_text_add(t, ")");
}

void cl_space_describe(const struct cl_hyperparameter *h, const struct cl_space *s, struct cl_text *ret) {
  struct cl_text part = {0};
  add_column(ret, h->name, 13);
  add_column(ret, cl_domain_name(h->domain), 9);
  cl_space_write_range(h, &part);
  add_column(ret, cl_text_get(&part), 15);
  if (part.failed) ret->failed = true; /* clearing forgets it */
  cl_text_clear(&part);
  write_scale(h, &part);
  add_column(ret, cl_text_get(&part), 7);
  add_column(ret, h->domain == CL_CONSTANT ? "" : cl_change_name(h->change), 7);
  if (part.failed) ret->failed = true;
  cl_text_done(&part);
  if (h->tuned.kind != CL_ABSENT) {
    cl_text_add(ret, "tuned ");
    cl_value_write(ret, h->tuned);
  }
  if (h->drawn) cl_text_add(ret, "drawn anew for each trial");
  if (h->parent >= 0) {
    cl_text_format(ret, "%swhen %s is in ", h->tuned.kind != CL_ABSENT || h->drawn ? "  " : "",
                   s->items[h->parent].name);
    write_values(h->when, h->n_when, ret);
  }
  while (ret->length > 0 && ret->bytes[ret->length - 1] == ' ') ret->bytes[--ret->length] = '\0';
}
