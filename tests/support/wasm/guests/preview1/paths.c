/* Symbolic and hard links, renames, removals, and paths that are unusual or lead out. */
#include "check.h"

#define FOLLOW __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW
#define DIRECTORY __WASI_OFLAGS_DIRECTORY

static void make(const char *path) { OK(__wasi_path_create_directory(ROOT, path)); }
static void symlink_to(const char *target, const char *path) {
  OK(__wasi_path_symlink(target, ROOT, path));
}
static __wasi_errno_t open_path(const char *path, __wasi_lookupflags_t follow, __wasi_oflags_t oflags) {
  __wasi_fd_t fd;
  return __wasi_path_open(ROOT, follow, path, oflags, 0, 0, 0, &fd);
}
static __wasi_errno_t move(const char *from, const char *to) {
  return __wasi_path_rename(ROOT, from, ROOT, to);
}
static __wasi_errno_t hard_link(const char *from, const char *to) {
  return __wasi_path_link(ROOT, 0, from, ROOT, to);
}
static __wasi_errno_t rmdir_at(const char *path) { return __wasi_path_remove_directory(ROOT, path); }
static __wasi_errno_t unlink_at(const char *path) { return __wasi_path_unlink_file(ROOT, path); }

static void links_followed(void) {
  make("dir");
  touch("dir/file");
  symlink_to("dir/file", "to-file");
  symlink_to("dir", "to-dir");
  symlink_to("../to-dir/file", "dir/around");
  IS(stat_at("to-file").filetype, __WASI_FILETYPE_SYMBOLIC_LINK);
  OK(open_path("to-file", FOLLOW, 0));
  OK(open_path("to-dir", FOLLOW, DIRECTORY));
  OK(open_path("to-dir/around", FOLLOW, 0));
  IS(open_path("to-file", FOLLOW, DIRECTORY), __WASI_ERRNO_NOTDIR);
  IS(open_path("to-dir/file", 0, DIRECTORY), __WASI_ERRNO_NOTDIR);
}

static void links_not_followed(void) {
  make("dir");
  symlink_to("dir", "to-dir");
  symlink_to("none", "dangling");
  symlink_to("self", "self");
  const char *paths[] = {"to-dir", "dangling", "self"};
  for (int i = 0; i < 3; i++) {
    IS(open_path(paths[i], 0, 0), __WASI_ERRNO_LOOP);
    IS(open_path(paths[i], 0, DIRECTORY), __WASI_ERRNO_NOTDIR);
  }
  IS(open_path("self", FOLLOW, 0), __WASI_ERRNO_LOOP);
  IS(open_path("dangling", FOLLOW, 0), __WASI_ERRNO_NOENT);
  OK(unlink_at("to-dir"));
  OK(exists("dir"));
}

static void links_refused(void) {
  make("dir");
  touch("file");
  IS(__wasi_path_symlink("/", ROOT, "new"), __WASI_ERRNO_PERM);
  IS(__wasi_path_symlink("/dir", ROOT, "new"), __WASI_ERRNO_PERM);
  IS(__wasi_path_symlink("..", ROOT, "new"), __WASI_ERRNO_PERM);
  IS(__wasi_path_symlink("../../file", ROOT, "dir/new"), __WASI_ERRNO_PERM);
  IS(__wasi_path_symlink("", ROOT, "new"), __WASI_ERRNO_NOENT);
  IS(__wasi_path_symlink("file", ROOT, "new/"), __WASI_ERRNO_NOENT);
  IS(__wasi_path_symlink("file", ROOT, "none/new"), __WASI_ERRNO_NOENT);
  IS(__wasi_path_symlink("file", ROOT, "dir"), __WASI_ERRNO_EXIST);
  IS(__wasi_path_symlink("file", ROOT, "dir/"), __WASI_ERRNO_EXIST);
  IS(__wasi_path_symlink("dir", ROOT, "file"), __WASI_ERRNO_EXIST);
  IS(__wasi_path_symlink("dir", ROOT, "file/"), __WASI_ERRNO_NOTDIR);
  IS(exists("new"), __WASI_ERRNO_NOENT);
}

