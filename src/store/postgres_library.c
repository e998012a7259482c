/* Loading libpq. It brings a dozen libraries along and costs milliseconds, which only those who use a
 * PostgreSQL store should pay. It stays loaded: its libraries do not like to be taken out again. */
#include <assert.h>
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "store/postgres_impl.h"

int cl_libpq_load(struct cl_libpq *pq, struct cl_err *e) {
  assert(pq->handle == NULL);
  void *handle = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL)
    return CL_FAIL(
        e, CLADE_EUNSUPPORTED,
        "PostgreSQL stores need libpq, which cannot be loaded (%s): install the package libpq5, or use a "
        "path on a local disk (SQLite)",
        dlerror());
#define CL_X(name) {#name, offsetof(struct cl_libpq, name)},
  static const struct {
    const char *name;
    size_t offset;
  } functions[] = {CL_LIBPQ_MAP(CL_X)};
#undef CL_X
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *symbol = dlsym(handle, functions[i].name);
    if (symbol == NULL) {
      (void)dlclose(handle);
      return CL_FAIL(e, CLADE_EUNSUPPORTED, "libpq is too old (it has no %s): version 14 or newer is needed",
                     functions[i].name);
    }
    /* a function's address, which C will not cast */
    memcpy((char *)pq + functions[i].offset, &symbol, sizeof symbol);
  }
  pq->handle = handle;
  return 0;
}
