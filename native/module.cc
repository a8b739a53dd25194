// The addon's entry point. src/host/native.ts types its face.
#include "engine.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  register_window(env, exports);
  register_code_cache(env, exports);
  register_entry(env, exports);
  register_timeslice(env, exports);
  register_host_io(env, exports);
  register_host_wait(env, exports);
  install_fault_handlers();
  return exports;
}

NODE_API_MODULE(posixx, init)
