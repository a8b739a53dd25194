// Waiting, clocks, signals and the terminal of the host. Raw N-API; src/host/native_wait.ts types it.
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <atomic>
#include <cstdlib>
#include <vector>

extern "C" void posixx_preempt();

namespace {

// Signals 1..31 that came and were not taken, as bits n-1; how many came, for JS to look at.
std::atomic<uint32_t> caught{0};
alignas(64) int32_t attention = 0;
int wake_fd = -1;
struct sigaction before[32];
bool catching[32];

bool terminal_saved = false;
int terminal_fd = -1;
termios terminal_mode;

napi_value number(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

napi_value integer(napi_env env, int32_t value) {
  napi_value result;
  napi_create_int32(env, value, &result);
  return result;
}

struct Arguments {
  napi_env env;
  napi_value values[4];
  Arguments(napi_env env, napi_callback_info info) : env(env) {
    size_t count = 4;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  int32_t i32(int at) {
    int32_t value = 0;
    napi_get_value_int32(env, values[at], &value);
    return value;
  }
  double f64(int at) {
    double value = 0;
    napi_get_value_double(env, values[at], &value);
    return value;
  }
  // The bytes of a typed array; null when the argument is none.
  void* array(int at, size_t* length) {
    napi_typedarray_type type;
    void* data = nullptr;
    *length = 0;
    if (napi_get_typedarray_info(env, values[at], &type, length, &data, nullptr, nullptr) != napi_ok) return nullptr;
    return data;
  }
};

void on_signal(int n) {
  int saved = errno;
  caught.fetch_or(1u << (n - 1));
  __atomic_fetch_add(&attention, 1, __ATOMIC_RELAXED);
  uint64_t one = 1;
  if (wake_fd >= 0 && write(wake_fd, &one, sizeof one) < 0) {}
  posixx_preempt();
  errno = saved;
}

// hostPoll(Int32Array of (fd, events, revents), n, timeout in ns or -1): how many are ready, -errno.
// A caught signal ends the wait with -EINTR.
napi_value host_poll(napi_env env, napi_callback_info info) {
  static std::vector<pollfd> fds;
  Arguments arguments(env, info);
  size_t length;
  int32_t* entries = static_cast<int32_t*>(arguments.array(0, &length));
  size_t n = arguments.i32(1);
  if (n * 3 > length) return integer(env, -EINVAL);
  double timeout = arguments.f64(2);
  fds.resize(n + 1);
  for (size_t i = 0; i < n; i++) fds[i] = {entries[3 * i], short(entries[3 * i + 1]), 0};
  fds[n] = {wake_fd, POLLIN, 0};
  timespec ts = {0, 0};
  if (timeout > 0) {
    ts.tv_sec = time_t(timeout / 1e9);
    ts.tv_nsec = long(timeout - double(ts.tv_sec) * 1e9);
    if (ts.tv_nsec > 999999999) ts.tv_nsec = 999999999;
  }
  int ready = ppoll(fds.data(), n + 1, timeout < 0 ? nullptr : &ts, nullptr);
  if (ready < 0) return integer(env, -errno);
  for (size_t i = 0; i < n; i++) entries[3 * i + 2] = fds[i].revents;
  if (fds[n].revents) {
    uint64_t count;
    if (read(wake_fd, &count, sizeof count) < 0) {}
    if (--ready == 0) return integer(env, -EINTR);
  }
  return integer(env, ready);
}

// clockGettime(clock, Float64Array): [seconds, nanoseconds]. 0 or -errno.
napi_value clock_gettime_(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t length;
  double* out = static_cast<double*>(arguments.array(1, &length));
  timespec ts;
  if (clock_gettime(arguments.i32(0), &ts) < 0) return integer(env, -errno);
  if (out == nullptr || length < 2) return integer(env, -EINVAL);
  out[0] = double(ts.tv_sec);
  out[1] = double(ts.tv_nsec);
  return integer(env, 0);
}

napi_value clock_getres_(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t length;
  double* out = static_cast<double*>(arguments.array(1, &length));
  timespec ts;
  if (clock_getres(arguments.i32(0), &ts) < 0) return integer(env, -errno);
  if (out == nullptr || length < 2) return integer(env, -EINVAL);
  out[0] = double(ts.tv_sec);
  out[1] = double(ts.tv_nsec);
  return integer(env, 0);
}

napi_value monotonic_now(napi_env env, napi_callback_info) {
  timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return number(env, double(ts.tv_sec) * 1e9 + double(ts.tv_nsec));
}

napi_value catch_signal(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int n = arguments.i32(0);
  if (n < 1 || n > 31) return integer(env, -EINVAL);
  if (wake_fd < 0) wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) return integer(env, -errno);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  // Faults of guest code run on the alternate stack; so may this, in the middle of guest code.
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(n, &action, catching[n] ? nullptr : &before[n]) < 0) return integer(env, -errno);
  catching[n] = true;
  return integer(env, 0);
}

napi_value release_signal(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int n = arguments.i32(0);
  if (n < 1 || n > 31 || !catching[n]) return integer(env, -EINVAL);
  catching[n] = false;
  return integer(env, sigaction(n, &before[n], nullptr) < 0 ? -errno : 0);
}

napi_value take_signals(napi_env env, napi_callback_info) {
  __atomic_store_n(&attention, 0, __ATOMIC_RELAXED);
  return number(env, caught.exchange(0));
}

napi_value attention_buffer(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_external_arraybuffer(env, &attention, sizeof attention, nullptr, nullptr, &result);
  return result;
}

// Sends this process a signal: what stops the guest stops posixx, as the caller of a program expects.
napi_value raise_signal(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  return integer(env, raise(arguments.i32(0)) == 0 ? 0 : -errno);
}

napi_value uname_(napi_env env, napi_callback_info) {
  utsname names;
  uname(&names);
  const char* fields[] = {names.sysname, names.nodename, names.release, names.version, names.machine};
  napi_value result;
  napi_create_array_with_length(env, 5, &result);
  for (int i = 0; i < 5; i++) {
    napi_value text;
    napi_create_string_latin1(env, fields[i], NAPI_AUTO_LENGTH, &text);
    napi_set_element(env, result, i, text);
  }
  return result;
}

// sysinfo(Float64Array of 13): uptime, three loads, totalram, freeram, sharedram, bufferram, totalswap, freeswap,
// procs, totalhigh, unit.
napi_value sysinfo_(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t length;
  double* out = static_cast<double*>(arguments.array(0, &length));
  struct sysinfo s;
  if (sysinfo(&s) < 0) return integer(env, -errno);
  if (out == nullptr || length < 13) return integer(env, -EINVAL);
  const double values[] = {double(s.uptime), double(s.loads[0]), double(s.loads[1]), double(s.loads[2]), double(s.totalram),
                           double(s.freeram), double(s.sharedram), double(s.bufferram), double(s.totalswap), double(s.freeswap),
                           double(s.procs), double(s.totalhigh), double(s.mem_unit)};
  memcpy(out, values, sizeof values);
  return integer(env, 0);
}

// getrusage(who, Float64Array of 18): times as seconds and microseconds, then the longs of struct rusage.
napi_value getrusage_(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t length;
  double* out = static_cast<double*>(arguments.array(1, &length));
  struct rusage r;
  if (getrusage(arguments.i32(0), &r) < 0) return integer(env, -errno);
  if (out == nullptr || length < 18) return integer(env, -EINVAL);
  const double values[] = {double(r.ru_utime.tv_sec), double(r.ru_utime.tv_usec), double(r.ru_stime.tv_sec),
                           double(r.ru_stime.tv_usec), double(r.ru_maxrss), double(r.ru_ixrss), double(r.ru_idrss),
                           double(r.ru_isrss), double(r.ru_minflt), double(r.ru_majflt), double(r.ru_nswap),
                           double(r.ru_inblock), double(r.ru_oublock), double(r.ru_msgsnd), double(r.ru_msgrcv),
                           double(r.ru_nsignals), double(r.ru_nvcsw), double(r.ru_nivcsw)};
  memcpy(out, values, sizeof values);
  return integer(env, 0);
}

napi_value getrandom_(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t length;
  uint8_t* bytes = static_cast<uint8_t*>(arguments.array(0, &length));
  double start = arguments.f64(1), count = arguments.f64(2);
  if (bytes == nullptr || start < 0 || count < 0 || start + count > double(length)) return integer(env, -EINVAL);
  ssize_t got = getrandom(bytes + size_t(start), size_t(count), 0);
  return number(env, got < 0 ? -errno : double(got));
}

napi_value cpu_count(napi_env env, napi_callback_info) {
  cpu_set_t set;
  CPU_ZERO(&set);
  return integer(env, sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1);
}

// Brings the mode back, unless somebody else has the terminal now. Async-signal-safe.
int restore_terminal() {
  termios now;
  if (!terminal_saved || tcgetattr(terminal_fd, &now) < 0 || memcmp(&now, &terminal_mode, sizeof now) == 0) return 0;
  pid_t foreground = tcgetpgrp(terminal_fd);
  if (foreground > 0 && foreground != getpgrp()) return 0;
  // TCSANOW: output that is stopped by ^S must not hold up the end.
  return tcsetattr(terminal_fd, TCSANOW, &terminal_mode) < 0 ? -errno : 0;
}

void restore_at_exit() { restore_terminal(); }

// V8 and Node abort when they find no way on.
void on_abort(int) {
  restore_terminal();
  signal(SIGABRT, SIG_DFL);
  raise(SIGABRT);
}

// Remembers the terminal's mode once; it is brought back at exit, whatever the guest does to it.
napi_value terminal_save(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  if (terminal_saved) return integer(env, 0);
  int fd = arguments.i32(0);
  if (tcgetattr(fd, &terminal_mode) < 0) return integer(env, -errno);
  terminal_fd = fcntl(fd, F_DUPFD_CLOEXEC, 100);
  if (terminal_fd < 0) return integer(env, -errno);
  terminal_saved = true;
  atexit(restore_at_exit);
  signal(SIGABRT, on_abort);
  return integer(env, 0);
}

napi_value terminal_restore(napi_env env, napi_callback_info) { return integer(env, restore_terminal()); }

void add(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace

void restore_host_terminal() { restore_terminal(); }

void register_host_wait(napi_env env, napi_value exports) {
  add(env, exports, "hostPoll", host_poll);
  add(env, exports, "clockGettime", clock_gettime_);
  add(env, exports, "clockGetres", clock_getres_);
  add(env, exports, "monotonicNow", monotonic_now);
  add(env, exports, "catchSignal", catch_signal);
  add(env, exports, "releaseSignal", release_signal);
  add(env, exports, "takeSignals", take_signals);
  add(env, exports, "attentionBuffer", attention_buffer);
  add(env, exports, "raiseSignal", raise_signal);
  add(env, exports, "uname", uname_);
  add(env, exports, "sysinfo", sysinfo_);
  add(env, exports, "getrusage", getrusage_);
  add(env, exports, "getrandom", getrandom_);
  add(env, exports, "cpuCount", cpu_count);
  add(env, exports, "terminalSave", terminal_save);
  add(env, exports, "terminalRestore", terminal_restore);
}
