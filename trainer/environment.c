/* Reads the environment, once per handle. */
#include "trainer/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *find_variable(const char *name) {
  const char *text = getenv(name);
  return text == NULL || text[0] == '\0' ? NULL : text;
}

static int64_t get_count(const char *name) {
  const char *text = find_variable(name);
  int64_t count = 0;
  return text != NULL && cl_text_to_int(text, &count) && count > 0 ? count : 0;
}

int cl_trainer_environment_read(struct cl_trainer_environment *ret, struct cl_err *e) {
  struct cl_trainer_environment env = {.socket = find_variable("CLADE_SOCKET"),
                                       .token = find_variable("CLADE_TOKEN"),
                                       .directory = find_variable("CLADE_DIR"),
                                       .checkpoints = find_variable("CLADE_CKPT_DIR"),
                                       .resume_from = find_variable("CLADE_RESUME_FROM"),
                                       .seed = find_variable("CLADE_SEED"),
                                       .search = find_variable("CLADE_SEARCH"),
                                       .reconnect_s = 600,
                                       .trial = get_count("CLADE_TRIAL"),
                                       .attempt = get_count("CLADE_ATTEMPT")};
  const char *text = find_variable("CLADE_FINAL");
  env.final = text != NULL && strcmp(text, "1") == 0;
  if (env.socket != NULL && env.token == NULL)
    return CL_FAIL(
        e, CLADE_EINVAL,
        "CLADE_SOCKET is set, but CLADE_TOKEN is not; a study sets both, unset both to run without");
  text = find_variable("CLADE_RECONNECT");
  double *s = &env.reconnect_s;
  if (text != NULL && !(cl_text_to_number(text, s) && *s >= 0 && *s <= 1e9))
    return CL_FAIL(e, CLADE_EINVAL, "CLADE_RECONNECT is '%.100s', but must be seconds from 0 to 1e9", text);
  *ret = env;
  return 0;
}
