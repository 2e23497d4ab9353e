import * as v from "valibot";

/** RFC 3339. */
export const TimeSchema = v.pipe(
  v.string(),
  v.check((text) => !Number.isNaN(Date.parse(text)), "not a time"),
);

/** Reads a JSON document of this form; undefined for anything else. */
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

const LaterSchema = v.object({ schemaVersion: v.pipe(v.number(), v.minValue(2)) });

/** Whether a record of any kind, which cannot be read here, is one that a later larder wrote. */
export function isNewerFormat(text: string): boolean {
  return parseJson(LaterSchema, text) !== undefined;
}
