/* Addresses: what a person types to name a study or trials of it (contracts.md 1).
 *
 *   STUDY  STUDY/3  STUDY/3,7-9  STUDY/best  STUDY/all  STUDY/state:FAILED,LOST  STUDY/'lr<0.01'
 *
 * The study may be left out (`/3`): then it is the latest one of the store. A study whose name holds a slash
 * is found too: the longest part before a slash that names a study counts. XT's run names are understood:
 * run3, trial3, run3-run9, *.
 */
#ifndef CL_ADDRESS_H
#define CL_ADDRESS_H

#include "query/reader.h"

enum cl_select {
  CL_SELECT_NONE = 0, /* the study itself: no slash */
  CL_SELECT_NUMBERS,
  CL_SELECT_BEST,
  CL_SELECT_ALL,
  CL_SELECT_STATES,
  CL_SELECT_FILTER
};

struct cl_span {
  int64_t lo, hi;
};

struct cl_selection {
  enum cl_select kind;
  size_t n_spans;
  struct cl_span *spans; /* ascending, disjoint */
  unsigned states;       /* 1u << enum cl_state */
  char *filter;          /* as typed, without quotes */
};
void cl_selection_done(struct cl_selection *s); /* all zero is allowed */

/* The part after the slash. Frees nothing of *ret before. CLADE_EINVAL naming the part and the forms. */
int cl_selection_parse(const char *text, struct cl_selection *ret, struct cl_err *e);

/* Least and greatest number that can be selected, 0,0 if any. */
struct cl_span cl_selection_hull(const struct cl_selection *s);
bool cl_selection_has_number(const struct cl_selection *s, int64_t number); /* of kind NUMBERS */

/* Find the study and parse the rest. `text` null or "": the latest study. On success *ret is to be freed with
 * cl_selection_done. CLADE_ENOTFOUND naming the nearest study (or that the store has none), CLADE_EINVAL. */
int cl_address_resolve(struct cl_store *store, const char *text, int64_t *ret_study, struct cl_selection *ret,
                       struct cl_err *e);

/* Does `name` match the pattern (* and ?), regardless of nothing: case counts. */
bool cl_address_matches(const char *pattern, const char *name);

#endif
