/* Three lines per hyperparameter. Works on bytes of the file, so that every complaint has its line. */
#include "spec/section.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "spec/words.h"

static const char head[] = "hyperparameters:";

/* Blank in YAML, which knows neither form feeds nor vertical tabs. */
static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t end_of_line(const char *text, size_t n, size_t at) {
  assert(at <= n + 1);
  while (at < n && text[at] != '\n') at++;
  return at;
}

bool cl_section_find(const char *text, size_t n, size_t *ret_begin, size_t *ret_end) {
  size_t at = 0, length = strlen(head);
  while (at + length <= n && strncmp(text + at, head, length) != 0) {
    at = end_of_line(text, n, at) + 1;
  }
  if (at + length > n) return false;
  *ret_begin = at;
  do {
    size_t end = end_of_line(text, n, at);
    at = end < n ? end + 1 : n;
  } while (at < n && strchr(" -#\r\n", text[at]) != NULL && text[at] != '\0');
  assert(*ret_begin < at && at <= n);
  *ret_end = at;
  return true;
}

struct lines {
  const struct cl_source *s;
  struct cl_arena *arena;
  size_t at, end;       /* of the current line, without blanks at both sides */
  size_t next, section; /* begin of the next line; end of the section */
};

/* To the next line that says something; false at the end. */
static bool next_line(struct lines *l) {
  const char *text = l->s->text;
  while (l->next < l->section) {
    l->at = l->next;
    l->end = end_of_line(text, l->section, l->at);
    l->next = l->end < l->section ? l->end + 1 : l->section;
    while (l->at < l->end && is_blank(text[l->at])) l->at++;
    while (l->end > l->at && is_blank(text[l->end - 1])) l->end--;
    if (l->at < l->end && text[l->at] != '#') return true;
  }
  l->at = l->end = l->section;
  return false;
}

static bool line_starts(const struct lines *l, const char *with) {
  size_t n = strlen(with);
  return l->end - l->at >= n && strncmp(l->s->text + l->at, with, n) == 0;
}

static int unexpected(const struct lines *l, const char *expected, struct cl_err *e) {
  if (l->at >= l->section)
    return cl_source_fail(l->s, l->section == 0 ? 0 : l->section - 1, expected, e,
                          "the hyperparameters end here, before a line that is needed");
  return cl_source_fail(l->s, l->at, expected, e,
                        "this line is not the one that a hyperparameter needs here");
}

static size_t skip_blanks(const struct lines *l, size_t at) {
  while (at < l->end && is_blank(l->s->text[at])) at++;
  return at;
}

static bool is_comment(const struct lines *l, size_t at) {
  return at >= l->end || (l->s->text[at] == '#' && is_blank(l->s->text[at - 1]));
}

/* - name: &anchor */
static int read_name(struct lines *l, struct cl_section_entry *ret, struct cl_err *e) {
  static const char expected[] = "`- name: &anchor`, the first of three lines";
  const char *text = l->s->text;
  if (text[l->at] != '-') return unexpected(l, expected, e);
  size_t dash = l->at;
  l->at = skip_blanks(l, l->at + 1);
  if (!line_starts(l, "name:")) {
    l->at = dash;
    return unexpected(l, expected, e);
  }
  size_t at = skip_blanks(l, l->at + strlen("name:"));
  if (at >= l->end || text[at] != '&')
    return cl_source_fail(l->s, at, expected, e,
                          "the name of a hyperparameter is an anchor, which begins with &");
  ret->name_at = at++;
  size_t end = at;
  while (end < l->end && !is_blank(text[end])) end++;
  if (end == at) return cl_source_fail(l->s, at, expected, e, "the anchor has no name");
  if (!is_comment(l, skip_blanks(l, end)))
    return cl_source_fail(l->s, skip_blanks(l, end), expected, e, "nothing can follow the anchor");
  ret->name = cl_arena_bytes(l->arena, text + at, end - at);
  return ret->name == NULL ? CL_FAIL_NOMEM(e) : 0;
}

/* At a place of a list: the same place, or the end of the comment or quoted word that begins there. A quote
 * that is not closed on its line is none: what stands on other lines must not change where the list ends. */
