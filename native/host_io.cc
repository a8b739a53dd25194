// Host file I/O. Every call gives a value >= 0 or -errno. Paths come as latin1 strings: one char a byte.
// "Beneath" calls resolve a relative path below a directory descriptor and can never leave it, whatever
// is renamed or linked on the host at the same time: openat2 without symbolic links (openat2(2)).
#include <node_api.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <atomic>
#include <cstdint>
#include "host_io.h"

namespace {

// The arguments of one call. A wrong type shows as `bad`, and the call gives -EINVAL.
struct Arguments {
  napi_env env;
  napi_value value[8];
  bool bad = false;

  Arguments(napi_env e, napi_callback_info info) : env(e) {
    size_t count = 8;
    napi_get_cb_info(env, info, &count, value, nullptr, nullptr);
  }
  int32_t i32(int n) {
    int32_t v = 0;
    if (napi_get_value_int32(env, value[n], &v) != napi_ok) bad = true;
    return v;
  }
  int64_t i64(int n) {
    int64_t v = 0;
    if (napi_get_value_int64(env, value[n], &v) != napi_ok) bad = true;
    return v;
  }
  // The bytes [start, start + length) of a Uint8Array, or null when they are not all inside.
  uint8_t* bytes(int n, int64_t start, int64_t length) {
    napi_typedarray_type type;
    size_t size = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, value[n], &type, &size, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array || start < 0 || length < 0 || start > int64_t(size) ||
        length > int64_t(size) - start) {
      bad = true;
      return nullptr;
    }
    return static_cast<uint8_t*>(data) + start;
  }
  double* doubles(int n, size_t least) {
    napi_typedarray_type type;
    size_t size = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, value[n], &type, &size, &data, nullptr, nullptr) != napi_ok ||
        type != napi_float64_array || size < least) {
      bad = true;
      return nullptr;
    }
    return static_cast<double*>(data);
  }
  napi_value number(int64_t v) {
    napi_value result;
    if (v >= INT32_MIN && v <= INT32_MAX) napi_create_int32(env, int32_t(v), &result);
    else napi_create_int64(env, v, &result);
    return result;
  }
  napi_value result(int64_t v) { return number(bad ? -EINVAL : v < 0 ? -errno : v); }
};

// A path argument. `error` is 0 or the -errno that the call has to give.
struct Path {
  char text[kPathMax + 1];
  size_t length = 0;
  int error = 0;

  Path(Arguments& a, int n) {
    if (napi_get_value_string_latin1(a.env, a.value[n], text, sizeof text, &length) != napi_ok) error = -EINVAL;
    else if (length >= kPathMax) error = -ENAMETOOLONG;
    else if (memchr(text, 0, length)) error = -EINVAL;
  }
};

std::atomic<bool> no_openat2{false};

// For kernels and sandboxes without openat2: one name after the other, none of them a symbolic link.
int open_stepwise(int root, const char* path, int flags, mode_t mode) {
  char name[NAME_MAX + 1];
  int dir = root;
  for (;;) {
    const char* slash = strchr(path, '/');
    size_t length = slash ? size_t(slash - path) : strlen(path);
    int fd;
    if (length > NAME_MAX) { fd = -1; errno = ENAMETOOLONG; }
    else {
      memcpy(name, path, length);
      name[length] = 0;
      if (!strcmp(name, "..")) { fd = -1; errno = EXDEV; }
      else if (slash) fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      else fd = openat(dir, name, flags | O_NOFOLLOW, mode);
    }
    if (dir != root) { int e = errno; close(dir); errno = e; }
    if (fd < 0 || !slash) return fd;
    dir = fd;
    path = slash + 1;
  }
}

int open_part(int root, const char* path, int flags, mode_t mode) {
  if (!no_openat2.load(std::memory_order_relaxed)) {
    open_how how = {};
    how.flags = uint64_t(uint32_t(flags));
    how.mode = flags & (O_CREAT | __O_TMPFILE) ? mode & 07777 : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    int fd = int(syscall(SYS_openat2, root, path, &how, sizeof how));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    if (errno == EPERM) return open_stepwise(root, path, flags, mode);
    no_openat2 = true;
  }
  return open_stepwise(root, path, flags, mode);
}

