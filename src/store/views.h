/* What the views of all stores with tables are written with: names in quotes, columns that are called apart,
 * and words for numbers. */
#ifndef CL_VIEWS_H
#define CL_VIEWS_H

#include "store/names.h"

void cl_view_add_quoted(struct cl_text *t, const char *text, char quote); /* the quote doubled inside */

/* Column names: unique whatever their case, and apart from those of the view itself. */
struct cl_view_columns {
  struct cl_text *sql;
  const char *own;    /* the view's names, each between spaces */
  size_t longest;     /* bytes of a name that the database tells apart; 0 = any number */
  struct cl_text all; /* those of the users, each between newlines; free it with cl_text_done */
};
/* Add ' AS "name"', or a longer or cut name that is not used yet. */
void cl_view_add_name(struct cl_view_columns *c, const char *name);

/* At most `longest` bytes of a text, whole characters. */
size_t cl_view_cut(const char *text, size_t longest);

/* Could a table or an index be called like a view of this word? The tables of a study end with its number,
 * the index of its reports with that and "_trial". */
bool cl_view_is_like_table(const char *word);

/* CASE … END: the name for the number in a column. */
void cl_view_add_states(struct cl_text *t, const char *column);
void cl_view_add_causes(struct cl_text *t, const char *column);
void cl_view_add_roles(struct cl_text *t, const char *column);

#endif
