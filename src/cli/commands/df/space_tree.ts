import { type CacheSnapshot, isFromRegistry, type SnapshotEntry } from "../../../snapshot/types.ts";

/**
 * What takes the space, as a tree: registries (and the other types of entries), what belongs together in them, and
 * entries.
 *
 * Every file is counted once: where only one entry needs it, with that entry; otherwise with the smallest part of the
 * tree that has all who need it.
 */
export interface SpaceNode {
  readonly name: string;
  /** Bytes of it and of all below it. */
  readonly size: number;
  /** Of {@link size}, what several of its children need. */
  readonly shared: number;
  /** The largest first. */
  readonly children: readonly SpaceNode[];
}

/** A node under construction. */
class Branch {
  readonly name: string;
  readonly parent: Branch | undefined;
  readonly depth: number;
  readonly children = new Map<string, Branch>();
  /** Bytes that are counted here and not further down. */
  own = 0;

  constructor(name: string, parent?: Branch) {
    this.name = name;
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
  }

  child(name: string): Branch {
    const known = this.children.get(name);
    if (known) return known;
    const child = new Branch(name, this);
    this.children.set(name, child);
    return child;
  }

  finish(): SpaceNode {
    const children = [...this.children.values()].map((child) => child.finish())
      .sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
    const size = children.reduce((sum, child) => sum + child.size, this.own);
    return { name: this.name, size, shared: children.length === 0 ? 0 : this.own, children };
  }
}

/** The tree of a cache; its root has no name. Content that nobody needs is in none of it. */
export function spaceTree(snapshot: CacheSnapshot): SpaceNode {
  const root = new Branch("");
  /** Where each piece of content is to be counted, by its place. */
  const owners = new Array<Branch | undefined>(snapshot.contents.length);
  for (const entry of snapshot.entries) {
    const leaf = root.child(topOf(entry)).child(entry.group).child(entry.name);
    leaf.own += entry.ownSize;
    for (const place of entry.references) {
      const owner = owners[place];
      owners[place] = owner ? common(owner, leaf) : leaf;
    }
  }
  for (const [place, owner] of owners.entries()) {
    if (owner) owner.own += snapshot.contents[place]!.size;
  }
  return root.finish();
}

/** The registry of an app or image, the type of everything else. */
function topOf({ type, name }: SnapshotEntry): string {
  if (isFromRegistry(type)) return name.slice(0, name.indexOf("/"));
  return type === "compiled" ? "compiled code" : `${type}s`;
}

function common(a: Branch, b: Branch): Branch {
  if (a === b) return a;
  if (a.depth > b.depth) return common(a.parent!, b);
  if (b.depth > a.depth) return common(a, b.parent!);
  return common(a.parent!, b.parent!);
}
