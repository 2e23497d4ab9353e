import { LarderError } from "../../base/errors.ts";
import { readChunks } from "../../base/files/read_chunks.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { digestOf } from "../../oci/hash.ts";
import { digestsOfFiles } from "../../store/blobs/file_digests.ts";
import {
  BUILD_NAME,
  type BuildRecord,
  formatBuildRecord,
} from "../../store/entries/build_record.ts";
import type { BundleSource } from "../read/bundle_source.ts";
import type { ImportPlan } from "../import_plan.ts";
import type { OpenBundle } from "../read/open_source.ts";

/** Media type of an imported file. */
const FILE_TYPE = "application/octet-stream";

/**
 * Returns a file as a bundle with one build. Its specification is that it was imported, with its name and digest: no
 * spec has the same one, and a later import of the same file is the same build.
 *
 * @throws LarderError LDR_USAGE for a name that no build can have; LDR_NOT_FOUND, LDR_DISK*, LDR_INTERRUPTED
 */
export async function fileBundle(
  path: string,
  name: string,
  now: number,
  signal?: AbortSignal,
): Promise<OpenBundle> {
  checkName(name);
  const { size, isFile } = Deno.statSync(path);
  if (!isFile) {
    throw new LarderError("LDR_USAGE", `${path} is not a regular file`, {
      hint: "save its content under a name, and import that",
    });
  }
  const [digest] = await digestsOfFiles([{ path, size, algorithm: "sha256" }], { signal });
  if (!digest) {
    throw new LarderError("LDR_NOT_FOUND", `${path} was removed while it was read`, {
      hint: "check the path",
    });
  }
  const file: Descriptor = { mediaType: FILE_TYPE, digest, size };
  const specification = digestOf(
    new TextEncoder().encode(JSON.stringify({ imported: { digest: file.digest, name } })),
  );
  const record: BuildRecord = {
    schemaVersion: 1,
    name,
    specification,
    ...file,
    createdAt: new Date(now).toISOString(),
  };
  const plan: ImportPlan = {
    entries: [{ type: "build", label: name, record: formatBuildRecord(record), blobs: [file] }],
    fileOf: () => path,
    isPartial: false,
  };
  return { source: new FileSource(path), plan, [Symbol.dispose]() {} };
}

function checkName(name: string): void {
  if (BUILD_NAME.test(name)) return;
  throw new LarderError("LDR_USAGE", `"${name}" cannot be the name of a build`, {
    hint: "name it with letters, digits, ., _, + and -: --as my-image",
  });
}

/** One file, under its own path. */
class FileSource implements BundleSource {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  resolve(name: string): string {
    return name;
  }

  sizeOf(): number {
    return Deno.statSync(this.path).size;
  }

  read(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async visit(
    names: ReadonlySet<string>,
    work: (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (names.size > 0) await work(this.path, readChunks(this.path, { signal }));
  }

  [Symbol.dispose](): void {}
}
