import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { basename, dirname, join, relative } from "node:path";
import { MEDIA_TYPES, type TestDescriptor } from "./artifacts.ts";
import { filesOf } from "./spin.ts";

/**
 * Checks the invariants of the store: a file in `data/` or `wasm/` has the digest of its name, and everything that a
 * record refers to is present. Reads the layout on disk without larder's own code.
 *
 * @param registry path of the `registry` folder; a missing one is sound
 * @param midway true after a killed pull: the folder of a tag may have files of the old and of the new image
 */
export function assertStoreSound(registry: string, { midway = false } = {}): void {
  assertBlobsSound(registry);
  for (const path of filesBelow(join(registry, "manifests"))) {
    if (basename(path) === "record.json") assertEntryComplete(registry, dirname(path), midway);
  }
}

/** Checks that a file in `data/` or `wasm/` has the digest of its name. */
export function assertBlobsSound(registry: string): void {
  for (const tree of ["data", "wasm"]) {
    for (const path of filesBelow(join(registry, tree))) {
      assert.equal(
        basename(path),
        hashOf(path, basename(path)),
        `${path} does not have the digest of its name`,
      );
    }
  }
}

/**
 * Checks that every archive in `data/` is unpacked: Spin takes it for so, and would look for the files in it in vain.
 * @param archives their bytes
 */
export function assertUnpacked(registry: string, archives: readonly Uint8Array[]): void {
  for (const archive of archives) {
    const digest = sha(archive, "sha256:");
    if (!hasBlob(registry, digest, ["data"])) continue;
    for (const file of filesOf(archive)) {
      const name = sha(file, "sha256:");
      const path = join(registry, "data", name);
      assert.equal(textIfAny(path), new TextDecoder().decode(file), `${name}, a file of ${digest}`);
    }
  }
}

/** Checks that no partial download, temporary or unknown file is left. */
export function assertNoStrayFiles(registry: string): void {
  assert.deepEqual(filesBelow(join(registry, "partial")), [], "partial downloads were left");
  const known =
    /^(?:lock$|gate$|reminder$|pins\.json$|journal(?:\.older)?\.jsonl$|data\/|wasm\/|archives\/|manifests\/.+\/(?:manifest|config|record|pin)\.json$|compiled\/[^/]+\/[^/]+\/record\.json$|(?:packages\/(?:[^/]+\/){4}|builds\/[^/]+\/)(?:record|pin)\.json$)/;
  const unknown = filesBelow(registry).map((path) => relative(registry, path))
    .filter((path) => !known.test(path) || path.endsWith(".tmp"));
  assert.deepEqual(unknown, [], "files were left that do not belong to the store");
}

/** Returns all files below a folder, sorted; none if it does not exist. */
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

/** Returns the file names in `partial/`. */
export function partials(registry: string): string[] {
  return filesBelow(join(registry, "partial")).map((path) => basename(path));
}

function assertEntryComplete(registry: string, folder: string, midway: boolean): void {
  const record = readJson(join(folder, "record.json"));
  const repository = dirname(folder);
  const top = readManifest(join(repository, record.digest));
  if (record.served) return assertServed(folder, record);
  if (record.pushed) {
    assertServed(folder, record);
    return assertPushed(registry, join(repository, record.digest));
  }
  const chosen = join(repository, record.manifestDigest);
  assertImageComplete(registry, chosen, readManifest(chosen));
  if (!basename(folder).includes(":")) assertTagMatches(folder, chosen, midway);
  if (!record.allPlatforms) return;
  for (const child of top.manifests ?? []) {
    const path = join(repository, child.digest);
    assertImageComplete(registry, path, readManifest(path));
  }
}

/** Checks an entry of `serve`, which has any of its parts: those that are there have the digests of their names. */
function assertServed(folder: string, record: { digest: string; manifestDigest: string }): void {
  assert.equal(record.manifestDigest, record.digest);
  if (basename(folder).includes(":")) return;
  assert.equal(hashOf(join(folder, "manifest.json"), record.digest), record.digest);
  assert.equal(textIfAny(join(folder, "config.json")), undefined);
}

