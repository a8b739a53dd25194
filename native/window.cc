// Guest windows: reserved address space, and the host's own memory calls confined to it.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <v8.h>
#include <memory>
#include <vector>
#include "engine.h"

Napi::Value uncounted_buffer(Napi::Env env, void* data, size_t size) {
  auto store = v8::ArrayBuffer::NewBackingStore(data, size, v8::BackingStore::EmptyDeleter, nullptr);
  v8::Local<v8::Value> array = v8::ArrayBuffer::New(v8::Isolate::GetCurrent(), std::move(store));
  napi_value result;
  static_assert(sizeof result == sizeof array, "a napi_value is a v8::Local");
  memcpy(&result, &array, sizeof result);
  return Napi::Value(env, result);
}

namespace {

std::vector<Window> windows;

constexpr uint64_t kBefore = kGuard;
// W is as aligned as a huge page, so that guest memory gets them where a native program's would.
constexpr uint64_t kAlign = 2ull << 20;
constexpr uint64_t kReservation = kAlign + kBefore + kTableOffset + kTableSize + kGuard;

int64_t signed_result(int rc) { return rc == 0 ? 0 : -errno; }

uint64_t number(const Napi::CallbackInfo& info, size_t i) {
  return static_cast<uint64_t>(info[i].As<Napi::Number>().Int64Value());
}

Window& checked(const Napi::CallbackInfo& info, size_t i = 0) {
  Window* w = window_at(info[i].As<Napi::Number>().Uint32Value());
  if (!w) throw Napi::Error::New(info.Env(), "posixx: no such window");
  return *w;
}

bool inside(uint64_t addr, uint64_t length) {
  return addr <= kWindowSize && length <= kWindowSize - addr;
}

Napi::Value create(const Napi::CallbackInfo& info) {
  // The reservation, its table, and what a program begins with.
  if (!may_map(32, false)) return Napi::Number::New(info.Env(), -ENOMEM);
  void* p = mmap(nullptr, kReservation, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return Napi::Number::New(info.Env(), -errno);
  Window w;
  w.reservation = static_cast<uint8_t*>(p);
  w.base = reinterpret_cast<uint8_t*>((uint64_t(p) + kBefore + kAlign - 1) & ~(kAlign - 1));
  w.in_use = true;
  uint8_t* table = w.base + kTableOffset;
  if (mprotect(table, kTableSize, PROT_READ | PROT_WRITE) != 0) {
    int error = errno;
    munmap(p, kReservation);
    return Napi::Number::New(info.Env(), -error);
  }
  // A huge page for one table entry would be 2 MiB resident.
  madvise(table, kTableSize, MADV_NOHUGEPAGE);
  madvise(table, kTableSize, MADV_DONTDUMP);
  for (size_t i = 0; i < windows.size(); i++) {
    if (!windows[i].in_use) {
      windows[i] = w;
      return Napi::Number::New(info.Env(), double(i));
    }
  }
  windows.push_back(w);
  return Napi::Number::New(info.Env(), double(windows.size() - 1));
}

Napi::Value room(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), have_room(info[0].As<Napi::Number>().Int32Value(), false));
}

Napi::Value buffer(const Napi::CallbackInfo& info) {
  return uncounted_buffer(info.Env(), checked(info).base, kWindowSize);
}

// The caller has detached the buffer (an ArrayBuffer that is still reachable would dangle).
Napi::Value destroy(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  if (info.Length() > 1 && info[1].IsArrayBuffer()) info[1].As<Napi::ArrayBuffer>().Detach();
  munmap(w.reservation, kReservation);
  mappings_given_back();
  w = Window{};
  return info.Env().Undefined();
}

