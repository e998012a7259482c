/* The one door to pictures: a gnuplot script becomes an SVG, PNG or PDF file.
 *
 * gnuplot is a program of its own (package gnuplot-nox), started for each picture and fed through a pipe. A
 * caller writes the commands that draw (`set xlabel …`, data blocks `$name << EOD`, `plot …`); terminal,
 * size, fonts and the file are the door's. A script carries its data, so that a kept one makes the same
 * picture anywhere.
 */
#ifndef CL_VIEW_GNUPLOT_H
#define CL_VIEW_GNUPLOT_H

#include "clade/error.h"
#include "clade/text.h"

struct cl_view_picture {
  const char *path;        /* of the file; .svg, .png or .pdf is its form */
  const char *script_path; /* keep the script here too; null: not kept */
  int width, height;       /* in pixels, 100…10000; 96 of them are an inch of PDF */
};

/* Can a file of this name be drawn? CLADE_EINVAL names the endings that are known. */
int cl_view_picture_check(const char *path, struct cl_err *e);

/* Is gnuplot there? CLADE_ESPAWN names the package. For who draws after long work. */
int cl_view_gnuplot_check(struct cl_err *e);

/* Draw: write the script where it is to be kept, run gnuplot, put the picture in its place when it is whole.
 *
 *   commands  gnuplot commands, a line each, data included; those of one picture
 *
 * Blocks until gnuplot has ended (tenths of a second). CLADE_EINVAL: the ending of the path. CLADE_EIO: a
 * file could not be written. CLADE_ESPAWN: there is no gnuplot (the sentence names the package), or it could
 * not be started. CLADE_EUNSUPPORTED: gnuplot refused the commands; the sentence has its own first line. A
 * picture that was there stays as it was after an error; the script is kept also when gnuplot is missing. */
int cl_view_picture_draw(const struct cl_view_picture *picture, const char *commands, struct cl_err *e);

/* Append a text in gnuplot's single quotes: nothing in it means anything to gnuplot; control characters
 * become blanks. For titles, labels and names. */
void cl_view_gnuplot_add_text(struct clade_text *t, const char *text);

/* Append a number for a data block; NaN and infinities become NaN, at which gnuplot breaks a line. */
void cl_view_gnuplot_add_number(struct clade_text *t, double x);

#endif
