import { LarderError } from "../base/errors.ts";
import { MAX_DOCUMENT } from "../base/limits.ts";
import type { Digest } from "../oci/digest.ts";
import { type IndexManifest, MAX_MANIFEST, parseManifest } from "../oci/manifest.ts";
import { bareMediaType, OCI_INDEX } from "../oci/media_types.ts";
import { readSmall } from "./http/body.ts";
import { contentLength } from "./http/range_request.ts";
import type { HttpResponse } from "./http/transport.ts";
import type { Repository } from "./repository.ts";

/** Requests for lists and sizes, which only `serve` sends. */

/** 16 MiB limit on a page of tags. */
const MAX_TAGS = 16 * MAX_DOCUMENT;

/** Pages of referrers that are read; each has as many as fit into 4 MiB. */
const MAX_PAGES = 16;

/**
 * Returns the size of a blob in bytes, without its content; undefined if the registry does not tell.
 * @throws LarderError LDR_NOT_FOUND, and those of the transport
 */
export async function blobSize(
  repository: Repository,
  digest: Digest,
): Promise<number | undefined> {
  const path = `blobs/${digest}`;
  const response = await repository.ask("HEAD", path);
  await response.body?.cancel();
  if (response.status !== 200) throw await repository.failure(response, path);
  return contentLength(response.headers);
}

/** A page of tags. */
export interface TagPage {
  readonly tags: readonly string[];
  /** The tag after which the next page begins; undefined for the last page. */
  readonly next: string | undefined;
}

/**
 * Lists tags (distribution-spec, "Listing Tags").
 * @throws LarderError LDR_NOT_FOUND, LDR_BAD_RESPONSE, and those of the transport
 */
export async function listTags(
  repository: Repository,
  { n, last }: { n?: number | undefined; last?: string | undefined },
): Promise<TagPage> {
  const query = new URLSearchParams();
  if (n !== undefined) query.set("n", String(n));
  if (last !== undefined) query.set("last", last);
  const path = `tags/list${query.size > 0 ? `?${query}` : ""}`;
  const response = await repository.ask("GET", path, { accept: "application/json" });
  if (response.status !== 200) throw await repository.failure(response, path);
  const tags = tagsOf(await readDocument(response, MAX_TAGS));
  if (!tags) throw badList(response);
  return { tags, next: nextPage(response)?.searchParams.get("last") ?? undefined };
}

/**
 * Returns the referrers of a subject, as an index of its own descriptors (distribution-spec, "Listing Referrers").
 * @returns undefined if the registry lacks the API
 */
export async function listReferrers(
  repository: Repository,
  subject: Digest,
): Promise<IndexManifest[] | undefined> {
  const pages: IndexManifest[] = [];
  let path = `referrers/${subject}`;
  for (let page = 0; page < MAX_PAGES; page++) {
    const response = await repository.ask("GET", path, { accept: OCI_INDEX });
    const index = await referrersIn(response, path, repository);
    if (!index) return pages.length > 0 ? pages : undefined;
    pages.push(index);
    const next = nextPage(response);
    if (!next) break;
    path = `referrers/${subject}${next.search}`;
  }
  return pages;
}

/** Returns undefined for what a registry without the API answers: any other document, or an error of the client's. */
async function referrersIn(
  response: HttpResponse,
  path: string,
  repository: Repository,
): Promise<IndexManifest | undefined> {
  const { status, headers, url } = response;
  if (status === 429 || status >= 500) throw await repository.failure(response, path);
  const type = bareMediaType(headers.get("content-type"));
  if (status !== 200 || (type !== OCI_INDEX && type !== "application/json")) {
    await response.body?.cancel();
    return undefined;
  }
  const bytes = await readSmall(response, MAX_MANIFEST, { url: new URL(url) });
  if (!bytes) return undefined;
  try {
    const manifest = parseManifest(bytes, path, OCI_INDEX);
    return manifest.kind === "index" ? manifest : undefined;
  } catch (error) {
    if (error instanceof LarderError) return undefined;
    throw error;
  }
}

async function readDocument(response: HttpResponse, limit: number): Promise<unknown> {
  const bytes = await readSmall(response, limit, { url: new URL(response.url) });
  try {
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function tagsOf(document: unknown): string[] | undefined {
  const { tags } = (document ?? {}) as { tags?: unknown };
  if (tags === null) return []; // Programs in Go write it for none.
  const isList = Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
  return isList ? tags as string[] : undefined;
}

/** Returns the URL of `Link: <…>; rel="next"` (RFC 8288). */
function nextPage({ headers, url }: HttpResponse): URL | undefined {
  const link = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(headers.get("link") ?? "")?.[1];
  return link === undefined ? undefined : URL.parse(link, url) ?? undefined;
}

function badList({ url }: HttpResponse): LarderError {
  return new LarderError("LDR_BAD_RESPONSE", `${new URL(url).host} answered no list of tags`, {
    hint: "check that the address is that of a registry",
  });
}
