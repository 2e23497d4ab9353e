import { isAbsolute, join, posix, relative, sep } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { globPattern, isGlob } from "./glob.ts";

/** A member of `files`: a pattern, or a file or folder and its path in the guest. */
export type FileMount = string | { readonly source: string; readonly destination: string };

/** A file of a project. */
export interface ProjectFile {
  /** Its path in the guest, without a `/` at the start. */
  readonly path: string;
  /** Its path here, without symbolic links. */
  readonly hostPath: string;
  readonly size: number;
}

/** Limit on the files of one component; larder lists each of them in the permissions of its thread. */
const MAX_FILES = 10_000;

/** The component whose files are looked for. */
export interface FileOwner {
  /** The folder of the manifest. */
  readonly root: string;
  /** Such as `component "cart" of ./spin.toml`, for messages. */
  readonly name: string;
  readonly exclude: readonly string[];
}

/**
 * Finds the files of a component. One that several mounts name is there once, as the last of them has it. A symbolic
 * link may lead out of the folder of the manifest in Spin only: what is there may not be meant for clients.
 * Source: Spin's spin-loader crate, `LocalLoader`.
 * @throws LarderError LDR_BAD_SPIN_MANIFEST, LDR_NOT_FOUND, LDR_DISK*
 */
export function findFiles(mounts: readonly FileMount[], owner: FileOwner): ProjectFile[] {
  const excluded = owner.exclude.map((glob) => globOf(glob, owner, true));
  const files = new Map<string, ProjectFile>();
  for (const mount of mounts) {
    for (const { source, path } of filesOf(mount, owner)) {
      if (excluded.some((pattern) => pattern.test(source))) continue;
      files.set(path, statFile(source, path, owner));
      if (files.size > MAX_FILES) throw bad(owner, `it has more than ${MAX_FILES} files`);
    }
  }
  return [...files.values()];
}

/** A file by its path below the manifest's folder, and its path in the guest; both with `/`. */
interface FoundFile {
  readonly source: string;
  readonly path: string;
}

function filesOf(mount: FileMount, owner: FileOwner): FoundFile[] {
  if (typeof mount !== "string") {
    const source = insideRoot(mount.source, owner);
    const destination = posix.normalize(slashed(mount.destination)).replace(/^\/+|\/+$/g, "");
    const kind = kindOf(source, owner);
    if (!kind) throw missing(mount.source, owner);
    if (kind === "file") return [{ source, path: destination }];
    return filesBelow(source, owner).map((file) => ({
      source: file,
      path: posix.join(destination, posix.relative(source, file)),
    }));
  }
  if (/(?:^|\/)\.\.?$/.test(slashed(mount))) {
    throw bad(owner, `the pattern "${mount}" ends in a folder: use { source, destination }`);
  }
  const source = insideRoot(mount, owner);
  const kind = kindOf(source, owner);
  const asIs = (file: string) => ({ source: file, path: file });
  if (kind === "file") return [asIs(source)];
  if (kind === "folder") return filesBelow(source, owner).map(asIs);
  if (!isGlob(mount)) throw missing(mount, owner);
  const pattern = globOf(source, owner);
  return filesBelow(fixedFolder(source), owner).filter((file) => pattern.test(file)).map(asIs);
}

/** Returns the folders at the beginning of a pattern. */
function fixedFolder(glob: string): string {
  const segments = glob.split("/");
  return segments.slice(0, segments.findIndex(isGlob)).join("/");
}

/**
 * Returns the files in a folder and the folders below it, sorted. Links are followed as in Spin, but one to a folder
 * that has the link; one to a folder outside is returned as a file, which is refused unless it is excluded.
 */
function filesBelow(folder: string, owner: FileOwner): string[] {
  const files: string[] = [];
  const visit = (path: string, above: readonly string[]) => {
    const here = Deno.realPathSync(join(owner.root, path));
    if (above.includes(here)) return;
    for (const { name, isDirectory, isSymlink } of readFolder(path, owner)) {
      const child = path === "" ? name : `${path}/${name}`;
      const kind = isSymlink ? kindOf(child, owner) : isDirectory ? "folder" : "file";
      if (kind === "folder" && (isDirectory || isInside(child, owner))) {
        visit(child, [...above, here]);
      } else if (kind) files.push(child);
      if (files.length > 10 * MAX_FILES) throw bad(owner, `there are too many files in ${folder}`);
    }
  };
  if (!kindOf(folder, owner)) return [];
  if (!isInside(folder, owner)) return [folder];
  visit(folder, []);
  return files.sort();
}

/** True if a path does not lead out of the manifest's folder through symbolic links. */
function isInside(path: string, { root }: FileOwner): boolean {
  const target = relative(Deno.realPathSync(root), Deno.realPathSync(join(root, path)));
  return target !== ".." && !target.startsWith(`..${sep}`) && !isAbsolute(target);
}

function readFolder(path: string, { root }: FileOwner): Deno.DirEntry[] {
  const folder = join(root, path);
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw diskError(error, "read", folder);
  }
}

function kindOf(path: string, { root }: FileOwner): "file" | "folder" | undefined {
  try {
    return Deno.statSync(join(root, path)).isDirectory ? "folder" : "file";
  } catch {
    return undefined;
  }
}

function statFile(source: string, path: string, owner: FileOwner): ProjectFile {
  const file = join(owner.root, source);
  try {
    if (isInside(source, owner)) {
      const hostPath = Deno.realPathSync(file);
      return { path, hostPath, size: Deno.statSync(hostPath).size };
    }
  } catch (error) {
    throw diskError(error, "read", file);
  }
  throw new LarderError(
    "LDR_BAD_SPIN_MANIFEST",
    `bad files of the ${owner.name}: ${source} is a link out of the folder of the manifest`,
    { hint: "copy its target into the folder, or name the link in exclude_files" },
  );
}

/** Returns a path below the manifest's folder with `/`, without `.` and `..`. */
function insideRoot(path: string, owner: FileOwner): string {
  const normal = posix.normalize(slashed(path)).replace(/\/$/, "");
  if (normal.startsWith("/") || normal === ".." || normal.startsWith("../")) {
    throw bad(owner, `"${path}" is outside the folder of the manifest`);
  }
  return normal === "." ? "" : normal;
}

/** Windows has both separators. */
function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}

function globOf(glob: string, owner: FileOwner, crosses = false): RegExp {
  try {
    return globPattern(glob, crosses);
  } catch {
    throw bad(owner, `the pattern "${glob}" is not valid`);
  }
}

function missing(path: string, { name }: FileOwner): LarderError {
  return new LarderError("LDR_NOT_FOUND", `no file or folder ${path}, a file of the ${name}`, {
    hint: "correct files in the manifest, or create it",
  });
}

function bad({ name }: FileOwner, reason: string): LarderError {
  return new LarderError("LDR_BAD_SPIN_MANIFEST", `bad files of the ${name}: ${reason}`, {
    hint: 'files are patterns, or { source = "folder", destination = "/path" }',
  });
}
