import { LarderError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { FIELD_NAMES, type FieldName, readField } from "./fields.ts";
import type { Item } from "./items.ts";

/** The parsed value of `--sort`. */
export interface Sorting {
  readonly field: FieldName;
  readonly descending: boolean;
}

/**
 * Parses `size`, `size:asc` or `size:desc`.
 * @throws LarderError LDR_USAGE if the field is unknown or the direction is neither
 */
export function parseSorting(text: string): Sorting {
  const [name = "", direction = "asc", ...rest] = text.split(":");
  const field = FIELD_NAMES.find((each) => each === name);
  if (!field) {
    const similar = nearest(name, FIELD_NAMES);
    throw new LarderError("LDR_USAGE", `cannot sort by "${name}": there is no such field`, {
      hint: similar ? `did you mean ${similar}?` : `the fields are ${FIELD_NAMES.join(", ")}`,
    });
  }
  if (rest.length > 0 || (direction !== "asc" && direction !== "desc")) {
    throw new LarderError("LDR_USAGE", `bad sort order "${text}"`, {
      hint: `write ${field}:asc or ${field}:desc`,
    });
  }
  return { field, descending: direction === "desc" };
}

/** Returns the items sorted; equal ones keep their order. @param now milliseconds since the epoch */
export function sorted(items: readonly Item[], sorting: Sorting, now: number): Item[] {
  const { field, descending } = sorting;
  const keyed = items.map((item) => [readField(field, item, now), item] as const);
  keyed.sort(([a], [b]) => {
    const order = a < b ? -1 : a > b ? 1 : 0;
    return descending ? -order : order;
  });
  return keyed.map(([, item]) => item);
}
