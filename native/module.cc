// The addon's entry point. src/host/native.ts types its face.
#include <unistd.h>
#include "engine.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  register_window(env, exports);
  register_code_cache(env, exports);
  register_entry(env, exports);
  register_timeslice(env, exports);
  register_host_io(env, exports);
  register_host_block(env, exports);
  register_host_wait(env, exports);
  register_host_store(env, exports);
  // Takes Node's tear-down, some 5 ms, out of every run.
  exports["exitNow"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    _exit(info[0].As<Napi::Number>().Int32Value());
  });
  install_fault_handlers();
  return exports;
}

NODE_API_MODULE(posixx, init)
