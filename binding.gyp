{
  "targets": [
    {
      "target_name": "posixx",
      "sources": [
        "native/module.cc",
        "native/window.cc",
        "native/map_count.cc",
        "native/code_cache.cc",
        "native/entry.cc",
        "native/entry_stubs.S",
        "native/faults.cc",
        "native/timeslice.cc",
        "native/host_io.cc",
        "native/host_block.cc",
        "native/host_wait.cc",
        "native/host_store.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS"],
      "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-fno-strict-aliasing", "-ftls-model=initial-exec", "-mno-red-zone"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17"],
      "ldflags": ["-Wl,-z,relro,-z,now"]
    }
  ]
}
