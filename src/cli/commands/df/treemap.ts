/** A place on a page, in pixels. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A length that cannot be seen, in pixels. */
const INVISIBLE = 1e-6;

/**
 * Divides a rectangle into one for each value, with areas in proportion, and as near to squares as may be. Values must
 * be positive, and come in descending order.
 *
 * Source: Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).
 */
export function squarify(values: readonly number[], area: Rectangle): Rectangle[] {
  const scale = (area.width * area.height) / values.reduce((sum, value) => sum + value, 0);
  const rectangles: Rectangle[] = [];
  let rest = area;
  for (let start = 0; start < values.length;) {
    const side = Math.min(rest.width, rest.height);
    if (side < INVISIBLE) {
      // What is left is lost in rounding: nobody would see it.
      return [...rectangles, ...values.slice(start).map(() => ({ ...rest, width: 0, height: 0 }))];
    }
    let end = start + 1;
    let sum = values[start]! * scale;
    // A row grows as long as that makes its worst rectangle better.
    for (; end < values.length; end++) {
      const next = values[end]! * scale;
      const largest = values[start]! * scale;
      const before = worst(largest, values[end - 1]! * scale, sum, side);
      if (worst(largest, next, sum + next, side) > before) break;
      sum += next;
    }
    const row = values.slice(start, end).map((value) => value * scale);
    rectangles.push(...layRow(row, sum, rest));
    rest = without(rest, sum);
    start = end;
  }
  return rectangles;
}

/** The worst proportion in a row of rectangles that has this area and lies along a side of this length. */
function worst(largest: number, smallest: number, area: number, side: number): number {
  const square = area * area;
  const along = side * side;
  return Math.max((along * largest) / square, square / (along * smallest));
}

/** Lays a row along the shorter side. */
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

function without(rest: Rectangle, area: number): Rectangle {
  if (rest.width >= rest.height) {
    const thickness = area / rest.height;
    return { ...rest, x: rest.x + thickness, width: Math.max(0, rest.width - thickness) };
  }
  const thickness = area / rest.width;
  return { ...rest, y: rest.y + thickness, height: Math.max(0, rest.height - thickness) };
}
