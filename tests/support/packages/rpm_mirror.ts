import { gzipSync } from "node:zlib";
import { encode, hex } from "./debian_mirror.ts";
import type { SigningKey, SigningOptions } from "./signing_key.ts";

/** An rpm package of a test's repository. */
export interface TestRpm {
  readonly name: string;
  readonly epoch?: string;
  readonly version?: string;
  readonly release?: string;
  readonly arch?: string;
  readonly bytes?: Uint8Array;
  /** Location; below `Packages` by default. */
  readonly path?: string;
  /** `xml:base` of the location. */
  readonly base?: string;
}

export interface RpmMirrorOptions {
  readonly packages?: readonly TestRpm[];
  /** Type of the checksums. */
  readonly checksum?: "sha" | "sha256" | "sha512";
  /** Text of `primary.xml` instead of that of the packages. */
  readonly primary?: string;
  /** Path of the primary index that `repomd.xml` names. */
  readonly path?: string;
  /** Text between the XML declaration and the root of both documents. */
  readonly prolog?: string;
  readonly key?: SigningKey;
  readonly signing?: SigningOptions;
}

/** Returns the files of an rpm repository by path, written without larder's own code. */
export async function rpmMirror(options: RpmMirrorOptions = {}): Promise<Map<string, Uint8Array>> {
  const { packages = [{ name: "hello" }], checksum = "sha256", prolog = "" } = options;
  const files = new Map<string, Uint8Array>();
  const entries = packages.map((each) => {
    const bytes = each.bytes ?? encode(`${each.name} ${each.version ?? "1.0"}`);
    const path = each.path ?? pathOf(each);
    if (!path.includes("..")) files.set(path, bytes);
    return entryOf(each, path, bytes, checksum);
  });
  const primary = options.primary ??
    `<?xml version="1.0" encoding="UTF-8"?>\n${prolog}<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="${packages.length}">\n${
      entries.join("\n")
    }\n</metadata>\n`;
  const compressed = gzipSync(encode(primary));
  const algorithm = checksum === "sha" ? "sha1" : checksum;
  const path = options.path ?? `repodata/${hex(algorithm, compressed)}-primary.xml.gz`;
  if (!path.includes("..")) files.set(path, compressed);
  const repomd = encode(
    `<?xml version="1.0" encoding="UTF-8"?>\n${prolog}<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>` +
      `<data type="filelists"><checksum type="sha256">${
        hex("sha256", encode("x"))
      }</checksum><location href="repodata/filelists.xml.gz"/><size>1</size></data>` +
      `<data type="primary"><checksum type="${checksum}">${hex(algorithm, compressed)}</checksum>` +
      `<open-checksum type="sha256">${hex("sha256", encode(primary))}</open-checksum>` +
      `<location href="${path}"/><size>${compressed.length}</size><open-size>${primary.length}</open-size></data></repomd>\n`,
  );
  files.set("repodata/repomd.xml", repomd);
  if (options.key) {
    files.set(
      "repodata/repomd.xml.asc",
      encode(await options.key.signDetached(repomd, options.signing)),
    );
  }
  return files;
}

function pathOf({ name, version = "1.0", release = "1", arch = "x86_64" }: TestRpm): string {
  return `Packages/${name[0]}/${name}-${version}-${release}.${arch}.rpm`;
}

function entryOf(
  { name, epoch = "0", version = "1.0", release = "1", arch = "x86_64", base }: TestRpm,
  path: string,
  bytes: Uint8Array,
  checksum: "sha" | "sha256" | "sha512",
): string {
  const algorithm = checksum === "sha" ? "sha1" : checksum;
  return `<package type="rpm"><name>${name}</name><arch>${arch}</arch>` +
    `<version epoch="${epoch}" ver="${version}" rel="${release}"/>` +
    `<checksum type="${checksum}" pkgid="YES">${hex(algorithm, bytes)}</checksum>` +
    `<summary>a test &amp; more</summary><size package="${bytes.length}" installed="9" archive="9"/>` +
    `<location ${base === undefined ? "" : `xml:base="${base}" `}href="${path}"/>` +
    `<format><rpm:provides><rpm:entry name="not-this"/></rpm:provides><file>/usr/bin/${name}</file></format></package>`;
}
