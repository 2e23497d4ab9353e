import type { PackageNames } from "../selection.ts";
import { compareRpmVersions, parseRpmVersion } from "./version.ts";

/**
 * Names of rpm packages, as dnf takes them: `name`, `name-version`, `name-version-release`, each of these with `.arch`,
 * and `name=version-release`. The name in such a text is not certain, because names contain hyphens and dots too.
 */
export const RPM_NAMES: PackageNames = {
  forms: ({ name, version }) => {
    const { epoch, version: upstream, release } = parseRpmVersion(version);
    const plain = `${name}-${upstream}-${release}`;
    return [
      name,
      `${name}=${version}`,
      `${name}-${version}`,
      plain,
      `${name}-${epoch}:${upstream}-${release}`,
      `${name}-${upstream}`,
    ];
  },
  formsWithArch: (candidate) =>
    RPM_NAMES.forms(candidate).map((form) => `${form}.${candidate.arch}`),
  nameIn: () => undefined,
  compare: (a, b) => compareRpmVersions(parseRpmVersion(a), parseRpmVersion(b)),
};
