import type { PackageId } from "../store/entries/package_record.ts";

/** What a file name says of its package. */
export type NamedPackage = Omit<PackageId, "source">;

/** `arch` of a package whose file name states none. */
export const ANY_ARCH = "any";

/** A kind of package, recognised by the name of its file. */
interface PackageKind {
  /** As a message names it. */
  readonly noun: string;
  /** @returns undefined for a name of another kind */
  readonly parse: (fileName: string) => NamedPackage | undefined;
  /** The first bytes of every such file; undefined if they vary. */
  readonly signatures: readonly (readonly number[])[];
}

const GZIP = [0x1f, 0x8b];
const ZIP = [0x50, 0x4b];

/** A version of npm and of Cargo, which is that of SemVer 2.0.0. */
const SEMVER = /^(.+?)-(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)$/;

/** A version of a Python package, also in the forms that tools normalise (PEP 440, "Appendix B"). */
const PYTHON_VERSION =
  /^v?(?:\d+!)?\d+(?:\.\d+)*(?:[-_.]?(?:alpha|a|beta|b|preview|pre|c|rc)[-_.]?\d*)?(?:-\d+|[-_.]?(?:post|rev|r)[-_.]?\d*)?(?:[-_.]?dev[-_.]?\d*)?(?:\+[a-z0-9]+(?:[-_.][a-z0-9]+)*)?$/i;

/** The version and release of an Alpine package (apk-package(5), "pkgver" and "pkgrel"). */
const ALPINE =
  /^(.+)-(\d+(?:\.\d+)*[a-z]?(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*(?:~[0-9a-f]+)?-r\d+)$/;

/** The suffixes of Python's source distributions, the current one first. */
const SDIST = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz"];

const KINDS: readonly PackageKind[] = [
  { noun: "a Debian package", parse: parseDeb, signatures: [[...bytes("!<arch>\n")]] },
  { noun: "an RPM package", parse: parseRpm, signatures: [[0xed, 0xab, 0xee, 0xdb]] },
  { noun: "an Alpine package", parse: parseApk, signatures: [GZIP, [...bytes("ADB")]] },
  { noun: "an npm package", parse: parseNpm, signatures: [GZIP] },
  { noun: "a Rust crate", parse: parseCrate, signatures: [GZIP] },
  { noun: "a Python wheel", parse: parseWheel, signatures: [ZIP] },
  {
    noun: "a Python source distribution",
    parse: parseSdist,
    signatures: [GZIP, ZIP, [...bytes("BZh")], [0xfd, ...bytes("7zXZ")]],
  },
];

/** 230 bytes that a file name may have, which leaves room for the suffix of a temporary file. */
export const MAX_FILE_NAME = 230;

/** Longest signature, in bytes. */
export const SIGNATURE_SIZE = 8;

/**
 * Returns what the name of a package file says: `.deb`, `.rpm`, `.apk`, npm's `.tgz`, `.crate`, Python's wheels and
 * source distributions. Returns undefined for any other name.
 */
export function parsePackageFileName(fileName: string): NamedPackage | undefined {
  if (fileName.length > MAX_FILE_NAME) return undefined;
  for (const { parse } of KINDS) {
    const named = parse(fileName);
    if (named) return named;
  }
  return undefined;
}

/**
 * Returns the kind of package that a file name promises and that the file is not, such as `a Debian package` for the
 * login page of a network; undefined if it may be one.
 * @param start its first {@link SIGNATURE_SIZE} bytes, or all if it has fewer
 */
export function otherKindThanNamed(fileName: string, start: Uint8Array): string | undefined {
  if (fileName.length > MAX_FILE_NAME) return undefined;
  const kind = KINDS.find(({ parse }) => parse(fileName) !== undefined);
  const isOfKind = kind?.signatures.some((signature) =>
    signature.every((byte, i) => start[i] === byte)
  );
  return isOfKind === false ? kind?.noun : undefined;
}

/** `name_version_arch.deb` (deb-version(7)); the colon of an epoch is `%3a`, as apt writes it, or left out. */
function parseDeb(fileName: string): NamedPackage | undefined {
  const match = /^([^_]+)_([^_]+)_([^_]+)\.[ud]?deb$/.exec(fileName);
  if (!match) return undefined;
  const [, name, version, arch] = match as unknown as [string, string, string, string];
  return { name, version: version.replace(/%3a/i, ":"), arch };
}

/** `name-version-release.arch.rpm`; neither version nor release contains a hyphen, and the epoch is left out. */
function parseRpm(fileName: string): NamedPackage | undefined {
  const match = /^(.+)-([^-]+-[^-]+)\.([^.-]+)\.rpm$/.exec(fileName);
  if (!match) return undefined;
  const [, name, version, arch] = match as unknown as [string, string, string, string];
  return { name, version, arch };
}

/** `name-version-rN.apk`; the architecture is in the path of the repository. */
function parseApk(fileName: string): NamedPackage | undefined {
  return nameAndVersion(ALPINE.exec(withoutSuffix(fileName, ".apk")));
}

/** `name-version.tgz`; the scope is in the path. */
function parseNpm(fileName: string): NamedPackage | undefined {
  return nameAndVersion(SEMVER.exec(withoutSuffix(fileName, ".tgz")));
}

/** `name-version.crate`. */
function parseCrate(fileName: string): NamedPackage | undefined {
  return nameAndVersion(SEMVER.exec(withoutSuffix(fileName, ".crate")));
}

/**
 * `name-version(-build)?-python-abi-platform.whl` (packaging.python.org, "Binary distribution format"). All tags are
 * the architecture, because wheels of one version differ in any of them, and the build is a part of the version.
 */
function parseWheel(fileName: string): NamedPackage | undefined {
  const [name, version, ...tags] = withoutSuffix(fileName, ".whl").split("-");
  const build = tags.length === 4 && /^\d/.test(tags[0]!) ? `-${tags.shift()}` : "";
  if (!name || !version || tags.length !== 3 || tags.includes("")) return undefined;
  return { name: normalisedPythonName(name), version: version + build, arch: tags.join("-") };
}

/**
 * `name-version.tar.gz` (packaging.python.org, "Source distribution format"). The name of an old one may contain
 * hyphens: the version is the longest end that is one.
 */
function parseSdist(fileName: string): NamedPackage | undefined {
  const suffix = SDIST.find((each) => fileName.endsWith(each));
  if (suffix === undefined) return undefined;
  const parts = fileName.slice(0, -suffix.length).split("-");
  for (let i = 1; i < parts.length; i++) {
    const version = parts.slice(i).join("-");
    if (!PYTHON_VERSION.test(version)) continue;
    const name = normalisedPythonName(parts.slice(0, i).join("-"));
    // The same version may be published in several formats.
    return name === ""
      ? undefined
      : { name, version, arch: suffix === ".tar.gz" ? "source" : `source${suffix}` };
  }
  return undefined;
}

/** One name for all spellings (packaging.python.org, "Names and normalization"). */
function normalisedPythonName(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

function nameAndVersion(match: RegExpExecArray | null): NamedPackage | undefined {
  return match ? { name: match[1]!, version: match[2]!, arch: ANY_ARCH } : undefined;
}

/** Returns a name without its suffix; empty if it has another one. */
function withoutSuffix(fileName: string, suffix: string): string {
  return fileName.endsWith(suffix) ? fileName.slice(0, -suffix.length) : "";
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
