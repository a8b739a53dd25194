/** How many requests io_setup(2) may be asked for, and is, by all programs together (/proc/sys/fs/aio-max-nr, aio-nr). */
export const aioLimits = { max: 65536, used: 0 };
