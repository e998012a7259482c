/* Numbers for people. */
#include "view/number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DECIMALS_MIN 3
#define DECIMALS_MAX 15
#define FRACTION_MAX 1e15 /* above, a double has no decimals worth showing */
#define WHOLE_MAX    1e17 /* above, it is no count any more */

void cl_view_range_add(struct cl_view_range *r, double x) {
  if (!isfinite(x)) return;
  double magnitude = fabs(x);
  if (x != floor(x)) r->fraction = true;
  if (x != 0 && (r->smallest == 0 || magnitude < r->smallest)) r->smallest = magnitude;
  if (magnitude > r->largest) r->largest = magnitude;
  if (x < r->lowest) r->lowest = x;
}

/* Does x (> 0), printed with so many decimals, show two significant digits? */
static bool shows_two_digits(double x, int decimals) {
  char text[CL_VIEW_NUMBER_MAX];
  (void)snprintf(text, sizeof text, "%.*f", decimals, x);
  int digits = 0;
  for (const char *p = text; *p != '\0'; p++)
    if (*p >= '0' && *p <= '9' && (digits > 0 || *p != '0')) digits++;
  return digits >= 2;
}

int cl_view_decimals(const struct cl_view_range *r) {
  if (!r->fraction) return r->largest < WHOLE_MAX ? 0 : CL_VIEW_EXPONENT;
  if (r->largest >= FRACTION_MAX) return CL_VIEW_EXPONENT;
  for (int decimals = DECIMALS_MIN; decimals <= DECIMALS_MAX; decimals++)
    if (shows_two_digits(r->smallest, decimals)) return decimals;
  return CL_VIEW_EXPONENT;
}

const char *cl_view_number(double x, int decimals, char *buffer) {
  if (!isfinite(x))
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%s", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
  else if (decimals == CL_VIEW_EXPONENT || fabs(x) >= WHOLE_MAX)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, x == 0 ? "%.0f" : "%.3g", x);
  else
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%.*f", decimals, x);
  return buffer;
}

const char *cl_view_short(double x, int digits, char *buffer) {
  if (!isfinite(x)) return cl_view_number(x, 0, buffer);
  (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%.*g", digits, x);
  return buffer;
}

const char *cl_view_duration(double seconds, char *buffer) {
  if (!(seconds >= 0) || seconds > 1e12) {
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "-");
    return buffer;
  }
  int64_t s = (int64_t)(seconds + 0.5);
  if (seconds < 9.95)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%.1f s", seconds);
  else if (s < 60)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%d s", (int)s);
  else if (s < 3600)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%d:%02d", (int)(s / 60), (int)(s % 60));
  else if (s < 86400)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
                   (int)(s % 60));
  else
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%lld d %02d:%02d", (long long)(s / 86400),
                   (int)(s / 3600 % 24), (int)(s / 60 % 60));
  return buffer;
}

const char *cl_view_clock(double seconds, char *buffer) {
  if (!(seconds >= 0) || seconds > 1e12) return cl_view_duration(seconds, buffer);
  int64_t hundredths = (int64_t)(seconds * 100 + 0.5), s = hundredths / 100;
  if (s < 60)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "0:00:%02d.%02d", (int)s, (int)(hundredths % 100));
  else
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60),
                   (int)(s % 60));
  return buffer;
}

const char *cl_view_time(int64_t wall_ms, char *buffer) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm tm;
  if (localtime_r(&seconds, &tm) == NULL ||
      strftime(buffer, CL_VIEW_NUMBER_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
    (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, "-");
  return buffer;
}

const char *cl_view_rfc3339(int64_t wall_ms, char *buffer) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm tm;
  if (gmtime_r(&seconds, &tm) == NULL) {
    buffer[0] = '\0';
    return buffer;
  }
  size_t n = strftime(buffer, CL_VIEW_NUMBER_MAX - 8, "%Y-%m-%dT%H:%M:%S", &tm);
  assert(n > 0);
  (void)snprintf(buffer + n, CL_VIEW_NUMBER_MAX - n, ".%03dZ", (int)(wall_ms % 1000));
  return buffer;
}

const char *cl_view_bytes(double n, char *buffer) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  for (; n >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++) n /= 1024;
  (void)snprintf(buffer, CL_VIEW_NUMBER_MAX, unit == 0 || n >= 9.95 ? "%.0f %s" : "%.1f %s", n, units[unit]);
  return buffer;
}
