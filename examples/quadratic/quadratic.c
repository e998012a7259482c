/* The smallest trainer: quadratic X Y prints `loss: ` and (x - 0.3)^2 + 2 (y + 0.7)^2. No library but libc,
 * so that a study of it measures Clade and the kernel. */
#include <stdio.h>
#include <stdlib.h>

static int read_number(const char *text, double *ret) {
  char *end;
  *ret = strtod(text, &end);
  return end != text && *end == '\0';
}

int main(int argc, char **argv) {
  double x, y;
  if (argc != 3 || !read_number(argv[1], &x) || !read_number(argv[2], &y)) {
    fprintf(stderr, "usage: quadratic X Y (two numbers)\n");
    return 2;
  }
  double a = x - 0.3, b = y + 0.7;
  printf("loss: %.17g\n", a * a + 2 * b * b);
  return 0;
}
