import { join } from "node:path";
import {
  blob,
  image,
  index,
  MEDIA_TYPES,
  type TestBlob,
} from "../../tests/support/cache/artifacts.ts";
import { DAY, TestCache } from "../../tests/support/cache/test_cache.ts";

const REPOSITORIES = 1_000;
const REPOSITORIES_OF_REGISTRY = 50;
const TAGS = 10;
/** Layers that the tags of a repository share. With the tags' own blobs, a repository has 100. */
const COMMON_LAYERS = 10;
const COMMON_LAYERS_OF_TAG = 4;
const OWN_LAYERS = 8;
const MAX_SMALL = 1024;

const LARGE_BLOBS = 16;
const LARGE = 96 * 1024 * 1024;

/** Longest time since the last use of an app. No app was used within the last day, and no two at the same time. */
const LONGEST_UNUSED = 365 * DAY;
const WRITTEN = 400 * DAY;

export const ENTRIES = REPOSITORIES * TAGS;
export const BLOBS = REPOSITORIES * (COMMON_LAYERS + TAGS * (OWN_LAYERS + 1));

/**
 * Writes a cache of many small blobs in apps, the slowest type of entry to read. Four tags share each common layer
 * of a repository, and every second tag is an index.
 */
export function smallBlobs(): TestCache {
  const cache = new TestCache({ now: Date.now() });
  for (let repository = 0; repository < REPOSITORIES; repository++) {
    const registry = `registry${Math.floor(repository / REPOSITORIES_OF_REGISTRY)}.example`;
    const name = `${registry}/team${repository % 7}/app${repository}`;
    const common = layers(COMMON_LAYERS, `${name} layer`);
    for (let tag = 0; tag < TAGS; tag++) {
      const shared = [...common, ...common].slice(tag, tag + COMMON_LAYERS_OF_TAG);
      const artifact = image([...shared, ...layers(OWN_LAYERS, `${name}:${tag} layer`)]);
      // Entries that were used one after the other are not neighbours on the disk.
      const turn = (repository * TAGS + tag) * 7_919 % ENTRIES;
      const used = DAY + Math.floor(turn / ENTRIES * (LONGEST_UNUSED - DAY));
      cache.pulled(
        `${name}:v${tag}`,
        tag % 2 === 0 ? artifact : index([{ artifact, platform: LINUX }]),
        { used, written: WRITTEN },
      );
    }
  }
  // The folder is as old as its content.
  cache.age(join(cache.registry, "data"), WRITTEN);
  return cache;
}

const LINUX = { os: "linux", architecture: "amd64" };

/** Writes a cache of a few large blobs, 1.5 GiB in total. */
export function largeBlobs(): TestCache {
  const cache = new TestCache({ now: Date.now() });
  for (let i = 0; i < LARGE_BLOBS; i++) {
    const artifact = image([blob(new Uint8Array(LARGE).fill(i))]);
    cache.pulled(`registry.example/large${i}:v1`, artifact, { used: DAY });
  }
  return cache;
}

/** Returns layers of different sizes and contents below 1 KiB. */
function layers(count: number, seed: string): TestBlob[] {
  return Array.from({ length: count }, (_, i) => {
    const text = `${seed} ${i}\n`;
    const size = text.length + (text.length * 131 + i * 389) % (MAX_SMALL - text.length);
    return blob(text.padEnd(size), MEDIA_TYPES.ociLayer);
  });
}
