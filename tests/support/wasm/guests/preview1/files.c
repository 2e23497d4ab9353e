/* Contents, positions and times of files, entries of directories, events, clocks, random numbers and the C library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "check.h"

static void positions(void) {
  __wasi_filesize_t at;
  __wasi_fd_t fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  OK(__wasi_fd_tell(fd, &at));
  IS(at, 0);
  OK(write_all(fd, "0123456789", 10));
  OK(__wasi_fd_seek(fd, -4, __WASI_WHENCE_CUR, &at));
  IS(at, 6);
  IS(__wasi_fd_seek(fd, -7, __WASI_WHENCE_CUR, &at), __WASI_ERRNO_INVAL);
  IS(__wasi_fd_seek(fd, 0, 9, &at), __WASI_ERRNO_INVAL);
  OK(__wasi_fd_tell(fd, &at));
  IS(at, 6);
  OK(__wasi_fd_seek(fd, -1, __WASI_WHENCE_END, &at));
  IS(at, 9);
  OK(__wasi_fd_seek(fd, 100, __WASI_WHENCE_SET, &at));
  OK(write_all(fd, "x", 1));
  IS(stat_at("a").size, 101);
  IS(__wasi_fd_seek(1, 0, __WASI_WHENCE_SET, &at), __WASI_ERRNO_SPIPE);
}

static void offsets(void) {
  uint8_t buffer[6] = "......";
  __wasi_size_t count;
  __wasi_filesize_t at;
  __wasi_fd_t fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  __wasi_ciovec_t out[] = {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"", 0}, {(const uint8_t *)"cd", 2}};
  __wasi_iovec_t in[] = {{buffer, 1}, {buffer + 1, 0}, {buffer + 1, 5}};
  OK(__wasi_fd_pwrite(fd, out, 3, 1, &count));
  IS(count, 4);
  OK(__wasi_fd_pread(fd, in, 3, 2, &count));
  IS(count, 3);
  OK(memcmp(buffer, "bcd...", 6));
  OK(__wasi_fd_pread(fd, in, 3, 50, &count));
  IS(count, 0);
  OK(__wasi_fd_tell(fd, &at));
  IS(at, 0);
}

static void sizes(void) {
  __wasi_fd_t fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE);
  OK(__wasi_fd_filestat_set_size(fd, 100));
  IS(stat_at("a").size, 100);
  OK(__wasi_fd_advise(fd, 10, 50, __WASI_ADVICE_WILLNEED));
  IS(__wasi_fd_allocate(fd, 0, 200), __WASI_ERRNO_NOTSUP);
  OK(__wasi_fd_filestat_set_size(fd, 10));
  IS(stat_at("a").size, 10);
  OK(__wasi_fd_close(fd));
  OK(__wasi_fd_close(opened("a", __WASI_OFLAGS_TRUNC, FILE_RIGHTS)));
  IS(stat_at("a").size, 0);
}

/* Larder has milliseconds: every one is kept. */
static void times(void) {
  const __wasi_timestamp_t ms = 1000000;
  __wasi_filestat_t stat;
  __wasi_fd_t fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  OK(__wasi_path_symlink("a", ROOT, "link"));
  for (__wasi_timestamp_t time = 1700000000001 * ms; time < 1700000000101 * ms; time += ms) {
    OK(__wasi_fd_filestat_set_times(fd, time, time + ms, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
    OK(__wasi_fd_filestat_get(fd, &stat));
    IS(stat.atim, time);
    IS(stat.mtim, time + ms);
  }
  OK(__wasi_path_filestat_set_times(ROOT, 0, "a", 0, 5 * ms, __WASI_FSTFLAGS_MTIM));
  IS(stat_at("a").mtim, 5 * ms);
  IS(stat_at("a").atim, stat.atim);
  OK(__wasi_path_filestat_set_times(ROOT, 0, "link", 0, 7 * ms, __WASI_FSTFLAGS_MTIM));
  IS(stat_at("link").mtim, 7 * ms);
  IS(stat_at("a").mtim, 5 * ms);
  OK(__wasi_path_filestat_set_times(ROOT, __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW, "link", 0, 9 * ms,
                                    __WASI_FSTFLAGS_MTIM));
  IS(stat_at("a").mtim, 9 * ms);
  OK(__wasi_fd_filestat_set_times(fd, 0, 0, __WASI_FSTFLAGS_MTIM_NOW));
  YES(stat_at("a").mtim > 1700000000000 * ms);
  __wasi_fstflags_t both[] = {__WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW,
                              __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW};
  for (int i = 0; i < 2; i++) {
    IS(__wasi_fd_filestat_set_times(fd, 1, 1, both[i]), __WASI_ERRNO_INVAL);
    IS(__wasi_path_filestat_set_times(ROOT, 0, "a", 1, 1, both[i]), __WASI_ERRNO_INVAL);
  }
}

/* Reads all entries through a small buffer, and returns how many there are beside "." and "..". */
static int count_entries(int *seen) {
  static uint8_t buffer[256];
  __wasi_dircookie_t cookie = 0;
  int count = 0;
  for (;;) {
    __wasi_size_t used, at = 0;
    OK(__wasi_fd_readdir(ROOT, buffer, sizeof buffer, cookie, &used));
    while (at + sizeof(__wasi_dirent_t) <= used) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + at, sizeof entry);
      at += sizeof entry;
      if (at + entry.d_namlen > used) break;
      cookie = entry.d_next;
      if (buffer[at] == 'f') {
        seen[(buffer[at + 1] - '0') * 10 + buffer[at + 2] - '0']++;
        count++;
      }
      else IS(entry.d_type, __WASI_FILETYPE_DIRECTORY);
      at += entry.d_namlen;
    }
    if (used < sizeof buffer) return count;
  }
}