Napi::Value map(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t addr = number(info, 1), length = number(info, 2);
  if (!inside(addr, length) || length == 0) return Napi::Number::New(info.Env(), -EINVAL);
  if (!may_map(2, false)) return Napi::Number::New(info.Env(), -ENOMEM);
  int prot = info[3].As<Napi::Number>().Int32Value() & (PROT_READ | PROT_WRITE);
  bool shared = info[4].ToBoolean();
  int fd = info[5].As<Napi::Number>().Int32Value();
  int64_t offset = info[6].As<Napi::Number>().Int64Value();
  int flags = MAP_FIXED | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE) | (fd < 0 ? MAP_ANONYMOUS : 0);
  void* p = mmap(w.base + addr, length, prot, flags, fd, fd < 0 ? 0 : offset);
  return Napi::Number::New(info.Env(), p == MAP_FAILED ? -errno : 0);
}

Napi::Value protect(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t addr = number(info, 1), length = number(info, 2);
  if (!inside(addr, length)) return Napi::Number::New(info.Env(), -EINVAL);
  if (!may_map(2, true)) return Napi::Number::New(info.Env(), -ENOMEM);
  int prot = info[3].As<Napi::Number>().Int32Value() & (PROT_READ | PROT_WRITE);
  return Napi::Number::New(info.Env(), double(signed_result(mprotect(w.base + addr, length, prot))));
}

Napi::Value unmap(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t addr = number(info, 1), length = number(info, 2);
  if (!inside(addr, length) || length == 0) return Napi::Number::New(info.Env(), -EINVAL);
  mappings_given_back();
  if (!may_map(1, true)) return Napi::Number::New(info.Env(), -ENOMEM);
  void* p = mmap(w.base + addr, length, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return Napi::Number::New(info.Env(), p == MAP_FAILED ? -errno : 0);
}

Napi::Value move(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t from = number(info, 1), from_length = number(info, 2), to = number(info, 3), to_length = number(info, 4);
  if (!inside(from, from_length) || !inside(to, to_length)) return Napi::Number::New(info.Env(), -EINVAL);
  if (!may_map(4, false)) return Napi::Number::New(info.Env(), -ENOMEM);
  void* p = mremap(w.base + from, from_length, to_length, MREMAP_MAYMOVE | MREMAP_FIXED, w.base + to);
  if (p == MAP_FAILED) return Napi::Number::New(info.Env(), -errno);
  mmap(w.base + from, from_length, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return Napi::Number::New(info.Env(), 0);
}

Napi::Value advise(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t addr = number(info, 1), length = number(info, 2);
  if (!inside(addr, length)) return Napi::Number::New(info.Env(), -EINVAL);
  int advice = info[3].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), double(signed_result(madvise(w.base + addr, length, advice))));
}

Napi::Value resident(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t addr = number(info, 1), length = number(info, 2);
  auto out = info[3].As<Napi::Uint8Array>();
  if (!inside(addr, length) || out.ByteLength() < (length + 4095) / 4096) return Napi::Number::New(info.Env(), -EINVAL);
  return Napi::Number::New(info.Env(), double(signed_result(mincore(w.base + addr, length, out.Data()))));
}

Napi::Value sync_pages(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t addr = number(info, 1), length = number(info, 2);
  if (!inside(addr, length)) return Napi::Number::New(info.Env(), -EINVAL);
  int flags = info[3].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), double(signed_result(msync(w.base + addr, length, flags))));
}

// Which pages of a private mapping hold bytes of their own. /proc/self/pagemap also knows those that are swapped out and
// tells them from pages of a mapped file; where there is no /proc, mincore has to do.
class PageStates {
 public:
  static constexpr uint64_t kChunk = 512;
  PageStates() : fd_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  // Fills own() for `pages` pages (at most kChunk) from `start`; false when the host does not tell.
  bool look(uint8_t* start, uint64_t pages) {
    if (fd_ >= 0) {
      ssize_t wanted = ssize_t(pages * 8);
      if (pread(fd_, entries_, wanted, off_t(uint64_t(start) / 4096 * 8)) == wanted) {
        constexpr uint64_t kPresent = 1ull << 63, kSwapped = 1ull << 62, kFile = 1ull << 61;
        for (uint64_t i = 0; i < pages; i++) own_[i] = (entries_[i] & (kPresent | kSwapped)) && !(entries_[i] & kFile);
        return true;
      }
    }
    if (mincore(start, pages * 4096, own_) != 0) return false;
    for (uint64_t i = 0; i < pages; i++) own_[i] &= 1;
    return true;
  }
  bool own(uint64_t page) const { return own_[page]; }

