/* Rights, flags and numbers of descriptors, and calls on the wrong kind of them. */
#include "check.h"

static void directory_rights(void) {
  const __wasi_rights_t base =
      __WASI_RIGHTS_PATH_OPEN | __WASI_RIGHTS_PATH_CREATE_FILE | __WASI_RIGHTS_PATH_CREATE_DIRECTORY |
      __WASI_RIGHTS_PATH_SYMLINK | __WASI_RIGHTS_PATH_RENAME_SOURCE | __WASI_RIGHTS_PATH_READLINK |
      __WASI_RIGHTS_PATH_UNLINK_FILE | __WASI_RIGHTS_PATH_FILESTAT_GET | __WASI_RIGHTS_FD_READDIR;
  __wasi_fdstat_t stat = fdstat(ROOT);
  IS(stat.fs_filetype, __WASI_FILETYPE_DIRECTORY);
  IS(stat.fs_flags, 0);
  IS(stat.fs_rights_base & base, base);
  IS(stat.fs_rights_base & (FILE_RIGHTS | __WASI_RIGHTS_FD_FILESTAT_SET_SIZE), 0);
  IS(stat.fs_rights_inheriting & (base | FILE_RIGHTS), base | FILE_RIGHTS);
}

/* Programs reopen a directory with what its fdstat says, and with less. */
static void directory_reopened(void) {
  __wasi_fdstat_t stat = fdstat(ROOT);
  __wasi_fd_t fd, inner;
  OK(__wasi_path_open(ROOT, 0, ".", __WASI_OFLAGS_DIRECTORY, stat.fs_rights_base,
                      stat.fs_rights_inheriting, 0, &fd));
  OK(__wasi_path_create_directory(fd, "sub"));
  OK(open_at(fd, "sub", 0, 0, 0, &inner));
  OK(open_at(fd, "sub", __WASI_OFLAGS_DIRECTORY, __WASI_RIGHTS_FD_READ, 0, &inner));
  OK(open_at(fd, ".", 0, 0, __WASI_FDFLAGS_NONBLOCK, &inner));
  OK(open_at(fd, "sub", 0, __WASI_RIGHTS_FD_SEEK, 0, &inner));
  IS(fdstat(inner).fs_rights_base & __WASI_RIGHTS_FD_SEEK, 0);
  IS(open_at(fd, "sub", 0, FILE_RIGHTS, 0, &inner), __WASI_ERRNO_ISDIR);
}

static void file_access(void) {
  char buffer[8];
  __wasi_size_t count;
  touch("a");
  __wasi_fd_t in = opened("a", 0, __WASI_RIGHTS_FD_READ);
  __wasi_fd_t out = opened("a", 0, __WASI_RIGHTS_FD_WRITE);
  IS(fdstat(in).fs_rights_base & (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE),
     __WASI_RIGHTS_FD_READ);
  IS(fdstat(out).fs_rights_base & (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE),
     __WASI_RIGHTS_FD_WRITE);
  IS(write_all(in, "x", 1), __WASI_ERRNO_BADF);
  IS(read_some(out, buffer, 1, &count), __WASI_ERRNO_BADF);
  OK(write_all(out, "text", 4));
  OK(read_some(in, buffer, 8, &count));
  IS(count, 4);
}

static void rights_given_up(void) {
  char buffer[4];
  __wasi_size_t count;
  __wasi_filesize_t at;
  __wasi_fd_t fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  __wasi_rights_t all = fdstat(fd).fs_rights_base;
  __wasi_rights_t rest = all & ~(__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_WRITE);
  OK(__wasi_fd_fdstat_set_rights(fd, rest, 0));
  IS(fdstat(fd).fs_rights_base, rest);
  IS(read_some(fd, buffer, 4, &count), __WASI_ERRNO_NOTCAPABLE);
  IS(write_all(fd, "x", 1), __WASI_ERRNO_NOTCAPABLE);
  __wasi_ciovec_t vector = {(const uint8_t *)"x", 1};
  IS(__wasi_fd_pwrite(fd, &vector, 1, 0, &count), __WASI_ERRNO_NOTCAPABLE);
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  IS(__wasi_fd_fdstat_set_rights(fd, all, 0), __WASI_ERRNO_NOTCAPABLE);
  IS(__wasi_fd_fdstat_set_rights(fd, rest, FILE_RIGHTS), __WASI_ERRNO_NOTCAPABLE);
  IS(fdstat(fd).fs_rights_base, rest);
}