// A path of PATH_MAX bytes or more: as many names at once as the host takes.
int open_long(int root, const char* path, int flags, mode_t mode) {
  char part[PATH_MAX];
  int dir = root;
  for (;;) {
    size_t length = strlen(path);
    bool last = length < sizeof part;
    if (!last) {
      const char* slash = static_cast<const char*>(memrchr(path, '/', sizeof part));
      length = slash ? size_t(slash - path) : 0;
    }
    int fd = -1;
    if (length == 0) {
      errno = ENAMETOOLONG;
    } else if (last) {
      fd = open_part(dir, path, flags, mode);
    } else {
      memcpy(part, path, length);
      part[length] = 0;
      fd = open_part(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    }
    if (dir != root) { int e = errno; close(dir); errno = e; }
    if (fd < 0 || last) return fd;
    dir = fd;
    path += length + 1;
  }
}

}  // namespace

int open_beneath(int root, const char* path, int flags, mode_t mode) {
  if (!*path) path = ".";
  flags |= O_CLOEXEC;
  int fd = open_part(root, path, flags, mode);
  if (fd < 0 && errno == ENAMETOOLONG && strlen(path) >= PATH_MAX) return open_long(root, path, flags, mode);
  return fd;
}

namespace {

// An O_PATH descriptor for an object beneath a root, closed at the end of the call.
struct Object {
  int fd;
  char proc[32];
  Object(int root, const char* path) : fd(open_beneath(root, path, O_PATH | O_NOFOLLOW, 0)) {
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
  }
  ~Object() {
    if (fd < 0) return;
    int e = errno;
    close(fd);
    errno = e;
  }
};

// The directory of a path beneath a root, and the last name.
struct Parent {
  int fd = -1;
  const char* name;
  Parent(int root, Path& path) {
    char* slash = strrchr(path.text, '/');
    name = slash ? slash + 1 : path.text;
    if (slash) *slash = 0;
    fd = open_beneath(root, slash ? path.text : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (fd >= 0 && (!*name || !strcmp(name, ".") || !strcmp(name, ".."))) {
      close(fd);
      fd = -1;
      errno = EINVAL;
    }
  }
  ~Parent() {
    if (fd < 0) return;
    int e = errno;
    close(fd);
    errno = e;
  }
};

}  // namespace

int stat_into(int fd, const char* path, double* out) {
  struct statx s;
  constexpr int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  constexpr unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
  // Linux 6.11 takes no path for the descriptor itself, which is quicker than an empty one. Before it is EFAULT.
  static bool takes_null = true;
  int failed = statx(fd, *path || !takes_null ? path : nullptr, flags, mask, &s);
  if (failed < 0 && errno == EFAULT && takes_null) {
    takes_null = false;
    failed = statx(fd, path, flags, mask, &s);
  }
  if (failed < 0) return -1;
  auto device = [](uint32_t major, uint32_t minor) {
    return double(uint32_t((minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12)));
  };
  out[0] = device(s.stx_dev_major, s.stx_dev_minor);
  out[1] = double(s.stx_ino);
  out[2] = s.stx_mode;
  out[3] = s.stx_nlink;
  out[4] = s.stx_uid;
  out[5] = s.stx_gid;
  out[6] = device(s.stx_rdev_major, s.stx_rdev_minor);
  out[7] = double(s.stx_size);
  out[8] = s.stx_blksize;
  out[9] = double(s.stx_blocks);
  out[10] = double(s.stx_atime.tv_sec);
  out[11] = s.stx_atime.tv_nsec;
  out[12] = double(s.stx_mtime.tv_sec);
  out[13] = s.stx_mtime.tv_nsec;
  out[14] = double(s.stx_ctime.tv_sec);
  out[15] = s.stx_ctime.tv_nsec;
  out[16] = double(s.stx_btime.tv_sec);
  out[17] = s.stx_btime.tv_nsec;
  return 0;
}
namespace {

napi_value open_host(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 0);
  if (path.error) return a.number(path.error);
  return a.result(open(path.text, a.i32(1) | O_CLOEXEC, a.i32(2)));
}

napi_value dup_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(fcntl(a.i32(0), F_DUPFD_CLOEXEC, 3));
}

napi_value readlink_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Object object(a.i32(0), path.text);
  char target[PATH_MAX];
  ssize_t length = object.fd < 0 ? -1 : readlinkat(object.fd, "", target, sizeof target);
  if (length < 0) return a.number(object.fd >= 0 && errno == ENOENT ? -EINVAL : -errno);
  napi_value text;
  napi_create_string_latin1(env, target, size_t(length), &text);
  return text;
}

