// Labels of entry_stubs.S, the template of the code at the head of the cache.
#pragma once
extern "C" {
extern const char posixx_stubs[], posixx_stubs_end[], posixx_stub_exit_syscall[], posixx_stub_exit_link[];
extern const char posixx_stub_exit_trap[], posixx_stub_return_lost[], posixx_stub_return_miss[];
extern const char posixx_stub_hostcall_clock[], posixx_stub_hostcall_getcpu[];
}
