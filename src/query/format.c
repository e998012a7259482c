#include "query/format.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char types[] = "deEfFgGns%";

static size_t character_bytes(const char *p) {
  size_t n = 1;
  while (((unsigned char)p[n] & 0xC0) == 0x80) n++;
  return n;
}

static bool is_align(char c) {
  return c != '\0' && strchr("<>^=", c) != NULL;
}

/* Digits up to `max`; -1 above. */
static int read_count(const char **p, int max) {
  int n = 0;
  for (; **p >= '0' && **p <= '9'; (*p)++)
    if (n <= max) n = n * 10 + (**p - '0');
  return n > max ? -1 : n;
}

static int fail_format(const char *text, struct cl_err *e) {
  return CL_FAIL(e, CLADE_EINVAL,
                 "'%.40s' is no format: write one such as .5f , ,.2f 8d .1%% e g, or $bz $do $to "
                 "(width up to %d, precision up to %d)",
                 text, CL_FORMAT_WIDTH_MAX, CL_FORMAT_PRECISION_MAX);
}

static bool parse_special(const char *text, struct cl_format *f) {
  static const char *const names[] = {
      [CL_FORMAT_BLANK_ZERO] = "$bz", [CL_FORMAT_DATE] = "$do", [CL_FORMAT_TIME] = "$to"};
  for (int i = CL_FORMAT_BLANK_ZERO; i <= CL_FORMAT_TIME; i++)
    if (strcmp(text, names[i]) == 0) f->special = (enum cl_format_special)i;
  return f->special != CL_FORMAT_PYTHON;
}

static const char *parse_align(const char *p, struct cl_format *f) {
  size_t n = *p == '\0' ? 0 : character_bytes(p);
  if (n > 0 && n < sizeof f->fill && is_align(p[n])) {
    memcpy(f->fill, p, n);
    f->align = p[n];
    return p + n + 1;
  }
  if (!is_align(*p)) return p;
  f->align = *p;
  return p + 1;
}

int cl_format_parse(const char *text, struct cl_format *ret, struct cl_err *e) {
  struct cl_format f = {.precision = -1};
  if (parse_special(text, &f)) {
    *ret = f;
    return 0;
  }
  const char *p = parse_align(text, &f);
  if (*p == '+' || *p == '-' || *p == ' ') f.sign = *p++;
  if (*p == '0') {
    p++;
    if (f.align == '\0') {
      f.align = '=';
      memcpy(f.fill, "0", 2);
    }
  }
  f.width = read_count(&p, CL_FORMAT_WIDTH_MAX);
  if (*p == ',' || *p == '_') f.group = *p++;
  if (*p == '.') {
    p++;
    bool digits = *p >= '0' && *p <= '9';
    f.precision = read_count(&p, CL_FORMAT_PRECISION_MAX);
    if (!digits || f.precision < 0) return fail_format(text, e);
  }
  if (*p != '\0' && strchr(types, *p) != NULL) f.type = *p++;
  if (*p != '\0' || f.width < 0) return fail_format(text, e);
  assert(f.width <= CL_FORMAT_WIDTH_MAX && f.precision <= CL_FORMAT_PRECISION_MAX);
  *ret = f;
  return 0;
}

/* Writing. */

static size_t count_characters(const char *text) {
  size_t n = 0;
  for (; *text != '\0'; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

static void add_fill(const struct cl_format *f, size_t n, struct cl_text *ret) {
  while (n-- > 0) cl_text_add(ret, f->fill[0] == '\0' ? " " : f->fill);
}

/* `sign` and the rest, filled up to the width. `align` where the format says none. */
static void add_aligned(const struct cl_format *f, const char *sign, const char *text, char align,
                        struct cl_text *ret) {
  size_t used = strlen(sign) + count_characters(text), width = (size_t)f->width;
  size_t room = width > used ? width - used : 0;
  if (f->align != '\0') align = f->align;
  assert(align != '\0' && used + room >= width);
  size_t before = align == '>' ? room : align == '^' ? room / 2 : 0;
  add_fill(f, before, ret);
  cl_text_add(ret, sign);
  if (align == '=') add_fill(f, room, ret);
  cl_text_add(ret, text);
  if (align != '=') add_fill(f, room - before, ret);
}

static void add_text(const struct cl_format *f, const char *text, struct cl_text *ret) {
  struct cl_text cut = {0};
  const char *end = text;
  assert(f->special == CL_FORMAT_PYTHON);
  if (f->precision < 0 || (f->type != '\0' && f->type != 's')) {
    add_aligned(f, "", text, '<', ret);
    return;
  }
  for (int i = 0; i < f->precision && *end != '\0'; i++) end += character_bytes(end);
  cl_text_add_bytes(&cut, text, (size_t)(end - text));
  if (cut.failed) ret->failed = true;
  add_aligned(f, "", cl_text_get(&cut), '<', ret);
  cl_text_done(&cut);
}

/* Digits before the point in groups of three. */
static void add_grouped(const char *digits, char group, struct cl_text *ret) {
  assert(group != '\0');
  size_t n = strspn(digits, "0123456789");
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && (n - i) % 3 == 0) cl_text_add_char(ret, group);
    cl_text_add_char(ret, digits[i]);
  }
  cl_text_add(ret, digits + n);
}

