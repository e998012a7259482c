#include "fault/libpq.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CL_X(name, cause) #name,
const char *const cl_fault_libpq_calls[] = {CL_FAULT_LIBPQ_MAP(CL_X) NULL};
#undef CL_X

static const char *armed; /* null = nothing fails */
static unsigned long pending;
static bool stays, happened, resting;

void cl_fault_libpq_arm(const char *name, unsigned long nth, bool persistent) {
  armed = name;
  pending = nth;
  stays = persistent;
  happened = false;
}

void cl_fault_libpq_pause(bool on) {
  resting = on;
}

bool cl_fault_libpq_happened(void) {
  return happened;
}

static bool fails(const char *name, int cause) {
  if (resting || armed == NULL || strcmp(armed, name) != 0) return false;
  if (happened ? !stays : --pending > 0) return false;
  happened = true;
  errno = cause;
  return true;
}

/* A connection breaks in both directions. */
static bool breaks(const char *name, int fd, int cause) {
  if (!fails(name, cause)) return false;
  (void)shutdown(fd, SHUT_RDWR);
  errno = cause;
  return true;
}

/* In place of libpq's slot for NAME stands fail_NAME. */
#define REPLACE(type, name, failed, cause, parameters, arguments) \
  static type fail_##name parameters { \
    return fails(#name, cause) ? (failed) : name arguments; \
  }

REPLACE(int, socket, -1, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
REPLACE(int, connect, -1, ECONNRESET, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n))
REPLACE(int, getsockopt, -1, ENOBUFS, (int fd, int level, int name, void *ret, socklen_t *n),
        (fd, level, name, ret, n))
REPLACE(int, poll, -1, EINVAL, (struct pollfd * fds, nfds_t n, int wait_ms), (fds, n, wait_ms))
REPLACE(void *, calloc, NULL, ENOMEM, (size_t count, size_t size), (count, size))
REPLACE(void *, realloc, NULL, ENOMEM, (void *p, size_t n), (p, n))
REPLACE(char *, strdup, NULL, ENOMEM, (const char *text), (text))

static ssize_t fail_send(int fd, const void *bytes, size_t n, int flags) {
  return breaks("send", fd, EPIPE) ? -1 : send(fd, bytes, n, flags);
}

static ssize_t fail_recv(int fd, void *bytes, size_t n, int flags) {
  return breaks("recv", fd, ECONNRESET) ? -1 : recv(fd, bytes, n, flags);
}

static const struct {
  const char *name;
  void (*function)(void);
} replacements[] = {
#define CL_X(name, cause) {#name, (void (*)(void))fail_##name},
    CL_FAULT_LIBPQ_MAP(CL_X)
#undef CL_X
};
enum { REPLACEMENTS = sizeof replacements / sizeof *replacements };

/* libpq was linked with its table closed to writing. */
static void write_slot(void **slot, size_t which) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)slot & ~(page - 1);
  assert_int_equal(mprotect((void *)first, page, PROT_READ | PROT_WRITE),
                   0); /* NOLINT(performance-no-int-to-ptr) */
  memcpy(slot, &replacements[which].function, sizeof *slot);
}

/* The tables that the dynamic section of a loaded library names. */
struct imports {
  const char *names;
  const ElfW(Sym) * symbols;
  const ElfW(Rela) * slots;
  size_t size;
};

static struct imports imports_of(const struct link_map *map) {
  struct imports it = {0};
  for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
    if (d->d_tag == DT_STRTAB) it.names = (const char *)d->d_un.d_ptr; /* NOLINT(performance-no-int-to-ptr) */
    if (d->d_tag == DT_SYMTAB)
      it.symbols = (const ElfW(Sym) *)d->d_un.d_ptr; /* NOLINT(performance-no-int-to-ptr) */
    if (d->d_tag == DT_JMPREL)
      it.slots = (const ElfW(Rela) *)d->d_un.d_ptr; /* NOLINT(performance-no-int-to-ptr) */
    if (d->d_tag == DT_PLTRELSZ) it.size = d->d_un.d_val;
  }
  return it;
}

void cl_fault_libpq_hook(void) {
  struct link_map *map = dlopen("libpq.so.5", RTLD_LAZY | RTLD_NOLOAD);
  assert_non_null(map);
  struct imports it = imports_of(map);
  bool found[REPLACEMENTS] = {false};
  for (size_t i = 0; i < it.size / sizeof *it.slots; i++) {
    const char *name = it.names + it.symbols[ELF64_R_SYM(it.slots[i].r_info)].st_name;
    for (size_t k = 0; k < REPLACEMENTS; k++) {
      if (strcmp(name, replacements[k].name) != 0) continue;
      write_slot((void **)(map->l_addr + it.slots[i].r_offset), k); /* NOLINT(performance-no-int-to-ptr) */
      found[k] = true;
    }
  }
  for (size_t k = 0; k < REPLACEMENTS; k++)
    if (!found[k]) fail_msg("libpq imports no %s", replacements[k].name);
}