static void link_read(void) {
  uint8_t buffer[10];
  __wasi_size_t count;
  symlink_to("target", "link");
  touch("file");
  memset(buffer, '.', sizeof buffer);
  OK(__wasi_path_readlink(ROOT, "link", buffer, sizeof buffer, &count));
  IS(count, 6);
  OK(memcmp(buffer, "target....", 10));
  memset(buffer, '.', sizeof buffer);
  OK(__wasi_path_readlink(ROOT, "link", buffer, 4, &count));
  IS(count, 4);
  OK(memcmp(buffer, "targ......", 10));
  IS(__wasi_path_readlink(ROOT, "file", buffer, 4, &count), __WASI_ERRNO_INVAL);
}

static void hard_links(void) {
  touch("file");
  make("dir");
  symlink_to("none", "dangling");
  OK(hard_link("file", "same"));
  OK(hard_link("file", "dir/same"));
  IS(stat_at("file").ino, stat_at("dir/same").ino);
  IS(stat_at("file").nlink, 3);
  IS(hard_link("file", "file"), __WASI_ERRNO_EXIST);
  IS(hard_link("file", "dir"), __WASI_ERRNO_EXIST);
  IS(hard_link("file", "dangling"), __WASI_ERRNO_EXIST);
  IS(hard_link("file", "new/"), __WASI_ERRNO_NOENT);
  IS(hard_link("dir", "new"), __WASI_ERRNO_PERM);
  IS(hard_link("none", "new"), __WASI_ERRNO_NOENT);
  IS(__wasi_path_link(ROOT, FOLLOW, "dangling", ROOT, "new"), __WASI_ERRNO_NOENT);
  OK(hard_link("dangling", "new"));
  IS(stat_at("new").filetype, __WASI_FILETYPE_SYMBOLIC_LINK);
}

static void renames(void) {
  touch("file");
  make("dir");
  make("full");
  touch("full/file");
  OK(move("file", "other"));
  IS(exists("file"), __WASI_ERRNO_NOENT);
  touch("file");
  OK(move("other", "file"));
  IS(move("file", "dir"), __WASI_ERRNO_ISDIR);
  IS(move("file", "new/"), __WASI_ERRNO_NOTDIR);
  IS(move("dir", "file"), __WASI_ERRNO_NOTDIR);
  IS(move("dir", "full"), __WASI_ERRNO_NOTEMPTY);
  IS(move("none", "new"), __WASI_ERRNO_NOENT);
  IS(move("full", "full/inside"), __WASI_ERRNO_INVAL);
  OK(move("full", "dir"));
  OK(exists("dir/file"));
  OK(move("dir/", "one"));
  OK(move("one", "two/"));
  OK(move("two/", "three/"));
  OK(exists("three/file"));
  IS(move(".", "new"), __WASI_ERRNO_BUSY);
  IS(move("three/.", "new"), __WASI_ERRNO_BUSY);
  IS(move("three/..", "new"), __WASI_ERRNO_BUSY);
}

static void moved_link(void) {
  make("dir");
  symlink_to("../target", "dir/link");
  IS(move("dir/link", "link"), __WASI_ERRNO_PERM);
  IS(hard_link("dir/link", "link"), __WASI_ERRNO_PERM);
  OK(move("dir/link", "dir/moved"));
  IS(stat_at("dir/moved").filetype, __WASI_FILETYPE_SYMBOLIC_LINK);
}

