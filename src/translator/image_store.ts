/** Which images have stored code, where it is put into use, and what is stored when a process ends. */
import { native, type CodeLayout } from '../host/native.js';
import type { Assembler } from './assembler.js';
import type { Translations } from './code_space.js';
import type { CpuModel } from './cpu_model.js';
import type { CodeStore } from './engine.js';
import type { InstructionLog } from './instruction_log.js';
import { packModule } from './on_demand.js';
import type { CodeStorage } from './pack_image.js';
import { type InstalledImage, StoredImage } from './stored_image.js';

/** An image's code is stored anew once this part of it is new, and as many instructions at least. */
const FRESH_PART = 1 / 8;
const FRESH_LEAST = 32;
const PAGE_SIZE = 4096;

/** An origin's version and the address of byte 0 of its file; null for one that may mean something else in another process. */
function parseOrigin(origin: string): { version: string; base: number } | null {
  if (!origin.startsWith('!')) return null;
  const at = origin.lastIndexOf('@');
  const base = Number(origin.slice(at + 1));
  return base >= 0 && base % PAGE_SIZE === 0 ? { version: origin.slice(1, at), base } : null;
}

export class ImageStore {
  private readonly images = new Map<string, StoredImage | null>();
  private readonly storage: CodeStorage;
  /** Code differs by CPU model, and by where the addon has its slots and stubs. */
  private readonly prefix: string;

  constructor(
    private readonly store: CodeStore, private readonly asm: Assembler, log: InstructionLog, code: DataView,
    layout: CodeLayout, model: CpuModel,
  ) {
    this.storage = { log, relocations: asm.relocations, code, layout };
    const key = Buffer.from(`${model.key} ${JSON.stringify(layout)}`, 'latin1');
    this.prefix = native.hashBytes(key, 0, key.length).toString(16);
  }

  /**
   * Puts what is stored of an origin into the cache, for `translations`. Once for each; nothing when there is none.
   * @param mapped whether the page at an address has the origin; asked of ascending ones
   * @returns what SAVE bits the code needs
   */
  recall(translations: Translations, origin: string, mapped: (page: number) => boolean): number {
    translations.install(origin, null);
    const parsed = parseOrigin(origin);
    if (parsed === null) return 0;
    const { version, base } = parsed;
    let image = this.images.get(version);
    if (image === undefined) {
      const bytes = this.store.load(`${this.prefix}-${version}`);
      this.images.set(version, (image = bytes === null ? null : StoredImage.parse(bytes)));
    }
    if (image === null || !image.fits(base)) return 0;
    // All of its pages: its code branches directly from one to another. Some may have code of an image that stood near.
    const { origins } = translations;
    const isOwn = (page: number): boolean => (origins.get(page) ?? origin) === origin && mapped(page * PAGE_SIZE);
    if (!image.everyPage(base, isOwn)) return 0;
    const { asm, storage } = this;
    if (asm.at + 2 * image.code.length > asm.layout.size || !storage.log.hasRoom(2 * image.size)) return 0;
    translations.install(origin, image.install(asm, storage.log, base));
    return image.saves;
  }

  /** Describes an installed image in `translations` itself. */
  describe(translations: Translations, origin: string, image: InstalledImage): void {
    image.describe(translations, this.storage.relocations, this.storage.code);
    translations.stored.set(origin, image.size);
  }

  /** Stores the code of the images of which enough was translated by this process. */
  keep(all: Iterable<Translations>, saves: number): void {
    const best = new Map<string, { translations: Translations; origin: string; fresh: number }>();
    for (const translations of all) {
      if (translations.instructions - translations.weighed < FRESH_LEAST) continue;
      translations.weighed = translations.instructions;
      for (const [origin, described] of this.described(translations)) {
        const version = parseOrigin(origin)?.version;
        const stored = translations.stored.get(origin) ?? 0;
        const fresh = described - stored;
        const known = stored + (translations.installed.get(origin)?.size ?? 0);
        if (version === undefined || fresh < FRESH_LEAST || fresh < known * FRESH_PART) continue;
        if ((best.get(version)?.fresh ?? 0) < fresh) best.set(version, { translations, origin, fresh });
      }
    }
    for (const [version, { translations, origin }] of best) {
      translations.describeImages(0, 2 ** 20, (from, image) => this.describe(translations, from, image));
      const { base } = parseOrigin(origin)!;
      const belongs = (page: number): boolean => translations.origins.get(page) === origin;
      const bytes = packModule().packImage(translations, this.storage, base, belongs, saves);
      if (bytes === null) continue;
      this.store.save(`${this.prefix}-${version}`, bytes);
      const image = StoredImage.parse(bytes);
      this.images.set(version, image);
      translations.stored.set(origin, image?.size ?? 0);
    }
  }

  /** Instructions that are described in `translations`, by origin. */
  private described(translations: Translations): Map<string, number> {
    const { log } = this.storage;
    const counts = new Map<string, number>();
    translations.eachPage((page, fragments) => {
      const origin = translations.origins.get(page);
      if (origin === undefined) return;
      let count = counts.get(origin) ?? 0;
      for (const { logStart, logEnd } of fragments) {
        if (logEnd > logStart && log.pcAt(logStart) >>> 12 === page) count += logEnd - logStart;
      }
      counts.set(origin, count);
    });
    return counts;
  }
}
