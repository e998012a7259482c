/* Text that grows, numbers that read back the same, UTF-8. */
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* It is always a text that ends with a zero byte, or nothing. */
static void assert_text_state(const struct cl_text *t) {
  assert((t->bytes == NULL) == (t->capacity == 0));
  assert(t->bytes == NULL ? t->length == 0 : t->length < t->capacity);
  assert(t->bytes == NULL || t->bytes[t->length] == '\0');
  (void)t;
}

void cl_text_done(struct cl_text *t) {
  cl_free(t->bytes);
  *t = (struct cl_text){0};
}

void cl_text_clear(struct cl_text *t) {
  t->length = 0;
  t->failed = false;
  if (t->bytes != NULL) t->bytes[0] = '\0';
  assert_text_state(t);
}

void cl_text_cut(struct cl_text *t, size_t length) {
  assert_text_state(t);
  if (t->length > length) t->bytes[t->length = length] = '\0';
}

static bool make_room(struct cl_text *t, size_t more) {
  assert_text_state(t);
  if (t->failed) return false;
  if (t->length + more < t->capacity) return true;
  if (cl_grow(&t->bytes, &t->capacity, t->length + more + 1, 1) < 0) {
    t->failed = true;
    return false;
  }
  return true;
}

void cl_text_add_bytes(struct cl_text *t, const char *bytes, size_t n) {
  assert(bytes != NULL || n == 0);
  if (!make_room(t, n)) return;
  if (n > 0) memcpy(t->bytes + t->length, bytes, n);
  t->length += n;
  t->bytes[t->length] = '\0';
}

void cl_text_add(struct cl_text *t, const char *text) {
  if (text != NULL) cl_text_add_bytes(t, text, strlen(text));
}

void cl_text_add_char(struct cl_text *t, char c) {
  if (!make_room(t, 1)) return;
  t->bytes[t->length++] = c;
  t->bytes[t->length] = '\0';
}

/* Once, when there happens to be room. */
void cl_text_format(struct cl_text *t, const char *format, ...) {
  va_list args, again;
  assert_text_state(t);
  if (t->failed) return;
  va_start(args, format);
  va_copy(again, args);
  size_t room = t->capacity - t->length;
  int n = vsnprintf(t->bytes == NULL ? NULL : t->bytes + t->length, room, format, args);
  va_end(args);
  bool cut = n >= 0 && (size_t)n >= room;
  if (cut && t->bytes != NULL) t->bytes[t->length] = '\0';
  if (cut && make_room(t, (size_t)n)) (void)vsnprintf(t->bytes + t->length, (size_t)n + 1, format, again);
  if (n >= 0 && !t->failed) t->length += (size_t)n;
  va_end(again);
}

/* Numbers have a point in whatever locale the program runs: a trainer may have chosen one with a comma. The C
 * locale costs no memory; where it cannot be had, the thread's own is used. */
struct point {
  locale_t c, before;
};