/** Checks that everything is there that a pushed manifest refers to. */
function assertPushed(registry: string, folder: string): void {
  const { config, layers = [], manifests = [] } = readManifest(folder);
  for (const { digest } of manifests) assertPushed(registry, join(dirname(folder), digest));
  for (const { digest, mediaType } of [...config ? [config] : [], ...layers]) {
    if (mediaType !== MEDIA_TYPES.spinApplication) {
      assert.ok(hasBlob(registry, digest), `${digest} of ${folder} is missing`);
      continue;
    }
    assert.equal(hashOf(join(folder, "config.json"), digest), digest);
    assertSpinFilesPresent(registry, Deno.readTextFileSync(join(folder, "config.json")));
  }
}

/** Checks that the folder of a tag has the files of the chosen image; midway, of any image of the repository. */
function assertTagMatches(folder: string, chosen: string, midway: boolean): void {
  const repository = dirname(folder);
  const images = [...Deno.readDirSync(repository)].map(({ name }) => join(repository, name))
    .filter((path) => basename(path).includes(":"));
  for (const name of ["manifest.json", "config.json"]) {
    const actual = Deno.readTextFileSync(join(folder, name));
    const allowed = (midway ? images : [chosen]).map((image) => textIfAny(join(image, name)));
    assert.ok(allowed.includes(actual), `${folder}/${name} is not that of ${basename(chosen)}`);
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

function assertImageComplete(registry: string, folder: string, manifest: TestManifest): void {
  if (!manifest.config || !manifest.layers) return; // An index within an index.
  const config = Deno.readFileSync(join(folder, "config.json"));
  const locked = [manifest.config, ...manifest.layers]
    .find(({ mediaType }) => mediaType === MEDIA_TYPES.spinApplication);
  const stored = locked ?? manifest.config;
  assert.equal(
    sha(config, stored.digest),
    stored.digest,
    `${folder}/config.json does not have its digest`,
  );
  for (const descriptor of [manifest.config, ...manifest.layers]) {
    const optional = descriptor.data !== undefined ||
      /foreign|nondistributable/.test(descriptor.mediaType);
    if (descriptor === locked || optional) continue;
    assert.ok(hasBlob(registry, descriptor.digest), `${descriptor.digest} of ${folder} is missing`);
  }
  if (locked) assertSpinFilesPresent(registry, new TextDecoder().decode(config));
}

/** Checks that `wasm/` or `data/` has every `digest` of a locked app, because Spin reads them from there. */
function assertSpinFilesPresent(registry: string, lockedApp: string): void {
  JSON.parse(lockedApp, (key, value) => {
    if (key === "digest") {
      assert.ok(hasBlob(registry, value), `${value} of the locked app is missing`);
    }
    return value;
  });
}

function hasBlob(registry: string, digest: string, trees = ["data", "wasm"]): boolean {
  return trees.some((tree) => {
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
    `${path} does not have the digest of its name`,
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

/** Returns the digest of bytes, by the algorithm of another digest. */
function sha(bytes: Uint8Array, like: string): string {
  const algorithm = like.split(":")[0]!;
  assert.match(algorithm, /^sha(?:256|512)$/, `${like} is not a digest`);
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** Returns the bytes that everything in a folder and the folder itself take on the disk, as `du` does. */
export function allocatedBelow(folder: string): number {
  const seen = new Set<number | null>();
  const visit = (path: string): number => {
    const info = Deno.lstatSync(path);
    if (info.nlink! > 1 && info.isFile) {
      if (seen.has(info.ino)) return 0;
      seen.add(info.ino);
    }
    let bytes = info.blocks! * 512;
    if (info.isDirectory) {
      for (const { name } of Deno.readDirSync(path)) bytes += visit(join(path, name));
    }
    return bytes;
  };
  return visit(folder);
}
