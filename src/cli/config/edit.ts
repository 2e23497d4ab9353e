import { type Document, isMap, isNode, isScalar, type Pair, Scalar, YAMLMap } from "yaml";
import { LarderError, messageOf } from "../../base/errors.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import { changeUserFile, replaceUserFile } from "../../base/files/user_file.ts";
import { manualPage } from "../help/manual.ts";
import { type ConfigFile, keyText, parseConfigFile } from "./file.ts";
import { type KeyedSetting, keyOf, type Scalar as Value, SETTINGS } from "./settings.ts";

/** The name of a registry in the file that `config init` writes. */
const EXAMPLE_REGISTRY = "registry.example";

/**
 * Sets a value in a config file, and creates the file if there is none. Preserves comments, order and other values, and
 * replaces the file atomically.
 *
 * @throws LarderError LDR_CONFIG if the file is or would become invalid; LDR_DISK*
 */
export function setInFile(path: string, key: KeyedSetting, value: Value): void {
  editFile(path, `set ${keyOf(key.path)}`, ({ document }) => {
    fillGroups(document, key.path);
    document.setIn(key.path, value);
    return true;
  });
}

/**
 * Removes a setting from a config file. Preserves everything except the comment on its line, and a registry without
 * any other setting.
 *
 * @returns true if it was set
 * @throws LarderError as {@link setInFile} does
 */
export function unsetInFile(path: string, key: KeyedSetting): boolean {
  if (readTextIfAny(path) === undefined) return false;
  return editFile(path, `unset ${keyOf(key.path)}`, ({ document, find }) => {
    if (!find(key.path)) return false;
    removeKey(document, key.path);
    nullEmptyGroups(document, key.path);
    return true;
  });
}

/**
 * @param action for messages, such as `set gc.max_size`
 * @param change returns false if there is nothing to write
 * @returns the result of `change`
 */
function editFile(path: string, action: string, change: (file: ConfigFile) => boolean): boolean {
  let isChanged = false;
  changeUserFile(path, (text = "") => {
    const file = parseConfigFile(text, path);
    try {
      isChanged = change(file);
    } catch (error) {
      throw new LarderError("LDR_CONFIG", `cannot ${action} in ${path}: ${messageOf(error)}`, {
        hint: "edit the file by hand: a group above this key is an alias",
        cause: error,
      });
    }
    if (!isChanged) return undefined;
    const edited = file.document.toString({ lineWidth: 0, indent: indentOf(text) });
    parseConfigFile(edited, path);
    return edited;
  });
  return isChanged;
}

/** Removes a key, and moves the comments above it to the next one. */
function removeKey(document: Document, path: readonly string[]): void {
  const map = groupAt(document, path.slice(0, -1));
  const index = map ? map.items.findIndex((pair) => keyText(pair) === path.at(-1)) : -1;
  if (!map || index < 0) throw new Error(`${path.at(-1)} is part of an alias`);
  const [{ key, value }] = map.items.splice(index, 1) as [Pair];
  const left = [isNode(key) && key.commentBefore, ...isMap(value) ? commentsOf(value) : []];
  const next = map.items[index]?.key;
  if (isNode(next)) next.commentBefore = joined([...left, next.commentBefore]);
  else map.comment = joined([...left, map.comment]);
}

/** Replaces groups on the path that are empty now by null, and keeps their comments. */
function nullEmptyGroups(document: Document, path: readonly string[]): void {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const above = path.slice(0, depth);
    const map = groupAt(document, above);
    if (!map || map.items.length > 0) return;
    if (depth === 2 && above[0] === "registries") {
      removeKey(document, above);
      continue;
    }
    const empty = new Scalar(null);
    empty.source = "";
    empty.commentBefore = joined(commentsOf(map));
    if (map.anchor) empty.anchor = map.anchor;
    if (depth === 0) document.contents = empty;
    else document.setIn(above, empty);
  }
}

/** Returns the map at a path; undefined for an alias, and if there is none. */
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

/** Replaces groups on the path that hold only comments by empty maps, and keeps the comments. */
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
 * Writes a config file with every setting in comments.
 * @returns the path of a copy of the file that was replaced, if that was another one
 * @throws LarderError LDR_CONFIG if there is a file, unless `replace` is set; LDR_DISK*
 */
export function writeInitialFile(
  path: string,
  options: { replace?: boolean } = {},
): string | undefined {
  const before = readTextIfAny(path);
  if (!options.replace && before !== undefined) {
    throw new LarderError("LDR_CONFIG", `the config file ${path} exists already`, {
      hint: "change it with larder config set, or replace it with larder config init --force",
    });
  }
  const text = initialText();
  const backup = before === undefined || before === text ? undefined : `${path}.bak`;
  if (backup !== undefined) replaceUserFile(backup, before!);
  replaceUserFile(path, text);
  return backup;
}

/** Returns every setting with its default or an example, as comments. */
function initialText(): string {
  const lines = [
    "# Settings of larder. Options and LARDER_… variables override them.",
    "# Remove the # in front of a setting to set it. Documentation:",
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

/** Returns the indentation of a line below `depth` groups; everything below a registry's name is commented out. */
function margin(path: readonly string[], depth: number): string {
  const star = path.indexOf("*");
  if (star < 0 || depth < star) return "  ".repeat(depth);
  return `${"  ".repeat(star)}# ${"  ".repeat(depth - star)}`;
}

/** Returns the number of spaces by which a file indents the members of a group. */
function indentOf(text: string): number {
  return /^( +)[^\s#]/m.exec(text)?.[1]?.length ?? 2;
}
