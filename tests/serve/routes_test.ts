import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError } from "../../src/serve/errors.ts";
import { routeOf } from "../../src/serve/routes.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** Describes a route in one line: `tag docker.io/library/nginx v1`. */
function described(target: string): string {
  const [path = "", query] = target.split("?");
  try {
    const route = routeOf(path, query === undefined ? "" : `?${query}`, "docker.io", 5000);
    if (!("repository" in route)) return route.kind;
    const { registry, repository } = route.repository;
    const what = route.kind === "tag" ? route.tag : "digest" in route ? route.digest : "";
    return `${route.kind} ${registry}/${repository} ${what}`.trim();
  } catch (error) {
    if (error instanceof ApiError) return `${error.status} ${error.code}`;
    throw error;
  }
}

const ROUTES: readonly (readonly [target: string, route: string])[] = [
  ["/healthz", "health"],
  ["/v2/", "ping"],
  ["/v2", "ping"],
  ["/v2/_catalog?n=1", "catalog"],
  ["/v2/nginx/manifests/1.27", "tag docker.io/library/nginx 1.27"],
  ["/v2/library/nginx/manifests/1.27", "tag docker.io/library/nginx 1.27"],
  ["/v2/acme/app/manifests/v1", "tag docker.io/acme/app v1"],
  ["/v2/ghcr.io/acme/app/manifests/v1", "tag ghcr.io/acme/app v1"],
  ["/v2/localhost/app/manifests/v1", "tag localhost/app v1"],
  ["/v2/localhost:5001/app/manifests/v1", "tag localhost:5001/app v1"],
  ["/v2/%6Cocalhost%3A5001/app/manifests/v1", "tag localhost:5001/app v1"],
  ["/v2/acme/app/manifests/v1?ns=ghcr.io", "tag ghcr.io/acme/app v1"],
  ["/v2/library/nginx/manifests/1?ns=docker.io", "tag docker.io/library/nginx 1"],
  ["/v2/quay.io/app/manifests/v1?ns=ghcr.io", "tag ghcr.io/quay.io/app v1"],
  ["/v2/acme/app/manifests/v1?ns=", "tag docker.io/acme/app v1"],
  [`/v2/ghcr.io/a/manifests/b/manifests/${DIGEST}`, `manifest ghcr.io/a/manifests/b ${DIGEST}`],
  [`/v2/ghcr.io/acme/app/blobs/${DIGEST}`, `blob ghcr.io/acme/app ${DIGEST}`],
  [`/v2/ghcr.io/acme/app/referrers/${DIGEST}`, `referrers ghcr.io/acme/app ${DIGEST}`],
  ["/v2/ghcr.io/acme/app/tags/list", "tags ghcr.io/acme/app"],
  ["/v2/ghcr.io/acme/app/blobs/uploads/", "upload ghcr.io/acme/app"],
  ["/v2/ghcr.io/acme/app/blobs/uploads/1-2", "upload ghcr.io/acme/app"],
  ["/v2/local/app/manifests/v1", "tag local/app v1"],
  ["/v2/local/a/b/blobs/uploads/", "upload local/a/b"],
  ["/v2/local/blobs/uploads/blobs/uploads/", "upload local/blobs/uploads"],
  ["/v2/local/blobs/uploads/manifests/v1", "tag local/blobs/uploads v1"],
  ["/v2/local/a/blobs/uploads/b/tags/list", "tags local/a/blobs/uploads/b"],
  ["/v2/local/app/manifests/v1?ns=docker.io", "tag docker.io/local/app v1"],
  ["/v2/local/app/manifests/v1?ns=localhost:5000", "tag local/app v1"],
  ["/v2/local/app/manifests/v1?ns=127.0.0.1:5000", "tag local/app v1"],
  ["/v2/local/app/manifests/v1?ns=localhost:5001", "tag localhost:5001/local/app v1"],
  ["/v2/local/app/manifests/v1?ns=host.test:5000", "tag host.test:5000/local/app v1"],
  ["/v2/local/manifests/v1", "400 NAME_INVALID"],
  ["/", "404 NAME_UNKNOWN"],
  ["/v1/search", "404 NAME_UNKNOWN"],
  ["/v2/app/tags/other", "404 NAME_UNKNOWN"],
  ["/v2/manifests/v1", "404 NAME_UNKNOWN"],
  [`/v2/${"a/".repeat(2000)}manifests/v1`, "404 NAME_UNKNOWN"],
  ["/v2/%zz/manifests/v1", "404 NAME_UNKNOWN"],
  ["/v2/ghcr.io/manifests/v1", "400 NAME_INVALID"],
  ["/v2/ghcr.io/../../etc/manifests/v1", "400 NAME_INVALID"],
  ["/v2/ghcr.io/%2e%2e%2fapp/manifests/v1", "400 NAME_INVALID"],
  ["/v2/Acme/app/manifests/v1", "400 NAME_INVALID"],
  ["/v2/app:v2/manifests/v1", "400 NAME_INVALID"],
  ["/v2/ghcr.io/app:v2/manifests/v1", "400 NAME_INVALID"],
  [`/v2/ghcr.io/app@${DIGEST}/manifests/v1`, "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=evil/../x", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=host", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?%6Es=ghcr.io", "tag ghcr.io/acme/app v1"],
  ["/v2/acme/app/manifests/v1?ns=xn--bcher-kva.test", "tag xn--bcher-kva.test/acme/app v1"],
  ["/v2/acme/app/manifests/v1?ns=[::1]:5000", "tag docker.io/acme/app v1"],
  ["/v2/acme/app/manifests/v1?ns=[::1]:5001", "tag [::1]:5001/acme/app v1"],
  ["/v2/acme/app/manifests/sha256", "tag docker.io/acme/app sha256"],
  [
    `/v2/acme/app/manifests/sha256-${"a".repeat(64)}`,
    `tag docker.io/acme/app sha256-${"a".repeat(64)}`,
  ],
  ["/v2/acme/app/manifests/v1?ns=ghcr.io&ns=quay.io", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=ghcr.io&%6Es=ghcr.io", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=https://ghcr.io", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=ghcr.io/v2/", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=user:pw@ghcr.io", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=ghcr.io%00", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v1?ns=b%C3%BCcher.test", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/v%2531", "404 MANIFEST_UNKNOWN"],
  ["/v2/acme/app/manifests/%00", "404 MANIFEST_UNKNOWN"],
  [`/v2/acme/app/manifests/${"a".repeat(129)}`, "404 MANIFEST_UNKNOWN"],
  ["/v2/acme/app/manifests/..%2fv1", "404 NAME_UNKNOWN"],
  ["/v2/acme/app%00/manifests/v1", "400 NAME_INVALID"],
  ["/v2/0x7f.1/app/manifests/v1", "400 NAME_INVALID"],
  ["/v2/acme/app/manifests/-v1", "404 MANIFEST_UNKNOWN"],
  ["/v2/acme/app/manifests/sha256:12", "400 DIGEST_INVALID"],
  ["/v2/acme/app/blobs/sha256:zz", "400 DIGEST_INVALID"],
  ["/v2/acme/app/blobs/v1", "400 DIGEST_INVALID"],
  [`/v2/acme/app/referrers/md5:${"a".repeat(32)}`, "400 DIGEST_INVALID"],
];

Deno.test("routeOf finds the upstream and what is asked, or says what is malformed", async (t) => {
  for (const [target, route] of ROUTES) {
    await t.step(target.slice(0, 80), () => assert.equal(described(target), route));
  }
});

Deno.test("routeOf accepts a repository only if its name is safe in a path, for any path", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (name, host) => {
    const target = `/v2/${encodeURIComponent(name)}/manifests/v1?ns=${encodeURIComponent(host)}`;
    const [kind, full = ""] = described(target).split(" ");
    if (kind === "tag") assert.match(full, /^[a-z0-9.:[\]-]+(?:\/[a-z0-9._-]+)+$/i);
    assert.ok(!full.split("/").includes(".."));
  }));
});
