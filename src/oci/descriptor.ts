import * as v from "valibot";
import { asDigest, type Digest } from "./digest.ts";
import { PlatformSchema } from "./platform.ts";

/** What a blob is known by. A size in bytes that nobody told beforehand, as of a plain URL, is left out. */
export interface BlobDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size?: number | undefined;
}

/** Points at content: what it is, its digest, and its size in bytes. Source: image-spec, descriptor.md. */
export interface Descriptor extends BlobDescriptor {
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The content itself, base64, where it was embedded. */
  readonly data?: string | undefined;
  readonly artifactType?: string | undefined;
}

export const DigestSchema = v.custom<Digest>(
  (value) => typeof value === "string" && asDigest(value) !== undefined,
  "not a sha256 or sha512 digest",
);

const SizeSchema = v.custom<number>(
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  "not a size in bytes",
);

/**
 * A member that may be left out; some writers, Docker for one, write `null` then. What is left out costs nothing:
 * images have hundreds of descriptors, with few of these members.
 */
export function maybe<T extends v.GenericSchema>(schema: T) {
  return v.optional(v.pipe(
    v.nullable(schema),
    v.transform((value) => (value === null ? undefined : value) as v.InferOutput<T> | undefined),
  ));
}

const members = {
  mediaType: v.string(),
  digest: DigestSchema,
  size: SizeSchema,
  urls: maybe(v.array(v.string())),
  annotations: maybe(v.record(v.string(), v.string())),
  data: maybe(v.string()),
  artifactType: maybe(v.string()),
};

export const DescriptorSchema = v.object(members);

/** A descriptor in an index also says which platform it is for. */
export const PlatformDescriptorSchema = v.object({ ...members, platform: maybe(PlatformSchema) });

export type PlatformDescriptor = v.InferOutput<typeof PlatformDescriptorSchema>;
