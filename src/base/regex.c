#include "base/regex.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* How large an expression is while it is read: the item before the place, and in each open group what stands
 * before that item. */
struct measure {
  long item, groups[CL_REGEX_BYTES_MAX + 1];
  size_t depth;
};

static void end_item(struct measure *m, long next) {
  m->groups[m->depth] += m->item;
  m->item = next;
}

static void end_group(struct measure *m) {
  end_item(m, 0);
  m->item = m->groups[m->depth--] + 1;
}

/* Behind a bracket expression that begins at p: the first ] that is not its first character or within a
 * class ([:alpha:]) ends it. */
static const char *skip_bracket(const char *p) {
  assert(*p == '[');
  p += p[1] == '^' ? 2 : 1;
  if (*p == ']') p++;
  for (; *p != '\0' && *p != ']'; p++) {
    if (*p != '[' || p[1] == '\0' || strchr(":.=", p[1]) == NULL) continue;
    const char end[] = {p[1], ']', '\0'}, *close = strstr(p + 2, end);
    if (close != NULL) p = close + 1;
  }
  return *p == '\0' ? p : p + 1;
}

static long read_number(const char **p) {
  long n = 0;
  for (; **p >= '0' && **p <= '9'; ++*p) n = n < CL_REGEX_SIZE_MAX ? 10 * n + (**p - '0') : n;
  return n;
}

/* Passes the repetition at *p and says how many copies it makes; false: there is none. */
static bool read_repeat(const char **p, long *ret_copies) {
  const char *at = *p + 1, *first = at;
  switch (**p) {
  case '*':
  case '?': *ret_copies = 1; break;
  case '+': *ret_copies = 2; break;
  case '{': {
    long least = read_number(&at), most = least;
    if (at == first && *at != ',') return false;
    if (*at == ',') {
      const char *second = ++at;
      most = read_number(&at);
      if (at == second) most = least + 1;
    }
    if (*at++ != '}') return false;
    *ret_copies = most > least ? most : least;
    break;
  }
  default: return false;
  }
  *p = at;
  return true;
}

static int measure(const char *pattern, struct cl_err *e) {
  struct measure m = {0};
  for (const char *p = pattern; *p != '\0';) {
    long copies;
    if (read_repeat(&p, &copies)) {
      m.item = copies * m.item + 1;
    } else if (*p == '\\' && p[1] >= '1' && p[1] <= '9') {
      return CL_FAIL(e, CLADE_EINVAL, "'%.100s': \\%c, a back-reference, is not known here", pattern, p[1]);
    } else if (*p == '(') {
      end_item(&m, 0);
      m.groups[++m.depth] = 0;
      p++;
    } else if (*p == ')' && m.depth > 0) {
      end_group(&m);
      p++;
    } else {
      end_item(&m, 1);
      p = *p == '[' ? skip_bracket(p) : p + (*p == '\\' && p[1] != '\0' ? 2 : 1);
    }
    if (m.item > CL_REGEX_SIZE_MAX || m.groups[m.depth] > CL_REGEX_SIZE_MAX)
      return CL_FAIL(e, CLADE_EINVAL,
                     "'%.100s' is longer than %d characters with its repetitions written out: repeat less",
                     pattern, CL_REGEX_SIZE_MAX);
  }
  return 0;
}

int cl_regex_compile(const char *pattern, int flags, regex_t *ret, struct cl_err *e) {
  size_t n = strlen(pattern);
  regex_t made;
  char why[200];
  if (n > CL_REGEX_BYTES_MAX)
    return CL_FAIL(e, CLADE_EINVAL, "a regular expression has up to %d bytes, not %zu: %.40s...",
                   CL_REGEX_BYTES_MAX, n, pattern);
  CL_TRY(measure(pattern, e));
  int code = regcomp(&made, pattern, REG_EXTENDED | flags);
  if (code == 0) {
    *ret = made;
    return 0;
  }
  if (code == REG_ESPACE) return CL_FAIL_NOMEM(e);
  (void)regerror(code, &made, why, sizeof why);
  return CL_FAIL(e, CLADE_EINVAL, "'%.200s' is not a regular expression: %s", pattern, why);
}
