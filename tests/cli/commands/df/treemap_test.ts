import assert from "node:assert/strict";
import fc from "fast-check";
import { type Rectangle, squarify } from "../../../../src/cli/commands/df/treemap.ts";

const AREA: Rectangle = { x: 10, y: 20, width: 600, height: 400 };

/** Accepted rounding error, in pixels. */
const TOLERANCE = 0.01;

const right = ({ x, width }: Rectangle) => x + width;
const bottom = ({ y, height }: Rectangle) => y + height;

Deno.test("squarify gives one value the whole area", () => {
  const [place, ...others] = squarify([7], AREA);
  assert.deepEqual(others, []);
  assert.deepEqual([place!.x, place!.y], [AREA.x, AREA.y]);
  assert.ok(Math.abs(right(place!) - right(AREA)) < TOLERANCE);
  assert.ok(Math.abs(bottom(place!) - bottom(AREA)) < TOLERANCE);
});

Deno.test("squarify gives equal values squares if these fit", () => {
  const places = squarify([1, 1, 1, 1], { x: 0, y: 0, width: 100, height: 100 });
  assert.deepEqual(places.map(({ width, height }) => [width, height]), Array(4).fill([50, 50]));
});

Deno.test("squarify makes rectangles that are proportional, inside the area and disjoint", () => {
  const value = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 2 ** 45 }));
  fc.assert(fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), (list) => {
    const values = list.sort((a, b) => b - a);
    const total = values.reduce((sum, each) => sum + each, 0);
    const places = squarify(values, AREA);
    assert.equal(places.length, values.length);
    for (const [i, place] of places.entries()) {
      const expected = (values[i]! / total) * AREA.width * AREA.height;
      assert.ok(Math.abs(place.width * place.height - expected) < TOLERANCE, `area of ${i}`);
      assert.ok(place.x >= AREA.x - TOLERANCE && place.y >= AREA.y - TOLERANCE);
      assert.ok(
        right(place) <= right(AREA) + TOLERANCE && bottom(place) <= bottom(AREA) + TOLERANCE,
      );
      for (const other of places.slice(0, i)) {
        const apart = Math.max(other.x - right(place), place.x - right(other)) > -TOLERANCE ||
          Math.max(other.y - bottom(place), place.y - bottom(other)) > -TOLERANCE;
        assert.ok(apart, `${i} overlaps`);
      }
    }
  }));
});

Deno.test("squarify keeps aspect ratios below 3", () => {
  const places = squarify(Array.from({ length: 24 }, (_, i) => 24 - i), AREA);
  for (const { width, height } of places) {
    assert.ok(Math.max(width / height, height / width) < 3, `${width} × ${height}`);
  }
});
