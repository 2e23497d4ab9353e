import { sep } from "node:path";
import { joined } from "../../base/bytes.ts";
import type { Digest } from "../../oci/digest.ts";
import { MANIFEST_FILE, RECORD_FILE } from "../../store/layout.ts";
import { bitsOf, filesOf, type Folder, type Stamp } from "../entry_folders.ts";

/**
 * A tree of entries as one thread hands it to another, with the records and manifests that were read along: few large
 * parts are far cheaper to hand over than many small ones. Folders stand before those in them.
 */
export interface PackedTree {
  readonly names: readonly string[];
  /**
   * Of each folder: which files it has; 1 where there are none below it; how many folders are in it; the length of its
   * record, then the size and the times of that; the length of its manifest. -1 is said of what was not read.
   */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Of the manifests that were read. */
  readonly digests: readonly (Digest | undefined)[];
  /** What was read: of each folder its record, then its manifest. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NOTHING = -1;

export function packTree(tree: Folder): PackedTree {
  const names: string[] = [];
  const numbers: number[] = [];
  const digests: (Digest | undefined)[] = [];
  const read: Uint8Array[] = [];
  const pack = (folder: Folder) => {
    const record = folder.read?.[RECORD_FILE];
    const manifest = folder.read?.[MANIFEST_FILE];
    names.push(folder.name);
    numbers.push(bitsOf(folder.files), Number(folder.isEmpty), folder.folders.length);
    numbers.push(record?.bytes.length ?? NOTHING, ...packStamp(record?.stamp));
    numbers.push(manifest?.bytes.length ?? NOTHING);
    if (record) read.push(record.bytes);
    if (manifest) {
      read.push(manifest.bytes);
      digests.push(manifest.digest);
    }
    for (const child of folder.folders) pack(child);
  };
  pack(tree);
  return { names, numbers: Float64Array.from(numbers), digests, bytes: joined(read) };
}

/** The buffers that can be handed over. */
export function buffersOf({ numbers, bytes }: PackedTree): ArrayBuffer[] {
  return [numbers.buffer, bytes.buffer];
}

/** @param parent the path of the folder that the tree is in */
export function unpackTree({ names, numbers, digests, bytes }: PackedTree, parent: string): Folder {
  let folders = 0;
  let manifests = 0;
  let place = 0;
  let offset = 0;
  const next = () => numbers[place++]!;
  const nextBytes = () => {
    const length = next();
    return length === NOTHING ? undefined : bytes.subarray(offset, offset += length);
  };
  const unpack = (parent: string): Folder => {
    const name = names[folders++]!;
    const path = parent + sep + name;
    const [files, isEmpty, count] = [filesOf(next()), next() === 1, next()];
    const record = nextBytes();
    const stamp = { size: next(), modified: numberOf(next()), created: numberOf(next()) };
    const manifest = nextBytes();
    const read: Folder["read"] = {
      ...(record &&
        { [RECORD_FILE]: { bytes: record, stamp: stamp.size < 0 ? undefined : stamp } }),
      ...(manifest && { [MANIFEST_FILE]: { bytes: manifest, digest: digests[manifests++] } }),
    };
    const children = Array.from({ length: count }, () => unpack(path));
    return { path, name, files, folders: children, isEmpty, read };
  };
  return unpack(parent);
}

function packStamp(stamp: Stamp | undefined): number[] {
  if (!stamp) return [NOTHING, NaN, NaN];
  return [stamp.size, stamp.modified ?? NaN, stamp.created ?? NaN];
}

function numberOf(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
