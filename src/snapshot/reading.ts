import type { Layout } from "../store/layout.ts";
import { ContentIndex } from "./contents.ts";
import type { StrayFiles } from "./entry_folders.ts";
import { Unreadable } from "./unreadable.ts";

/** One read of the cache. Its steps add what they find to `contents` and `strays`. */
export interface Reading {
  readonly layout: Layout;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly contents: ContentIndex;
  readonly strays: StrayFiles;
}

export function startReading(layout: Layout, now: number): Reading {
  const unreadable = new Unreadable();
  return {
    layout,
    now,
    contents: new ContentIndex(unreadable),
    strays: { rubbish: [], foreign: [], emptyFolders: [], folderCount: 0, unreadable },
  };
}
