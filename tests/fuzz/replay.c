/* Runs a fuzz target over every file of a directory, one TAP case each: what a fuzzer once found stays found,
 * also where there is no fuzzer. Usage: replay DIRECTORY */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv) {
  static uint8_t bytes[1 << 20];
  struct dirent **entries = NULL;
  int n = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
  if (n < 3) return 1; /* "." and ".." alone */
  printf("1..%d\n", n - 2);
  for (int i = 0; i < n; i++) {
    char path[4096];
    if (entries[i]->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 1;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    printf("ok - %s\n", entries[i]->d_name);
    fflush(stdout);
  }
  for (int i = 0; i < n; i++) free(entries[i]);
  free(entries);
  return 0;
}
