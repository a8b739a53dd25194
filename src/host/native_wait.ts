/** Waiting, clocks, signals and the terminal of the host (native/host_wait.cc). */
export interface NativeWait {
}
