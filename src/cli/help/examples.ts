/** A command line and what it does. */
export interface Example {
  readonly line: string;
  /** One line, without a full stop. */
  readonly comment: string;
}

/** Returns the examples in the help of a command. @param path the verbs, none for larder itself */
export function examplesOf(path: readonly string[]): readonly Example[] {
  const examples = EXAMPLES[path.join(" ")] ?? [];
  return examples.map(([line, comment]) => ({ line, comment }));
}

const EXAMPLES: Readonly<Record<string, readonly (readonly [line: string, comment: string])[]>> = {
  "": [
    ["larder run ghcr.io/owner/app:v1", "pull an app and serve it on http://127.0.0.1:3000"],
    ["larder pull nginx", "pull docker.io/library/nginx:latest for this machine"],
    ["larder list -v", "list the entries of the cache"],
    ["larder gc --max-size 20GB", "show what exceeds 20 GB, ask, and remove it"],
  ],
  "build": [
    ["larder build image.yaml", "build what a spec says, or take the result from the cache"],
    [
      "larder build image.yaml --strict --explain",
      "fail if it would have to be built, and say why",
    ],
    ["larder build -i src -o app -- make -C src", "build without a spec"],
  ],
  "clean": [
    ["larder clean --dry-run", "show what would be removed if the cache were emptied"],
    ["larder clean 'ghcr.io/acme/*'", "remove every entry from ghcr.io/acme"],
    ["larder clean --type compiled --days 30", "remove compiled code unused for 30 days"],
    [
      `larder clean --filter 'size > bytes("1GB")' --force`,
      "remove entries larger than 1 GB without asking",
    ],
  ],
  "completions": [
    [
      "larder completions bash > ~/.local/share/bash-completion/completions/larder",
      "install the completions for bash",
    ],
    [`larder completions zsh > "\${fpath[1]}/_larder"`, "install the completions for zsh"],
  ],
  "config": [
    ["larder config show", "list every setting and where its value comes from"],
    ["larder config set gc.max_size 20GB", "limit the cache to 20 GB"],
  ],
  "config get": [
    ["larder config get gc.max_size", "print the size limit of the cache"],
    ["larder config get freshness.policy --format json", "print a value and its source as JSON"],
  ],
  "config help": [["larder config help set", "print the help of larder config set"]],
  "config init": [
    ["larder config init", "write a config file to edit"],
    ["larder config init --force", "replace the config file"],
  ],
  "config path": [["larder config path", "print which config file is read"]],
  "config set": [
    ["larder config set gc.max_size 20GB", "limit the cache to 20 GB"],
    [
      "larder config set freshness.policy missing",
      "ask registries only about tags not in the cache",
    ],
    ["larder config set registries.localhost:5000.insecure true", "allow plain HTTP for one host"],
  ],
  "config show": [
    ["larder config show", "list every setting and where its value comes from"],
    ["larder config show --format json", "the same as JSON"],
  ],
  "config unset": [[
    "larder config unset gc.max_size",
    "remove the size limit from the config file",
  ]],
  "df": [
    ["larder df", "show usage by type and what gc would free"],
    ["larder df --html usage.html", "also write a page with a map of the usage"],
  ],
  "dir": [
    ["larder dir", "print the cache folder"],
    ["larder dir --config", "print the config folder"],
    [`du -sh "$(larder dir -q)"`, "measure the cache folder"],
  ],
  "export": [
    ["larder export nginx nginx.tar", "write an image to an archive that podman load reads"],
    ["larder export 'ghcr.io/acme/*' ./layout", "write images to a folder that skopeo reads"],
    ["larder export hello-image ./hello.qcow2", "write a build to its file"],
    [
      "larder export 'ghcr.io/acme/*' new.tar.zst --since old.tar.zst",
      "write only the blobs that an earlier bundle does not have",
    ],
  ],
  "fetch": [
    [
      "larder fetch http://deb.debian.org/debian/pool/main/h/hello/hello_2.10-3_amd64.deb -o .",
      "take a package from the cache, or fetch it, and copy it to this folder",
    ],
    [
      "larder fetch $(cat urls.txt) --to mirror/",
      "make a folder hold these packages and no others",
    ],
    [
      "larder fetch --from packages.yaml --to mirror/",
      "make a folder hold the packages of a list and no others",
    ],
    [
      "larder fetch --from http://deb.debian.org/debian/dists/trixie/InRelease hello " +
      "--keyring /usr/share/keyrings/debian-archive-keyring.gpg",
      "fetch a package of a Debian repository after checking the signature of its index",
    ],
    [
      "larder fetch https://example.com/tool.bin --name tool --version 1.2",
      "name a package whose file name does not",
    ],
  ],
  "gc": [
    ["larder gc --dry-run", "show what the configured limits would remove"],
    [
      "larder gc --max-size 20GB --unused 30d",
      "evict down to 20 GB, and entries unused for 30 days",
    ],
    [
      "larder gc --unused compiled=7d --force",
      "evict compiled code unused for 7 days, without asking",
    ],
    ["larder gc --min-free 10% --plan plan.json", "write a plan to review"],
    ["larder gc --apply plan.json", "delete what the plan lists"],
  ],
  "help": [
    ["larder help pull", "print the help of larder pull"],
    ["larder help config set", "print the help of larder config set"],
  ],
  "images": [["larder images", "show how much space container images use"]],
  "import": [
    ["larder import bundle.tar.zst", "add everything that larder export wrote"],
    ["docker save nginx | larder import -", "add an image that Docker has"],
    ["larder import ./layout --as ghcr.io/owner/app", "name the images of a layout of skopeo"],
    ["larder import ./my-image.qcow2 --as my-image", "add a file as a build"],
  ],
  "info": [
    ["larder info nginx", "show the platforms, layers and paths of an entry"],
    ["larder info sha256:91e8", "show an entry, manifest or blob by the beginning of its digest"],
    ["larder info hello", "show a package by its name alone, if it is cached in one version"],
    ["larder info ghcr.io/owner/app:v1 --format json", "the same as JSON"],
  ],
  "list": [
    ["larder list", "show how much space each type of entry uses"],
    ["larder list -v --type app", "list the apps"],
    ["larder list --sort size:desc", "list the entries, the largest first"],
    [
      `larder list --filter 'unused > duration("30d")' --format '{{name}}'`,
      "print the names of entries unused for 30 days",
    ],
  ],
  "lock": [
    ["larder lock ghcr.io/owner/app:v1", "write the digest that the tag has now to larder.lock"],
    ["larder lock image.yaml", "lock what a spec names, and the spec itself"],
    ["larder lock", "lock again everything that is in the file"],
  ],
  "login": [
    ["larder login ghcr.io", "ask for user name and password"],
    [
      "larder login ghcr.io -u NAME --password-stdin < token.txt",
      "read the password from a file, in a script",
    ],
  ],
  "logout": [["larder logout ghcr.io", "remove the credentials of ghcr.io"]],
  "outdated": [
    ["larder outdated", "check every cached tag"],
    ["larder outdated 'ghcr.io/acme/*' --all", "check some tags and also list the current ones"],
    ["larder outdated --exit-code || larder update --all", "update if a tag has changed"],
  ],
  "pin": [
    ["larder pin nginx --note 'the proxy'", "exempt an entry from automatic removal"],
    ["larder pin 'ghcr.io/acme/*'", "exempt these, and all later ones"],
  ],
  "pins": [["larder pins", "list the pins and their notes"]],
  "pull": [
    ["larder pull nginx", "pull docker.io/library/nginx:latest for this machine"],
    ["larder pull --platform linux/arm64 nginx:1.27", "pull for another platform"],
    ["larder pull docker://ghcr.io/owner/app:v1", "pull a reference copied from skopeo or Podman"],
    ["larder pull ./spin.toml", "pull the remote components of a Spin application"],
    ["larder pull --frozen", "pull every reference of larder.lock by its digest"],
    [
      "larder pull --stale-if-error 12h nginx",
      "use a copy confirmed within 12 hours if the registry fails",
    ],
  ],
  "run": [
    ["larder run ghcr.io/owner/app:v1", "serve an app on http://127.0.0.1:3000"],
    ["larder run --listen 0.0.0.0:8080 ghcr.io/owner/app:v1", "serve it on another address"],
    ["larder run ./shop", "serve the Spin project whose spin.toml is in the folder"],
    ["larder run --variable token=@token.txt ./shop", "with a variable from a file"],
    [
      "larder run --dir .::/data ./tool.wasm -- --verbose /data",
      "run a file with access to the current folder as /data",
    ],
    [
      "larder run --allow-net=api.example.com:443 ghcr.io/owner/tool:v1",
      "grant access to one host",
    ],
    [
      "larder run --max-memory 256MiB --timeout 10s ./tool.wasm",
      "limit the memory and the time of a command",
    ],
  ],
  "serve": [
    ["larder serve", "serve registries from the cache at http://127.0.0.1:5000"],
    ["larder serve --listen 127.0.0.1:8080 --offline", "serve only what is cached"],
    [
      "larder serve --listen 0.0.0.0:5000 --token tokens --allow docker.io",
      "serve images of Docker Hub to clients with a token of the file",
    ],
    ["larder serve --print-config podman", "print what Podman needs to pull through it"],
  ],
  "stats": [
    ["larder stats", "show hits, misses and evictions that were fetched again"],
    ["larder stats --format json", "the same as JSON"],
  ],
  "unpin": [
    ["larder unpin nginx", "remove the pin of an entry"],
    ["larder unpin 'ghcr.io/acme/*'", "remove a pinned glob"],
  ],
  "update": [
    ["larder update --all", "pull every cached tag that has changed"],
    ["larder update nginx 'ghcr.io/acme/*'", "pull some tags if they have changed"],
  ],
  "verify": [
    ["larder verify", "hash every file of the cache"],
    ["larder verify --repair", "also repair what is damaged or missing"],
    ["larder verify nginx", "check one entry and everything it needs"],
  ],
  "why": [
    ["larder why nginx", "explain what keeps an entry and when gc would remove it"],
    ["larder why sha256:91e8", "explain which entries need a blob"],
    ["larder why image.yaml", "list how a build differs from the nearest cached one"],
  ],
};
