import assert from "node:assert/strict";
import { RateMeter } from "../../../src/cli/terminal/rate_meter.ts";

const MIB = 1024 * 1024;

class Fixture {
  now = 1_000_000;
  readonly meter = new RateMeter(() => this.now);

  /** Transfers for some seconds at a speed, in steps of 50 ms. */
  transfer(seconds: number, speed: number): void {
    for (let i = 0; i < seconds * 20; i++) {
      this.now += 50;
      if (speed > 0) this.meter.add(speed / 20);
    }
  }
}

Deno.test("RateMeter shows a speed after a second, and the time left", () => {
  const fixture = new Fixture();
  fixture.transfer(0.5, MIB);
  assert.deepEqual(fixture.meter.text(MIB), []);
  fixture.transfer(2, MIB);
  assert.deepEqual(fixture.meter.text(100 * MIB), ["1.00 MiB/s", "1m 40s left"]);
  assert.deepEqual(fixture.meter.text(1), ["1.00 MiB/s", "1s left"]);
  assert.deepEqual(fixture.meter.text(0), ["1.00 MiB/s"]);
});

Deno.test("RateMeter forgets the speed of more than five seconds ago", () => {
  const fixture = new Fixture();
  fixture.transfer(60, 10 * MIB);
  fixture.transfer(10, MIB);
  assert.deepEqual(fixture.meter.text(10 * MIB), ["1.00 MiB/s", "10s left"]);
});

Deno.test("RateMeter shows that nothing arrives, without a time left", () => {
  const fixture = new Fixture();
  fixture.transfer(3, MIB);
  fixture.transfer(20, 0);
  assert.deepEqual(fixture.meter.text(MIB), ["0 B/s"]);
});
