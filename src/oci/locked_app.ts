import * as v from "valibot";
import { checkSchema } from "../base/documents/schema_fault.ts";
import { LarderError } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import { DigestSchema, maybe } from "./descriptor.ts";
import type { Digest } from "./digest.ts";

/** 64 MiB limit on a Spin locked app, the only blob that is read into memory, because it is JSON. */
export const MAX_LOCKED_APP = 64 * 1024 * 1024;

/** Inlined content: base64 as Spin writes it, or an array of byte values. */
const Inline = v.union([
  v.string(),
  v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
]);

/** Members of Spin's `ContentRef`. */
const contentMembers = { digest: maybe(DigestSchema), inline: maybe(Inline) };

const SourceSchema = v.object(contentMembers);

const FileSchema = v.object({
  ...contentMembers,
  /** The path at which the component sees the file. */
  path: v.string(),
});

export const LockedComponentSchema = v.object({
  id: v.string(),
  source: SourceSchema,
  files: v.optional(v.array(FileSchema), []),
  dependencies: v.optional(v.record(v.string(), v.object({ source: SourceSchema })), {}),
});

export const LockedAppSchema = v.object({
  /** Distinguishes a locked app from other JSON, for Spin too. */
  spin_lock_version: v.number(),
  components: v.array(LockedComponentSchema),
});

/** Schema of an optional object as a map, in which any key is safe, including `constructor`. */
export function mapOf<T extends v.GenericSchema>(value: T) {
  return v.optional(
    v.pipe(
      v.custom<Record<string, unknown>>(isObject, "not an object"),
      v.transform((object) => new Map(Object.entries(object))),
      v.map(v.string(), value),
    ),
    {},
  );
}

/**
 * The part of Spin's locked app that pulling and caching need; other members are ignored.
 * Source: Spin's spin-locked-app crate, `LockedApp`.
 */
export type LockedApp = v.InferOutput<typeof LockedAppSchema>;

type ContentRef = v.InferOutput<typeof SourceSchema>;

/**
 * Parses a locked app.
 * @param subject names the app in messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function parseLockedApp(bytes: Uint8Array, subject: string): LockedApp {
  return readLockedApp(LockedAppSchema, bytes, subject);
}

/**
 * Parses the part of a locked app that a schema describes.
 * @param subject names the app in messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function readLockedApp<T extends v.GenericSchema>(
  schema: T,
  bytes: Uint8Array,
  subject: string,
): v.InferOutput<T> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw badLockedApp(subject, "it is not JSON", error);
  }
  return checkLockedApp(schema, document, subject);
}

/**
 * Checks a part of a locked app against a schema.
 * @param subject names the app in messages
 * @param location path of the part in the document, for messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function checkLockedApp<T extends v.GenericSchema>(
  schema: T,
  part: unknown,
  subject: string,
  location?: string,
): v.InferOutput<T> {
  return checkSchema(schema, part, (fault) => badLockedApp(subject, fault), location);
}

/** Returns the digests of the static files that the app needs from the cache: all that are not inlined, each once. */
export function fileDigests(app: LockedApp): Digest[] {
  const files = app.components.flatMap((component) => component.files);
  return digestsOf(files.filter((file) => file.inline === undefined));
}

/**
 * Returns the digests of the Wasm of components and their dependencies, each once. Inlined modules are included,
 * because Spin reads them from the cache nevertheless.
 */
export function wasmDigests(app: LockedApp): Digest[] {
  return digestsOf(app.components.flatMap((component) => [
    component.source,
    ...Object.values(component.dependencies).map((dependency) => dependency.source),
  ]));
}

function digestsOf(contents: readonly ContentRef[]): Digest[] {
  return [...new Set(contents.flatMap((content) => content.digest ?? []))];
}

/** Returns the error for an invalid locked app. */
export function badLockedApp(subject: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_BAD_MANIFEST", `bad Spin application of ${subject}: ${reason}`, {
    hint: "push it again with spin registry push",
    cause,
  });
}
