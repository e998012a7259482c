/* Options of a method, under `search:` or `schedule:` of the settings: declared in one table per method,
 * checked against it, read through it. Defaults stand in the tables only. */
#ifndef CL_OPTIONS_H
#define CL_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

struct cl_option {
  const char *name;
  const char *
      type;             /* "int", "float", "bool", "floats" (a list), "text", "object" (options of its own,
                           checked by the method), "any" (checked by the method), or the words of a choice: "owen|none" */
  double lo, hi;        /* inclusive range of a number, or of each of a list */
  const char *standard; /* the default, as text; the only place where it is written */
  const char *help;     /* one sentence */
  const char *alias;    /* another name that it may be given by, or null */
  const struct cl_option
      *inner; /* of an "object": its own options, where their defaults hold without it; or null */
};

/* What a method's options are and where they are given. */
struct cl_options {
  const char *section; /* "search" or "schedule", for sentences */
  const char *method;
  const struct cl_option *table; /* ended by a null name */
  const json_t *given;           /* the section's object, or null; borrows */
};

/* Check what is given against the table; the key `method` and nulls are skipped. CLADE_ESPEC naming the
 * option and its range, or the nearest known one; CLADE_ENOMEM. */
int cl_options_check(const struct cl_options *o, struct cl_err *e);

/* Value of an option, or its default. A bool is 0 or 1. */
double cl_options_number(const struct cl_options *o, const char *option);
#define CL_OPTION_LIST_MAX 16
/* A list: fills ret, returns how many (1…CL_OPTION_LIST_MAX). */
int cl_options_numbers(const struct cl_options *o, const char *option, double ret[CL_OPTION_LIST_MAX]);
/* Null if it is not given. Borrows. */
const json_t *cl_options_object(const struct cl_options *o, const char *option);
const char *cl_options_word(const struct cl_options *o,
                            const char *option); /* static or borrowed from given */
/* As text, for people: what is given, else the default; of an object with inner options each of those, "{sd
 * 0.1, reset 0.05}". Adds to *ret. */
void cl_options_write(const struct cl_options *o, const char *option, struct cl_text *ret);
/* Is there something to write of it? Not of an object without inner options that is not given, or is empty.
 */
bool cl_options_applies(const struct cl_options *a, const struct cl_option *o);
bool cl_options_has(const struct cl_options *o, const char *option); /* given, and not null */

#endif
