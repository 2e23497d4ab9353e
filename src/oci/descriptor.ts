import * as v from "valibot";
import { asDigest, type Digest } from "./digest.ts";
import { PlatformSchema } from "./platform.ts";

/** Identifies a blob. The size, in bytes, is absent if it is not known in advance, as for a plain URL. */
export interface BlobDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size?: number | undefined;
}

/** Media type, digest and size in bytes of content in a registry. Source: image-spec, descriptor.md. */
export interface Descriptor extends BlobDescriptor {
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The content itself in base64, if it is embedded. */
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
 * Schema of an optional member, for which some writers, such as Docker, write `null`. Absent members cost nothing to
 * validate, which matters because images have hundreds of descriptors with few of these members.
 */
export function maybe<T extends v.GenericSchema>(schema: T) {
  return v.optional(v.pipe(
    v.nullable(schema),
    v.transform((value) => (value === null ? undefined : value) as v.InferOutput<T> | undefined),
  ));
}

/**
 * Schema of annotations, in which Go programs write `null` for a string that is not set.
 * Maps with such values become maps without them.
 */
export const AnnotationsSchema = v.pipe(
  v.record(v.string(), v.nullable(v.string())),
  v.transform((annotations) => {
    const set = Object.entries(annotations).filter(([, value]) => value !== null);
    return Object.fromEntries(set) as Record<string, string>;
  }),
);

/**
 * Schema of the platform of an index entry. Without an operating system and an architecture, which Go programs leave
 * empty, the entry counts as one without a platform.
 */
const EntryPlatformSchema = v.pipe(
  v.object({
    os: v.nullish(v.string()),
    architecture: v.nullish(v.string()),
    variant: v.nullish(v.string()),
  }),
  v.transform((platform) => {
    const known = v.safeParse(PlatformSchema, platform);
    return known.success && platform.os && platform.architecture ? known.output : undefined;
  }),
);

const members = {
  /** Empty if it is missing, as Go programs read it. */
  mediaType: v.nullish(v.string(), ""),
  digest: DigestSchema,
  size: SizeSchema,
  urls: maybe(v.array(v.string())),
  annotations: maybe(AnnotationsSchema),
  data: maybe(v.string()),
  artifactType: maybe(v.string()),
};

export const DescriptorSchema = v.object(members);

/** Schema of a descriptor in an index, which also names a platform. */
export const PlatformDescriptorSchema = v.object({
  ...members,
  platform: maybe(EntryPlatformSchema),
});

export type PlatformDescriptor = v.InferOutput<typeof PlatformDescriptorSchema>;