static size_t skip_hidden(const char *text, size_t end, size_t at) {
  assert(at > 0 && at < end);
  char before = text[at - 1], c = text[at];
  if (c == '#' && is_blank(before)) return end_of_line(text, end, at);
  if ((c != '"' && c != '\'') || strchr("[, \t\r\n", before) == NULL) return at;
  size_t behind = cl_word_quoted_end(text, end_of_line(text, end, at), at, true);
  return behind == 0 ? at : behind - 1;
}

static bool entry_follows(const char *text, size_t at) {
  const char *line = text + at + 1;
  line += strspn(line, " ");
  return text[at] == '\n' && line[0] == '-' && line[1] == ' ';
}

/* From [ to ], which may stand on a later line. */
static int read_list(struct lines *l, size_t at, struct cl_section_entry *ret, struct cl_err *e) {
  const char *text = l->s->text;
  if (at >= l->end || text[at] != '[')
    return cl_source_fail(l->s, at, "a list in brackets, as in [16, 32, 64]", e, "the values are not a list");
  ret->list_at = at;
  for (at++; at < l->section; at++) {
    at = skip_hidden(text, l->section, at);
    if (at >= l->section || text[at] == ']' || entry_follows(text, at)) break;
  }
  if (at >= l->section || text[at] != ']')
    return cl_source_fail(l->s, ret->list_at, "a `]` that closes the list", e, "this list is not closed");
  assert(text[ret->list_at] == '[' && ret->list_at < at);
  ret->list_end = at + 1;
  l->end = end_of_line(text, l->section, at);
  l->next = l->end < l->section ? l->end + 1 : l->section;
  size_t rest = skip_blanks(l, ret->list_end);
  if (!is_comment(l, rest)) return cl_source_fail(l->s, rest, NULL, e, "nothing can follow the list");
  return 0;
}

static int read_tuned(struct lines *l, size_t at, struct cl_section_entry *ret, struct cl_err *e) {
  const char *text = l->s->text;
  size_t end = at;
  if (at < l->end && (text[at] == '"' || text[at] == '\'')) {
    end = cl_word_quoted_end(text, l->end, at, true);
    if (end == 0) return cl_source_fail(l->s, at, NULL, e, "the quote %c is not closed", text[at]);
  } else
    while (end < l->end && !is_comment(l, end)) end++;
  size_t rest = skip_blanks(l, end);
  while (end > at && is_blank(text[end - 1])) end--;
  if (end == at)
    return cl_source_fail(l->s, at, "one value, as in `tuned_value: 0.0004`", e,
                          "the tuned value is missing");
  if (!is_comment(l, rest)) return cl_source_fail(l->s, rest, NULL, e, "nothing can follow the tuned value");
  assert(at < end && end <= l->end);
  ret->tuned_at = at;
  ret->tuned_end = end;
  return 0;
}

static int read_key(struct lines *l, struct cl_section_entry *ret, struct cl_err *e) {
  static const char expected[] =
      "`ordered_tuning_values: [..]` or `unordered_tuning_values: [..]`, then `tuned_value: v`";
  static const char lists[] = "`ordered_tuning_values: [..]` or `unordered_tuning_values: [..]`";
  static const char *const key[] = {"ordered_tuning_values:", "unordered_tuning_values:", "tuned_value:"};
  for (size_t i = 0; i < 3; i++) {
    if (!line_starts(l, key[i])) continue;
    bool twice = i < 2 ? ret->list_end != 0 : ret->tuned_end != 0;
    if (twice) return unexpected(l, i < 2 ? "`tuned_value: v`" : lists, e);
    size_t at = skip_blanks(l, l->at + strlen(key[i]));
    if (i == 2) return read_tuned(l, at, ret, e);
    ret->ordered = i == 0;
    ret->key_at = l->at;
    return read_list(l, at, ret, e);
  }
  if (line_starts(l, "range:"))
    return cl_source_fail(
        l->s, l->at, lists, e,
        "a runspec has lists of values; a range needs a native file (without `job_launcher`)");
  return unexpected(l,
                    ret->list_end == 0 && ret->tuned_end == 0 ? expected
                    : ret->list_end == 0                      ? lists
                                                              : "`tuned_value: v`",
                    e);
}

