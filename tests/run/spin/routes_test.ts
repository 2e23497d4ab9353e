import fc from "fast-check";
import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { targetOf } from "../../../src/run/spin/request_target.ts";
import { RoutePattern } from "../../../src/run/spin/route_pattern.ts";
import { Router, spinHeaders } from "../../../src/run/spin/routes.ts";
import {
  lockedComponent,
  lockedTrigger,
  spinApp,
  SUBJECT,
} from "../../support/cache/locked_apps.ts";

/** Returns a router for routes that are each answered by a component of the same name. */
function router(routes: readonly string[], metadata: Record<string, unknown> = {}): Router {
  return routerOf(Object.fromEntries(routes.map((route) => [route, route])), metadata);
}

/** Returns a router for components and their routes. */
function routerOf(routes: Record<string, unknown>, metadata: Record<string, unknown> = {}): Router {
  const app = spinApp({
    metadata,
    components: Object.keys(routes).map((id) => lockedComponent(id)),
    triggers: Object.entries(routes).map(([component, route]) =>
      lockedTrigger({ component, route }, { id: component })
    ),
  });
  return new Router(app, SUBJECT);
}

/** Returns the component that answers a path. */
function chosen(from: Router, path: string): string | undefined {
  const target = from.match(path)?.route.target;
  return target?.kind === "component" ? target.component : undefined;
}

const MATCHES: [route: string, path: string, parameters?: Record<string, string>, info?: string][] =
  [
    ["/cart", "/cart"],
    ["/cart", "/cart/"],
    ["/cart/", "/cart"],
    ["cart", "/cart"],
    ["/cart", "//cart//"],
    ["/a/b", "/a//b"],
    ["/", "/"],
    ["/", "//"],
    ["/users/:userid/edit", "/users/1/edit", { userid: "1" }],
    ["/users/:userid/edit", "/users/alice/edit", { userid: "alice" }],
    ["/:a/:b", "/x.y/%20z", { a: "x.y", b: "%20z" }],
    ["/:name.json", "/cart.json", { name: "cart" }],
    ["/v:major", "/v:major"],
    ["/:file.:extension", "/a.tar.gz", { file: "a", extension: "tar.gz" }],
    ["/a.b+c", "/a.b+c"],
    ["/users/...", "/users", {}, ""],
    ["/users/...", "/users/", {}, "/"],
    ["/users/...", "/users/1", {}, "/1"],
    ["/users/...", "/users/1/edit/", {}, "/1/edit/"],
    ["/users/*", "/users/1", {}, "/1"],
    ["/...", "/", {}, "/"],
    ["/...", "/1/2/3", {}, "/1/2/3"],
    ["...", "/1", {}, "/1"],
    ["/users/:id/cart/...", "/users/1/cart/items/3", { id: "1" }, "/items/3"],
  ];

for (const [route, path, parameters = {}, pathInfo = ""] of MATCHES) {
  Deno.test(`Router.match finds the route ${route} for ${path}`, () => {
    const match = router([route]).match(path);
    assert.deepEqual(match && Object.fromEntries(match.parameters), parameters);
    assert.equal(match?.pathInfo, pathInfo);
  });
}

const MISSES: [route: string, path: string][] = [
  ["/cart", "/cart/checkout"],
  ["/cart", "/Cart"],
  ["/cart", "/cartoon"],
  ["/cart", "/"],
  ["/", "/cart"],
  ["/users/:userid/edit", "/users"],
  ["/users/:userid/edit", "/users/1"],
  ["/users/:userid/edit", "/users/1/edit/cart"],
  ["/users/:userid/edit", "/users//edit"],
  ["/:name", "/"],
  ["/:name.json", "/.json"],
  ["/:name.json", "/cart.xml"],
  ["/a.b", "/axb"],
  ["/users/...", "/usersabc"],
  ["/users/...", "/user"],
  ["/users/:id/...", "/users"],
];

for (const [route, path] of MISSES) {
  Deno.test(`Router.match does not find the route ${route} for ${path}`, () => {
    assert.equal(router([route]).match(path), undefined);
  });
}

