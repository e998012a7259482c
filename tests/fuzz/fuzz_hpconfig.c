/* XT's --hp-config file of any bytes: refused with a sentence, or a space whose draws are legal. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "spec/spec.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_space(const struct cl_spec_result *r) {
  struct cl_settings *s = NULL;
  struct cl_err e = {0};
  require(cl_settings_parse(r->settings, &s, &e) == 0);
  struct cl_value *values = cl_alloc_array((size_t)s->space.n, sizeof *values);
  require(values != NULL);
  if (cl_space_draw(&s->space, 7, CL_RNG_RANDOM, 1, NULL, values, NULL) == 0)
    require(cl_space_check(&s->space, values, &e) == 0);
  cl_free(values);
  cl_settings_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char text[] =
      "program: [train]\nargs: after-script\nmetric: {name: loss, goal: minimize}\ntrials: 3\n";
  char path[40];
  struct cl_spec *spec = NULL;
  struct cl_spec_result r;
  struct cl_err e = {0};
  int fd = memfd_create("hparams.yaml", MFD_CLOEXEC);
  require(fd >= 0);
  if (memchr(data, '*', size) != NULL || memchr(data, '?', size) != NULL) size = 0; /* they name files */
  require(write(fd, data, size) == (ssize_t)size);
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  struct cl_spec_overrides o = {.here = "/here", .hp_config = path};
  require(cl_spec_parse(text, sizeof text - 1, "spec.yaml", &spec, &e) == 0);
  int status = cl_spec_resolve(spec, &o, &r, &e);
  require(status == 0 || e.text[0] != '\0');
  if (status == 0) {
    check_space(&r);
    cl_spec_result_done(&r);
  }
  cl_spec_destroy(spec);
  (void)close(fd);
  return 0;
}
