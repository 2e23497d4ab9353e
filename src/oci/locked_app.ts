import * as v from "valibot";
import { LarderError } from "../base/errors.ts";
import { DigestSchema, maybe } from "./descriptor.ts";
import type { Digest } from "./digest.ts";

/** The largest Spin locked app: it is the one blob that is read whole, because it is JSON. */
export const MAX_LOCKED_APP = 64 * 1024 * 1024;

/** Base64 in the apps that Spin writes; an array of numbers where bytes were written as plain JSON. */
const Inline = v.union([
  v.string(),
  v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
]);

/** Spin's `ContentRef`. */
const contentMembers = { digest: maybe(DigestSchema), inline: maybe(Inline) };

const SourceSchema = v.object(contentMembers);

const FileSchema = v.object({
  ...contentMembers,
  /** Where the component sees the file. */
  path: v.string(),
});

export const LockedComponentSchema = v.object({
  id: v.string(),
  source: SourceSchema,
  files: v.optional(v.array(FileSchema), []),
  dependencies: v.optional(v.record(v.string(), v.object({ source: SourceSchema })), {}),
});

export const LockedAppSchema = v.object({
  /** Told from any other JSON by this member, as Spin does. */
  spin_lock_version: v.number(),
  components: v.array(LockedComponentSchema),
});

/** A member that gives names values, where any name may occur, `constructor` too; it may be left out. */
export function mapOf<T extends v.GenericSchema>(value: T) {
  return v.optional(
    v.pipe(
      v.custom<Record<string, unknown>>(
        (member) => typeof member === "object" && member !== null && !Array.isArray(member),
        "not an object",
      ),
      v.transform((object) => new Map(Object.entries(object))),
      v.map(v.string(), value),
    ),
    {},
  );
}

/**
 * What pulling and keeping an app needs to know of Spin's locked app; other members are passed over.
 * Source: Spin's spin-locked-app crate, `LockedApp`.
 */
export type LockedApp = v.InferOutput<typeof LockedAppSchema>;

type ContentRef = v.InferOutput<typeof SourceSchema>;

/**
 * Reads a locked app.
 * @param subject what it is the app of, for messages
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function parseLockedApp(bytes: Uint8Array, subject: string): LockedApp {
  return readLockedApp(LockedAppSchema, bytes, subject);
}

/**
 * Reads as much of a locked app as the schema asks for.
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
 * Checks a part of a locked app.
 * @param place where in the document it is
 * @throws LarderError LDR_BAD_MANIFEST
 */
export function checkLockedApp<T extends v.GenericSchema>(
  schema: T,
  part: unknown,
  subject: string,
  place?: string,
): v.InferOutput<T> {
  const result = v.safeParse(schema, part, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = [place, v.getDotPath(issue)].filter((name) => name).join(".");
  throw badLockedApp(subject, `${path || "document"}: ${issue.message}`);
}

/** The static files that have to be in the cache for the app to run, each digest once: all but the inlined. */
export function fileDigests(app: LockedApp): Digest[] {
  const files = app.components.flatMap((component) => component.files);
  return digestsOf(files.filter((file) => file.inline === undefined));
}

/**
 * The Wasm of the components and of their dependencies, each digest once. Spin inlines small modules too, but
 * reads them from the cache all the same.
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

/** The error for a locked app that says what cannot be. */
export function badLockedApp(subject: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_BAD_MANIFEST", `bad Spin application of ${subject}: ${reason}`, {
    hint: "push it again with spin registry push",
    cause,
  });
}