const CHOICES: [path: string, routes: string[], chosen: string | undefined][] = [
  ["/users/1", ["/users/...", "/users/admin", "/..."], "/users/..."],
  ["/users/admin", ["/users/...", "/users/admin", "/..."], "/users/admin"],
  ["/other", ["/users/...", "/users/admin", "/..."], "/..."],
  ["/one", ["/...", "/one"], "/one"],
  ["/", ["/...", "/"], "/"],
  ["/one", ["/one/...", "/one"], "/one"],
  ["/one/two/three/four", ["/one/...", "/one/two/...", "/one/two/three/..."], "/one/two/three/..."],
  ["/one/two/three/four", ["/one/two/three/...", "/one/two/...", "/one/..."], "/one/two/three/..."],
  ["/one/x", ["/one/two/...", "/one/..."], "/one/..."],
  ["/users/1", ["/users/:id", "/users/..."], "/users/:id"],
  ["/users/1", ["/users/...", "/:a/:b"], "/users/..."],
  ["/users/admin", ["/:a/admin", "/users/:id"], "/users/:id"],
  ["/a.json", ["/:a", "/:a.json", "/a.json"], "/a.json"],
  ["/b.json", ["/:a", "/:a.json", "/a.json"], "/:a.json"],
  ["/x/y", ["/:a/...", "/:a/:b", "/..."], "/:a/:b"],
  ["/nothing", ["/a", "/b/...", "/:c/d"], undefined],
];

for (const [path, routes, expected] of CHOICES) {
  Deno.test(`Router.match chooses ${expected ?? "none"} of ${routes.join(" ")} for ${path}`, () => {
    assert.equal(chosen(router(routes), path), expected);
    assert.equal(chosen(router(routes.toReversed()), path), expected);
  });
}

const segment = fc.constantFrom("a", "b", "a.b", ":x", ":x.b");
const route = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.boolean()).map(
  ([segments, wildcard]) => `/${[...segments, ...(wildcard ? ["..."] : [])].join("/")}`,
);
const path = fc.array(fc.constantFrom("a", "b", "a.b", "c", "c.b"), { maxLength: 5 })
  .map((segments) => `/${segments.join("/")}`);

Deno.test("Router.match finds a route exactly if one matches, in any order of the app", () => {
  fc.assert(
    fc.property(fc.uniqueArray(route, { maxLength: 6, selector: shape }), path, (routes, path) => {
      const matching = routes.filter((route) => new RoutePattern(route).match(path));
      const answer = chosen(router(routes), path);
      assert.equal(answer, chosen(router(routes.toReversed()), path));
      assert.equal(answer !== undefined, matching.length > 0);
      if (answer === undefined) return;
      assert(matching.includes(answer));
      // A literal route has precedence over all others.
      if (matching.includes(path)) assert.equal(answer, path);
    }),
  );
});

Deno.test("RoutePattern.shape ignores the names of segments", () => {
  assert.equal(shape("/users/:id"), shape("users/:name/"));
  for (const other of ["/users/:id/...", "/users/id", "/users/:id.:x", "/users/:id/x"]) {
    assert.notEqual(shape("/users/:id"), shape(other));
  }
});

function shape(route: string): string {
  return new RoutePattern(route).shape;
}

Deno.test("Router uses the last of equal routes and reports the others as duplicates", () => {
  const routes = { a: "/same", b: "/other", c: "/same/", d: "/:x/y", e: "/:z/y" };
  const made = routerOf(routes);
  assert.equal(chosen(made, "/same"), "c");
  assert.equal(chosen(made, "/1/y"), "e");
  assert.deepEqual(made.routes.map(({ raw }) => raw), ["/same/", "/other", "/:z/y"]);
  assert.deepEqual(made.duplicates.map(({ route, effective }) => [route.raw, effective.raw]), [
    ["/same", "/same/"],
    ["/:x/y", "/:z/y"],
  ]);
});

Deno.test("Router has no routes for private endpoints", () => {
  const made = routerOf({ a: { private: true }, b: "/b" });
  assert.deepEqual(made.routes.map(({ raw }) => raw), ["/b"]);
  assert.equal(routerOf({ a: { private: true } }).match("/"), undefined);
});

