import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { basename, dirname, join, relative } from "node:path";
import { MEDIA_TYPES, type TestDescriptor } from "./artifacts.ts";

/**
 * Checks the promises that the store makes at every moment: a file in `data/` or `wasm/` has the digest that
 * its name says, and what a record stands for is all there. Written against the layout on disk, without
 * larder's own code.
 *
 * @param registry the `registry` folder; one that does not exist is sound
 * @param midway a pull was killed: a tag's folder may show the files of what it was and of what it was to be
 */
export function assertStoreSound(registry: string, { midway = false } = {}): void {
  for (const tree of ["data", "wasm"]) {
    for (const path of filesBelow(join(registry, tree))) {
      assert.equal(
        basename(path),
        hashOf(path, basename(path)),
        `${path} is not what its name says`,
      );
    }
  }
  for (const path of filesBelow(join(registry, "manifests"))) {
    if (basename(path) === "record.json") assertEntryWhole(registry, dirname(path), midway);
  }
}

/** Checks that nothing is left of any work: no partial download, no temporary file, nothing unheard of. */
export function assertNoRubbish(registry: string): void {
  assert.deepEqual(filesBelow(join(registry, "partial")), [], "partial downloads are left");
  const known =
    /^(?:lock$|gate$|pins\.json$|journal(?:\.older)?\.jsonl$|data\/|wasm\/|manifests\/.+\/(?:manifest|config|record|pin)\.json$|compiled\/[^/]+\/[^/]+\/record\.json$)/;
  const strange = filesBelow(registry).map((path) => relative(registry, path))
    .filter((path) => !known.test(path) || path.endsWith(".tmp"));
  assert.deepEqual(strange, [], "files are left that are none of the store's");
}

/** All files below a folder, sorted; none where it does not exist. */
export function filesBelow(folder: string): string[] {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory ? filesBelow(path) : [path];
  }).sort();
}

/** What lies in `partial/`, by digest. */
export function partials(registry: string): string[] {
  return filesBelow(join(registry, "partial")).map((path) => basename(path));
}

function assertEntryWhole(registry: string, folder: string, midway: boolean): void {
  const record = readJson(join(folder, "record.json"));
  const repository = dirname(folder);
  const top = readManifest(join(repository, record.digest));
  const chosen = join(repository, record.manifestDigest);
  assertImageWhole(registry, chosen, readManifest(chosen));
  if (!basename(folder).includes(":")) assertTagShows(folder, chosen, midway);
  if (!record.allPlatforms) return;
  for (const child of top.manifests ?? []) {
    const path = join(repository, child.digest);
    assertImageWhole(registry, path, readManifest(path));
  }
}

/** A tag's folder has the files of the chosen image; midway, of any image of its repository. */
function assertTagShows(folder: string, chosen: string, midway: boolean): void {
  const repository = dirname(folder);
  const images = [...Deno.readDirSync(repository)].map(({ name }) => join(repository, name))
    .filter((path) => basename(path).includes(":"));
  for (const name of ["manifest.json", "config.json"]) {
    const shown = Deno.readTextFileSync(join(folder, name));
    const allowed = (midway ? images : [chosen]).map((image) => textIfAny(join(image, name)));
    assert.ok(allowed.includes(shown), `${folder}/${name} is not that of ${basename(chosen)}`);
  }
}

function textIfAny(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

interface TestManifest {
  readonly config?: TestDescriptor;
  readonly layers?: TestDescriptor[];
  readonly manifests?: TestDescriptor[];
}

function assertImageWhole(registry: string, folder: string, manifest: TestManifest): void {
  if (!manifest.config || !manifest.layers) return; // An index within an index.
  const config = Deno.readFileSync(join(folder, "config.json"));
  const locked = [manifest.config, ...manifest.layers]
    .find(({ mediaType }) => mediaType === MEDIA_TYPES.spinApplication);
  const kept = locked ?? manifest.config;
  assert.equal(sha(config, kept.digest), kept.digest, `${folder}/config.json is another`);
  for (const descriptor of [manifest.config, ...manifest.layers]) {
    const optional = descriptor.data !== undefined ||
      /foreign|nondistributable/.test(descriptor.mediaType);
    if (descriptor === locked || optional) continue;
    assert.ok(hasBlob(registry, descriptor.digest), `${descriptor.digest} of ${folder} is missing`);
  }
  if (locked) assertSpinFilesPresent(registry, new TextDecoder().decode(config));
}

/** Spin looks up every `digest` of its locked app in `wasm/` or `data/`. */
function assertSpinFilesPresent(registry: string, lockedApp: string): void {
  JSON.parse(lockedApp, (key, value) => {
    if (key === "digest") {
      assert.ok(hasBlob(registry, value), `${value} of the locked app is missing`);
    }
    return value;
  });
}

function hasBlob(registry: string, digest: string): boolean {
  return ["data", "wasm"].some((tree) => {
    try {
      return Deno.statSync(join(registry, tree, digest)).isFile;
    } catch {
      return false;
    }
  });
}

function readManifest(folder: string): TestManifest {
  const path = join(folder, "manifest.json");
  assert.equal(
    basename(folder),
    hashOf(path, basename(folder)),
    `${path} is not what its name says`,
  );
  return readJson(path);
}

// deno-lint-ignore no-explicit-any
function readJson(path: string): any {
  return JSON.parse(Deno.readTextFileSync(path));
}

function hashOf(path: string, like: string): string {
  return sha(Deno.readFileSync(path), like);
}

/** The digest of bytes, by the algorithm of another digest. */
function sha(bytes: Uint8Array, like: string): string {
  const algorithm = like.split(":")[0]!;
  assert.match(algorithm, /^sha(?:256|512)$/, `${like} is not a digest`);
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}
