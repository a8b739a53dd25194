/**
 * Translated code that is kept in files of posixx's own directory: whoever can write there can change posixx itself, so
 * the files are trusted as much as it is. Where nothing can be written (a package that root installed), nothing is kept.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CodeStore } from '../translator/engine.js';

/** Set by the build: changes with all that code depends on. */
declare const POSIXX_BUILD: string | undefined;

/** What is kept: when it is more, the oldest files go until a quarter is free. */
const MOST_FILES = 512;
const MOST_BYTES = 512 << 20;
const LARGEST_FILE = 64 << 20;

/** The store of this build; undefined in a development tree that was not bundled. */
export function codeStore(): CodeStore | undefined {
  if (typeof POSIXX_BUILD === 'undefined') return undefined;
  return new DirectoryStore(fileURLToPath(new URL(`../build/translations/${POSIXX_BUILD}`, import.meta.url)));
}

class DirectoryStore implements CodeStore {
  constructor(private readonly directory: string) {}

  load(name: string): Uint8Array | null {
    try {
      return readFileSync(`${this.directory}/${name}`);
    } catch {
      return null;
    }
  }

  save(name: string, bytes: Uint8Array): void {
    if (bytes.length > LARGEST_FILE) return;
    const { directory } = this;
    const file = `${directory}/${name}`;
    // Whole or not at all, also when several processes end at once.
    const temporary = `${file}.${process.pid}`;
    try {
      mkdirSync(directory, { recursive: true });
      writeFileSync(temporary, bytes, { mode: 0o644 });
      renameSync(temporary, file);
      this.trim();
    } catch {
      try {
        unlinkSync(temporary);
      } catch {
        // It was not made.
      }
    }
  }

  private trim(): void {
    const files = readdirSync(this.directory).map((name) => {
      const path = `${this.directory}/${name}`;
      const { mtimeMs, size } = statSync(path);
      return { path, mtimeMs, size };
    });
    let count = files.length;
    let bytes = files.reduce((sum, file) => sum + file.size, 0);
    if (count <= MOST_FILES && bytes <= MOST_BYTES) return;
    for (const { path, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (count <= MOST_FILES * 3 / 4 && bytes <= MOST_BYTES * 3 / 4) return;
      unlinkSync(path);
      count--;
      bytes -= size;
    }
  }
}