int cl_section_read(const struct cl_source *s, struct cl_arena *a, struct cl_section *ret, struct cl_err *e) {
  struct lines l = {.s = s, .arena = a, .next = ret->begin, .section = ret->end};
  if (ret->begin == ret->end) return 0;
  bool found = next_line(&l);
  assert(found && line_starts(&l, head));
  size_t rest = skip_blanks(&l, l.at + strlen(head));
  if (!found || !is_comment(&l, rest))
    return cl_source_fail(s, rest, "`- name: &anchor` on the next line", e,
                          "nothing can follow `hyperparameters:`");
  while (next_line(&l)) {
    struct cl_section_entry entry = {0};
    CL_TRY(read_name(&l, &entry, e));
    for (int i = 0; i < 2; i++) {
      (void)next_line(&l);
      CL_TRY(read_key(&l, &entry, e));
    }
    if (cl_grow(&ret->items, &ret->cap, ret->n + 1, sizeof *ret->items) < 0) return CL_FAIL_NOMEM(e);
    assert(entry.name != NULL && entry.list_end > 0 && entry.tuned_end > 0); /* one line of each kind */
    ret->items[ret->n++] = entry;
  }
  return 0;
}

void cl_section_done(struct cl_section *s) {
  cl_free(s->items);
  *s = (struct cl_section){0};
}

/* Comments in a list of several lines are no values. The text begins with the bracket. */
static void blank_comments(char *text, size_t n) {
  assert(n > 0 && text[0] == '[');
  for (size_t i = 1; i < n; i++) {
    size_t end = skip_hidden(text, n, i);
    if (text[i] == '#') memset(text + i, ' ', end - i);
    i = end;
  }
}

static int define_list(const struct cl_reader *r, const struct cl_section_entry *entry,
                       struct cl_definition *d, struct cl_err *e) {
  assert(entry->list_end >= entry->list_at + 2 && r->source->text[entry->list_at] == '[');
  size_t start = entry->list_at + 1, n = entry->list_end - 1 - start, at = 0;
  char *text = cl_arena_bytes(r->arena, r->source->text + entry->list_at, n + 1);
  if (text == NULL) return CL_FAIL_NOMEM(e);
  blank_comments(text++, n + 1);
  struct cl_word_list words = {0};
  int status = cl_word_list_split(r->arena, text, n, true, &words, &at, e);
  if (status == CLADE_ESPEC) status = cl_source_blame(r->source, start + at, NULL, e);
  struct cl_value *values = cl_arena_array(r->arena, words.n, sizeof *values);
  size_t *places = cl_arena_array(r->arena, words.n, sizeof *places);
  if (status == 0 && (values == NULL || places == NULL)) status = CL_FAIL_NOMEM(e);
  for (size_t i = 0; status == 0 && i < words.n; i++) {
    values[i] = cl_word_value(&words.items[i]);
    places[i] = start + words.items[i].at;
  }
  if (status == 0)
    status = cl_define_list(r, d, values, places, words.n,
                            entry->ordered ? CL_ORDERED_LIST : CL_UNORDERED_LIST, e);
  cl_word_list_done(&words);
  return status;
}

static int define_tuned(const struct cl_reader *r, const struct cl_section_entry *entry,
                        struct cl_definition *d, struct cl_err *e) {
  const char *text = r->source->text + entry->tuned_at;
  assert(entry->tuned_end > entry->tuned_at);
  size_t n = entry->tuned_end - entry->tuned_at;
  bool quoted = text[0] == '"' || text[0] == '\'';
  struct cl_text word = {0};
  if (quoted)
    cl_word_unquote(&word, text, n, true);
  else
    cl_text_add_bytes(&word, text, n);
  char *copy = word.failed ? NULL : cl_arena_bytes(r->arena, cl_text_get(&word), word.length);
  cl_text_done(&word);
  if (copy == NULL) return CL_FAIL_NOMEM(e);
  d->h.tuned = quoted ? cl_value_text(copy) : cl_value_parse(copy);
  d->at_tuned = entry->tuned_at;
  return 0;
}

int cl_section_define(const struct cl_reader *r, const struct cl_section *s, struct cl_definitions *all,
                      struct cl_err *e) {
  for (size_t i = 0; i < s->n; i++) {
    const struct cl_section_entry *entry = &s->items[i];
    struct cl_definition d = {
        .h.name = entry->name, .anchor = entry->name, .lenient = true, .at = entry->name_at + 1};
    CL_TRY(cl_define_name(r, d.h.name, d.at, e));
    CL_TRY(define_list(r, entry, &d, e));
    CL_TRY(define_tuned(r, entry, &d, e));
    CL_TRY(cl_definitions_add(r, all, &d, e));
  }
  return 0;
}
