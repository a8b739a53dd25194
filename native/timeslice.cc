// The time slice: a thread that interrupts the guest that runs.
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <condition_variable>
#include <mutex>
#include <thread>
#include "engine.h"

std::atomic<bool> timeslice_parked{true};

namespace {

// Never destroyed: the thread waits on them until the process is gone, and exit would wait for it.
std::mutex& mutex = *new std::mutex;
std::condition_variable& wake = *new std::condition_variable;
std::atomic<uint32_t> slice_micros{0};
bool started = false;
// Slices that ended in guest code and outside of it; the first index is guest_running.
std::atomic<uint32_t> slice_ticks[2];
static_assert(sizeof slice_ticks == 8 && std::atomic<uint32_t>::is_always_lock_free);
pthread_t main_thread;

int preempt_signal() { return SIGRTMIN + 5; }

void slice_loop() {
  int idle = 0;
  for (;;) {
    uint32_t micros = slice_micros.load(std::memory_order_relaxed);
    if (micros == 0 || idle > 16) {
      std::unique_lock<std::mutex> lock(mutex);
      timeslice_parked.store(true);
      wake.wait(lock, [] { return !timeslice_parked.load() && slice_micros.load() != 0; });
      idle = 0;
      continue;
    }
    timespec ts = {time_t(micros / 1000000), long(micros % 1000000) * 1000};
    nanosleep(&ts, nullptr);
    bool guest = guest_running.load(std::memory_order_relaxed);
    slice_ticks[guest].fetch_add(1, std::memory_order_relaxed);
    if (guest) {
      idle = 0;
      posixx_preempt();
    } else {
      // The kernel works for a guest, or nothing is to be done.
      slice_over();
      idle++;
    }
  }
}

}  // namespace

// Async-signal-safe.
extern "C" void posixx_preempt() {
  if (guest_running.load(std::memory_order_relaxed)) pthread_kill(main_thread, preempt_signal());
  else slice_over();
}

void timeslice_unpark() {
  if (slice_micros.load(std::memory_order_relaxed) == 0) return;
  std::lock_guard<std::mutex> lock(mutex);
  timeslice_parked.store(false);
  wake.notify_one();
}

void register_timeslice(Napi::Env env, Napi::Object exports) {
  main_thread = pthread_self();
  install_preemption(preempt_signal());
  exports["timesliceSet"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    slice_micros.store(info[0].As<Napi::Number>().Uint32Value());
    if (slice_micros.load() != 0 && !started) {
      started = true;
      // Guest and host signals are for the main thread.
      sigset_t all, old;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &old);
      std::thread(slice_loop).detach();
      pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }
  });
  exports["timesliceTicks"] = Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
    napi_value result = nullptr;
    napi_create_external_arraybuffer(info.Env(), slice_ticks, sizeof slice_ticks, nullptr, nullptr, &result);
    return Napi::Value(info.Env(), result);
  });
  exports["preempt"] = Napi::Function::New(env, [](const Napi::CallbackInfo&) { posixx_preempt(); });
}
