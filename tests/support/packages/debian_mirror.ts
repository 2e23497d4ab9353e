import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { SigningKey, SigningOptions } from "./signing_key.ts";

/** A package of a test's repository. */
export interface TestPackage {
  readonly name: string;
  readonly version?: string;
  readonly arch?: string;
  /** Content of the file; the name and version by default. */
  readonly bytes?: Uint8Array;
  /** `Filename`; below `pool` by default. */
  readonly path?: string;
}

export interface MirrorOptions {
  readonly packages?: readonly TestPackage[];
  readonly suite?: string;
  readonly component?: string;
  readonly arch?: string;
  /** Fields of `Release` to add or to change; undefined leaves one out. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
  /** Fields with digests in `Release`. */
  readonly digests?: readonly ("MD5Sum" | "SHA1" | "SHA256" | "SHA512")[];
  /** Signs `InRelease` and `Release.gpg`. */
  readonly key?: SigningKey;
  readonly signing?: SigningOptions;
  /** Text of `Packages` instead of that of the packages. */
  readonly index?: string;
  /** Bytes of `Packages.gz` instead of the compressed `Packages`. */
  readonly compressed?: Uint8Array;
}

const ALGORITHMS = { MD5Sum: "md5", SHA1: "sha1", SHA256: "sha256", SHA512: "sha512" } as const;

/** Returns the files of a Debian repository by path, written without larder's own code. */
export async function debianMirror(options: MirrorOptions = {}): Promise<Map<string, Uint8Array>> {
  const { packages = [{ name: "hello" }], suite = "stable", component = "main", arch = "amd64" } =
    options;
  const files = new Map<string, Uint8Array>();
  const stanzas = packages.map((each) => {
    const bytes = each.bytes ?? encode(`${each.name} ${each.version ?? "1.0-1"}`);
    const path = each.path ?? poolPath(each);
    if (!path.includes("..")) files.set(path, bytes);
    return stanzaOf(each, path, bytes);
  });
  const index = encode(options.index ?? stanzas.join("\n"));
  const compressed = options.compressed ?? gzipSync(index);
  const folder = `${component}/binary-${arch}`;
  const indexes = new Map([[`${folder}/Packages`, index], [`${folder}/Packages.gz`, compressed]]);
  const release = releaseOf({ suite, component, arch, indexes, options });
  const dists = `dists/${suite}`;
  files.set(`${dists}/${folder}/Packages.gz`, compressed);
  files.set(`${dists}/${folder}/by-hash/SHA256/${hex("sha256", compressed)}`, compressed);
  files.set(`${dists}/Release`, encode(release));
  files.set(
    `${dists}/InRelease`,
    encode(options.key ? await options.key.signInline(release, options.signing) : release),
  );
  if (options.key) {
    const signature = await options.key.signDetached(encode(release), options.signing);
    files.set(`${dists}/Release.gpg`, encode(signature));
  }
  return files;
}

/** Returns the digest of bytes in the form of larder. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${hex("sha256", bytes)}`;
}

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function hex(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

function poolPath({ name, version = "1.0-1", arch = "amd64" }: TestPackage): string {
  return `pool/main/${name[0]}/${name}/${name}_${version.replace(/^\d+:/, "")}_${arch}.deb`;
}

function stanzaOf(
  { name, version = "1.0-1", arch = "amd64" }: TestPackage,
  path: string,
  bytes: Uint8Array,
): string {
  return [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${arch}`,
    "Description: a test",
    " Package: not-this",
    `Filename: ${path}`,
    `Size: ${bytes.length}`,
    `SHA256: ${hex("sha256", bytes)}`,
    "",
  ].join("\n");
}

function releaseOf({ suite, component, arch, indexes, options }: {
  readonly suite: string;
  readonly component: string;
  readonly arch: string;
  readonly indexes: ReadonlyMap<string, Uint8Array>;
  readonly options: MirrorOptions;
}): string {
  const fields: Record<string, string | undefined> = {
    Origin: "Test",
    Suite: suite,
    Codename: `${suite}-codename`,
    Date: "Fri, 30 Jan 2026 00:00:00 UTC",
    "Valid-Until": "Fri, 06 Feb 2026 00:00:00 UTC",
    "Acquire-By-Hash": "yes",
    Architectures: arch,
    Components: component,
    ...options.fields,
  };
  const lines = Object.entries(fields)
    .flatMap(([name, value]) => value === undefined ? [] : `${name}: ${value}`);
  for (const field of options.digests ?? ["MD5Sum", "SHA256"]) {
    lines.push(`${field}:`);
    for (const [path, bytes] of indexes) {
      lines.push(` ${hex(ALGORITHMS[field], bytes)} ${bytes.length} ${path}`);
    }
  }
  return lines.join("\n") + "\n";
}
