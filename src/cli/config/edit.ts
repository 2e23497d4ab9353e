import { dirname } from "node:path";
import { type Document, isScalar, YAMLMap } from "yaml";
import { LarderError, messageOf } from "../../base/errors.ts";
import { ensureFolder, readTextIfAny, statIfAny, writeFileAtomic } from "../../base/files.ts";
import { parseConfigFile } from "./file.ts";
import { keyOf, type Place, type Scalar, SETTINGS } from "./settings.ts";

/** The name that stands for any registry. */
const EXAMPLE_REGISTRY = "registry.example";

/**
 * Gives a setting a value in a config file, which is made if there is none. Comments, order and all other values stay
 * as they are; the file is written whole or not at all.
 *
 * @throws LarderError LDR_CONFIG where the file is a bad one, or would become one; LDR_DISK*
 */
export function setInFile(path: string, place: Place, value: Scalar): void {
  const text = readTextIfAny(path) ?? "";
  const { document } = parseConfigFile(text, path);
  try {
    fillGroups(document, place.path);
    document.setIn(place.path, value);
  } catch (error) {
    const subject = `cannot set ${keyOf(place.path)} in ${path}`;
    throw new LarderError("LDR_CONFIG", `${subject}: ${messageOf(error)}`, {
      hint: "edit the file by hand: what stands above this key is not written out there",
      cause: error,
    });
  }
  const edited = document.toString({ lineWidth: 0, indent: indentOf(text) });
  parseConfigFile(edited, path);
  write(path, edited);
}

/** Makes empty maps of the groups on the way that hold comments alone, and keeps the comments. */
function fillGroups(document: Document, path: readonly string[]): void {
  for (const [depth] of path.entries()) {
    const above = path.slice(0, depth);
    const node = depth === 0 ? document.contents : document.getIn(above, true);
    if (!isScalar(node) || node.value !== null) continue;
    const map = new YAMLMap(document.schema);
    map.comment = node.comment ?? null;
    map.commentBefore = node.commentBefore ?? null;
    document.setIn(above, map);
  }
}

/**
 * Writes a config file that sets nothing and shows in comments what could be.
 * @throws LarderError LDR_CONFIG where there is a file, unless `replace`; LDR_DISK*
 */
export function writeInitialFile(path: string, options: { replace?: boolean } = {}): void {
  if (!options.replace && readTextIfAny(path) !== undefined) {
    throw new LarderError("LDR_CONFIG", `there is a config file already: ${path}`, {
      hint: "change it with larder config set, or replace it with --force",
    });
  }
  write(path, initialText());
}

/** Every setting, with what holds without it, as comments. */
function initialText(): string {
  const lines = [
    "# What larder does where no option and no LARDER_… variable says otherwise.",
    "# Take the # away from what you want to set; docs/configuration.md says more.",
  ];
  let before: readonly string[] = [];
  for (const setting of SETTINGS) {
    const { path, description, fallback, example } = setting;
    const groups = path.slice(0, -1);
    if (groups.length === 0 || groups[0] !== before[0]) lines.push("");
    groups.forEach((name, depth) => {
      const known = groups.slice(0, depth + 1).every((part, i) => part === before[i]);
      if (!known) lines.push(`${margin(path, depth)}${name === "*" ? EXAMPLE_REGISTRY : name}:`);
    });
    const [key, start] = [path.at(-1), margin(path, groups.length)];
    const lead = path.includes("*") ? start : `${start}# `;
    lines.push(`${start}# ${description}`, `${lead}${key}: ${fallback ?? example}`);
    before = path;
  }
  return lines.join("\n") + "\n";
}

/** What stands before a line of so many groups: what is below a registry's name is all commented out. */
function margin(path: readonly string[], depth: number): string {
  const star = path.indexOf("*");
  if (star < 0 || depth < star) return "  ".repeat(depth);
  return `${"  ".repeat(star)}# ${"  ".repeat(depth - star)}`;
}

/** The blanks that a file puts before the members of a group, as its first one shows. */
function indentOf(text: string): number {
  return /^( +)[^\s#]/m.exec(text)?.[1]?.length ?? 2;
}

/** Writes a file where it really lies, if the path is a link, and leaves it to those who could read it. */
function write(path: string, text: string): void {
  const there = statIfAny(path);
  const target = there?.isSymlink ? Deno.realPathSync(path) : path;
  const mode = there && Deno.statSync(target).mode;
  ensureFolder(dirname(target));
  writeFileAtomic(target, text);
  if (mode && Deno.build.os !== "windows") Deno.chmodSync(target, mode & 0o777);
}