napi_value readlink_at(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  char target[PATH_MAX];
  ssize_t length = readlinkat(a.i32(0), path.text, target, sizeof target);
  if (length < 0 && errno == ENAMETOOLONG) return readlink_beneath(env, info);
  if (length < 0) return a.number(-errno);
  napi_value text;
  napi_create_string_latin1(env, target, size_t(length), &text);
  return text;
}

napi_value ftruncate_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(ftruncate(a.i32(0), a.i64(1)));
}

napi_value fsync_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(a.i32(1) ? fdatasync(a.i32(0)) : fsync(a.i32(0)));
}

napi_value fallocate_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(fallocate(a.i32(0), a.i32(1), a.i64(2), a.i64(3)));
}

napi_value mkdir_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Parent parent(a.i32(0), path);
  return a.result(parent.fd < 0 ? -1 : mkdirat(parent.fd, parent.name, a.i32(2)));
}

napi_value mknod_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Parent parent(a.i32(0), path);
  uint32_t dev = uint32_t(a.i64(3));
  dev_t rdev = makedev((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00));
  return a.result(parent.fd < 0 ? -1 : mknodat(parent.fd, parent.name, a.i32(2), rdev));
}

napi_value unlink_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Parent parent(a.i32(0), path);
  return a.result(parent.fd < 0 ? -1 : unlinkat(parent.fd, parent.name, a.i32(2)));
}

napi_value rename_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path from(a, 1), to(a, 2);
  if (from.error || to.error) return a.number(from.error ? from.error : to.error);
  int root = a.i32(0);
  Parent old_parent(root, from), new_parent(root, to);
  if (old_parent.fd < 0 || new_parent.fd < 0) return a.result(-1);
  return a.result(renameat2(old_parent.fd, old_parent.name, new_parent.fd, new_parent.name, unsigned(a.i32(3))));
}

napi_value link_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path from(a, 1), to(a, 2);
  if (from.error || to.error) return a.number(from.error ? from.error : to.error);
  int root = a.i32(0);
  Parent old_parent(root, from), new_parent(root, to);
  if (old_parent.fd < 0 || new_parent.fd < 0) return a.result(-1);
  return a.result(linkat(old_parent.fd, old_parent.name, new_parent.fd, new_parent.name, 0));
}

napi_value symlink_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1), target(a, 2);
  if (path.error || target.error) return a.number(path.error ? path.error : target.error);
  Parent parent(a.i32(0), path);
  return a.result(parent.fd < 0 ? -1 : symlinkat(target.text, parent.fd, parent.name));
}

napi_value utimens_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Parent parent(a.i32(0), path);
  timespec times[2] = {{a.i64(2), long(a.i64(3))}, {a.i64(4), long(a.i64(5))}};
  return a.result(parent.fd < 0 ? -1 : utimensat(parent.fd, parent.name, times, AT_SYMLINK_NOFOLLOW));
}

napi_value chmod_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Object object(a.i32(0), path.text);
  return a.result(object.fd < 0 ? -1 : chmod(object.proc, a.i32(2)));
}

napi_value chown_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  if (path.error) return a.number(path.error);
  Object object(a.i32(0), path.text);
  return a.result(object.fd < 0 ? -1 : fchownat(object.fd, "", a.i64(2), a.i64(3), AT_EMPTY_PATH));
}

napi_value statfs_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  double* out = a.doubles(1, 10);
  if (a.bad) return a.number(-EINVAL);
  struct statfs s;
  if (fstatfs(a.i32(0), &s) < 0) return a.result(-1);
  out[0] = double(s.f_type);
  out[1] = double(s.f_bsize);
  out[2] = double(s.f_blocks);
  out[3] = double(s.f_bfree);
  out[4] = double(s.f_bavail);
  out[5] = double(s.f_files);
  out[6] = double(s.f_ffree);
  out[7] = double(s.f_namelen);
  out[8] = double(s.f_frsize);
  out[9] = double(s.f_flags);
  return a.result(0);
}

napi_value memfd_create_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path name(a, 0);
  if (name.error) return a.number(name.error);
  return a.result(memfd_create(name.text, MFD_CLOEXEC));
}

napi_value fcntl_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(fcntl(a.i32(0), a.i32(1), a.i32(2)));
}

napi_value ioctl_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  uint8_t* at = a.bytes(2, a.i64(3), 0);
  if (a.bad) return a.number(-EINVAL);
  return a.result(ioctl(a.i32(0), uint32_t(a.i64(1)), at));
}

