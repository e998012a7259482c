#include "worker/process.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

struct stat_line {
  char state;
  int64_t group, start, resident_pages;
};

/* Fields 3, 5, 22 and 24 of /proc/<pid>/stat; the name in field 2 may hold blanks and parentheses. No stdio:
 * called between vfork and exec. */
static bool read_stat(pid_t pid, struct stat_line *ret) {
  char path[32] = "/proc/", bytes[1024];
  char digits[16];
  int n = 0;
  for (pid_t p = pid; p > 0; p /= 10) digits[n++] = (char)('0' + p % 10);
  size_t at = 6;
  while (n > 0) path[at++] = digits[--n];
  memcpy(path + at, "/stat", 6);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t got = read(fd, bytes, sizeof bytes - 1);
  (void)close(fd);
  if (got <= 0) return false;
  bytes[got] = '\0';
  char *p = strrchr(bytes, ')');
  if (p == NULL || p[1] != ' ') return false;
  ret->state = p[2];
  p += 2;
  for (int field = 3; *p != '\0' && field <= 24; field++) {
    if (field == 5) ret->group = strtoll(p, NULL, 10);
    if (field == 22) ret->start = strtoll(p, NULL, 10);
    if (field == 24) ret->resident_pages = strtoll(p, NULL, 10);
    while (*p != ' ' && *p != '\0') p++;
    while (*p == ' ') p++;
  }
  return true;
}

int64_t cl_process_start(pid_t pid) {
  struct stat_line line = {0};
  return pid > 0 && read_stat(pid, &line) ? line.start : 0;
}

int64_t cl_process_age_us(int64_t start) {
  struct timespec now;
  const int64_t ticks = sysconf(_SC_CLK_TCK);
  if (start <= 0 || ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0) return 0;
  int64_t age = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 - start * 1000000 / ticks;
  return age > 0 ? age : 0;
}

bool cl_process_lives(pid_t pid, int64_t start) {
  struct stat_line line = {0};
  return pid > 0 && read_stat(pid, &line) && line.start == start && line.state != 'Z' && line.state != 'X';
}

void cl_process_signal_group(pid_t pid, int64_t start, int signal) {
  assert(pid > 1);
  if (cl_process_start(pid) == start) (void)kill(-pid, signal);
}

int cl_process_group_memory(const pid_t *groups, int n, int64_t *ret, struct cl_err *e) {
  DIR *dir = opendir("/proc");
  if (dir == NULL) return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot read /proc: %s", strerror(errno));
  const int64_t page = sysconf(_SC_PAGESIZE);
  memset(ret, 0, (size_t)n * sizeof *ret);
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    struct stat_line line = {0};
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (!read_stat((pid_t)strtol(entry->d_name, NULL, 10), &line)) continue;
    for (int i = 0; i < n; i++)
      if (groups[i] == line.group) ret[i] += line.resident_pages * page;
  }
  (void)closedir(dir);
  return 0;
}

/* A line of /proc/<pid>/status that counts kB. */
static int64_t read_status(pid_t pid, const char *key) {
  char path[40], *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  if (cl_file_read(path, 65536, &text, NULL, NULL) < 0) return 0;
  const char *line = strstr(text, key);
  int64_t bytes = line == NULL ? 0 : strtoll(line + strlen(key), NULL, 10) * 1024;
  cl_free(text);
  return bytes;
}

int64_t cl_process_shared_bytes(pid_t pid) {
  return read_status(pid, "RssShmem:");
}

int64_t cl_process_own_bytes(pid_t pid) {
  return read_status(pid, "RssAnon:");
}

int cl_process_watch(pid_t pid, int64_t start, int *ret_fd, struct cl_err *e) {
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0 && errno == ESRCH) {
    *ret_fd = -1;
    return 0;
  }
  if (fd < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot watch process %d: %s (is `ulimit -n` too low?)",
                         (int)pid, strerror(errno));
  if (!cl_process_lives(pid, start)) { /* another process took the number before it was opened */
    (void)close(fd);
    fd = -1;
  }
  *ret_fd = fd;
  return 0;
}

int cl_process_host(char ret_host[256], char ret_boot[64], struct cl_err *e) {
  char *text = NULL;
  CL_TRY(cl_file_read("/proc/sys/kernel/random/boot_id", 4096, &text, NULL, e));
  text[strcspn(text, "\n")] = '\0';
  (void)snprintf(ret_boot, 64, "%s", text);
  cl_free(text);
  if (gethostname(ret_host, 256) < 0)
    return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "this machine has no name: %s", strerror(errno));
  ret_host[255] = '\0';
  return 0;
}
