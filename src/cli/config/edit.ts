import { dirname } from "node:path";
import { type Document, isMap, isNode, isScalar, type Pair, Scalar, YAMLMap } from "yaml";
import { LarderError, messageOf } from "../../base/errors.ts";
import { ensureFolder, readTextIfAny, statIfAny, writeFileAtomic } from "../../base/files.ts";
import { manualPage } from "../manual.ts";
import { type ConfigFile, keyText, parseConfigFile } from "./file.ts";
import { keyOf, type Place, type Scalar as Value, SETTINGS } from "./settings.ts";

/** The name that stands for any registry. */
const EXAMPLE_REGISTRY = "registry.example";

/**
 * Gives a setting a value in a config file, which is made if there is none. Comments, order and all other values stay
 * as they are; the file is written whole or not at all.
 *
 * @throws LarderError LDR_CONFIG where the file is a bad one, or would become one; LDR_DISK*
 */
export function setInFile(path: string, place: Place, value: Value): void {
  editFile(path, `set ${keyOf(place.path)}`, ({ document }) => {
    fillGroups(document, place.path);
    document.setIn(place.path, value);
    return true;
  });
}

/**
 * Takes a setting out of a config file. Comments and all else stay as they are, but for the comment on its line; a
 * registry of which nothing else is set goes with it.
 *
 * @returns whether it was there
 * @throws LarderError as of {@link setInFile}
 */
export function unsetInFile(path: string, place: Place): boolean {
  return editFile(path, `unset ${keyOf(place.path)}`, ({ document, find }) => {
    if (!find(place.path)) return false;
    removeKey(document, place.path);
    emptyGroups(document, place.path);
    return true;
  });
}

/**
 * @param what is done, for messages
 * @param change says whether there is something to write
 * @returns what `change` does
 */
function editFile(path: string, what: string, change: (file: ConfigFile) => boolean): boolean {
  const text = readTextIfAny(path) ?? "";
  const file = parseConfigFile(text, path);
  try {
    if (!change(file)) return false;
  } catch (error) {
    throw new LarderError("LDR_CONFIG", `cannot ${what} in ${path}: ${messageOf(error)}`, {
      hint: "edit the file by hand: what stands above this key is not written out there",
      cause: error,
    });
  }
  const edited = file.document.toString({ lineWidth: 0, indent: indentOf(text) });
  parseConfigFile(edited, path);
  write(path, edited);
  return true;
}

/** Takes a key out, and leaves the comments above it to what comes after it. */
function removeKey(document: Document, path: readonly string[]): void {
  const map = groupAt(document, path.slice(0, -1));
  const index = map ? map.items.findIndex((pair) => keyText(pair) === path.at(-1)) : -1;
  if (!map || index < 0) throw new Error(`there is no ${path.at(-1)} of its own`);
  const [{ key, value }] = map.items.splice(index, 1) as [Pair];
  const left = [isNode(key) && key.commentBefore, ...isMap(value) ? commentsOf(value) : []];
  const next = map.items[index]?.key;
  if (isNode(next)) next.commentBefore = joined([...left, next.commentBefore]);
  else map.comment = joined([...left, map.comment]);
}

/** Leaves of the groups on the way that have nothing in them any more their comments alone. */
function emptyGroups(document: Document, path: readonly string[]): void {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const above = path.slice(0, depth);
    const map = groupAt(document, above);
    if (!map || map.items.length > 0) return;
    if (depth === 2 && above[0] === "registries") {
      removeKey(document, above);
      continue;
    }
    const nothing = new Scalar(null);
    nothing.source = "";
    nothing.commentBefore = joined(commentsOf(map));
    if (map.anchor) nothing.anchor = map.anchor;
    if (depth === 0) document.contents = nothing;
    else document.setIn(above, nothing);
  }
}

/** The map at a path; undefined where it is an alias, or there is none. */
function groupAt(document: Document, path: readonly string[]): YAMLMap | undefined {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isMap(node) ? node : undefined;
}

function commentsOf({ commentBefore, comment }: YAMLMap): (string | null | undefined)[] {
  return [commentBefore, comment];
}

function joined(comments: readonly (string | false | null | undefined)[]): string | null {
  return comments.filter((comment) => comment).join("\n") || null;
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
    "# Take the # away from what you want to set. More of it:",
    `# ${manualPage("configuration")}`,
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
