/* User text on a terminal: made harmless, measured, cut.
 *
 * Names, values and notes come from anybody. Control characters, escape sequences, characters that turn the
 * direction of writing and bytes that are not UTF-8 are written as visible escapes (\n, \x1b, \u202e), so no
 * text can move the cursor, colour the screen or forge a line.
 */
#ifndef CL_VIEW_SAFE_H
#define CL_VIEW_SAFE_H

#include "view/style.h"

/* Columns that the harmless form of text takes (wide characters two, combining ones none). */
size_t cl_view_width(const char *text, const struct cl_view_style *style);

/* Append the harmless form. */
void cl_view_add_safe(struct clade_text *t, const char *text, const struct cl_view_style *style);

/* The same, cut to at most `columns` columns; a cut text ends in "...". columns >= 4. Returns the columns
 * used. Cost O(columns), whatever the length of text. */
size_t cl_view_add_cut(struct clade_text *t, const char *text, size_t columns,
                       const struct cl_view_style *style);

#endif
