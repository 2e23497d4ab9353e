import type { Clock } from "../base/concurrency.ts";
import { hasCode } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { platformProblem } from "./image_platform.ts";
import { selectImages, type Selection } from "./select_platforms.ts";
import type { PullSession } from "./session.ts";

/** The content that the cache has for a reference. */
export interface CachedEntry {
  readonly record: EntryRecord | undefined;
  /** The manifest or index that the reference's digest or the record names. */
  readonly manifest: Manifest | undefined;
  /** The images selected from `manifest`; undefined unless all their parts are cached. */
  readonly selection: Selection | undefined;
}

/**
 * Reads the record, the manifest that it names, and checks that all parts are there.
 *
 * @param head the request that is under way meanwhile, if any
 * @throws LarderError LDR_NO_PLATFORM if the policy rules out asking the registry
 */
export async function readCached(
  session: PullSession,
  head: Promise<unknown> | undefined,
): Promise<CachedEntry> {
  const { reference, manifests, clock } = session;
  const step = head ? afterYield(clock) : directly;
  const record = await step(() => manifests.record(reference));
  const digest = reference.digest ?? record?.digest;
  const manifest = digest && await step(() => manifests.manifest(reference, digest));
  const selection = manifest && await step(() => selectCached(session, manifest));
  return { record, manifest, selection };
}

type Step = <T>(read: () => Promise<T>) => Promise<T>;

const directly: Step = (read) => read();

/**
 * Yields to the event loop before each step, because resolving the host, connecting and sending take one turn each,
 * and synchronous reads would hold up the request.
 */
function afterYield(clock: Clock): Step {
  return async (read) => {
    await clock.sleep(0);
    return await read();
  };
}

/**
 * Selects images from a cached manifest or index.
 *
 * @returns undefined if a manifest or part is missing, or if a cached index lacks the platform while the policy allows
 * asking the registry, whose index may have it
 * @throws LarderError LDR_NO_PLATFORM if the policy is `never`
 */
export async function selectCached(
  session: PullSession,
  top: Manifest,
): Promise<Selection | undefined> {
  const { reference, name, options, manifests, parts } = session;
  const load = (child: Digest) => manifests.manifest(reference, child);
  try {
    const selection = await selectImages(top, options, name, load);
    if (!selection || !await parts.isComplete(selection)) return undefined;
    const problem = platformProblem(session, selection);
    if (problem) throw problem;
    return selection;
  } catch (error) {
    if (hasCode(error, "LDR_NO_PLATFORM") && options.policy !== "never") return undefined;
    throw error;
  }
}
