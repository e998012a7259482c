/* Lists, ranges and wildcards of studies, as XT has them, taken apart into addresses of one study each.
 *
 *   mnist,pbt   mnist/3,pbt/best   job3-job7   'm*'   'm*'/best   mnist/1,3-5,pbt/2
 */
#ifndef CL_ADDRESSES_H
#define CL_ADDRESSES_H

#include "base/arena.h"
#include "query/address.h"

struct cl_addresses {
  const char **items;
  size_t n, capacity;
  struct cl_arena arena;
};
void cl_addresses_done(struct cl_addresses *a); /* all zero is allowed */

/* A text that is an address as it stands is one; else it is taken apart. CLADE_ENOTFOUND, CLADE_EINVAL as
 * cl_address_resolve, naming the part. Gives *ret; free with cl_addresses_done. */
int cl_addresses_expand(struct cl_store *store, const char *text, struct cl_addresses *ret, struct cl_err *e);

#endif
