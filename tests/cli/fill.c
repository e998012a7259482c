/* fill STORE NAME...: tell these studies to a store, for the tests of the command line. `many:N` has N
 * trials. */
#include <string.h>

#include "base/text.h"
#include "query/tales.h"

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*tell)(struct cl_store *s);
  } all[] = {{"mnist", tell_mnist},     {"repeats", tell_repeats}, {"pbt", tell_pbt},
             {"hostile", tell_hostile}, {"empty", tell_empty},     {"more", tell_more},
             {"job411", tell_job411},   {"maze", tell_maze},       {"race", tell_race}};
  if (argc < 2) return 2;
  struct cl_store *s = tale_store(argv[1]);
  for (int i = 2; i < argc; i++) {
    int64_t n = 0;
    if (strncmp(argv[i], "many:", 5) == 0 && cl_text_to_int(argv[i] + 5, &n)) tell_many(s, "many", n);
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
      if (strcmp(argv[i], all[k].name) == 0) all[k].tell(s);
  }
  cl_store_close(s);
  return 0;
}
