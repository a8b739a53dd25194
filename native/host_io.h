// What host_io.cc and host_block.cc share. All give -1 and errno when they fail.
#pragma once
#include <stddef.h>
#include <sys/types.h>

// Longest path beneath a root, with its NUL: directories may be nested more deeply than PATH_MAX.
constexpr size_t kPathMax = 65536;

// Opens a path that lies beneath a directory and has no symbolic link in it (openat2(2)).
int open_beneath(int root, const char* path, int flags, mode_t mode);

// statx(2) of a path, or with "" of the descriptor itself. The order is STAT in src/host/native_io.ts.
int stat_into(int fd, const char* path, double* out);
constexpr size_t kStatFields = 18;
