import canonicalize from "canonicalize";
import * as v from "valibot";
import { compareText } from "../../base/compare_text.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { parseJson } from "../../store/json.ts";

/**
 * Version of everything about a build that larder itself decides: the environment, the folders and the times of the
 * files that a command finds, and the form of the key document. A larder that changes any of these has another version.
 */
const FORMAT_VERSION = 1;

const Mode = v.pipe(v.string(), v.regex(/^[0-7]{4}$/));
const Path = v.pipe(v.string(), v.nonEmpty());
const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const InputSchema = v.variant("type", [
  v.object({ path: Path, type: v.literal("file"), mode: Mode, digest: DigestSchema, size: Size }),
  v.object({ path: Path, type: v.literal("folder"), mode: Mode }),
  v.object({ path: Path, type: v.literal("link"), target: v.string() }),
]);

const PackageSchema = v.object({
  name: v.string(),
  version: v.string(),
  arch: v.string(),
  file: v.string(),
  digest: DigestSchema,
});

const RefSchema = v.object({ name: v.string(), digest: DigestSchema });

const KeySchema = v.object({
  formatVersion: v.literal(FORMAT_VERSION),
  name: v.string(),
  /** Target platform, such as `linux/amd64`. */
  platform: v.string(),
  /** What separates the command from the system: `bwrap` or `none`. */
  sandbox: v.picklist(["bwrap", "none"]),
  network: v.boolean(),
  command: v.array(v.string()),
  env: v.record(v.string(), v.string()),
  output: v.string(),
  /** Sorted by path, which is that in the folder in which the command runs. */
  inputs: v.array(InputSchema),
  /** Sorted by file. */
  packages: v.array(PackageSchema),
  /** Sorted by name. */
  refs: v.array(RefSchema),
});

/** A file, folder or link that a command finds in its folder. */
export type KeyInput = v.InferOutput<typeof InputSchema>;

/** A package that a command finds in `$LARDER_PACKAGES`. Where it came from does not count. */
export type KeyPackage = v.InferOutput<typeof PackageSchema>;

/** A reference that a command finds in `$LARDER_REFS`, with the digest of the manifest for its platform. */
export type KeyRef = v.InferOutput<typeof RefSchema>;

export type Sandbox = "bwrap" | "none";

/** Everything that decides the result of a build. */
export type KeyDocument = v.InferOutput<typeof KeySchema>;

/** A key document with its bytes, whose digest is the key. */
export interface Key {
  readonly document: KeyDocument;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly digest: Digest;
}

/** Returns the key of a build. The order of inputs, packages, references and variables does not matter. */
export function keyOf(parts: Omit<KeyDocument, "formatVersion">): Key {
  const document: KeyDocument = {
    formatVersion: FORMAT_VERSION,
    ...parts,
    inputs: sortedBy(parts.inputs, ({ path }) => path),
    packages: sortedBy(parts.packages, ({ file }) => file),
    refs: sortedBy(parts.refs, ({ name }) => name),
  };
  // RFC 8785: the same data has the same bytes.
  const bytes = new TextEncoder().encode(canonicalize(document));
  return { document, bytes, digest: digestOf(bytes) };
}

/** Parses the key document of a cached build; returns undefined for one of another format. */
export function parseKeyDocument(text: string): KeyDocument | undefined {
  return parseJson(KeySchema, text);
}

function sortedBy<T>(items: readonly T[], textOf: (item: T) => string): T[] {
  return items.toSorted((a, b) => compareText(textOf(a), textOf(b)));
}
