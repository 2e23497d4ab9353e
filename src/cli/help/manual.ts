/** Address of the pages of `docs`, which a binary does not contain. */
const PAGES = "https://github.com/larder-oci/larder/blob/main/docs";

/** Returns the address of a page of the documentation. */
export function manualPage(name: "configuration" | "filters"): string {
  return `${PAGES}/${name}.md`;
}
