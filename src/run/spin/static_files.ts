import { bytesFromBase64 } from "../../base/base64.ts";
import { LarderError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { badLockedApp } from "../../oci/locked_app.ts";
import type { MountedFile, MountedFolder } from "../wasi/filesystem/tree_volume.ts";
import type { SpinComponent, SpinFile } from "./app.ts";

/** Returns the path of a component's static file and its size in bytes; undefined if it is not cached. */
export type FileLocator = (
  file: SpinFile,
  component: string,
) => { readonly hostPath: string; readonly size: number } | undefined;

/**
 * Returns the static files of a component as a tree.
 *
 * Invariant: every name in the tree is one segment of a path, neither empty nor `.` nor `..`.
 *
 * @param subject name of the app, for messages
 * @throws LarderError LDR_BAD_MANIFEST, LDR_NOT_CACHED
 */
export function mountTree(
  component: SpinComponent,
  locate: FileLocator,
  subject: string,
): MountedFolder {
  const root = newFolder();
  for (const file of component.files) {
    const label: Label = {
      subject,
      file: `the static file "${file.path}" of the component "${component.id}"`,
    };
    const segments = segmentsOf(file.path, label);
    const name = segments.pop()!;
    const { entries } = folderAt(root, segments, label);
    const existing = entries.get(name);
    if (existing) {
      throw badFile(label, existing.kind === "file" ? "is listed twice" : "is also a folder");
    }
    entries.set(name, mountFile(file, () => locate(file, component.id), label));
  }
  return root;
}

/** The name of a file in messages. */
interface Label {
  readonly subject: string;
  readonly file: string;
}

interface OpenFolder extends MountedFolder {
  readonly entries: Map<string, OpenFolder | MountedFile>;
}

function newFolder(): OpenFolder {
  return { kind: "folder", entries: new Map() };
}

function segmentsOf(path: string, label: Label): string[] {
  // Guests name files in UTF-8, which has no lone surrogates.
  if (path.includes("\0") || !path.isWellFormed()) {
    throw badFile(label, "has a name that no file can have");
  }
  // Apps that were pushed on Windows have its separator.
  const segments = path.replaceAll("\\", "/").replace(/^\//, "").split("/");
  if (segments.includes("..")) throw badFile(label, "leaves the mount");
  if (segments.some((segment) => segment === "" || segment === ".")) {
    throw badFile(label, 'has an empty segment or "." in its path');
  }
  return segments;
}

function folderAt(root: OpenFolder, segments: readonly string[], label: Label): OpenFolder {
  let folder = root;
  for (const segment of segments) {
    const next = folder.entries.get(segment) ?? newFolder();
    if (next.kind === "file") throw badFile(label, `is below "${segment}", which is a file`);
    folder.entries.set(segment, next);
    folder = next;
  }
  return folder;
}

function mountFile(
  { inline, digest }: SpinFile,
  locate: () => ReturnType<FileLocator>,
  label: Label,
): MountedFile {
  if (inline !== undefined) {
    const bytes = inlineBytes(inline);
    if (!bytes) throw badFile(label, "is not base64");
    return { kind: "file", size: bytes.length, content: { bytes } };
  }
  const blob = locate();
  if (!blob && !digest) throw badFile(label, "has neither a digest nor content");
  if (!blob) throw missingFile(label, digest!);
  return { kind: "file", size: blob.size, content: { hostPath: blob.hostPath } };
}

/** Decodes base64 with or without padding: Spin writes none. */
function inlineBytes(inline: string | readonly number[]): Uint8Array<ArrayBuffer> | undefined {
  return typeof inline === "string" ? bytesFromBase64(inline) : Uint8Array.from(inline);
}

function badFile({ subject, file }: Label, reason: string): LarderError {
  return badLockedApp(subject, `${file} ${reason}`);
}

function missingFile({ subject, file }: Label, digest: Digest): LarderError {
  return new LarderError(
    "LDR_NOT_CACHED",
    `${subject} lacks ${file}: neither its manifest nor the cache has ${digest}`,
    { hint: "pull it again; if that does not help, the file was not published" },
  );
}
