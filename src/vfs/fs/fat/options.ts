/** Options of a mounted FAT file system (mount(8), "Mount options for fat" and "vfat"). */

export interface FatOptions {
  uid: number;
  gid: number;
  /** Permission bits that files and directories do not have. */
  fmask: number;
  dmask: number;
  /** Only .exe, .com and .bat files may be executed. */
  showExec: boolean;
  /** A change of owner or mode that cannot be stored is no error. */
  quiet: boolean;
  /** Upper and lower case differ in names. */
  strict: boolean;
  /** Short names show in lower case; those that NT marked so (`nt`) or all. */
  shortDisplay: 'nt' | 'lower' | 'asis';
  /** Names in one case are stored as short names with NT's marks. */
  shortCreate: 'win95' | 'nt';
  /** Short names get ~1 only when they must. */
  noNumericTail: boolean;
  /** The read-only attribute of a directory counts. */
  readOnlyDirectories: boolean;
  onError: 'remount-ro' | 'continue';
  /** The count of free clusters on the device is believed. */
  useFree: boolean;
  /** What is stored is this many seconds ahead of UTC. */
  timeOffset: number;
  /** Files are written out at their close. */
  flush: boolean;
  /** Free clusters are to be told to the device. */
  discard: boolean;
  /** The text, as /proc/mounts shows it. */
  shown: string;
}

/** uid, gid and umask of who mounts are the defaults. A text: what was not understood. */
export function fatOptions(text: string, uid: number, gid: number, umask: number): FatOptions | string {
  const options: FatOptions = {
    uid, gid, fmask: umask, dmask: umask, showExec: false, quiet: false, strict: false,
    shortDisplay: 'nt', shortCreate: 'win95', noNumericTail: false, readOnlyDirectories: false,
    onError: 'remount-ro', useFree: false, timeOffset: 0, flush: false, discard: false, shown: '',
  };
  let shortname = 'mixed';
  for (const word of text.split(',')) {
    if (word === '') continue;
    const wrong = `Unrecognized mount option "${word}" or missing value`;
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.substring(0, equals), value = equals < 0 ? '' : word.substring(equals + 1);
    switch (name) {
      case 'uid':
      case 'gid':
        if (!/^\d+$/.test(value)) return wrong;
        options[name] = Number(value);
        break;
      case 'umask':
      case 'fmask':
      case 'dmask': {
        if (!/^[0-7]+$/.test(value)) return wrong;
        const mask = parseInt(value, 8) & 0o7777;
        if (name !== 'dmask') options.fmask = mask;
        if (name !== 'fmask') options.dmask = mask;
        break;
      }
      case 'check':
        if (!/^([nrs]|normal|relaxed|strict)$/.test(value)) return wrong;
        options.strict = value.startsWith('s');
        break;
      case 'shortname':
        if (!/^(lower|win95|winnt|mixed)$/.test(value)) return wrong;
        shortname = value;
        options.shortDisplay = value === 'lower' ? 'lower' : value === 'win95' ? 'asis' : 'nt';
        options.shortCreate = value === 'winnt' ? 'nt' : 'win95';
        break;
      case 'errors':
        if (value !== 'continue' && value !== 'remount-ro') return wrong;
        options.onError = value;
        break;
      case 'tz':
        if (value !== 'UTC') return wrong;
        options.timeOffset = 0;
        break;
      case 'time_offset': {
        // Minutes; Linux takes no more than a day.
        const minutes = /^-?\d+$/.test(value) ? Number(value) : NaN;
        if (!(Math.abs(minutes) <= 24 * 60)) return wrong;
        options.timeOffset = minutes * 60;
        break;
      }
      case 'codepage':
        if (value !== '437') return wrong;
        break;
      case 'iocharset':
        if (value !== 'utf8' && value !== 'iso8859-1' && value !== 'ascii') return wrong;
        break;
      case 'utf8':
        if (!(equals < 0 || /^(1|true|yes)$/.test(value))) return wrong;
        break;
      case 'nonumtail':
        if (!(equals < 0 || /^(0|1|true|false|yes|no)$/.test(value))) return wrong;
        options.noNumericTail = equals < 0 || /^(1|true|yes)$/.test(value);
        break;
      case 'quiet':
        options.quiet = true;
        break;
      case 'showexec':
        options.showExec = true;
        break;
      case 'rodir':
        options.readOnlyDirectories = true;
        break;
      case 'usefree':
        options.useFree = true;
        break;
      case 'flush':
        options.flush = true;
        break;
      case 'discard':
        options.discard = true;
        break;
      case 'nfs':
        if (equals >= 0 && value !== 'stale_rw') return wrong;
        break;
      case 'debug':
      case 'nocase':
        break;
      default:
        return wrong;
    }
  }
  const octal = (mask: number): string => mask.toString(8).padStart(4, '0');
  options.shown = [
    ...(options.uid === 0 ? [] : [`uid=${options.uid}`]), ...(options.gid === 0 ? [] : [`gid=${options.gid}`]),
    `fmask=${octal(options.fmask)}`, `dmask=${octal(options.dmask)}`, 'codepage=437', 'iocharset=iso8859-1',
    `shortname=${shortname}`, ...(options.strict ? ['check=s'] : []), ...(options.useFree ? ['usefree'] : []),
    ...(options.quiet ? ['quiet'] : []), ...(options.showExec ? ['showexec'] : []), 'utf8',
    ...(options.noNumericTail ? ['nonumtail'] : []), ...(options.flush ? ['flush'] : []),
    ...(options.discard ? ['discard'] : []),
    ...(options.timeOffset === 0 ? [] : [`time_offset=${options.timeOffset / 60}`]),
    ...(options.readOnlyDirectories ? ['rodir'] : []), `errors=${options.onError}`,
  ].join(',');
  return options;
}
