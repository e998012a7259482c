/* Tags that a trainer gives its trial: lines of a file that the worker reads when the attempt has ended. */
#ifndef CL_TRAINER_TAG_H
#define CL_TRAINER_TAG_H

#include "base/err.h"

#define CL_TRAINER_TAG_TEXT_MAX 1000

/* May they be the name and text (or null) of a tag? CLADE_EINVAL. */
int cl_trainer_tag_check(const char *name, const char *text, struct cl_err *e);

/* Append `name` or `name=text` to directory/tags. CLADE_EIO, CLADE_ENOMEM. */
int cl_trainer_tag_write(const char *directory, const char *name, const char *text, struct cl_err *e);

#endif
