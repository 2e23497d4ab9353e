import * as v from "valibot";
import { LarderError } from "../base/errors.ts";

/** Operating system, processor architecture and variant, as Go names them. Source: image-spec, image-index.md. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

export const PlatformSchema = v.object({
  os: v.string(),
  architecture: v.string(),
  variant: v.pipe(v.nullish(v.string()), v.transform((text) => text || undefined)),
});

const ARCHITECTURE_NAMES = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
]);

/** Variants of 32-bit ARM, newest first; each also runs the later ones in the list (containerd, `platforms`). */
const ARM_VARIANTS = ["v7", "v6", "v5"];

/**
 * Parses `OS/ARCH[/VARIANT]`.
 * @throws LarderError LDR_USAGE
 */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z0-9_.-]+)\/([a-z0-9_.-]+)(?:\/([a-z0-9_.-]+))?$/i.exec(text.trim());
  if (!match) {
    throw new LarderError("LDR_USAGE", `bad platform "${text}"`, {
      hint: "write OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64 or linux/arm/v7",
    });
  }
  const architecture = match[2]!.toLowerCase();
  return {
    os: match[1]!.toLowerCase(),
    architecture: ARCHITECTURE_NAMES.get(architecture) ?? architecture,
    variant: match[3]?.toLowerCase(),
  };
}

/** Formats a platform: `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}

/** True if a platform is that of Wasm rather than of a machine: `wasi/wasm`, `wasip1/wasm`. */
export function isWasmPlatform({ os, architecture }: Platform): boolean {
  return os.startsWith("wasi") || architecture === "wasm";
}

/**
 * Returns the platforms to choose from if none was requested, best first: that of this machine, on macOS also the
 * Linux that container tools run there, then WebAssembly.
 */
export function defaultPlatforms(
  build: { os: string; arch: string } = Deno.build,
): readonly Platform[] {
  const architecture = ARCHITECTURE_NAMES.get(build.arch) ?? build.arch;
  const native = [{ os: build.os, architecture }];
  if (build.os === "darwin") native.push({ os: "linux", architecture });
  return [...native, { os: "wasi", architecture: "wasm" }];
}

/** Distance between no variant and the default one: only an exact match is nearer. */
const DEFAULT_VARIANT = 0.5;

/**
 * Returns how far `offered` is from `wanted`: 0 is an exact match, more is a fallback, undefined does not run.
 * Without a variant, arm64 is v8, and arm is v7 or the newest older one (containerd, `platforms`).
 */
function distance(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined;
  if (wanted.variant === offered.variant) return 0;
  if (wanted.architecture === "arm64") {
    const [a, b] = [wanted.variant ?? "v8", offered.variant ?? "v8"];
    if (a === b) return DEFAULT_VARIANT;
    return wanted.variant === undefined || b === "v8" ? 1 : undefined;
  }
  if (wanted.architecture === "arm") {
    const a = ARM_VARIANTS.indexOf(wanted.variant ?? "v7");
    const b = ARM_VARIANTS.indexOf(offered.variant ?? "v7");
    return a >= 0 && b >= a ? b - a + DEFAULT_VARIANT : undefined;
  }
  if (wanted.variant === undefined) return 1;
  return offered.variant === undefined ? 2 : undefined;
}

/**
 * Chooses the entry of an index for a platform, never an attestation (`unknown/unknown`). If no platform was
 * requested and the index has none of the defaults, an entry that is the only one is chosen.
 *
 * @returns undefined if no entry matches
 */
export function choosePlatform<T extends { platform?: Platform | undefined }>(
  entries: readonly T[],
  requested: Platform | undefined,
  defaults: readonly Platform[] = defaultPlatforms(),
): T | undefined {
  const runnable = entries.filter((entry) => !isAttestation(entry));
  for (const wanted of requested ? [requested] : defaults) {
    let best: { entry: T; distance: number } | undefined;
    for (const entry of runnable) {
      const d = entry.platform && distance(wanted, entry.platform);
      if (d !== undefined && (!best || d < best.distance)) best = { entry, distance: d };
    }
    if (best) return best.entry;
  }
  return !requested && runnable.length === 1 ? runnable[0] : undefined;
}

/** True if an index entry is build metadata (provenance, SBOM) instead of an image. */
export function isAttestation(entry: { platform?: Platform | undefined }): boolean {
  return entry.platform?.os === "unknown" && entry.platform.architecture === "unknown";
}
