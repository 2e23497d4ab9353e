// An HTTP handler of the shape that Spin's JavaScript SDK makes: it answers the fetch event. The path says how.
import { getEnvironment } from "wasi:cli/environment@0.2.3";
import { getDirectories } from "wasi:filesystem/preopens@0.2.3";

const PAGE = `<!doctype html>
<title>larder</title>
<link rel="stylesheet" href="file/style.css">
<h1>before the script</h1>
<script type="module">
  const response = await fetch("hello");
  const heading = document.querySelector("h1");
  heading.textContent = await response.text();
  heading.className = getComputedStyle(heading).fontFamily;
</script>
`;

export const text = (body, status = 200) =>
  new Response(body, { status, headers: { "content-type": "text/plain" } });

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const ROUTES = {
  hello: () => text(`hello from ${environment("VERSION") ?? "JavaScript"}\n`),
  environment: ({ query }) => text(`${environment(query.get("name"))}\n`),
  echo: ({ request }) => new Response(request.body, { headers: { "x-method": request.method } }),
  headers: ({ request }) => text([...request.headers].map(([n, v]) => `${n}: ${v}\n`).join("")),
  url: ({ request }) => text(`${request.url}\n`),
  sleep: async ({ query }) => {
    await pause(Number(query.get("ms")));
    return text("slept\n");
  },
  chunks: ({ query }) => new Response(chunks(Number(query.get("count")), Number(query.get("ms")))),
  zeros: ({ query }) => new Response(zeros(Number(query.get("bytes")))),
  fetch: async ({ query }) => {
    const response = await fetch(query.get("url"));
    return text(`${response.status} ${await response.text()}`);
  },
  file: ({ rest }) =>
    new Response(readFile(decodeURIComponent(rest)), { headers: { "content-type": typeOf(rest) } }),
  page: () => new Response(PAGE, { headers: { "content-type": "text/html" } }),
  throw: () => {
    throw new Error("thrown on purpose");
  },
  loop: () => {
    for (;;);
  },
};

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const url = new URL(request.url);
  const [, name, rest] = /^\/([^/]*)\/?(.*)$/.exec(url.pathname);
  const route = ROUTES[name];
  if (!route) return text("no such path\n", 404);
  return await route({ request, query: url.searchParams, rest });
}

function environment(name) {
  return getEnvironment().find(([key]) => key === name)?.[1];
}

/** Numbered lines, with a pause after each. */
function chunks(count, ms) {
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      if (next === count) return controller.close();
      controller.enqueue(new TextEncoder().encode(`chunk ${next++}\n`));
      await pause(ms);
    },
  });
}

function zeros(length) {
  let left = length;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      const size = Math.min(left, 64 * 1024);
      controller.enqueue(new Uint8Array(size));
      left -= size;
    },
  });
}

function readFile(path) {
  const [root] = getDirectories().find(([, name]) => name === "/");
  const file = root.openAt({ symlinkFollow: true }, path, {}, { read: true });
  const { size } = file.stat();
  return file.read(size, 0n)[0];
}

function typeOf(path) {
  return path.endsWith(".css") ? "text/css" : "application/octet-stream";
}