Deno.test("Router prefixes every route with the base path", () => {
  const made = router(["/", "/cart", "/users/..."], { triggers: { http: { base: "/shop/" } } });
  assert.deepEqual(made.routes.map(({ fullPath }) => fullPath), [
    "/shop",
    "/shop/cart",
    "/shop/users/...",
  ]);
  assert.equal(chosen(made, "/shop"), "/");
  assert.equal(chosen(made, "/shop/cart"), "/cart");
  assert.equal(chosen(made, "/shop/users/1"), "/users/...");
  assert.equal(chosen(made, "/cart"), undefined);
});

Deno.test("Router.match finds no route for paths that Spin reserves", () => {
  const made = router(["/...", "/.well-known/spin/mine"]);
  assert.equal(made.match("/.well-known/spin/health"), undefined);
  assert.equal(made.match("/.well-known/spin/mine"), undefined);
  assert.equal(chosen(made, "/.well-known/spin"), "/...");
  assert.equal(chosen(made, "/.well-known/spindle/x"), "/...");
});

for (
  const [bad, reason] of [["/a/*/b", /only allowed at the end/], [
    "/a/:",
    /name after ":" is missing/,
  ]] as const
) {
  Deno.test(`Router refuses the route ${bad}`, () => {
    assert.throws(
      () => router([bad]),
      (error) =>
        hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message) &&
        error.message.includes(`the route "${bad}" of the trigger "${bad}"`),
    );
  });
}

const client = { hostname: "127.0.0.1", port: 53152 };

/** Returns the headers that Spin adds to a request. */
function headers(from: Router, url: string, address = client): Record<string, string> {
  const target = targetOf(url, null)!;
  return Object.fromEntries(spinHeaders(from.match(target.path)!, target, address));
}

Deno.test("spinHeaders returns the headers that Spin documents", () => {
  const made = router(["/users/:userid/cart/..."]);
  assert.deepEqual(
    headers(made, "http://example.com:8080/users/1/cart/items/3/edit?theme=pink"),
    {
      "spin-full-url": "http://example.com:8080/users/1/cart/items/3/edit?theme=pink",
      "spin-path-info": "/items/3/edit",
      "spin-path-match-userid": "1",
      "spin-matched-route": "/users/:userid/cart/...",
      "spin-base-path": "/",
      "spin-raw-component-route": "/users/:userid/cart/...",
      "spin-component-route": "/users/:userid/cart",
      "spin-client-addr": "127.0.0.1:53152",
    },
  );
});

Deno.test("spinHeaders returns routes with and without the base path", () => {
  const made = router(["/cart/"], { triggers: { http: { base: "/shop" } } });
  const added = headers(made, "http://localhost:3000/shop/cart#part");
  assert.equal(added["spin-full-url"], "http://localhost:3000/shop/cart");
  assert.equal(added["spin-matched-route"], "/shop/cart");
  assert.equal(added["spin-base-path"], "/shop");
  assert.equal(added["spin-raw-component-route"], "/cart/");
  assert.equal(added["spin-path-info"], "");
});

Deno.test("spinHeaders returns an empty component route for /...", () => {
  const added = headers(router(["/..."]), "http://localhost/a", { hostname: "::1", port: 1 });
  assert.equal(added["spin-component-route"], "");
  assert.equal(added["spin-path-info"], "/a");
  assert.equal(added["spin-client-addr"], "[::1]:1");
});

Deno.test("spinHeaders returns only valid headers, whatever a route names its segments", () => {
  const made = router(["/:User_Id/:sp ace/:é/:a:b"]);
  const added = headers(made, "http://localhost/1/%0d%0a/3/4");
  assert.equal(added["spin-path-match-user-id"], "1");
  const names = Object.keys(added).filter((name) => name.startsWith("spin-path-match-"));
  assert.deepEqual(names, ["spin-path-match-user-id"]);
  assert.doesNotThrow(() => new Headers(Object.entries(added)));
});
