// The calls of host files that many programs live on. Their arguments and results are in a block of memory that
// TypeScript writes and reads (src/host/io_block.ts): reading N-API arguments would take longer than the host's call.
#include <node_api.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cstdint>
#include "host_io.h"

namespace {

// The offsets are those of src/host/io_block.ts.
struct IoBlock {
  // Arguments; the result, a value >= 0 or -errno, is number[0].
  double number[6];
  double stat[kStatFields];
  char path[kPathMax];
};
IoBlock block;

// The bytes that reads and writes go to and come from.
uint8_t* bound = nullptr;
double bound_length = 0;

int integer(int n) { return int(block.number[n]); }
void give(int64_t result) { block.number[0] = result < 0 ? double(-errno) : double(result); }

// The path argument; null, and the error given, for one with a NUL in it.
const char* path_of(int n) {
  size_t length = size_t(block.number[n]);
  if (length < kPathMax && !block.path[length] && strlen(block.path) == length) return block.path;
  errno = EINVAL;
  give(-1);
  return nullptr;
}

// The range [number[1], number[1] + number[2]) of the bound bytes. False, and the error given, when it is not inside.
bool range(uint8_t** at, size_t* size) {
  double start = block.number[1], length = block.number[2];
  if (start >= 0 && length >= 0 && start + length <= bound_length) {
    *at = bound + uint64_t(start);
    *size = size_t(length);
    return true;
  }
  errno = EINVAL;
  give(-1);
  return false;
}

napi_value bind(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value array, result;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, &array, nullptr, nullptr);
  bool good = napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) == napi_ok &&
              type == napi_uint8_array;
  bound = good ? static_cast<uint8_t*>(data) : nullptr;
  bound_length = good ? double(length) : 0;
  napi_create_int32(env, good ? 0 : -EINVAL, &result);
  return result;
}

// fd, start, length, position; < 0: the descriptor's own.
napi_value read_bound(napi_env, napi_callback_info) {
  int fd = integer(0);
  off_t position = off_t(block.number[3]);
  uint8_t* at;
  size_t length;
  if (range(&at, &length)) give(position < 0 ? read(fd, at, length) : pread(fd, at, length, position));
  return nullptr;
}

napi_value write_bound(napi_env, napi_callback_info) {
  int fd = integer(0);
  off_t position = off_t(block.number[3]);
  uint8_t* at;
  size_t length;
  if (range(&at, &length)) give(position < 0 ? write(fd, at, length) : pwrite(fd, at, length, position));
  return nullptr;
}

napi_value getdents_bound(napi_env, napi_callback_info) {
  int fd = integer(0);
  uint8_t* at;
  size_t length;
  if (range(&at, &length)) give(syscall(SYS_getdents64, fd, at, length));
  return nullptr;
}

// fd, offset, whence.
napi_value seek(napi_env, napi_callback_info) {
  give(lseek(integer(0), off_t(block.number[1]), integer(2)));
  return nullptr;
}

napi_value close_descriptor(napi_env, napi_callback_info) {
  give(close(integer(0)));
  return nullptr;
}

napi_value stat_descriptor(napi_env, napi_callback_info) {
  give(stat_into(integer(0), "", block.stat));
  return nullptr;
}

napi_value stat_beneath(napi_env, napi_callback_info) {
  const char* path = path_of(1);
  if (!path) return nullptr;
  int fd = open_beneath(integer(0), path, O_PATH | O_NOFOLLOW, 0);
  give(fd < 0 ? -1 : stat_into(fd, "", block.stat));
  if (fd >= 0) close(fd);
  return nullptr;
}

// Directory, path length. By the host's own walk: only for a root that nothing is outside of.
napi_value stat_at(napi_env env, napi_callback_info info) {
  const char* path = path_of(1);
  if (!path) return nullptr;
  int failed = stat_into(integer(0), path, block.stat);
  if (failed < 0 && errno == ENAMETOOLONG) return stat_beneath(env, info);
  give(failed);
  return nullptr;
}

// Root, path length, flags, mode, whether to fill `stat`, too.
napi_value open_path_beneath(napi_env, napi_callback_info) {
  const char* path = path_of(1);
  if (!path) return nullptr;
  int fd = open_beneath(integer(0), path, integer(2), mode_t(integer(3)));
  give(fd);
  if (fd >= 0 && integer(4) && stat_into(fd, "", block.stat) < 0) {
    give(-1);
    close(fd);
  }
  return nullptr;
}

napi_value buffer(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_external_arraybuffer(env, &block, sizeof block, nullptr, nullptr, &result);
  return result;
}

struct Export {
  const char* name;
  napi_callback call;
};

// Typed in src/host/native_io.ts.
constexpr Export exported[] = {
  {"ioBlock", buffer},
  {"ioBind", bind},
  {"ioRead", read_bound},
  {"ioWrite", write_bound},
  {"ioGetdents", getdents_bound},
  {"ioSeek", seek},
  {"ioClose", close_descriptor},
  {"ioStat", stat_descriptor},
  {"ioStatAt", stat_at},
  {"ioStatBeneath", stat_beneath},
  {"ioOpenBeneath", open_path_beneath},
};

}  // namespace

void register_host_block(napi_env env, napi_value exports) {
  for (const Export& e : exported) {
    napi_value function;
    if (napi_create_function(env, e.name, NAPI_AUTO_LENGTH, e.call, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, e.name, function) != napi_ok) {
      napi_throw_error(env, nullptr, "posixx: cannot export the calls of host files");
      return;
    }
  }
}
