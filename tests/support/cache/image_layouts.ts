import { dirname, join } from "node:path";
import { type TarMember, tarOf } from "../tar_writer.ts";
import { type Artifact, utf8 } from "./artifacts.ts";

/** An image in a layout, with the name in its annotation. */
export interface LayoutImage {
  readonly artifact: Artifact;
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The files of a layout, by name. */
export type Files = Map<string, Uint8Array>;

const REF_NAME = "org.opencontainers.image.ref.name";

/** Returns the name of a blob in a layout. */
export function blobFile(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** Returns the files of an OCI image layout, written without larder's own code. */
export function layoutOf(...images: readonly LayoutImage[]): Files {
  const manifests = images.map(({ artifact, name, annotations }) => ({
    ...artifact.descriptor,
    annotations: { ...name !== undefined && { [REF_NAME]: name }, ...annotations },
  }));
  const files: Files = new Map([
    ["oci-layout", utf8('{"imageLayoutVersion":"1.0.0"}')],
    ["index.json", utf8(JSON.stringify({ schemaVersion: 2, manifests }))],
  ]);
  for (const { artifact } of images) addArtifact(files, artifact);
  return files;
}

function addArtifact(files: Files, artifact: Artifact): void {
  files.set(blobFile(artifact.descriptor.digest), artifact.bytes);
  for (const { descriptor, bytes } of artifact.blobs) files.set(blobFile(descriptor.digest), bytes);
  for (const child of artifact.children) addArtifact(files, child);
}

/** Returns files as a tar file, sorted by name, as skopeo has them: blobs before the index. */
export function tarFileOf(files: Files): Uint8Array<ArrayBuffer> {
  return tarOf(...membersOf(files));
}

/** Returns files as members of a tar file, sorted by name. */
export function membersOf(files: Files): TarMember[] {
  return [...files].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([name, content]) => ({ name, content }));
}

/** Writes files below a folder, and returns it. */
export function writeFiles(folder: string, files: Files): string {
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeFileSync(path, bytes);
  }
  return folder;
}
