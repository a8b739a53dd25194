/** What mm needs to know of a file to map it. The system-call layer gives one object per open file description. */
export interface MappedFile {
  /** Equal for two objects that show the same bytes. */
  readonly identity: unknown;
  /** Changes with the file's contents, and differs from every other file's; '' when that cannot be told. */
  version(): string;
  /** For /proc/PID/maps: a byte string. */
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  /** The description is open for writing, so a shared mapping may be made writable. */
  readonly mayWrite: boolean;
  /** The file lies on a noexec mount. */
  readonly noExec: boolean;
  /**
   * Host descriptor to mmap, coherent with reads and writes of the file, valid while the file is retained; or -errno.
   * @param writable stores through the mapping are to reach the file
   */
  mapFd(writable: boolean): number;
  /** What was stored through mappings goes to where fsync(2) takes it. 0 or -errno. */
  sync(): number;
  /** Size in bytes now. */
  size(): number;
  /** One more area shows this file: the description stays open. */
  retain(): void;
  release(): void;
}