static void directory_rights_given_up(void) {
  __wasi_fd_t fd;
  touch("a");
  __wasi_fdstat_t stat = fdstat(ROOT);
  OK(__wasi_fd_fdstat_set_rights(ROOT, stat.fs_rights_base & ~__WASI_RIGHTS_PATH_FILESTAT_SET_SIZE,
                                 stat.fs_rights_inheriting & ~__WASI_RIGHTS_FD_WRITE));
  IS(open_at(ROOT, "a", __WASI_OFLAGS_TRUNC, 0, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  fd = opened("a", 0, FILE_RIGHTS);
  IS(write_all(fd, "x", 1), __WASI_ERRNO_NOTCAPABLE);
  stat = fdstat(ROOT);
  OK(__wasi_fd_fdstat_set_rights(ROOT, stat.fs_rights_base & ~__WASI_RIGHTS_PATH_RENAME_TARGET,
                                 stat.fs_rights_inheriting));
  IS(__wasi_path_rename(ROOT, "a", ROOT, "b"), __WASI_ERRNO_NOTCAPABLE);
  OK(exists("a"));
  stat = fdstat(ROOT);
  OK(__wasi_fd_fdstat_set_rights(ROOT, stat.fs_rights_base & ~__WASI_RIGHTS_PATH_LINK_TARGET &
                                           ~__WASI_RIGHTS_PATH_CREATE_FILE,
                                 stat.fs_rights_inheriting));
  IS(__wasi_path_link(ROOT, 0, "a", ROOT, "b"), __WASI_ERRNO_NOTCAPABLE);
  IS(open_at(ROOT, "b", __WASI_OFLAGS_CREAT, FILE_RIGHTS, 0, &fd), __WASI_ERRNO_NOTCAPABLE);
  IS(exists("b"), __WASI_ERRNO_NOENT);
}

static void flags(void) {
  const __wasi_fdflags_t all = __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_SYNC | __WASI_FDFLAGS_DSYNC |
                               __WASI_FDFLAGS_RSYNC | __WASI_FDFLAGS_NONBLOCK;
  char buffer[8];
  __wasi_size_t count;
  __wasi_filesize_t at;
  __wasi_fd_t fd;
  OK(open_at(ROOT, "a", __WASI_OFLAGS_CREAT, FILE_RIGHTS, all, &fd));
  IS(fdstat(fd).fs_flags, all);
  OK(write_all(fd, "abc", 3));
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  OK(write_all(fd, "def", 3));
  OK(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_DSYNC));
  IS(fdstat(fd).fs_flags, __WASI_FDFLAGS_DSYNC);
  OK(__wasi_fd_seek(fd, 1, __WASI_WHENCE_SET, &at));
  OK(write_all(fd, "X", 1));
  IS(__wasi_fd_fdstat_set_flags(fd, 1 << 5), __WASI_ERRNO_INVAL);
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  OK(read_some(fd, buffer, 8, &count));
  IS(count, 6);
  OK(memcmp(buffer, "aXcdef", 6));
}

static void directory_as_file(void) {
  char buffer[4];
  __wasi_size_t count;
  __wasi_filesize_t at;
  __wasi_iovec_t in = {(uint8_t *)buffer, 4};
  __wasi_ciovec_t out = {(const uint8_t *)buffer, 4};
  IS(read_some(ROOT, buffer, 4, &count), __WASI_ERRNO_BADF);
  IS(write_all(ROOT, "text", 4), __WASI_ERRNO_BADF);
  IS(__wasi_fd_pread(ROOT, &in, 1, 0, &count), __WASI_ERRNO_BADF);
  IS(__wasi_fd_pwrite(ROOT, &out, 1, 0, &count), __WASI_ERRNO_BADF);
  for (int whence = 0; whence < 3; whence++) IS(__wasi_fd_seek(ROOT, 0, whence, &at), __WASI_ERRNO_BADF);
  IS(__wasi_fd_tell(ROOT, &at), __WASI_ERRNO_BADF);
  IS(__wasi_fd_allocate(ROOT, 0, 1), __WASI_ERRNO_BADF);
  IS(__wasi_fd_advise(ROOT, 0, 1, __WASI_ADVICE_NORMAL), __WASI_ERRNO_BADF);
  IS(__wasi_fd_filestat_set_size(ROOT, 0), __WASI_ERRNO_BADF);
}

static void file_as_directory(void) {
  uint8_t buffer[64];
  __wasi_size_t count;
  __wasi_prestat_t prestat;
  __wasi_filestat_t stat;
  __wasi_fd_t other, fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  for (int i = 0; i < 2; i++, fd = 1) {
    IS(open_at(fd, "b", __WASI_OFLAGS_CREAT, 0, 0, &other), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_create_directory(fd, "b"), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_remove_directory(fd, "b"), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_unlink_file(fd, "b"), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_filestat_get(fd, 0, "b", &stat), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_symlink("b", fd, "c"), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_rename(fd, "b", ROOT, "c"), __WASI_ERRNO_NOTDIR);
    IS(__wasi_path_rename(ROOT, "a", fd, "c"), __WASI_ERRNO_NOTDIR);
    IS(__wasi_fd_readdir(fd, buffer, sizeof buffer, 0, &count), __WASI_ERRNO_NOTDIR);
    IS(__wasi_fd_prestat_get(fd, &prestat), __WASI_ERRNO_BADF);
  }
}

static void preopens(void) {
  uint8_t name[16];
  __wasi_prestat_t prestat;
  OK(__wasi_fd_prestat_get(ROOT, &prestat));
  size_t length = prestat.u.dir.pr_name_len;
  YES(length > 0 && length < sizeof name);
  IS(__wasi_fd_prestat_dir_name(ROOT, name, 0), __WASI_ERRNO_NAMETOOLONG);
  IS(__wasi_fd_prestat_dir_name(ROOT, name, length - 1), __WASI_ERRNO_NAMETOOLONG);
  memset(name, '?', sizeof name);
  OK(__wasi_fd_prestat_dir_name(ROOT, name, sizeof name));
  IS(name[length], '?');
  __wasi_fd_t fd = opened(".", 0, 0);
  IS(__wasi_fd_prestat_get(fd, &prestat), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(ROOT));
  IS(__wasi_fd_prestat_get(ROOT, &prestat), __WASI_ERRNO_BADF);
  IS(fdstat(fd).fs_filetype, __WASI_FILETYPE_DIRECTORY);
  IS(__wasi_fd_renumber(fd, ROOT), __WASI_ERRNO_BADF);
}

static void renumbered(void) {
  __wasi_fdstat_t stat;
  __wasi_fd_t from = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  __wasi_fd_t to = opened("b", __WASI_OFLAGS_CREAT, __WASI_RIGHTS_FD_READ);
  OK(write_all(from, "text", 4));
  OK(__wasi_fd_renumber(from, to));
  IS(__wasi_fd_close(from), __WASI_ERRNO_BADF);
  OK(write_all(to, "more", 4));
  IS(stat_at("a").size, 8);
  IS(__wasi_fd_renumber(to, from), __WASI_ERRNO_BADF);
  OK(__wasi_fd_renumber(to, to));
  OK(__wasi_fd_renumber(to, ROOT));
  IS(__wasi_fd_renumber(ROOT, 99), __WASI_ERRNO_BADF);
  IS(fdstat(ROOT).fs_filetype, __WASI_FILETYPE_REGULAR_FILE);
  OK(__wasi_fd_renumber(1, ROOT));
  IS(__wasi_fd_fdstat_get(1, &stat), __WASI_ERRNO_BADF);
  YES(fdstat(ROOT).fs_filetype != __WASI_FILETYPE_REGULAR_FILE);
}

static void sockets(void) {
  __wasi_fd_t fd = opened("a", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  for (int i = 0; i <= (int)fd; i++) IS(__wasi_sock_shutdown(i, __WASI_SDFLAGS_RD), __WASI_ERRNO_NOTSOCK);
  IS(__wasi_sock_shutdown(99, __WASI_SDFLAGS_RD), __WASI_ERRNO_BADF);
}

static const test_case cases[] = {
    {"a directory has the rights of directories", directory_rights},
    {"a directory opens again with its own rights or fewer", directory_reopened},
    {"a file is read and written as it was opened", file_access},
    {"rights of a file are given up for good", rights_given_up},
    {"rights of a directory are given up for good", directory_rights_given_up},
    {"flags are read back and hold", flags},
    {"a directory is no file", directory_as_file},
    {"a file or stream is no directory", file_as_directory},
    {"granted directories have names and can be closed", preopens},
    {"descriptors are renumbered", renumbered},
    {"nothing is a socket", sockets},
    {0},
};

int main(int argc, char **argv) { return run_case(cases, argc, argv); }
