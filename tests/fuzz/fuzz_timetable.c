/* A schedule of any bytes (YAML, JSON, or a policy file of Ray Tune's): it is refused with a sentence, or
 * what is written of it, as YAML and as JSON, reads back as the same schedule, its CSV can be written, and it
 * becomes a course of legal assignments in a space or is refused with a sentence.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "model/settings.h"
#include "spec/timetable.h"

#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char settings_text[] =
    "{\"study\": \"s\", \"origin\": \"api\", \"cwd\": \"/\", \"objectives\": [{\"name\": \"loss\", \"goal\": \"minimize\"}],"
    " \"search\": {\"method\": \"random\"}, \"trials\": 1, \"parallel\": 1, \"hyperparameters\": ["
    "{\"id\": 1, \"name\": \"lr\", \"domain\": \"float\", \"scale\": \"log\", \"lo\": 1e-5, \"hi\": 1.0},"
    "{\"id\": 2, \"name\": \"layers\", \"domain\": \"int\", \"lo\": 1, \"hi\": 7},"
    "{\"id\": 3, \"name\": \"opt\", \"domain\": \"unordered\", \"values\": [\"sgd\", \"adam\", null]},"
    "{\"id\": 4, \"name\": \"momentum\", \"domain\": \"float\", \"lo\": 0.0, \"hi\": 1.0, \"parent\": \"opt\", \"when\": "
    "[\"sgd\"]}]}";

static void require_sentence(int status, const struct cl_err *e) {
  require(status != CLADE_ENOMEM);
  require(status == 0 || (e->text[0] != '\0' && cl_text_is_utf8(e->text, strlen(e->text))));
}

/* It was written: it must be read, and be the same. */
static void require_same(const struct cl_timetable *t, const struct cl_text *text) {
  struct cl_timetable again = {0};
  struct cl_err e = {0};
  char one[CL_TIMETABLE_HASH], two[CL_TIMETABLE_HASH];
  require(!text->failed);
  require(cl_timetable_parse(cl_text_get(text), text->length, "again", &again, &e) == 0);
  require(cl_timetable_hash(t, one, NULL) == 0 && cl_timetable_hash(&again, two, NULL) == 0);
  require(strcmp(one, two) == 0);
  require(again.trial == t->trial && again.has_seed == t->has_seed && again.has_end == t->has_end);
  require(!t->has_seed || again.seed == t->seed);
  require((again.study == NULL) == (t->study == NULL));
  cl_timetable_done(&again);
}

static void check_written(const struct cl_timetable *t) {
  struct cl_text yaml = {0}, json = {0}, csv = {0};
  cl_timetable_write_yaml(t, &yaml);
  cl_timetable_write_json(t, &json);
  require(cl_timetable_write_csv(t, &csv, NULL) == 0 && !csv.failed);
  require_same(t, &yaml);
  require_same(t, &json);
  cl_text_done(&yaml);
  cl_text_done(&json);
  cl_text_done(&csv);
}

static void check_course(const struct cl_timetable *t) {
  struct cl_settings *s = NULL;
  struct cl_course c;
  struct cl_err e = {0};
  require(cl_settings_parse(settings_text, &s, &e) == 0);
  int status = cl_course_make(t, &s->space, &c, &e);
  require_sentence(status, &e);
  if (status == 0) {
    require(c.entries == t->n_changes + 1);
    for (size_t i = 0; i < c.entries; i++) {
      require(cl_space_check(&s->space, cl_course_values(&c, i), NULL) == 0);
      require(i == 0 || c.steps[i] >= c.steps[i - 1]);
    }
    cl_course_done(&c);
  }
  cl_settings_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cl_timetable t = {0};
  struct cl_err e = {0};
  char *text = cl_copy_bytes((const char *)data, size); /* with a zero behind it, as a file that is read */
  require(text != NULL);
  int status = cl_timetable_parse(text, size, "s.yaml", &t, &e);
  require_sentence(status, &e);
  if (status == 0) {
    check_written(&t);
    check_course(&t);
    cl_timetable_done(&t);
  }
  cl_free(text);
  return 0;
}
