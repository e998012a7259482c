/* The `hyperparameters:` section of a runspec (origins A1–A3): found and read as text, line by line, because
 * the rest of the file is YAML only when each anchor has its value.
 *
 *   hyperparameters:
 *     - name: &lr
 *         ordered_tuning_values: [1.0e-4, 1.6e-4]     or unordered_tuning_values
 *         tuned_value: 0.0004
 *
 * Blank lines and lines of comment may stand anywhere; so may a comment behind a value. List items are
 * separated by commas or spaces; quotes keep both together.
 */
#ifndef CL_SECTION_H
#define CL_SECTION_H

#include "spec/definition.h"

struct cl_section_entry {
  const char *name;
  size_t name_at;             /* of the & */
  size_t key_at;              /* of ordered_tuning_values or unordered_tuning_values */
  size_t list_at, list_end;   /* from [ to behind ] */
  size_t tuned_at, tuned_end; /* the value */
  bool ordered;
};

struct cl_section {
  size_t begin, end; /* whole lines; equal when there is none */
  size_t n, cap;
  struct cl_section_entry *items; /* from cl_alloc */
};

/* Where the section stands (A2); false if no line begins with `hyperparameters:`. */
bool cl_section_find(const char *text, size_t n, size_t *ret_begin, size_t *ret_end);

/* Read the lines of the section that ret->begin … end name. CLADE_ESPEC naming the line that is expected. */
int cl_section_read(const struct cl_source *s, struct cl_arena *a, struct cl_section *ret, struct cl_err *e);
void cl_section_done(struct cl_section *s);

/* Its entries as definitions. */
int cl_section_define(const struct cl_reader *r, const struct cl_section *s, struct cl_definitions *all,
                      struct cl_err *e);

#endif
