import type { MountedFile, MountedFolder } from "../wasi/filesystem/tree_volume.ts";
import { bytesFromBase64 } from "../../base/base64.ts";
import { LarderError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { badLockedApp } from "../../oci/locked_app.ts";
import type { SpinComponent, SpinFile } from "./app.ts";

/** Where the cache has the blob of a digest, and its size in bytes; undefined if it is not there. */
export type BlobLocator = (
  digest: Digest,
) => { readonly hostPath: string; readonly size: number } | undefined;

/**
 * The static files of a component as a tree.
 *
 * Invariant: every name in it is one segment of a path, neither empty nor `.` nor `..`.
 *
 * @param subject what it is a component of, for messages
 * @throws LarderError LDR_BAD_MANIFEST, LDR_NOT_CACHED
 */
export function mountTree(
  component: SpinComponent,
  locate: BlobLocator,
  subject: string,
): MountedFolder {
  const root = newFolder();
  for (const file of component.files) {
    const place: Place = {
      subject,
      file: `the static file "${file.path}" of the component "${component.id}"`,
    };
    const segments = segmentsOf(file.path, place);
    const name = segments.pop()!;
    const { entries } = folderAt(root, segments, place);
    const there = entries.get(name);
    if (there) {
      throw refusal(place, there.kind === "file" ? "is there twice" : "is a folder as well");
    }
    entries.set(name, mountFile(file, locate, place));
  }
  return root;
}

/** What messages call a file. */
interface Place {
  readonly subject: string;
  readonly file: string;
}

interface OpenFolder extends MountedFolder {
  readonly entries: Map<string, OpenFolder | MountedFile>;
}

function newFolder(): OpenFolder {
  return { kind: "folder", entries: new Map() };
}

function segmentsOf(path: string, place: Place): string[] {
  // Guests name files in UTF-8, which cannot say half of a surrogate pair.
  if (path.includes("\0") || !path.isWellFormed()) {
    throw refusal(place, "has a name that no file can have");
  }
  if (path.includes("\\")) throw refusal(place, "has a backslash in its path");
  const segments = path.replace(/^\//, "").split("/");
  if (segments.includes("..")) throw refusal(place, "leaves the mount");
  if (segments.some((segment) => segment === "" || segment === ".")) {
    throw refusal(place, "has an empty part or a dot in its path");
  }
  return segments;
}

function folderAt(root: OpenFolder, segments: readonly string[], place: Place): OpenFolder {
  let folder = root;
  for (const segment of segments) {
    const next = folder.entries.get(segment) ?? newFolder();
    if (next.kind === "file") throw refusal(place, `is below "${segment}", which is a file`);
    folder.entries.set(segment, next);
    folder = next;
  }
  return folder;
}

function mountFile({ inline, digest }: SpinFile, locate: BlobLocator, place: Place): MountedFile {
  if (inline !== undefined) {
    const bytes = inlineBytes(inline);
    if (!bytes) throw refusal(place, "is not in base64");
    return { kind: "file", size: bytes.length, content: { bytes } };
  }
  if (!digest) throw refusal(place, "has neither a digest nor content");
  const blob = locate(digest);
  if (!blob) throw missing(place, digest);
  return { kind: "file", size: blob.size, content: { hostPath: blob.hostPath } };
}

/** Spin writes base64 without padding; it may be there. */
function inlineBytes(inline: string | readonly number[]): Uint8Array<ArrayBuffer> | undefined {
  return typeof inline === "string" ? bytesFromBase64(inline) : Uint8Array.from(inline);
}

function refusal({ subject, file }: Place, reason: string): LarderError {
  return badLockedApp(subject, `${file} ${reason}`);
}

function missing({ subject, file }: Place, digest: Digest): LarderError {
  return new LarderError(
    "LDR_NOT_CACHED",
    `${subject} lacks ${file}: neither its manifest nor the cache has ${digest}`,
    { hint: "pull it again; if that does not help, whoever published it has left the file out" },
  );
}
