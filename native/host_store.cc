// What file systems that keep data on the host need beside host_io.cc: locks between processes, flushing of a
// whole file system, and copies of files that do not pass through JavaScript. Values >= 0 or -errno.
#include <node_api.h>
#include <errno.h>
#include <sys/file.h>
#include <unistd.h>
#include <algorithm>
#include <cstdint>
#include <memory>

namespace {

constexpr size_t kChunk = 1 << 18;

// Integer arguments. A missing one or one of another type makes `bad`.
struct Integers {
  int64_t value[5] = {};
  bool bad = false;

  Integers(napi_env env, napi_callback_info info, size_t wanted) {
    napi_value argument[5];
    size_t count = 5;
    napi_get_cb_info(env, info, &count, argument, nullptr, nullptr);
    for (size_t n = 0; n < wanted; n++) {
      if (napi_get_value_int64(env, argument[n], &value[n]) != napi_ok) bad = true;
    }
  }
};

napi_value number(napi_env env, int64_t v) {
  napi_value result;
  napi_create_int64(env, v, &result);
  return result;
}

napi_value flock_call(napi_env env, napi_callback_info info) {
  Integers a(env, info, 2);
  if (a.bad) return number(env, -EINVAL);
  return number(env, flock(int(a.value[0]), int(a.value[1])) < 0 ? -errno : 0);
}

napi_value syncfs_call(napi_env env, napi_callback_info info) {
  Integers a(env, info, 1);
  if (a.bad) return number(env, -EINVAL);
  return number(env, syncfs(int(a.value[0])) < 0 ? -errno : 0);
}

// With a buffer, where the kernel does not copy between these two.
int64_t copy_by_hand(int from, int64_t from_at, int to, int64_t to_at, int64_t length) {
  std::unique_ptr<char[]> buffer(new char[kChunk]);
  int64_t done = 0;
  while (done < length) {
    ssize_t got = pread(from, buffer.get(), std::min<int64_t>(kChunk, length - done), from_at + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    for (ssize_t put = 0; put < got;) {
      ssize_t wrote = pwrite(to, buffer.get() + put, size_t(got - put), to_at + done + put);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return -errno;
      put += wrote;
    }
    done += got;
  }
  return done;
}

napi_value copy_range(napi_env env, napi_callback_info info) {
  Integers a(env, info, 5);
  if (a.bad) return number(env, -EINVAL);
  int from = int(a.value[0]), to = int(a.value[2]);
  loff_t from_at = a.value[1], to_at = a.value[3];
  int64_t length = a.value[4], done = 0;
  while (done < length) {
    size_t part = size_t(std::min<int64_t>(length - done, 1 << 30));
    ssize_t got = copy_file_range(from, &from_at, to, &to_at, part, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += got;
  }
  if (done == length) return number(env, done);
  int64_t rest = copy_by_hand(from, from_at, to, to_at, length - done);
  return number(env, rest < 0 ? rest : done + rest);
}

}  // namespace

void register_host_store(napi_env env, napi_value exports) {
  // Typed in src/host/native_store.ts.
  constexpr struct { const char* name; napi_callback call; } exported[] = {
    {"flock", flock_call},
    {"syncfs", syncfs_call},
    {"copyRange", copy_range},
  };
  for (const auto& e : exported) {
    napi_value function;
    if (napi_create_function(env, e.name, NAPI_AUTO_LENGTH, e.call, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, e.name, function) != napi_ok) {
      napi_throw_error(env, nullptr, "posixx: cannot export host storage calls");
      return;
    }
  }
}
