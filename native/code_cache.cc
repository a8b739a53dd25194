// The code cache: one memfd seen twice, writable for the translator and executable for the CPU (W^X).
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine.h"

CodeCache code_cache;
uint32_t* instruction_log;

void register_code_cache(Napi::Env env, Napi::Object exports) {
  int fd = memfd_create("posixx-code", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, off_t(code_cache.size)) != 0) {
    throw Napi::Error::New(env, "posixx: cannot make the code cache (memfd_create)");
  }
  void* writable = mmap(nullptr, code_cache.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  void* executable = mmap(nullptr, code_cache.size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  close(fd);
  if (writable == MAP_FAILED || executable == MAP_FAILED) {
    throw Napi::Error::New(env, "posixx: this system does not allow executable memory (code cache)");
  }
  code_cache.writable = static_cast<uint8_t*>(writable);
  code_cache.executable = static_cast<uint8_t*>(executable);
  constexpr uint64_t kLogBytes = kLogEntries * sizeof(uint32_t);
  void* log = mmap(nullptr, kLogBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (log == MAP_FAILED) throw Napi::Error::New(env, "posixx: no address space for the instruction log");
  instruction_log = static_cast<uint32_t*>(log);
  exports["codeLog"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    return uncounted_buffer(info.Env(), instruction_log, kLogBytes);
  });
  exports["codeBuffer"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
    return uncounted_buffer(info.Env(), code_cache.writable, code_cache.size);
  });
}
