/** Where the pages of `docs` can be read: who has only the binary has no such folder. */
const PAGES = "https://github.com/larder-oci/larder/blob/main/docs";

/** The address of a page of the manual. */
export function manualPage(name: "configuration" | "filters"): string {
  return `${PAGES}/${name}.md`;
}