 private:
  int fd_;
  uint64_t entries_[kChunk];
  unsigned char own_[kChunk];
};

// An untouched page is zero, or the file's, in the copy as well.
Napi::Value copy(const Napi::CallbackInfo& info) {
  Window& to = checked(info, 0);
  Window& from = checked(info, 1);
  uint64_t addr = number(info, 2), length = number(info, 3);
  if (!inside(addr, length)) return Napi::Number::New(info.Env(), -EINVAL);
  static PageStates states;
  for (uint64_t at = addr; at < addr + length; at += PageStates::kChunk * 4096) {
    uint64_t pages = (std::min(PageStates::kChunk * 4096, addr + length - at) + 4095) / 4096;
    if (!states.look(from.base + at, pages)) return Napi::Number::New(info.Env(), -errno);
    for (uint64_t page = 0; page < pages; page++) {
      if (!states.own(page)) continue;
      uint64_t run = page + 1;
      while (run < pages && states.own(run)) run++;
      memcpy(to.base + at + page * 4096, from.base + at + page * 4096, (run - page) * 4096);
      page = run;
    }
  }
  return Napi::Number::New(info.Env(), 0);
}

Napi::Value indirect_set(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t pc = number(info, 1), host = number(info, 2);
  if (pc < kWindowSize && host < code_cache.size) {
    reinterpret_cast<uint64_t*>(w.base + kTableOffset)[pc] = host ? uint64_t(code_cache.executable + host) : 0;
  }
  return info.Env().Undefined();
}

Napi::Value indirect_clear(const Napi::CallbackInfo& info) {
  Window& w = checked(info);
  uint64_t start = number(info, 1), end = number(info, 2);
  if (start > end || end > kWindowSize) return info.Env().Undefined();
  uint8_t* table = w.base + kTableOffset;
  uint64_t low = (start * 8 + 4095) & ~4095ull, high = (end * 8) & ~4095ull;
  if (low < high) {
    memset(table + start * 8, 0, low - start * 8);
    madvise(table + low, high - low, MADV_DONTNEED);
    memset(table + high, 0, end * 8 - high);
  } else {
    memset(table + start * 8, 0, (end - start) * 8);
  }
  return info.Env().Undefined();
}

}  // namespace

bool in_some_window(uint64_t address) {
  for (const Window& w : windows) {
    if (w.in_use && address - uint64_t(w.base) < kWindowSize) return true;
  }
  return false;
}

Window* window_at(uint32_t id) { return id < windows.size() && windows[id].in_use ? &windows[id] : nullptr; }

void register_window(Napi::Env env, Napi::Object exports) {
  exports["windowCreate"] = Napi::Function::New(env, create);
  exports["windowDestroy"] = Napi::Function::New(env, destroy);
  exports["windowRoom"] = Napi::Function::New(env, room);
  exports["windowBuffer"] = Napi::Function::New(env, buffer);
  exports["windowMap"] = Napi::Function::New(env, map);
  exports["windowProtect"] = Napi::Function::New(env, protect);
  exports["windowUnmap"] = Napi::Function::New(env, unmap);
  exports["windowMove"] = Napi::Function::New(env, move);
  exports["windowAdvise"] = Napi::Function::New(env, advise);
  exports["windowMincore"] = Napi::Function::New(env, resident);
  exports["windowSync"] = Napi::Function::New(env, sync_pages);
  exports["windowCopy"] = Napi::Function::New(env, copy);
  exports["indirectSet"] = Napi::Function::New(env, indirect_set);
  exports["indirectClear"] = Napi::Function::New(env, indirect_clear);
}
