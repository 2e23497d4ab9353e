import { LarderError } from "../../base/errors.ts";
import { nearestFew } from "../../base/nearest.ts";

/** A package that may be wanted. */
export interface Candidate {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
}

/** How packages of one kind are named and compared. */
export interface PackageNames {
  /** Returns the texts that select a package of any architecture: the name, or name and version. */
  forms(candidate: Candidate): readonly string[];
  /** Returns the texts that select a package and state its architecture. */
  formsWithArch(candidate: Candidate): readonly string[];
  /** Returns the name in a text that selects a package; undefined if that takes the list of all names. */
  nameIn(text: string): string | undefined;
  /** Compares two versions. */
  compare(a: string, b: string): number;
}

/** Names that an error suggests for one that no index has. */
const SUGGESTIONS = 3;

/**
 * Chooses, from all the packages of a repository, the highest version for each text that selects one. Without a stated
 * architecture it is one of `archs`.
 */
export class Selection<T extends Candidate> {
  readonly #names: PackageNames;
  readonly #archs: ReadonlySet<string>;
  readonly #chosen: Map<string, T | undefined>;
  readonly #wantedNames: ReadonlySet<string> | undefined;

  constructor(wanted: readonly string[], names: PackageNames, archs: readonly string[]) {
    this.#names = names;
    this.#archs = new Set(archs);
    this.#chosen = new Map(wanted.map((text) => [text, undefined]));
    const wantedNames = wanted.flatMap((text) => names.nameIn(text) ?? []);
    this.#wantedNames = wantedNames.length === wanted.length ? new Set(wantedNames) : undefined;
  }

  /** True if a package of this name may be wanted; tells most of an index apart without parsing it. */
  mayWant(name: string): boolean {
    return this.#wantedNames?.has(name) ?? true;
  }

  /** Takes a package if it is wanted, and newer than what was taken for the same text. */
  offer(candidate: T): void {
    const forms = this.#names.formsWithArch(candidate);
    const all = this.#archs.has(candidate.arch)
      ? [...forms, ...this.#names.forms(candidate)]
      : forms;
    for (const text of all) {
      if (!this.#chosen.has(text)) continue;
      const taken = this.#chosen.get(text);
      if (!taken || this.#isBetter(text, candidate, taken)) this.#chosen.set(text, candidate);
    }
  }

  /** A package of exactly that name comes before one whose name and version read the same. */
  #isBetter(text: string, candidate: T, taken: T): boolean {
    const isName = candidate.name === text;
    if (isName !== (taken.name === text)) return isName;
    return this.#names.compare(candidate.version, taken.version) > 0;
  }

  /** The texts for which no package was offered. */
  get missing(): string[] {
    return [...this.#chosen].flatMap(([text, taken]) => taken ? [] : text);
  }

  /** The chosen packages, in the order in which they were wanted. */
  get chosen(): T[] {
    return [...new Set([...this.#chosen.values()].filter((taken) => taken !== undefined))];
  }
}

/**
 * Returns the error for texts that select no package.
 * @param available all the packages
 */
export function missingPackages(
  missing: readonly string[],
  source: string,
  available: readonly Candidate[],
  names: PackageNames,
): LarderError {
  const hints = missing.map((text) => suggestion(text, available, names));
  return new LarderError(
    "LDR_NOT_FOUND",
    `no package ${missing.join(", ")} in ${source}`,
    { hint: hints.filter((hint) => hint !== "").join("; ") || "check the names" },
  );
}

/** Names the versions and architectures that there are of a package, or else the packages of similar names. */
function suggestion(text: string, available: readonly Candidate[], names: PackageNames): string {
  const name = names.nameIn(text) ?? text;
  const same = available.filter((each) => each.name === name);
  if (same.length > 0) {
    const those = [...new Set(same.map(({ version, arch }) => `${version} for ${arch}`))];
    return `of ${name} there is ${those.slice(0, SUGGESTIONS).join(", ")}`;
  }
  const near = nearestFew(name, [...new Set(available.map((each) => each.name))], SUGGESTIONS);
  return near.length > 0 ? `instead of ${name}, did you mean ${near.join(" or ")}?` : "";
}
