/** A rectangle on a page, in pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Length below which a rest of the area is a rounding error, in pixels. */
const ROUNDING_ERROR = 1e-6;

/**
 * Divides a rectangle into one per value, with proportional areas and side lengths as equal as possible. Values must be
 * positive and in descending order.
 *
 * Source: Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).
 */
export function squarify(values: readonly number[], area: Rectangle): Rectangle[] {
  const scale = (area.width * area.height) / values.reduce((sum, value) => sum + value, 0);
  const rectangles: Rectangle[] = [];
  let rest = area;
  for (let start = 0; start < values.length;) {
    const side = Math.min(rest.width, rest.height);
    if (side < ROUNDING_ERROR) {
      return [...rectangles, ...values.slice(start).map(() => ({ ...rest, width: 0, height: 0 }))];
    }
    let end = start + 1;
    let sum = values[start]! * scale;
    // A row grows while that improves its worst rectangle.
    for (; end < values.length; end++) {
      const next = values[end]! * scale;
      const largest = values[start]! * scale;
      const before = worstRatio(largest, values[end - 1]! * scale, sum, side);
      if (worstRatio(largest, next, sum + next, side) > before) break;
      sum += next;
    }
    const row = values.slice(start, end).map((value) => value * scale);
    rectangles.push(...layRow(row, sum, rest));
    rest = without(rest, sum);
    start = end;
  }
  return rectangles;
}

/** Returns the worst aspect ratio in a row of this area that is laid along a side of this length. */
function worstRatio(largest: number, smallest: number, area: number, side: number): number {
  const square = area * area;
  const along = side * side;
  return Math.max((along * largest) / square, square / (along * smallest));
}

/** Lays a row along the shorter side of the remaining rectangle. */
function layRow(areas: readonly number[], sum: number, rest: Rectangle): Rectangle[] {
  const isColumn = rest.width >= rest.height;
  const thickness = sum / (isColumn ? rest.height : rest.width);
  let offset = 0;
  return areas.map((area) => {
    const length = area / thickness;
    const rectangle = isColumn
      ? { x: rest.x, y: rest.y + offset, width: thickness, height: length }
      : { x: rest.x + offset, y: rest.y, width: length, height: thickness };
    offset += length;
    return rectangle;
  });
}

/** Returns the rectangle that remains after a row of this area. */
function without(rest: Rectangle, area: number): Rectangle {
  if (rest.width >= rest.height) {
    const thickness = area / rest.height;
    return { ...rest, x: rest.x + thickness, width: Math.max(0, rest.width - thickness) };
  }
  const thickness = area / rest.width;
  return { ...rest, y: rest.y + thickness, height: Math.max(0, rest.height - thickness) };
}