static void add_number(const struct cl_format *f, bool negative, const char *digits, struct cl_text *ret) {
  const char *sign = negative ? "-" : f->sign == '+' ? "+" : f->sign == ' ' ? " " : "";
  struct cl_text grouped = {0};
  if (f->group != '\0') add_grouped(digits, f->group, &grouped);
  if (grouped.failed) ret->failed = true;
  add_aligned(f, sign, f->group != '\0' ? cl_text_get(&grouped) : digits, '>', ret);
  cl_text_done(&grouped);
}

static void add_real(const struct cl_format *f, double x, struct cl_text *ret) {
  char digits[512]; /* 309 before the point, CL_FORMAT_PRECISION_MAX behind it */
  double size = fabs(x);
  assert(f->precision <= CL_FORMAT_PRECISION_MAX && sizeof digits > 320 + CL_FORMAT_PRECISION_MAX);
  int precision = f->precision < 0 ? 6 : f->precision;
  bool whole = size == floor(size) && size < 1e15;
  if (!isfinite(x))
    (void)snprintf(digits, sizeof digits, "%s", isnan(x) ? "nan" : "inf");
  else if (f->type == 'f' || f->type == 'F' || (f->type == 'd' && whole))
    (void)snprintf(digits, sizeof digits, "%.*f", f->type == 'd' ? 0 : precision, size);
  else if (f->type == '%')
    (void)snprintf(digits, sizeof digits, "%.*f%%", precision, size * 100);
  else if (f->type == 'e')
    (void)snprintf(digits, sizeof digits, "%.*e", precision, size);
  else if (f->type == 'E')
    (void)snprintf(digits, sizeof digits, "%.*E", precision, size);
  else if (f->type == 'G')
    (void)snprintf(digits, sizeof digits, "%.*G", precision, size);
  else if (f->type == 'g' || f->type == 'n' || (f->type == '\0' && f->precision >= 0))
    (void)snprintf(digits, sizeof digits, "%.*g", precision, size);
  else
    (void)cl_number_text(size, digits);
  add_number(f, signbit(x) != 0 && !isnan(x), digits, ret);
}

static void add_integer(const struct cl_format *f, int64_t n, struct cl_text *ret) {
  char digits[CL_NUMBER_TEXT];
  if (f->type != '\0' && f->type != 'd' && f->type != 'n' && f->type != 's') {
    add_real(f, (double)n, ret);
    return;
  }
  uint64_t size = n < 0 ? (uint64_t)0 - (uint64_t)n : (uint64_t)n;
  (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)size);
  add_number(f, n < 0, digits, ret);
}

/* In the local time zone, as listings show it. */
static bool add_moment(bool date, int64_t wall_ms, struct cl_text *ret) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm tm;
  char text[64];
  if (localtime_r(&seconds, &tm) == NULL) return false;
  size_t n =
      date ? strftime(text, sizeof text, "%Y-%m-%d", &tm) : strftime(text, sizeof text, "%H:%M:%S", &tm);
  if (n > 0) cl_text_add(ret, text);
  return n > 0;
}

static bool is_zero(struct cl_value v) {
  return (v.kind == CL_INT || v.kind == CL_REAL) && cl_value_number(v) == 0;
}

bool cl_format_write(const struct cl_format *f, enum cl_column_type type, struct cl_value v,
                     struct cl_text *ret) {
  bool moment = type == CL_COLUMN_TIME && v.kind == CL_INT;
  if (v.kind == CL_ABSENT) return false;
  switch (f->special) {
  case CL_FORMAT_BLANK_ZERO: return is_zero(v);
  case CL_FORMAT_DATE: return moment && add_moment(true, v.as.integer, ret);
  case CL_FORMAT_TIME: return moment && add_moment(false, v.as.integer, ret);
  case CL_FORMAT_PYTHON: break;
  }
  if (moment) return false;
  switch (v.kind) {
  case CL_INT: add_integer(f, v.as.integer, ret); break;
  case CL_REAL: add_real(f, v.as.real, ret); break;
  case CL_TEXT: add_text(f, v.as.text, ret); break;
  case CL_BOOL: add_text(f, v.as.truth ? "true" : "false", ret); break;
  case CL_NULL: add_text(f, "null", ret); break;
  case CL_ABSENT: break;
  }
  return true;
}
