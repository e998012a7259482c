/* The text that says which regions of a trainer's memory a saved state holds, and where.
 *
 *   clade regions 1 <number of regions> <size>
 *   <where> <bytes> <name>                        one line for each
 *
 * In memory (a buffer that a worker lends) it stands at offset 0, ended by zero bytes; `where` is the offset
 * of the region in the buffer, a multiple of CL_REGION_PAGE, and `size` that of the whole buffer. In a
 * directory it is the file CL_REGIONS_FILE; `where` is the name of the region's file, and `size` the sum of
 * all. Used by the worker and compiled into libclade-trainer; knows nothing of files. */
#ifndef CL_WIRE_REGIONS_H
#define CL_WIRE_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum {
  CL_REGION_PAGE = 4096,
  CL_REGIONS_MAX = 1024,    /* regions of one trainer: as many as `missing` holds names */
  CL_REGION_NAME_MAX = 256, /* bytes of a name, without control characters */
  CL_REGION_FILE_MAX = 80,  /* bytes of a file's name, with its end */
  CL_REGIONS_TEXT_MAX = 1 << 20
};

#define CL_REGIONS_FILE "regions"

struct cl_region {
  const char *name;
  int64_t bytes, offset; /* offset: in a buffer */
  char file[CL_REGION_FILE_MAX];
};

/* What a text said; zeroed before its first use. */
struct cl_regions {
  struct cl_region *items;
  size_t n;
  int64_t size;
  char *text; /* what the names point into */
};

void cl_regions_done(struct cl_regions *r);

/* 0; CLADE_EINVAL: empty, not UTF-8, longer than CL_REGION_NAME_MAX, or with control characters. */
int cl_region_check(const char *name, struct cl_err *e);

/* Fill in offset and file of all, from name and bytes; returns the size of the buffer that holds them. */
int64_t cl_regions_place(struct cl_region *items, size_t n);

/* Fill in the files' names alone. */
void cl_regions_name(struct cl_region *items, size_t n);

/* Append the text. CLADE_ENOMEM. */
int cl_regions_write(struct cl_text *t, const struct cl_region *items, size_t n, bool in_memory,
                     struct cl_err *e);

/* Read a text of n bytes, or up to its first zero byte. `in_memory`: every region lies within `size` bytes
 * behind the text. Names are unique; files have no slash. Borrows `text`; *ret is made anew, free with
 * cl_regions_done. CLADE_ECORRUPT with what is wrong; CLADE_ENOMEM. */
int cl_regions_read(const char *text, size_t n, bool in_memory, int64_t size, struct cl_regions *ret,
                    struct cl_err *e);

#endif
