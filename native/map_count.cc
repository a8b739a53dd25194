// How many more mappings the host allows this process (vm.max_map_count). V8 and malloc end the process when they
// cannot map, so guests get ENOMEM before that.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine.h"

namespace {

// Kept for Node itself.
constexpr int64_t kReserve = 4096;
// Kept from calls that may fail, for those that split mappings and should not.
constexpr int64_t kMargin = 1024;

// Mappings that may be added before they have to be counted again; an estimate from below. A fresh process has a few
// hundred: it need not count.
int64_t room = 4096;
// The last count found no room, and nothing was given back since.
bool exhausted;

int64_t read_limit() {
  char text[32];
  int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 65530;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return 65530;
  text[got] = 0;
  return atoll(text);
}

int64_t count_mappings() {
  static char text[1 << 16];
  int64_t count = 0;
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  for (ssize_t got; (got = read(fd, text, sizeof text)) > 0;) {
    for (char* at = text; (at = static_cast<char*>(memchr(at, '\n', text + got - at))); at++) count++;
  }
  close(fd);
  return count;
}

}  // namespace

bool have_room(int mappings, bool splits) {
  if (exhausted && !splits) return false;
  int64_t needed = mappings + (splits ? 0 : kMargin);
  if (room < needed) {
    static const int64_t limit = read_limit();
    room = limit - kReserve - count_mappings();
    if (room < needed) {
      exhausted = exhausted || !splits;
      return false;
    }
  }
  return true;
}

bool may_map(int mappings, bool splits) {
  if (!have_room(mappings, splits)) return false;
  room -= mappings;
  return true;
}

void mappings_given_back() { exhausted = false; }
