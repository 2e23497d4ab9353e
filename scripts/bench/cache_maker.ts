import { join } from "node:path";
import {
  blob,
  image,
  index,
  MEDIA_TYPES,
  type TestBlob,
} from "../../tests/support/cache/artifacts.ts";
import { CacheFolder, DAY } from "../../tests/support/cache/cache_folder.ts";

const REPOSITORIES = 1_000;
const REPOSITORIES_OF_REGISTRY = 50;
const TAGS = 10;
/** Layers of a repository's own, of which each tag has some; together with the tags' own blobs 100 a repository. */
const COMMON_LAYERS = 10;
const COMMON_LAYERS_OF_TAG = 4;
const OWN_LAYERS = 8;
const MAX_SMALL = 1024;

const LARGE_BLOBS = 16;
const LARGE = 96 * 1024 * 1024;

/** The longest that an app was not used: nothing is young, and no two were used at the same time. */
const LONGEST_UNUSED = 365 * DAY;
const WRITTEN = 400 * DAY;

export const ENTRIES = REPOSITORIES * TAGS;
export const BLOBS = REPOSITORIES * (COMMON_LAYERS + TAGS * (OWN_LAYERS + 1));

/**
 * Makes a cache of many small blobs, all of it apps: of all types these take the most to read. Every layer that tags
 * of a repository have in common is part of four, and every second tag is an index.
 */
export function smallBlobs(): CacheFolder {
  const cache = new CacheFolder({ now: Date.now() });
  for (let repository = 0; repository < REPOSITORIES; repository++) {
    const registry = `registry${Math.floor(repository / REPOSITORIES_OF_REGISTRY)}.example`;
    const name = `${registry}/team${repository % 7}/app${repository}`;
    const common = layers(COMMON_LAYERS, `${name} layer`);
    for (let tag = 0; tag < TAGS; tag++) {
      const shared = [...common, ...common].slice(tag, tag + COMMON_LAYERS_OF_TAG);
      const artifact = image([...shared, ...layers(OWN_LAYERS, `${name}:${tag} layer`)]);
      // What was used one after the other does not lie together.
      const turn = (repository * TAGS + tag) * 7_919 % ENTRIES;
      const used = DAY + Math.floor(turn / ENTRIES * (LONGEST_UNUSED - DAY));
      cache.pulled(
        `${name}:v${tag}`,
        tag % 2 === 0 ? artifact : index([{ artifact, platform: LINUX }]),
        { used, written: WRITTEN },
      );
    }
  }
  // As old as what is in it: nothing has come to it since.
  cache.age(join(cache.registry, "data"), WRITTEN);
  return cache;
}

const LINUX = { os: "linux", architecture: "amd64" };

/** Makes a cache of a few large blobs, 1.5 GiB of them. */
export function largeBlobs(): CacheFolder {
  const cache = new CacheFolder({ now: Date.now() });
  for (let i = 0; i < LARGE_BLOBS; i++) {
    const artifact = image([blob(new Uint8Array(LARGE).fill(i))]);
    cache.pulled(`registry.example/large${i}:v1`, artifact, { used: DAY });
  }
  return cache;
}

/** Layers of different sizes and contents, below 1 KiB. */
function layers(count: number, seed: string): TestBlob[] {
  return Array.from({ length: count }, (_, i) => {
    const text = `${seed} ${i}\n`;
    const size = text.length + (text.length * 131 + i * 389) % (MAX_SMALL - text.length);
    return blob(text.padEnd(size), MEDIA_TYPES.ociLayer);
  });
}
