import type { Reference } from "../oci/reference.ts";
import { readFolder } from "../base/files/files.ts";
import { isRegistryFailure } from "../pull/freshness.ts";
import { listTags } from "../registry/repository_queries.ts";
import type { Layout } from "../store/layout.ts";
import { join } from "node:path";
import type { Answer } from "./answer.ts";
import { ApiError } from "./errors.ts";
import type { RepositoryIndexes } from "./repository_index.ts";
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
    const { names, next } = cut(listed.tags, page);
    return listAnswer(request, "tags", name, names, next ?? listed.next, "miss");
  } catch (error) {
    if (!isRegistryFailure(error) && !upstreams.isOffline) throw error;
    const cached = await indexes.of(repository).tags();
    if (cached.length === 0) throw error;
    const { names, next } = cut(cached, page);
    const answer = listAnswer(request, "tags", name, names, next, "stale");
    const warning = '110 larder "Response is Stale"';
    return { ...answer, headers: { ...answer.headers, warning } };
  }
}

/** Lists all tags of a repository that no registry has. @param name as the client wrote it */
export function localTagsAnswer(request: Request, name: string, tags: readonly string[]): Answer {
  const { names, next } = cut(tags, pageOf(request));
  return listAnswer(request, "tags", name, names, next, "hit");
}

/** Lists the cached repositories, by the names under which this server has them. */
export function catalogAnswer(request: Request, layout: Layout): Answer {
  const { names, next } = cut(repositoriesIn(layout), pageOf(request));
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

/**
 * Returns the names of a page, and the last one if others follow. Some registries ignore `n` and `last`: what they send
 * is then sorted and cut here.
 */
function cut(
  all: readonly string[],
  { n, last }: Page,
): { names: readonly string[]; next: string | undefined } {
  const isCut = last === undefined || !all.includes(last);
  const rest = isCut ? all : all.toSorted(compare).filter((name) => compare(name, last) > 0);
  const limit = Math.min(n ?? MAX_PAGE, MAX_PAGE);
  if (rest.length <= limit) return { names: rest, next: undefined };
  const names = rest.toSorted(compare).slice(0, limit);
  return { names, next: names.at(-1) };
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
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

function repositoriesIn(layout: Layout): string[] {
  const names: string[] = [];
  const walk = (folder: string, name: string) => {
    const children = readFolder(folder).filter(({ isDirectory }) => isDirectory);
    const isRepository = children.some((child) => isEntry(layout, join(folder, child.name)));
    if (isRepository) names.push(name);
    for (const child of children) {
      if (layout.digestOfName(child.name)) continue;
      walk(join(folder, child.name), `${name}/${child.name}`);
    }
  };
  for (const registry of readFolder(layout.manifests).filter(({ isDirectory }) => isDirectory)) {
    const name = layout.registryOfName(registry.name);
    for (const child of readFolder(join(layout.manifests, registry.name))) {
      if (child.isDirectory) {
        walk(join(layout.manifests, registry.name, child.name), `${name}/${child.name}`);
      }
    }
  }
  return names.sort(compare);
}

function isEntry(layout: Layout, folder: string): boolean {
  return readFolder(folder).some(({ name, isFile }) => isFile && name === "manifest.json") &&
    layout.root !== folder;
}
