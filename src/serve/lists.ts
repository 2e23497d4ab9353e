import { type Reference, repositoryName } from "../oci/reference.ts";
import { isRegistryFailure } from "../pull/freshness.ts";
import { listTags } from "../registry/repository_queries.ts";
import type { Layout } from "../store/layout.ts";
import type { Answer } from "./answer.ts";
import { ApiError } from "./errors.ts";
import { cachedRepositories } from "./catalog.ts";
import type { RepositoryIndexes } from "./manifests/repository_index.ts";
import type { Upstreams } from "./upstreams.ts";

/** Names in an answer to a request without `n`, and the most of one with it. */
const MAX_PAGE = 10_000;

/** The page of a list that a client asks for. */
interface Page {
  readonly n: number | undefined;
  readonly last: string | undefined;
}

/**
 * Lists the tags of a repository (distribution-spec, "Listing Tags"): those of its registry or, while that fails, those
 * in the cache.
 *
 * @param name as the client wrote it
 * @throws ApiError, and LarderError those of the registry
 */
export async function tagsAnswer(
  request: Request,
  repository: Reference,
  name: string,
  { upstreams, indexes }: { upstreams: Upstreams; indexes: RepositoryIndexes },
): Promise<Answer> {
  const page = pageOf(request);
  try {
    const listed = await listTags(upstreams.repository(repository), page);
    // Some registries ignore `n` and `last`: what they send is cut here.
    const isIgnored = page.last !== undefined && listed.tags.includes(page.last);
    const tags = isIgnored ? after(listed.tags, page.last) : listed.tags;
    const { names, next } = cut(tags, page.n);
    return listAnswer(request, "tags", name, names, next ?? listed.next, "miss");
  } catch (error) {
    if (!isRegistryFailure(error) && !upstreams.isOffline) throw error;
    const cached = await indexes.of(repository).tags();
    if (cached.length === 0) throw error;
    const { names, next } = cut(after(cached, page.last), page.n);
    const answer = listAnswer(request, "tags", name, names, next, "stale");
    const warning = '110 larder "Response is Stale"';
    return { ...answer, headers: { ...answer.headers, warning } };
  }
}

/** Lists all tags of a repository that no registry has. @param name as the client wrote it */
export function localTagsAnswer(request: Request, name: string, tags: readonly string[]): Answer {
  const page = pageOf(request);
  const { names, next } = cut(after(tags, page.last), page.n);
  return listAnswer(request, "tags", name, names, next, "hit");
}

/**
 * Lists the cached repositories, by the names under which this server has them.
 * @param mayName true for those that clients may ask for
 */
export async function catalogAnswer(
  request: Request,
  layout: Layout,
  mayName: (upstream: Reference) => boolean,
): Promise<Answer> {
  const page = pageOf(request);
  const repositories = (await cachedRepositories(layout)).filter(mayName);
  const all = repositories.map(repositoryName).sort();
  const { names, next } = cut(after(all, page.last), page.n);
  return listAnswer(request, "repositories", undefined, names, next, undefined);
}

/** @throws ApiError */
function pageOf(request: Request): Page {
  const query = new URL(request.url).searchParams;
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new ApiError(400, "UNSUPPORTED", "n must be a number");
  }
  return { n: n === null ? undefined : Number(n), last: query.get("last") ?? undefined };
}

/** Returns the names after `last`. */
function after(names: readonly string[], last: string | undefined): readonly string[] {
  return last === undefined ? names : names.filter((name) => name > last);
}

/** Returns the names of a page, and the last one if others follow. */
function cut(
  names: readonly string[],
  n: number | undefined,
): { names: readonly string[]; next: string | undefined } {
  const limit = Math.min(n ?? MAX_PAGE, MAX_PAGE);
  if (names.length <= limit) return { names, next: undefined };
  const first = names.toSorted().slice(0, limit);
  return { names: first, next: first.at(-1) };
}

function listAnswer(
  request: Request,
  member: "tags" | "repositories",
  name: string | undefined,
  names: readonly string[],
  next: string | undefined,
  result: Answer["result"],
): Answer {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (next !== undefined) {
    const url = new URL(request.url);
    url.searchParams.set("last", next);
    headers.link = `<${url.pathname}${url.search}>; rel="next"`;
  }
  const body = JSON.stringify({ ...(name !== undefined && { name }), [member]: names });
  return { status: 200, headers, body: `${body}\n`, result };
}
