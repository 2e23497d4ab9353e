import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dirname!, "../..");
const LINK = /\]\(([^)\s]+)\)/g;

/** The pages at the top of the repository and below `docs`. */
function pages(): string[] {
  return [...markdownIn(ROOT, false), ...markdownIn(join(ROOT, "docs"), true)];
}

function markdownIn(folder: string, recursive: boolean): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return recursive ? markdownIn(path, true) : [];
    return name.endsWith(".md") ? [path] : [];
  }).sort();
}

/** The anchors of a page's headings, as GitHub makes them. */
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
