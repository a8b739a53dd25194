// The code cache: one memfd seen twice, writable for the translator and executable for the CPU (W^X).
#include <errno.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <string.h>
#include "engine.h"

namespace {

// The numbers of translator/relocations.ts.
enum class Field : uint32_t { kStub, kGuest, kGuestNegated, kCache, kBranch };
constexpr uint32_t kFieldShift = 29;

Napi::Value add_to_words(const Napi::CallbackInfo& info) {
  auto words = info[0].As<Napi::Uint32Array>();
  size_t start = info[1].As<Napi::Number>().Uint32Value();
  size_t end = info[2].As<Napi::Number>().Uint32Value();
  uint32_t delta = info[3].As<Napi::Number>().Uint32Value();
  if (end > words.ElementLength()) throw Napi::RangeError::New(info.Env(), "addToWords: beyond the array");
  uint32_t* at = words.Data();
  for (size_t i = start; i < end; i++) at[i] += delta;
  return info.Env().Undefined();
}

Napi::Value relocate(const Napi::CallbackInfo& info) {
  auto array = info[0].As<Napi::Uint32Array>();
  const uint32_t* fields = array.Data();
  size_t count = array.ElementLength();
  uint64_t code_base = info[1].As<Napi::Number>().Uint32Value();
  uint32_t guest_base = info[2].As<Napi::Number>().Uint32Value();
  for (size_t i = 0; i < count; i++) {
    uint64_t site = code_base + (fields[i] & ((1u << kFieldShift) - 1));
    if (site + 4 > code_cache.size) throw Napi::RangeError::New(info.Env(), "codeRelocate: beyond the cache");
    uint32_t value;
    memcpy(&value, code_cache.writable + site, 4);
    switch (Field(fields[i] >> kFieldShift)) {
      case Field::kStub: value -= uint32_t(code_base); break;
      case Field::kGuest: value += guest_base; break;
      case Field::kGuestNegated: value -= guest_base; break;
      case Field::kCache: value += uint32_t(code_base); break;
      case Field::kBranch: break;
    }
    memcpy(code_cache.writable + site, &value, 4);
  }
  return info.Env().Undefined();
}

// Four lanes of multiply and rotate, 8 bytes each: some 10 GB/s.
Napi::Value hash_bytes(const Napi::CallbackInfo& info) {
  auto bytes = info[0].As<Napi::Uint8Array>();
  size_t at = info[1].As<Napi::Number>().Int64Value();
  size_t end = info[2].As<Napi::Number>().Int64Value();
  if (at > end || end > bytes.ByteLength()) throw Napi::RangeError::New(info.Env(), "hashBytes: beyond the array");
  constexpr uint64_t kPrime = 0x9e3779b97f4a7c15;
  uint64_t lanes[4] = {end - at, kPrime, ~kPrime, kPrime << 1};
  const uint8_t* data = bytes.Data();
  auto mix = [](uint64_t lane, uint64_t word) {
    lane = (lane ^ word) * kPrime;
    return lane ^ (lane >> 29);
  };
  for (; end - at >= 32; at += 32) {
    for (int lane = 0; lane < 4; lane++) {
      uint64_t word;
      memcpy(&word, data + at + lane * 8, 8);
      lanes[lane] = mix(lanes[lane], word);
    }
  }
  for (; at < end; at++) lanes[0] = mix(lanes[0], data[at]);
  uint64_t hash = mix(mix(mix(lanes[0], lanes[1]), lanes[2]), lanes[3]);
  return Napi::Number::New(info.Env(), double(hash >> 12));
}

}  // namespace

CodeCache code_cache;
uint32_t* instruction_log;

// The caller's limit on the size of files is the guest's from now on: what posixx itself keeps in memory must not meet
// it. A hard limit stays where it cannot be lifted.
static void lift_file_limit(Napi::Env env, Napi::Object exports) {
  rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return;
  auto value = [](rlim_t bytes) { return bytes == RLIM_INFINITY ? HUGE_VAL : double(bytes); };
  Napi::Object given = Napi::Object::New(env);
  given["soft"] = value(limit.rlim_cur);
  given["hard"] = value(limit.rlim_max);
  exports["fileSizeLimit"] = given;
  if (limit.rlim_cur == RLIM_INFINITY) return;
  const rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_FSIZE, &none) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_FSIZE, &limit);
}

void register_code_cache(Napi::Env env, Napi::Object exports) {
  lift_file_limit(env, exports);
  void* writable = MAP_FAILED;
  void* executable = MAP_FAILED;
  int fd = memfd_create("posixx-code", MFD_CLOEXEC);
  if (fd >= 0 && ftruncate(fd, off_t(code_cache.size)) == 0) {
    writable = mmap(nullptr, code_cache.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    executable = mmap(nullptr, code_cache.size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  } else {
    // Where files must be smaller: memory that is shared without being a file, seen twice (mremap(2), old_size 0).
    constexpr int kShared = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    writable = mmap(nullptr, code_cache.size, PROT_READ | PROT_WRITE, kShared, -1, 0);
    if (writable != MAP_FAILED) executable = mremap(writable, 0, code_cache.size, MREMAP_MAYMOVE);
    if (executable != MAP_FAILED && mprotect(executable, code_cache.size, PROT_READ | PROT_EXEC) != 0) {
      executable = MAP_FAILED;
    }
  }
  if (fd >= 0) close(fd);
  if (writable == MAP_FAILED || executable == MAP_FAILED) {
    throw Napi::Error::New(env, errno == ENOMEM
        ? "no room for the code cache: raise ulimit -v and -d"
        : "this system does not allow executable memory (code cache)");
  }
  code_cache.writable = static_cast<uint8_t*>(writable);
  code_cache.executable = static_cast<uint8_t*>(executable);
  constexpr uint64_t kLogBytes = kLogEntries * sizeof(uint32_t);
  void* log = mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (log == MAP_FAILED) {
    throw Napi::Error::New(env, "no address space for the instruction log: raise ulimit -v and -d");
  }
  instruction_log = static_cast<uint32_t*>(log);
  exports["addToWords"] = Napi::Function::New(env, add_to_words);
  exports["codeRelocate"] = Napi::Function::New(env, relocate);
  exports["hashBytes"] = Napi::Function::New(env, hash_bytes);
  exports["codeLog"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    return uncounted_buffer(info.Env(), instruction_log, kLogBytes);
  });
  exports["codeBuffer"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    return uncounted_buffer(info.Env(), code_cache.writable, code_cache.size);
  });
}
