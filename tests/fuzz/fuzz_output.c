/* Lines that a program may print, read by three kinds of rules: metrics have names of their form, no name
 * stands twice, and a report names an objective.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "worker/output_line.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const kinds[] = {
    "{\"study\": \"s\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], \"trials\": 1, "
    "\"parallel\": 1, \"step\": \"epoch\", \"hyperparameters\": [{\"id\": 1, \"name\": \"lr\", \"domain\": "
    "\"float\", \"lo\": 0, \"hi\": 1}]}",
    "{\"study\": \"s\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}], \"trials\": 1, "
    "\"parallel\": 1, \"metric_regex\": \"([a-z]+) is ([-0-9.e]+)\"}",
    "{\"study\": \"s\", \"objectives\": [{\"name\": \"hpmax\", \"goal\": \"maximize\"}], \"computed\": \"hpmax\", "
    "\"trials\": 1, \"parallel\": 1}"};

static struct cl_output_rules *rules[3];

static void make_rules(void) {
  if (rules[0] != NULL) return;
  for (int i = 0; i < 3; i++) {
    struct cl_settings *s = NULL;
    require(cl_settings_parse(kinds[i], &s, NULL) == 0);
    require(cl_output_rules_create(s, &rules[i], NULL) == 0);
  }
}

static void check_report(const struct cl_output_report *r) {
  require(r->n >= 1 && r->n <= CL_METRICS_MAX);
  for (int i = 0; i < r->n; i++) {
    const char *name = r->metrics[i].name;
    require(name != NULL && name[0] != '\0' && strlen(name) <= CL_NAME_MAX);
    require(cl_text_is_utf8(name, strlen(name)));
    for (int k = 0; k < i; k++) require(strcmp(name, r->metrics[k].name) != 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct cl_output_report report;
  const char *text = (const char *)data, *end = text + size;
  make_rules();
  while (text < end) {
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    if (stop == NULL) stop = end;
    for (int i = 0; i < 3; i++) {
      struct cl_err e = {0};
      int status = cl_output_line_read(rules[i], text, (size_t)(stop - text), &report, &e);
      require(status == 0 || status == CLADE_EMPTY);
      if (status == 0) check_report(&report);
    }
    text = stop + 1;
  }
  return 0;
}
