import { LarderError } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files/files.ts";
import { MAX_MANIFEST } from "../oci/manifest.ts";
import { isContainerConfig } from "../oci/media_types.ts";
import { choosePlatform, formatPlatform, type Platform } from "../oci/platform.ts";
import type { Part } from "../store/image_parts.ts";
import { fetchParts } from "./fetch_parts.ts";
import type { PartOutcomes } from "./options.ts";
import type { Selection } from "./select_platforms.ts";
import type { PullSession } from "./session.ts";

/**
 * Checks an image that no index names against the platform that was asked for: its config has its platform. An image
 * whose config says nothing about it passes. Fetches the config if it is missing, before anything else.
 *
 * @param missing the parts that are missing
 * @returns the parts that are still missing
 * @throws LarderError LDR_NO_PLATFORM, and those of {@link fetchParts}
 */
export async function requirePlatform(
  session: PullSession,
  selection: Selection,
  missing: readonly Part[],
  outcomes: PartOutcomes,
): Promise<readonly Part[]> {
  if (!isInQuestion(session, selection)) return missing;
  const config = missing.find((part) => part.kind === "config");
  if (config) await fetchParts(session, [config], outcomes);
  const problem = platformProblem(session, selection);
  if (problem) throw problem;
  return missing.filter((part) => part !== config);
}

/** Returns the error for a cached image of another platform than the one that was asked for. */
export function platformProblem(
  session: Pick<PullSession, "options" | "blobs" | "name">,
  selection: Selection,
): LarderError | undefined {
  if (!isInQuestion(session, selection)) return undefined;
  const path = session.blobs.find(selection.chosen.config);
  const bytes = path === undefined ? undefined : readBytesIfAny(path, MAX_MANIFEST);
  const own = bytes && platformOf(bytes);
  const wanted = session.options.platform!;
  if (!own || choosePlatform([{ platform: own }], wanted)) return undefined;
  const message = `${session.name} is for ${formatPlatform(own)}, not for ${
    formatPlatform(wanted)
  }`;
  return new LarderError("LDR_NO_PLATFORM", message, {
    hint: "leave out --platform to pull it nevertheless",
  });
}

function isInQuestion(
  { options }: Pick<PullSession, "options">,
  { top, chosen }: Selection,
): boolean {
  return options.platform !== undefined && top.kind === "image" &&
    isContainerConfig(chosen.config.mediaType);
}

/** Returns the platform that a container's config names (image-spec, config.md). */
function platformOf(bytes: Uint8Array): Platform | undefined {
  try {
    const { os, architecture, variant } = JSON.parse(new TextDecoder().decode(bytes));
    if (!isName(os) || !isName(architecture)) return undefined;
    return { os, architecture, variant: isName(variant) ? variant : undefined };
  } catch {
    return undefined;
  }
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
