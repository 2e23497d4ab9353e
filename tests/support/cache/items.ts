import type { Item } from "../../../src/cli/query/items.ts";
import { digestOf, utf8 } from "./artifacts.ts";
import { DAY } from "./test_cache.ts";

/** Time of the tests of filters and templates. */
export const NOW = Date.parse("2026-03-01T12:00:00Z");

/** Returns an app of 200 MB that was created 50 and last used 40 days before {@link NOW}, with these changes. */
export function item(changes: Partial<Item> = {}): Item {
  return {
    type: "app",
    name: "ghcr.io/acme/shop:v1",
    group: "ghcr.io/acme/shop",
    digest: digestOf(utf8("shop")),
    path: "/cache/registry/manifests/ghcr.io/acme/shop/v1",
    size: 200e6,
    unique: 50e6,
    createdAt: NOW - 50 * DAY,
    lastUsed: NOW - 40 * DAY,
    pin: undefined,
    writtenBy: "larder",
    record: undefined,
    problem: undefined,
    holders: 0,
    ownSize: 0,
    references: [],
    ...changes,
  };
}
