import { referenceContent } from "../../exchange/content/reference_content.ts";
import { layoutFiles } from "../../exchange/write/layout_files.ts";
import { ANNOTATIONS } from "../../exchange/layout_format.ts";
import { writeLayoutFolder } from "../../exchange/write/write_layout_folder.ts";
import { LarderError } from "../../base/errors.ts";
import { formatReference, parseReference, type Reference } from "../../oci/reference.ts";
import type { Layout } from "../../store/layout.ts";
import { withSharedLock } from "../../store/locks/store_lock.ts";
import type { KeyRef } from "../key/key.ts";
import type { Sources } from "./sources.ts";
import type { BuildSpec } from "../spec.ts";

/**
 * Pulls the references of a spec, all of which are parsed first. Their digests are those of the manifests for the
 * platform, because the command finds these only: another platform of an index does not change the result.
 *
 * @throws LarderError of the sources; LDR_BAD_SPEC for a malformed reference
 */
export async function resolveRefs(spec: BuildSpec, sources: Sources): Promise<KeyRef[]> {
  const names = new Map<string, string>();
  for (const [i, written] of spec.refs.entries()) {
    names.set(formatReference(parse(spec, i, written)), written);
  }
  const refs: KeyRef[] = [];
  for (const [name, written] of names) {
    const { manifestDigest } = await sources.pull(written);
    refs.push({ name, digest: manifestDigest });
  }
  return refs;
}

function parse(spec: BuildSpec, index: number, written: string): Reference {
  try {
    return parseReference(written);
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    throw spec.fault(["refs", index], error.message, error.hint);
  }
}

/**
 * Writes references to a folder as one OCI image layout, in which they have their full names.
 *
 * Invariant: the content depends on the names and digests only, not on what else of an index the cache has.
 *
 * @throws LarderError LDR_NOT_CACHED if the cache has lost one since it was pulled; LDR_DIGEST_MISMATCH, LDR_DISK*
 */
export async function layOutRefs(
  refs: readonly KeyRef[],
  folder: string,
  layout: Layout,
  signal?: AbortSignal,
): Promise<void> {
  await withSharedLock(layout, async () => {
    const contents = [];
    for (const { name, digest } of refs) {
      const content = await referenceContent(layout, { ...parseReference(name), digest });
      const annotations = { [ANNOTATIONS.refName]: name, [ANNOTATIONS.imageName]: name };
      contents.push({ ...content, name, root: { ...content.root, annotations } });
    }
    await writeLayoutFolder(folder, layoutFiles(contents), { signal });
  }, { signal });
}