static void removals(void) {
  __wasi_fd_t inner;
  touch("file");
  make("dir");
  make("dir/inner");
  IS(rmdir_at("dir"), __WASI_ERRNO_NOTEMPTY);
  IS(rmdir_at("file"), __WASI_ERRNO_NOTDIR);
  IS(rmdir_at("file/"), __WASI_ERRNO_NOTDIR);
  IS(rmdir_at("none"), __WASI_ERRNO_NOENT);
  IS(unlink_at("dir"), __WASI_ERRNO_ISDIR);
  IS(unlink_at("dir/"), __WASI_ERRNO_ISDIR);
  IS(unlink_at("file/"), __WASI_ERRNO_NOTDIR);
  inner = opened("dir/inner", DIRECTORY, 0);
  IS(__wasi_path_remove_directory(inner, "."), __WASI_ERRNO_INVAL);
  IS(rmdir_at("."), __WASI_ERRNO_INVAL);
  IS(rmdir_at("dir/inner/."), __WASI_ERRNO_INVAL);
  IS(rmdir_at("dir/inner/.."), __WASI_ERRNO_NOTEMPTY);
  OK(exists("dir/inner"));
  OK(rmdir_at("dir/inner/"));
  OK(rmdir_at("dir"));
  OK(unlink_at("file"));
}

static void unusual_paths(void) {
  make("dir");
  make("dir/inner");
  touch("dir/inner/file");
  OK(open_path("dir/.//inner/../../dir/inner/../inner///./file", 0, 0));
  OK(open_path("dir/inner/", 0, 0));
  OK(open_path("dir/inner///", 0, DIRECTORY));
  IS(open_path("dir/inner/file/", 0, 0), __WASI_ERRNO_NOTDIR);
  IS(open_path("dir/inner/file///", 0, 0), __WASI_ERRNO_NOTDIR);
  IS(open_path("dir/inner/file/x", 0, 0), __WASI_ERRNO_NOTDIR);
  IS(open_path("/dir/inner/file", 0, 0), __WASI_ERRNO_PERM);
  IS(open_path("dir/inner/../../../dir/inner/file", 0, 0), __WASI_ERRNO_PERM);
  IS(open_path("", 0, 0), __WASI_ERRNO_NOENT);
  IS(open_path("new/", 0, __WASI_OFLAGS_CREAT), __WASI_ERRNO_ISDIR);
  IS(open_path("new", 0, __WASI_OFLAGS_CREAT | DIRECTORY), __WASI_ERRNO_INVAL);
  IS(open_path("dir", 0, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL), __WASI_ERRNO_EXIST);
  IS(open_path("dir/inner/file", 0, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL), __WASI_ERRNO_EXIST);
  IS(open_path("none", 0, 0), __WASI_ERRNO_NOENT);
  IS(open_path("\xff", 0, __WASI_OFLAGS_CREAT), __WASI_ERRNO_ILSEQ);
  OK(open_path("\xef\xbb\xbf", 0, __WASI_OFLAGS_CREAT));
  OK(open_path("\xef\xbb\xbf", 0, 0));
  IS(__wasi_path_create_directory(ROOT, "dir/"), __WASI_ERRNO_EXIST);
  IS(__wasi_path_create_directory(ROOT, "none/dir"), __WASI_ERRNO_NOENT);
}

/* What was opened stays usable when its name is gone. */
static void names_gone(void) {
  char buffer[4];
  __wasi_size_t count;
  __wasi_filesize_t at;
  __wasi_fd_t fd = opened("file", __WASI_OFLAGS_CREAT, FILE_RIGHTS);
  OK(unlink_at("file"));
  OK(write_all(fd, "text", 4));
  touch("file");
  IS(stat_at("file").size, 0);
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  OK(read_some(fd, buffer, 4, &count));
  IS(count, 4);
  make("dir");
  __wasi_fd_t dir = opened("dir", DIRECTORY, 0);
  OK(__wasi_fd_close(dir));
  OK(rmdir_at("dir"));
  make("dir");
}

static const test_case cases[] = {
    {"links are followed inside the directory", links_followed},
    {"links are not followed unless the call says so", links_not_followed},
    {"links that lead out, and in place of something, are refused", links_refused},
    {"a link is read into any buffer", link_read},
    {"hard links are the same file", hard_links},
    {"files and directories are renamed", renames},
    {"a link does not move to where it leads out", moved_link},
    {"files and directories are removed, and the directory itself is not", removals},
    {"unusual paths are resolved", unusual_paths},
    {"what is open outlives its name", names_gone},
    {0},
};

int main(int argc, char **argv) { return run_case(cases, argc, argv); }
