/** Host file I/O of the addon (native/host_io.cc). */
export interface NativeIo {
}
