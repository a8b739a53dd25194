/** Calls of the addon for file systems that keep data on the host (native/host_store.cc): values ≥ 0 or -errno. */
export interface NativeStore {
  /** flock(2). */
  flock(fd: number, operation: number): number;
  /** syncfs(2): the host's file system that the descriptor is on. */
  syncfs(fd: number): number;
  /** Copies up to `length` bytes between two files, in the host's kernel where it can: the count, less at the end. */
  copyRange(from: number, fromPosition: number, to: number, toPosition: number, length: number): number;
}
