#include "base/library.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

typedef const void *get_table(void);

static int check_table(const struct cl_library_kind *k, const char *path, const void *table,
                       struct cl_err *e) {
  struct cl_library_head head;
  if (table == NULL)
    return CL_FAIL(e, CLADE_ESPEC, "%s: %s of %.400s gives no table", k->section, k->entry, path);
  memcpy(&head, table, sizeof head);
  if (head.version == k->version && head.abi >= k->size) return 0;
  return CL_FAIL(e, CLADE_ESPEC,
                 "%s: %.400s is a plugin of version %d (%zu bytes), and this clade knows version %d (%zu "
                 "bytes): compile it with this clade's headers",
                 k->section, path, head.version, head.abi, k->version, k->size);
}

static int refuse(const struct cl_library_kind *k, const char *path, const char *why, struct cl_err *e) {
  bool there = access(path, F_OK) == 0;
  return CL_FAIL(e, CLADE_ESPEC, "%s: the %s %.400s cannot be loaded: %.400s; %s", k->section, k->noun, path,
                 why == NULL ? "the loader does not say why" : why,
                 there
                     ? "build it on this machine with `cc -shared -fPIC`, linked with every library it calls"
                     : "build it first, or write its path from the directory in which the study runs");
}

int cl_library_open(const struct cl_library_kind *k, const char *path, void **ret_library,
                    const void **ret_table, struct cl_err *e) {
  assert(k->entry != NULL && k->size >= sizeof(struct cl_library_head));
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return refuse(k, path, dlerror(), e);
  get_table *entry = NULL;
  void *symbol = dlsym(library, k->entry);
  memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function */
  const void *table = symbol == NULL ? NULL : entry();
  int status = symbol != NULL
                   ? check_table(k, path, table, e)
                   : CL_FAIL(e, CLADE_ESPEC, "%s: %.400s is no %s for clade: it does not export %s (%s)",
                             k->section, path, k->noun, k->entry, k->header);
  if (status < 0) {
    (void)dlclose(library);
    return status;
  }
  assert(symbol != NULL && table != NULL);
  *ret_library = library;
  *ret_table = table;
  return 0;
}

void cl_library_close(void *library) {
  if (library != NULL) (void)dlclose(library);
}
