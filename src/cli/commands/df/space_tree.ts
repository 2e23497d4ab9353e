import { type CacheSnapshot, isFromRegistry, type SnapshotEntry } from "../../../snapshot/types.ts";
import { sourceOfPackage } from "../../../store/entry_names.ts";

/**
 * A node of the tree of disk usage. Its levels are registries (and the other types of entries), groups such as
 * repositories and sources of packages, and entries.
 *
 * Each file is counted once: at the entry that needs it, or at the lowest common ancestor of all entries that do.
 */
export interface SpaceNode {
  readonly name: string;
  /** Bytes of the node and all its descendants. */
  readonly size: number;
  /** Bytes of {@link size} that several children share. */
  readonly shared: number;
  /** Largest first. */
  readonly children: readonly SpaceNode[];
}

/** A node under construction. */
class Branch {
  readonly name: string;
  readonly parent: Branch | undefined;
  readonly depth: number;
  readonly children = new Map<string, Branch>();
  /** Bytes counted at this node and at no descendant. */
  own = 0;

  constructor(name: string, parent?: Branch) {
    this.name = name;
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
  }

  child(name: string): Branch {
    const existing = this.children.get(name);
    if (existing) return existing;
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

/** Builds the tree of a cache, without unreferenced content. The root has no name. */
export function spaceTree(snapshot: CacheSnapshot): SpaceNode {
  const root = new Branch("");
  /** The branch that counts each piece of content, by its index in `contents`. */
  const owners = new Array<Branch | undefined>(snapshot.contents.length);
  for (const entry of snapshot.entries) {
    const leaf = root.child(topLevelOf(entry)).child(groupOf(entry)).child(entry.name);
    leaf.own += entry.ownSize;
    for (const index of entry.references) {
      const owner = owners[index];
      owners[index] = owner ? commonAncestor(owner, leaf) : leaf;
    }
  }
  for (const [index, owner] of owners.entries()) {
    if (owner) owner.own += snapshot.contents[index]!.size;
  }
  return root.finish();
}

/** Returns the registry of an app or image, or the type of another entry. */
function topLevelOf({ type, name }: SnapshotEntry): string {
  if (isFromRegistry(type)) return name.slice(0, name.indexOf("/"));
  return type === "compiled" ? "compiled code" : `${type}s`;
}

/**
 * Returns the group of an entry; for a package its source, because most packages are cached in one version. A build whose
 * record is damaged has none.
 */
function groupOf({ type, name, group }: SnapshotEntry): string {
  return (type === "package" ? sourceOfPackage(name) ?? group : group) || name;
}

function commonAncestor(a: Branch, b: Branch): Branch {
  if (a === b) return a;
  if (a.depth > b.depth) return commonAncestor(a.parent!, b);
  if (b.depth > a.depth) return commonAncestor(a, b.parent!);
  return commonAncestor(a.parent!, b.parent!);
}
