import * as v from "valibot";
import { formatJson } from "../../base/json.ts";
import { DescriptorSchema } from "../../oci/descriptor.ts";
import { parseJson } from "../json.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const { mediaType, digest, size } = DescriptorSchema.entries;
const FileSchema = v.object({ name: v.pipe(v.string(), v.regex(NAME)), mediaType, digest, size });

const RecordSchema = v.object({
  schemaVersion: v.literal(1),
  files: v.pipe(
    v.array(FileSchema),
    v.minLength(1),
    v.check(haveUniqueNames, "two files have the same name"),
  ),
});

/** A file of compiled code, and the blob that has its bytes. */
export type CompiledFile = v.InferOutput<typeof FileSchema>;

/** Returns the files that a record names; undefined for an invalid record, which counts as missing. */
export function parseCompiledRecord(text: string): readonly CompiledFile[] | undefined {
  return parseJson(RecordSchema, text)?.files;
}

/** Returns the text of the record of some files. @throws valibot's error if the files do not match the schema of a record */
export function formatCompiledRecord(files: readonly CompiledFile[]): string {
  return formatJson(v.parse(RecordSchema, { schemaVersion: 1, files }));
}

function haveUniqueNames(files: CompiledFile[]): boolean {
  return new Set(files.map(({ name }) => name)).size === files.length;
}
