import * as v from "valibot";
import { LarderError } from "../base/errors.ts";

/** Operating system, processor architecture and variant, in Go's words. Source: image-spec, image-index.md. */
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

/** Variants that run on a processor of the key, best first (containerd's platform matching). */
const ARM_VARIANTS = ["v7", "v6", "v5"];

/**
 * Reads `OS/ARCH[/VARIANT]`.
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

/** `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}

/**
 * The platforms to look for where none was asked for, best first: this machine's, on macOS also the Linux
 * that its container tools run, then WebAssembly.
 */
export function defaultPlatforms(
  build: { os: string; arch: string } = Deno.build,
): readonly Platform[] {
  const architecture = ARCHITECTURE_NAMES.get(build.arch) ?? build.arch;
  const here = [{ os: build.os, architecture }];
  if (build.os === "darwin") here.push({ os: "linux", architecture });
  return [...here, { os: "wasi", architecture: "wasm" }];
}

/** The distance of a variant that is meant where none is written: only the same words are nearer. */
const MEANT = 0.5;

/**
 * How well `offered` serves `wanted`: 0 is exact, higher is a fallback, undefined does not run.
 * Without a variant arm64 means v8 and arm takes the newest it has (containerd's rules).
 */
function distance(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined;
  if (wanted.variant === offered.variant) return 0;
  if (wanted.architecture === "arm64") {
    const [a, b] = [wanted.variant ?? "v8", offered.variant ?? "v8"];
    if (a === b) return MEANT;
    return wanted.variant === undefined || b === "v8" ? 1 : undefined;
  }
  if (wanted.architecture === "arm") {
    const first = ARM_VARIANTS.indexOf(wanted.variant ?? "v7");
    const found = ARM_VARIANTS.indexOf(offered.variant ?? "v7");
    return first >= 0 && found >= first ? found - first + MEANT : undefined;
  }
  if (wanted.variant === undefined) return 1;
  return offered.variant === undefined ? 2 : undefined;
}

/**
 * Chooses from the entries of an index. Attestations (`unknown/unknown`) are never chosen; where nothing was
 * `asked` for and none of the defaults is there, the only entry there is will do.
 *
 * @returns the entry, or undefined if none serves
 */
export function choosePlatform<T extends { platform?: Platform | undefined }>(
  entries: readonly T[],
  asked: Platform | undefined,
  defaults: readonly Platform[] = defaultPlatforms(),
): T | undefined {
  const runnable = entries.filter((entry) => !isAttestation(entry));
  for (const wanted of asked ? [asked] : defaults) {
    let best: { entry: T; distance: number } | undefined;
    for (const entry of runnable) {
      const d = entry.platform && distance(wanted, entry.platform);
      if (d !== undefined && (!best || d < best.distance)) best = { entry, distance: d };
    }
    if (best) return best.entry;
  }
  return !asked && runnable.length === 1 ? runnable[0] : undefined;
}

/** Whether an index entry is build metadata (provenance, SBOM) rather than something to run. */
export function isAttestation(entry: { platform?: Platform | undefined }): boolean {
  return entry.platform?.os === "unknown" && entry.platform.architecture === "unknown";
}
