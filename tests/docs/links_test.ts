import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dirname!, "../..");
const LINK = /\]\(([^)\s]+)\)/g;

/** Returns the pages at the top of the repository and below these folders. */
function pages(): string[] {
  const below = ["docs", "scripts", "src", "tests"].map((name) => join(ROOT, name));
  return [...markdownIn(ROOT, false), ...below.flatMap((folder) => markdownIn(folder, true))];
}

function markdownIn(folder: string, recursive: boolean): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return recursive ? markdownIn(path, true) : [];
    return name.endsWith(".md") ? [path] : [];
  }).sort();
}

/** Returns the anchors that GitHub makes of a page's headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

function isBroken(page: string, link: string): boolean {
  if (/^[a-z]+:/i.test(link)) return false;
  const [path, anchor] = link.split("#") as [string, string?];
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(target)) return true;
  return anchor !== undefined && !anchorsOf(Deno.readTextFileSync(target)).includes(anchor);
}

for (const page of pages()) {
  const name = relative(ROOT, page).replaceAll("\\", "/");
  Deno.test(`${name} links to files and headings that exist`, () => {
    const links = [...Deno.readTextFileSync(page).matchAll(LINK)].map(([, link]) => link!);
    assert.deepEqual(links.filter((link) => isBroken(page, link)), []);
  });
}