napi_value ioctl_value(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(ioctl(a.i32(0), uint32_t(a.i64(1)), long(a.i32(2))));
}

napi_value poll_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  pollfd p = {a.i32(0), short(a.i32(1)), 0};
  int ready = poll(&p, 1, 0);
  return a.result(ready < 0 ? -1 : p.revents);
}

napi_value getxattr_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1), name(a, 2);
  uint8_t* at = a.bytes(3, 0, 0);
  napi_typedarray_type type;
  size_t size = 0;
  napi_get_typedarray_info(env, a.value[3], &type, &size, nullptr, nullptr, nullptr);
  if (path.error || name.error || a.bad) return a.number(-EINVAL);
  Object object(a.i32(0), path.text);
  return a.result(object.fd < 0 ? -1 : getxattr(object.proc, name.text, at, size));
}

napi_value listxattr_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1);
  uint8_t* at = a.bytes(2, 0, 0);
  napi_typedarray_type type;
  size_t size = 0;
  napi_get_typedarray_info(env, a.value[2], &type, &size, nullptr, nullptr, nullptr);
  if (path.error || a.bad) return a.number(-EINVAL);
  Object object(a.i32(0), path.text);
  return a.result(object.fd < 0 ? -1 : listxattr(object.proc, reinterpret_cast<char*>(at), size));
}

napi_value setxattr_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1), name(a, 2);
  uint8_t* at = a.bytes(3, 0, 0);
  napi_typedarray_type type;
  size_t size = 0;
  napi_get_typedarray_info(env, a.value[3], &type, &size, nullptr, nullptr, nullptr);
  if (path.error || name.error || a.bad) return a.number(-EINVAL);
  Object object(a.i32(0), path.text);
  return a.result(object.fd < 0 ? -1 : setxattr(object.proc, name.text, at, size, a.i32(4)));
}

napi_value removexattr_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 1), name(a, 2);
  if (path.error || name.error) return a.number(-EINVAL);
  Object object(a.i32(0), path.text);
  return a.result(object.fd < 0 ? -1 : removexattr(object.proc, name.text));
}

napi_value inotify_init_call(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

napi_value inotify_add_beneath(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  Path path(a, 2);
  if (path.error) return a.number(-EINVAL);
  Object object(a.i32(1), path.text);
  return a.result(object.fd < 0 ? -1 : inotify_add_watch(a.i32(0), object.proc, uint32_t(a.i32(3))));
}

napi_value inotify_remove(napi_env env, napi_callback_info info) {
  Arguments a(env, info);
  return a.result(inotify_rm_watch(a.i32(0), a.i32(1)));
}

struct Export {
  const char* name;
  napi_callback call;
};

// Typed in src/host/native_io.ts.
constexpr Export exported[] = {
  {"openHost", open_host},
  {"dup", dup_call},
  {"readlinkBeneath", readlink_beneath},
  {"readlinkAt", readlink_at},
  {"ftruncate", ftruncate_call},
  {"fsync", fsync_call},
  {"fallocate", fallocate_call},
  {"mkdirBeneath", mkdir_beneath},
  {"mknodBeneath", mknod_beneath},
  {"unlinkBeneath", unlink_beneath},
  {"renameBeneath", rename_beneath},
  {"linkBeneath", link_beneath},
  {"symlinkBeneath", symlink_beneath},
  {"utimensBeneath", utimens_beneath},
  {"chmodBeneath", chmod_beneath},
  {"chownBeneath", chown_beneath},
  {"fstatfs", statfs_call},
  {"inotifyInit", inotify_init_call},
  {"inotifyAddBeneath", inotify_add_beneath},
  {"inotifyRemove", inotify_remove},
  {"memfdCreate", memfd_create_call},
  {"fcntl", fcntl_call},
  {"ioctl", ioctl_call},
  {"ioctlValue", ioctl_value},
  {"pollNow", poll_call},
  {"getxattrBeneath", getxattr_beneath},
  {"listxattrBeneath", listxattr_beneath},
  {"setxattrBeneath", setxattr_beneath},
  {"removexattrBeneath", removexattr_beneath},
};

}  // namespace

void register_host_io(napi_env env, napi_value exports) {
  for (const Export& e : exported) {
    napi_value function;
    if (napi_create_function(env, e.name, NAPI_AUTO_LENGTH, e.call, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, e.name, function) != napi_ok) {
      napi_throw_error(env, nullptr, "posixx: cannot export host I/O");
      return;
    }
  }
}
