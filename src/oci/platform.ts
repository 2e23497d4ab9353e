import * as v from "valibot";
import { LarderError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";

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

/** Operating systems by the names that Go does not use. */
const OS_NAMES = new Map([["macos", "darwin"]]);

/** Architectures and variants by the names that Go does not use (containerd, `platforms`; `uname -m`). */
const ARCHITECTURE_NAMES = new Map<string, Pick<Platform, "architecture" | "variant">>([
  ["x86_64", { architecture: "amd64" }],
  ["x86-64", { architecture: "amd64" }],
  ["i386", { architecture: "386" }],
  ["i686", { architecture: "386" }],
  ["aarch64", { architecture: "arm64" }],
  ["armhf", { architecture: "arm", variant: "v7" }],
  ["armv7l", { architecture: "arm", variant: "v7" }],
  ["armel", { architecture: "arm", variant: "v6" }],
  ["armv6l", { architecture: "arm", variant: "v6" }],
  ["wasm32", { architecture: "wasm" }],
]);

/** Operating systems that may be written alone. Source: Go, `internal/syslist`; and those of Wasm. */
const KNOWN_OS = new Set(
  ("aix android darwin dragonfly freebsd illumos ios linux netbsd openbsd plan9 solaris wasi wasip1 " +
    "wasip2 windows zos").split(" "),
);

/** Architectures that may be written alone. Source: Go, `internal/syslist`. */
const KNOWN_ARCHITECTURES = new Set(
  ("386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm")
    .split(" "),
);

/** Levels of the processor that each architecture without a variant has (containerd, `platforms`). */
const DEFAULT_LEVELS: Readonly<Record<string, string>> = { amd64: "v1", arm: "v7", arm64: "v8" };

/** The oldest level of 32-bit ARM that newer processors run (containerd, `platforms`). */
const OLDEST_ARM = 5;

/** Versions of WASI in the order in which `wasi` without a version selects them. */
const WASI_VERSIONS = ["wasip1", "wasip2"];

/**
 * Parses `OS/ARCH[/VARIANT]`. A known operating system alone gets the architecture of this machine. A known architecture
 * alone gets the operating system of this machine; on macOS it gets Linux, because container tools run Linux there.
 *
 * @throws LarderError LDR_USAGE
 */
export function parsePlatform(
  text: string,
  build: { os: string; arch: string } = Deno.build,
): Platform {
  const parts = text.trim().toLowerCase().split("/");
  if (parts.length > 3 || !parts.every((part) => /^[a-z0-9_.-]+$/.test(part))) {
    throw badPlatform(text);
  }
  const os = OS_NAMES.get(parts[0]!) ?? parts[0]!;
  const first = canonicalArchitecture(parts[0]!, parts[1]);
  if (parts.length < 3 && !KNOWN_OS.has(os) && KNOWN_ARCHITECTURES.has(first.architecture)) {
    return { os: osFor(first.architecture, build.os), ...first };
  }
  if (parts.length > 1) return { os, ...canonicalArchitecture(parts[1]!, parts[2]) };
  if (!KNOWN_OS.has(os)) throw badPlatform(text);
  return { os, ...(os.startsWith("wasi") ? { architecture: "wasm" } : machine(build)) };
}

function badPlatform(text: string): LarderError {
  const known = [...KNOWN_OS, ...KNOWN_ARCHITECTURES, ...OS_NAMES.keys()];
  const close = nearest(text, [...known, ...ARCHITECTURE_NAMES.keys()]);
  return new LarderError("LDR_USAGE", `bad platform "${text}"`, {
    hint: close
      ? `did you mean ${close}?`
      : "write OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64 or linux/arm/v7",
  });
}

function canonicalArchitecture(
  architecture: string,
  variant: string | undefined,
): Pick<Platform, "architecture" | "variant"> {
  const known = ARCHITECTURE_NAMES.get(architecture);
  if (known?.variant) return known;
  return { architecture: known?.architecture ?? architecture, variant };
}

function machine(build: { arch: string }): Pick<Platform, "architecture" | "variant"> {
  return canonicalArchitecture(build.arch, undefined);
}

function osFor(architecture: string, os: string): string {
  if (architecture === "wasm") return "wasi";
  return os === "darwin" ? "linux" : os;
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
  const { architecture } = machine(build);
  const native = [{ os: build.os, architecture }];
  if (build.os === "darwin") native.push({ os: "linux", architecture });
  return [...native, { os: "wasi", architecture: "wasm" }];
}

/** Distance between two spellings of one platform, such as `arm64` and `arm64/v8`: only the same text is nearer. */
const OTHER_SPELLING = 0.5;

/**
 * Returns how far `offered` is from `wanted`: 0 is the same text, more is another spelling or a fallback, undefined
 * does not run. Both are read as containerd does (`platforms`, `Normalize` and `Only`), but another architecture, such
 * as 386 for amd64, is no fallback.
 */
function distance(wanted: Platform, offered: Platform): number | undefined {
  const [a, b] = [normalize(wanted), normalize(offered)];
  if (a.architecture !== b.architecture) return undefined;
  if (a.os !== b.os) {
    const version = a.os === "wasi" ? WASI_VERSIONS.indexOf(b.os) : -1;
    return version < 0 ? undefined : 1 + version;
  }
  if (a.variant !== b.variant) return levelsDown(a, b);
  return formatPlatform(wanted) === formatPlatform(offered) ? 0 : OTHER_SPELLING;
}

/** Returns a platform in Go's names, with the variant that its architecture has if none is written. */
function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const { architecture, variant } = canonicalArchitecture(
    platform.architecture.toLowerCase(),
    platform.variant?.toLowerCase(),
  );
  const byDefault = DEFAULT_LEVELS[architecture];
  // `8`, `v8` and `v8.0` are one level.
  const level = byDefault ? variant?.replace(/^v?(\d+)(?:\.0)?$/, "v$1") ?? byDefault : variant;
  return {
    os: OS_NAMES.get(os) ?? os,
    architecture,
    variant: architecture === "386" ? undefined : level,
  };
}

/** Returns by how many levels the processor of `offered` is older than that of `wanted`; undefined if it is newer. */
function levelsDown({ architecture, variant }: Platform, offered: Platform): number | undefined {
  // Other architectures have no order, but what needs no variant runs on every one.
  if (!DEFAULT_LEVELS[architecture]) return offered.variant === undefined ? 1 : undefined;
  const [wanted, older] = [levelOf(variant), levelOf(offered.variant)];
  if (!wanted || !older || older.major > wanted.major) return undefined;
  if (architecture === "arm" && older.major < OLDEST_ARM) return undefined;
  if (architecture !== "arm64") return wanted.major - older.major;
  // v9.0 has all of v8.5, v9.1 all of v8.6, and so on.
  const majors = wanted.major - older.major;
  const steps = majors * 5 + wanted.minor - older.minor;
  return steps < 0 ? undefined : 1 + steps + majors * 100; // Every v9 is nearer than a v8.
}

function levelOf(variant: string | undefined): { major: number; minor: number } | undefined {
  const match = /^v(\d+)(?:\.(\d+))?$/.exec(variant ?? "");
  return match ? { major: Number(match[1]), minor: Number(match[2] ?? 0) } : undefined;
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
