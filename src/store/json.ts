import * as v from "valibot";

/** A time as `Date.parse` accepts it; larder writes RFC 3339. */
export const TimeSchema = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text)), "not a time"),
);

/** Parses JSON that matches a schema; returns undefined for anything else. */
export function parseJson<T extends v.GenericSchema>(
  schema: T,
  text: string,
): v.InferOutput<T> | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

const NewerSchema = v.object({ schemaVersion: v.pipe(v.number(), v.minValue(2)) });

/** True if a record of any kind has a `schemaVersion` above 1, so a newer larder wrote it. */
export function isNewerFormat(text: string): boolean {
  return parseJson(NewerSchema, text) !== undefined;
}
