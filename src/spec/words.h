/* Lists as people type them on a line: words between commas (or spaces), in quotes where they hold such. */
#ifndef CL_WORDS_H
#define CL_WORDS_H

#include "spec/read.h"

struct cl_word {
  const char *text;
  bool quoted;
  size_t at; /* in the text that was split */
};

struct cl_word_list {
  size_t n, cap;
  struct cl_word *items; /* from cl_alloc; texts from the arena */
};

void cl_word_list_done(struct cl_word_list *w);

/* Behind the quote that closes the one at text[at], 0 if none does. Within double quotes \ hides what
 * follows;
 * '' is one ' within single quotes if `doubled`. */
size_t cl_word_quoted_end(const char *text, size_t n, size_t at, bool doubled);

/* Append what text[0, n), a whole quoted word, means: \" \\ \/ \n \t \r \uXXXX within double quotes, ''
 * within single ones if `doubled`; another \ stands for itself. */
void cl_word_unquote(struct cl_text *ret, const char *text, size_t n, bool doubled);

/* Split text[0, n) at commas, and at spaces too when `spaces` is set (rl_nexus); otherwise spaces around a
 * word are dropped. 'it''s' and "a\"b" hold anything. Empty words between commas are errors, a comma at the
 * end is not. On failure *ret_at is the place in `text`. CLADE_ESPEC, CLADE_ENOMEM. */
int cl_word_list_split(struct cl_arena *arena, const char *text, size_t n, bool spaces,
                       struct cl_word_list *ret, size_t *ret_at, struct cl_err *e);

/* Split like a shell, without expanding anything: spaces separate; 'literal', "with \" and \\", \ before one
 * character. */
int cl_word_list_shell(struct cl_arena *arena, const char *text, struct cl_word_list *ret, size_t *ret_at,
                       struct cl_err *e);

/* A word as a value: quoted ones are texts. */
struct cl_value cl_word_value(const struct cl_word *w);

/* One word quoted so that a shell reads it back. */
void cl_word_quote(struct cl_text *ret, const char *word);

#endif
