import { sep } from "node:path";
import { asDigest } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import type { UnreadablePath } from "../snapshot/unreadable.ts";
import { isPathPart, type Layout } from "../store/layout.ts";

/** Returns what this user may not read of the folder that an entry with this name would have, or of one above it. */
export function hidingPlace(
  { layout, unreadable }: CacheSnapshot,
  name: string,
): UnreadablePath | undefined {
  if (unreadable.length === 0) return undefined;
  const folders = foldersOf(layout, name);
  return unreadable.find(({ path }) =>
    folders.some((folder) => folder === path || folder.startsWith(path + sep))
  );
}

/** Returns the folders that a reference, a package, a build and compiled code with this name would have. */
function foldersOf(layout: Layout, name: string): string[] {
  const parts = name.split("/");
  const [source = "", packageName = "", version = "", arch = ""] = parts;
  const specification = asDigest(name.slice(name.indexOf("@") + 1));
  const component = asDigest(source);
  const isPackage = parts.length === 4 && parts.every(isPathPart);
  return [
    ...referenceFolders(layout, name),
    ...isPackage ? [layout.packageFolder(source, packageName, version, arch)] : [],
    ...specification ? [layout.buildFolder(specification)] : [],
    ...component && layout.isEngine(packageName)
      ? [layout.compiledFolder(component, packageName)]
      : [],
  ];
}

function referenceFolders(layout: Layout, name: string): string[] {
  try {
    const reference = parseReference(name);
    return reference.digest
      ? [layout.digestFolder(reference, reference.digest)]
      : [layout.tagFolder(reference, reference.tag!)];
  } catch {
    return []; // The name of another type.
  }
}
