import * as v from "valibot";
import { readFolder } from "../../base/files/files.ts";
import { DescriptorSchema, type PlatformDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Manifest } from "../../oci/manifest.ts";
import type { Reference } from "../../oci/reference.ts";
import type { Layout } from "../../store/layout.ts";
import { ApiError } from "../errors.ts";
import type { StoredManifests } from "../manifests/stored_manifests.ts";

const ReferrerSchema = v.object({
  subject: v.nullish(DescriptorSchema),
  artifactType: v.nullish(v.string()),
});

/** What a manifest says about itself as a referrer; each is read once while it is in memory. */
const referrers = new WeakMap<Manifest, { subject: Digest | undefined; artifactType: string }>();

/** Returns the digest that a manifest is about. @throws ApiError if it is malformed */
export function subjectOf(manifest: Manifest): Digest | undefined {
  return read(manifest).subject;
}

/** Returns what refers to a subject in a repository (distribution-spec, "Listing Referrers"). */
export async function referrersIn(
  repository: Reference,
  subject: Digest,
  { layout, stored }: { layout: Layout; stored: StoredManifests },
): Promise<PlatformDescriptor[]> {
  const found: PlatformDescriptor[] = [];
  for (const { name } of readFolder(layout.repositoryFolder(repository))) {
    const digest = layout.digestOfName(name);
    const manifest = digest && await stored.find(repository, digest);
    if (!manifest || subjectOf(manifest) !== subject) continue;
    const { mediaType, bytes, annotations } = manifest;
    const { artifactType } = read(manifest);
    found.push({
      mediaType,
      digest: manifest.digest,
      size: bytes.length,
      ...(artifactType && { artifactType }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    });
  }
  return found;
}

/** The type is that of the config unless an image states one; an index has only what it states. */
function read(manifest: Manifest): { subject: Digest | undefined; artifactType: string } {
  const known = referrers.get(manifest);
  if (known) return known;
  const document = JSON.parse(new TextDecoder().decode(manifest.bytes));
  const parsed = v.safeParse(ReferrerSchema, document);
  if (!parsed.success) {
    throw new ApiError(400, "MANIFEST_INVALID", "its subject is not a descriptor");
  }
  const { subject, artifactType } = parsed.output;
  const config = manifest.kind === "image" ? manifest.config.mediaType : "";
  const referrer = { subject: subject?.digest, artifactType: artifactType || config };
  referrers.set(manifest, referrer);
  return referrer;
}