static void entries(void) {
  static int seen[64];
  char name[] = "f00";
  IS(count_entries(seen), 0);
  for (int i = 0; i < 64; i++) {
    name[1] = '0' + i / 10;
    name[2] = '0' + i % 10;
    touch(name);
  }
  memset(seen, 0, sizeof seen);
  IS(count_entries(seen), 64);
  for (int i = 0; i < 64; i++) IS(seen[i], 1);
}

static void library(void) {
  struct stat by_path, by_fd;
  struct dirent *entry;
  char buffer[4];
  IS(mkdir("/data/dir", 0777), 0);
  int fd = open("/data/dir/file", O_CREAT | O_RDWR, 0666);
  YES(fd > ROOT);
  IS(write(fd, "text", 4), 4);
  IS(pread(fd, buffer, 4, 1), 3);
  IS(pwrite(fd, "X", 1, 0), 1);
  IS(lseek(fd, 0, SEEK_END), 4);
  IS(fstat(fd, &by_fd), 0);
  IS(stat("/data/dir/file", &by_path), 0);
  YES(by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev && by_fd.st_ino != 0);
  DIR *dir = opendir("/data/dir");
  YES(dir != NULL);
  int found = 0;
  while ((entry = readdir(dir))) {
    if (strcmp(entry->d_name, "file") == 0) found += entry->d_ino == by_fd.st_ino;
  }
  IS(found, 1);
  IS(closedir(dir), 0);
  IS(open("/elsewhere", O_RDONLY), -1);
  YES(errno == ENOTCAPABLE || errno == ENOENT);
  IS(isatty(fd), 0);
}

static void events(void) {
  __wasi_size_t count;
  __wasi_event_t happened[3];
  __wasi_subscription_t wanted[3] = {
      {.userdata = 7, .u = {.tag = __WASI_EVENTTYPE_FD_WRITE, .u.fd_write.file_descriptor = 1}},
      {.userdata = 8, .u = {.tag = __WASI_EVENTTYPE_FD_READ, .u.fd_read.file_descriptor = 99}},
      {.userdata = 9, .u = {.tag = __WASI_EVENTTYPE_CLOCK, .u.clock = {.id = 1, .timeout = 60000000000}}},
  };
  OK(__wasi_poll_oneoff(wanted, happened, 3, &count));
  IS(count, 2);
  IS(happened[0].userdata, 7);
  IS(happened[0].error, 0);
  IS(happened[1].userdata, 8);
  IS(happened[1].error, __WASI_ERRNO_BADF);
  wanted[2].u.u.clock.timeout = 1000000;
  OK(__wasi_poll_oneoff(wanted + 2, happened, 1, &count));
  IS(happened[0].userdata, 9);
  IS(__wasi_poll_oneoff(wanted, happened, 0, &count), __WASI_ERRNO_INVAL);
  /* More than the host has room for. */
  IS(__wasi_poll_oneoff(calloc(5000, sizeof *wanted), happened, 5000, &count), __WASI_ERRNO_NOMEM);
}

/* The test writes "input" to stdin, some time after the start. */
static void input_without_waiting(void) {
  char buffer[8];
  __wasi_size_t count = 0;
  OK(__wasi_fd_fdstat_set_flags(0, __WASI_FDFLAGS_NONBLOCK));
  IS(fdstat(0).fs_flags, __WASI_FDFLAGS_NONBLOCK);
  IS(read_some(0, buffer, 8, &count), __WASI_ERRNO_AGAIN);
  __wasi_errno_t error;
  while ((error = read_some(0, buffer, 8, &count))) IS(error, __WASI_ERRNO_AGAIN);
  IS(count, 5);
  OK(__wasi_fd_fdstat_set_flags(0, 0));
  OK(read_some(0, buffer, 8, &count));
  IS(count, 0);
}

static void process(void) {
  static uint8_t bytes[65536];
  __wasi_timestamp_t resolution, earlier, later;
  int zeros = 0;
  for (int clock = 0; clock < 2; clock++) {
    OK(__wasi_clock_res_get(clock, &resolution));
    YES(resolution > 0);
    OK(__wasi_clock_time_get(clock, 0, &earlier));
    OK(__wasi_clock_time_get(clock, 0, &later));
    YES(clock == 0 || later >= earlier);
  }
  IS(__wasi_clock_time_get(9, 0, &later), __WASI_ERRNO_INVAL);
  OK(__wasi_random_get(bytes, 0));
  OK(__wasi_random_get(bytes, sizeof bytes));
  for (int i = 0; i < (int)sizeof bytes; i++) zeros += bytes[i] == 0;
  YES(zeros < 2048);
  OK(__wasi_sched_yield());
  OK(strcmp(getenv("QUOTED"), "a \"b\"\nc="));
}

static const test_case cases[] = {
    {"positions move within the file and beyond its end", positions},
    {"reads and writes at an offset leave the position", offsets},
    {"sizes are set", sizes},
    {"times are kept to the millisecond", times},
    {"entries are read through a small buffer", entries},
    {"the C library has files and directories", library},
    {"events are of the descriptors and clocks that are polled", events},
    {"input is read without waiting", input_without_waiting},
    {"clocks, random numbers and the environment are there", process},
    {0},
};

int main(int argc, char **argv) { return run_case(cases, argc, argv); }
