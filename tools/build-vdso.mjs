// Builds src/loader/vdso/vdso.c with gcc and writes src/loader/vdso_image.ts. Run it after a change of the C source.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const loader = fileURLToPath(new URL('../src/loader/', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'posixx-vdso-'));
try {
  const object = join(work, 'linux-vdso.so.1');
  execFileSync('gcc', [
    '-O2', '-fPIC', '-shared', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-fcf-protection=none', '-fno-builtin',
    '-mno-sse', '-fasynchronous-unwind-tables', '-Wall', '-Werror',
    '-Wl,-soname,linux-vdso.so.1', '-Wl,--hash-style=both', '-Wl,-Bsymbolic', '-Wl,--build-id=none', '-Wl,-z,max-page-size=4096',
    '-Wl,--eh-frame-hdr', '-Wl,-T,' + join(loader, 'vdso/vdso.lds'), '-o', object, join(loader, 'vdso/vdso.c'),
  ], { stdio: 'inherit' });
  execFileSync('strip', ['--strip-unneeded', object], { stdio: 'inherit' });
  // The section headers at the end are of no use to a program.
  const bytes = readFileSync(object);
  const end = Number(bytes.readBigUInt64LE(64 + 32)); // p_filesz of the one segment, which begins at 0
  const image = Buffer.from(bytes.subarray(0, end));
  image.writeBigUInt64LE(0n, 40); // e_shoff
  image.writeUInt32LE(0, 60); // e_shnum, e_shstrndx
  const lines = image.toString('base64').match(/.{1,108}/g).map((line) => `  '${line}'`);
  writeFileSync(join(loader, 'vdso_image.ts'),
    '/** The vdso as an ELF file, in base64: made by tools/build-vdso.mjs from vdso/vdso.c. */\n' +
    `export const VDSO_SIZE = ${image.length};\nexport const VDSO_BASE64 =\n${lines.join(' +\n')};\n`);
  console.log(`vdso: ${image.length} bytes`);
} finally {
  rmSync(work, { recursive: true });
}
