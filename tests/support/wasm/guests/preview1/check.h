/* Checks of programs of WASI preview 1, which call its functions directly. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

/* The first directory that the program is granted. */
#define ROOT 3

#define FILE_RIGHTS                                                                              \
  (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_TELL)

static const char *running = "";

static void put(const char *text) { write(2, text, strlen(text)); }

static void put_number(long long number) {
  char digits[24];
  int at = sizeof digits - 1;
  digits[at] = 0;
  unsigned long long rest = number < 0 ? -(unsigned long long)number : (unsigned long long)number;
  do digits[--at] = '0' + rest % 10;
  while (rest /= 10);
  if (number < 0) digits[--at] = '-';
  put(digits + at);
}

static void expect_number(long long actual, long long expected, const char *what, int line) {
  if (actual == expected) return;
  put(running);
  put(", line ");
  put_number(line);
  put(": ");
  put(what);
  put(" is ");
  put_number(actual);
  put(", not ");
  put_number(expected);
  put("\n");
  exit(1);
}

/* Fails the program unless two numbers, such as a returned errno and the expected one, are the same. */
#define IS(actual, expected) expect_number((long long)(actual), (long long)(expected), #actual, __LINE__)
#define OK(call) IS(call, 0)
#define YES(condition) IS(!!(condition), 1)

typedef struct {
  const char *name;
  void (*run)(void);
} test_case;

/* Runs the case that the first argument names. */
static int run_case(const test_case *cases, int argc, char **argv) {
  for (; argc > 1 && cases->name; cases++) {
    if (strcmp(cases->name, argv[1])) continue;
    running = cases->name;
    cases->run();
    return 0;
  }
  put("no such case\n");
  return 2;
}

static __wasi_errno_t open_at(__wasi_fd_t dir, const char *path, __wasi_oflags_t oflags,
                              __wasi_rights_t rights, __wasi_fdflags_t flags, __wasi_fd_t *fd) {
  return __wasi_path_open(dir, 0, path, oflags, rights, 0, flags, fd);
}

static __wasi_fd_t opened(const char *path, __wasi_oflags_t oflags, __wasi_rights_t rights) {
  __wasi_fd_t fd;
  OK(open_at(ROOT, path, oflags, rights, 0, &fd));
  YES(fd > 2);
  return fd;
}

/* Creates an empty file. */
static void touch(const char *path) {
  OK(__wasi_fd_close(opened(path, __WASI_OFLAGS_CREAT, FILE_RIGHTS)));
}

static __wasi_fdstat_t fdstat(__wasi_fd_t fd) {
  __wasi_fdstat_t stat;
  OK(__wasi_fd_fdstat_get(fd, &stat));
  return stat;
}

static __wasi_filestat_t stat_at(const char *path) {
  __wasi_filestat_t stat;
  OK(__wasi_path_filestat_get(ROOT, 0, path, &stat));
  return stat;
}

static __wasi_errno_t exists(const char *path) {
  __wasi_filestat_t stat;
  return __wasi_path_filestat_get(ROOT, 0, path, &stat);
}

static __wasi_errno_t write_all(__wasi_fd_t fd, const char *text, size_t length) {
  __wasi_ciovec_t vector = {(const uint8_t *)text, length};
  __wasi_size_t count = 0;
  __wasi_errno_t error = __wasi_fd_write(fd, &vector, 1, &count);
  if (!error) IS(count, length);
  return error;
}

static __wasi_errno_t read_some(__wasi_fd_t fd, char *buffer, size_t length, __wasi_size_t *count) {
  __wasi_iovec_t vector = {(uint8_t *)buffer, length};
  return __wasi_fd_read(fd, &vector, 1, count);
}
