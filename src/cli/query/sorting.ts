import { LarderError } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { FIELD_NAMES, type FieldName, readField } from "./fields.ts";
import type { Item } from "./items.ts";

/** What `--sort` says. */
export interface Sorting {
  readonly field: FieldName;
  readonly descending: boolean;
}

/**
 * Reads `size`, `size:asc` or `size:desc`.
 * @throws LarderError LDR_USAGE
 */
export function parseSorting(text: string): Sorting {
  const [name = "", direction = "asc", ...rest] = text.split(":");
  const field = FIELD_NAMES.find((each) => each === name);
  if (!field) {
    const meant = nearest(name, FIELD_NAMES);
    throw new LarderError("LDR_USAGE", `cannot sort by "${name}": there is no such field`, {
      hint: meant ? `did you mean ${meant}?` : `the fields are ${FIELD_NAMES.join(", ")}`,
    });
  }
  if (rest.length > 0 || (direction !== "asc" && direction !== "desc")) {
    throw new LarderError("LDR_USAGE", `cannot sort as "${text}" says`, {
      hint: `write ${field}:asc or ${field}:desc`,
    });
  }
  return { field, descending: direction === "desc" };
}

/** The items in another order; those that are equal stay as they stand. @param now milliseconds since the epoch */
export function sorted(items: readonly Item[], sorting: Sorting, now: number): Item[] {
  const { field, descending } = sorting;
  const keyed = items.map((item) => [readField(field, item, now), item] as const);
  keyed.sort(([a], [b]) => {
    const order = a < b ? -1 : a > b ? 1 : 0;
    return descending ? -order : order;
  });
  return keyed.map(([, item]) => item);
}
