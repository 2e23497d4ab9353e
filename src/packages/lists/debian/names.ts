import type { PackageNames } from "../selection.ts";
import { compareDebianVersions } from "./version.ts";

/** Names of Debian packages, as apt takes them: `name`, `name=version`, `name:arch`, `name:arch=version`. */
export const DEBIAN_NAMES: PackageNames = {
  forms: ({ name, version }) => [name, `${name}=${version}`],
  formsWithArch: ({ name, version, arch }) => [`${name}:${arch}`, `${name}:${arch}=${version}`],
  nameIn: (text) => /^[^:=]+/.exec(text)?.[0] ?? text,
  compare: compareDebianVersions,
};

/** Returns the architecture that a text states. */
export function archIn(text: string): string | undefined {
  return /^[^:=]+:([^=]+)/.exec(text)?.[1];
}