static struct point begin_point(void) {
  struct point p = {.c = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
  if (p.c != (locale_t)0) p.before = uselocale(p.c);
  return p;
}

static void end_point(struct point p) {
  if (p.c == (locale_t)0) return;
  (void)uselocale(p.before);
  freelocale(p.c);
}

/* By trying: for the few numbers that the estimate below leaves open. */
static const char *try_digits(double x, char *buffer) {
  struct point point = begin_point();
  for (int digits = 15; digits <= 17; digits++) {
    (void)snprintf(buffer, CL_NUMBER_TEXT, "%.*g", digits, x);
    if (strtod(buffer, NULL) == x) break;
  }
  end_point(point);
  return buffer;
}

/* 17 significant digits of x > 0, as a whole number; they tell every double from its neighbours. */
static int64_t find_digits(double x, int *ret_exponent) {
  char text[CL_NUMBER_TEXT];
  int64_t digits = 0;
  assert(x > 0 && isfinite(x));
  (void)snprintf(text, sizeof text, "%.16e", x);
  const char *at = text;
  for (; *at != 'e'; at++)
    if (*at >= '0' && *at <= '9') digits = 10 * digits + (*at - '0');
  *ret_exponent = (int)strtol(at + 1, NULL, 10);
  assert(digits >= INT64_C(10000000000000000) && digits < INT64_C(100000000000000000));
  return digits;
}

/* How many of the 17 digits are needed, 15 at least; *ret = the digits rounded to so many, zeros behind. 0:
 * cannot be said from here. A decimal reads back as x if it is nearer to it than half of the gap to its
 * neighbours; in units of the last digit that gap is digits * 2^-53 / m, where x = m * 2^e, 0.5 < m < 1. */
static int count_digits(double x, int64_t digits, int64_t *ret) {
  int e = 0;
  double m = frexp(x, &e);
  if (m == 0.5 || x < DBL_MIN) return 0;
  double half_gap = (double)digits * 0x1p-54 / m;
  assert(m > 0.5 && m < 1 && half_gap > 0);
  *ret = digits;
  for (int n = 15, unit = 100; n < 17; n++, unit /= 10) {
    int64_t left = digits % unit;
    if (2 * left == unit) return 0; /* which way it rounds lies behind the 17th digit */
    int64_t rounded = 2 * left < unit ? digits - left : digits - left + unit;
    double distance = (double)(rounded > digits ? rounded - digits : digits - rounded);
    if (distance + 0.5 < half_gap * (1 - 1e-9)) {
      *ret = rounded;
      return n;
    }
    if (distance - 0.5 <= half_gap * (1 + 1e-9)) return 0;
  }
  return 17;
}

char *cl_integer_write(char *to, int64_t x) {
  char reversed[20];
  uint64_t rest = x < 0 ? -(uint64_t)x : (uint64_t)x;
  int n = 0;
  do reversed[n++] = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  assert(n <= 19);
  if (x < 0) *to++ = '-';
  while (n > 0) *to++ = reversed[--n];
  *to = '\0';
  return to;
}

/* As %.*g: `digits` has 17 digits, or 18 when it was rounded up to a power of ten. */
static void write_digits(char *to, int64_t digits, int exponent, int precision) {
  char text[24];
  int n = (int)(cl_integer_write(text, digits) - text);
  assert(n == 17 || n == 18);
  assert(precision >= 15 && precision <= 17);
  exponent += n - 17;
  while (n > 1 && text[n - 1] == '0') n--;
  bool scientific = exponent < -4 || exponent >= precision;
  int before = scientific ? 1 : exponent + 1; /* digits before the point; <= 0: zeros follow it */
  if (before <= 0) {
    *to++ = '0';
    *to++ = '.';
    for (int i = before; i < 0; i++) *to++ = '0';
  }
  for (int i = 0; i < n || i < before; i++) {
    if (i == before && before > 0) *to++ = '.';
    *to++ = i < n ? text[i] : '0';
  }
  *to = '\0';
  if (scientific) (void)snprintf(to, 8, "e%c%02u", exponent < 0 ? '-' : '+', (unsigned)abs(exponent) % 1000);
}

const char *cl_number_text(double x, char *buffer) {
  if (!isfinite(x)) {
    (void)snprintf(buffer, CL_NUMBER_TEXT, "%s", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
    return buffer;
  }
  if (fabs(x) < 1e15 && x == (double)(int64_t)x && !(x == 0 && signbit(x))) {
    (void)cl_integer_write(buffer, (int64_t)x);
    return buffer;
  }
  if (x == 0) return try_digits(x, buffer);
  int exponent = 0;
  int64_t digits = find_digits(fabs(x), &exponent), rounded = 0;
  int precision = count_digits(fabs(x), digits, &rounded);
  if (precision == 0) return try_digits(x, buffer);
  buffer[0] = '-';
  write_digits(buffer + (x < 0), rounded, exponent, precision);
  assert(strlen(buffer) < CL_NUMBER_TEXT);
  return buffer;
}

void cl_text_add_number(struct cl_text *t, double x) {
  char buffer[CL_NUMBER_TEXT];
  cl_text_add(t, cl_number_text(x, buffer));
}

void cl_text_add_integer(struct cl_text *t, int64_t x) {
  char buffer[24];
  char *end = cl_integer_write(buffer, x);
  cl_text_add_bytes(t, buffer, (size_t)(end - buffer));
}

void cl_text_add_fixed(struct cl_text *t, double x, int width, int decimals) {
  char buffer[CL_NUMBER_TEXT];
  if (!isfinite(x)) {
    cl_text_format(t, "%*s", width, cl_number_text(x, buffer));
    return;
  }
  assert(width >= 0 && decimals >= 0);
  struct point point = begin_point();
  cl_text_format(t, "%*.*f", width, decimals, x);
  end_point(point);
}

void cl_text_add_json_number(struct cl_text *t, double x) {
  if (isfinite(x)) {
    cl_text_add_number(t, x);
    return;
  }
  cl_text_add_char(t, '"');
  cl_text_add_number(t, x);
  cl_text_add_char(t, '"');
}

void cl_text_add_json(struct cl_text *t, const char *text) {
  cl_text_add_char(t, '"');
  const char *start = text;
  for (const char *p = text; *p != '\0'; p++) {
    unsigned char c = (unsigned char)*p;
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
    cl_text_add_bytes(t, start, (size_t)(p - start));
    start = p + 1;
    switch (c) {
    case '"': cl_text_add(t, "\\\""); break;
    case '\\': cl_text_add(t, "\\\\"); break;
    case '\n': cl_text_add(t, "\\n"); break;
    case '\t': cl_text_add(t, "\\t"); break;
    case '\r': cl_text_add(t, "\\r"); break;
    default: cl_text_format(t, "\\u%04x", c);
    }
  }
  cl_text_add(t, start);
  cl_text_add_char(t, '"');
}

const char *cl_text_get(const struct cl_text *t) {
  return t->bytes == NULL ? "" : t->bytes;
}

char *cl_text_take(struct cl_text *t) {
  char *bytes = NULL;
  if (!t->failed) bytes = t->bytes != NULL ? t->bytes : cl_copy_text("");
  assert_text_state(t);
  if (t->failed) cl_free(t->bytes);
  *t = (struct cl_text){0};
  return bytes;
}

bool cl_text_to_number(const char *text, double *ret) {
  if (text[0] == '\0' || strspn(text, "0123456789+-.eEinfatyINFATY") != strlen(text)) return false;
  char *end = NULL;
  struct point point = begin_point();
  double x = strtod(text, &end);
  end_point(point);
  if (end == text || *end != '\0') return false;
  *ret = x == 0 ? 0.0 : x; /* -0.0 is 0.0 everywhere */
  return true;
}

size_t cl_text_to_leading_number(const char *text, double *ret) {
  char number[32];
  size_t n = strspn(text, "0123456789.");
  if (n == 0 || n >= sizeof number) return 0;
  memcpy(number, text, n);
  number[n] = '\0';
  return cl_text_to_number(number, ret) ? n : 0;
}

bool cl_text_to_seconds(const char *text, double *ret) {
  double total = 0;
  const char *p = text;
  do {
    double x = 0;
    size_t n = cl_text_to_leading_number(p, &x);
    if (n == 0) return false;
    p += n;
    if (strncmp(p, "ms", 2) == 0)
      x /= 1000, p += 2;
    else if (*p == 'd' || *p == 'h' || *p == 'm' || *p == 's')
      x *= *p == 'd' ? 86400 : *p == 'h' ? 3600 : *p == 'm' ? 60 : 1, p++;
    else if (*p != '\0' || p != text + n)
      return false;
    total += x;
  } while (*p != '\0');
  if (!(total > 0 && total <= 1e10)) return false; /* three centuries */
  assert(p > text);
  *ret = total;
  return true;
}

bool cl_text_to_int(const char *text, int64_t *ret) {
  const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
  if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits)) return false;
  errno = 0;
  long long x = strtoll(text, NULL, 10);
  if (errno != 0) return false;
  *ret = x;
  return true;
}

int cl_text_distance(const char *a, const char *b) {
  enum { MAX = 64 };
  size_t n = strnlen(a, MAX), m = strnlen(b, MAX);
  int row[MAX + 1];
  for (size_t j = 0; j <= m; j++) row[j] = (int)j;
  for (size_t i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      int swap = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      int edit = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      row[j] = swap < edit ? swap : edit;
    }
  }
  assert(row[m] >= 0 && row[m] <= MAX);
  return row[m];
}
