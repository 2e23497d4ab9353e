import assert from "node:assert/strict";
import fc from "fast-check";
import { otherKindThanNamed, parsePackageFileName } from "../../src/packages/package_file_name.ts";

/** Names of real packages, and what their package managers say of them. */
const NAMES: readonly (readonly [fileName: string, name: string, version: string, arch: string])[] =
  [
    ["hello_2.10-3_amd64.deb", "hello", "2.10-3", "amd64"],
    ["0ad_0.0.26-3_amd64.deb", "0ad", "0.0.26-3", "amd64"],
    ["libstdc++6_12.2.0-14+deb12u1_amd64.deb", "libstdc++6", "12.2.0-14+deb12u1", "amd64"],
    ["tzdata_2024a-0+deb12u1_all.deb", "tzdata", "2024a-0+deb12u1", "all"],
    [
      "linux-image-6.1.0-18-amd64_6.1.76-1_amd64.deb",
      "linux-image-6.1.0-18-amd64",
      "6.1.76-1",
      "amd64",
    ],
    ["vim_2%3a9.0.1378-2_amd64.deb", "vim", "2:9.0.1378-2", "amd64"],
    ["perl_5.36.0-7+deb12u1~bpo11+1_arm64.deb", "perl", "5.36.0-7+deb12u1~bpo11+1", "arm64"],
    ["libc6-udeb_2.36-9+deb12u4_amd64.udeb", "libc6-udeb", "2.36-9+deb12u4", "amd64"],
    ["hello-dbgsym_2.10-3build1_amd64.ddeb", "hello-dbgsym", "2.10-3build1", "amd64"],
    ["bash-5.2.26-3.fc40.x86_64.rpm", "bash", "5.2.26-3.fc40", "x86_64"],
    ["glibc-common-2.34-60.el9.x86_64.rpm", "glibc-common", "2.34-60.el9", "x86_64"],
    [
      "java-17-openjdk-headless-17.0.10.0.7-2.el9.x86_64.rpm",
      "java-17-openjdk-headless",
      "17.0.10.0.7-2.el9",
      "x86_64",
    ],
    ["tzdata-2024a-1.el9.noarch.rpm", "tzdata", "2024a-1.el9", "noarch"],
    ["kernel-6.8.5-301.fc40.src.rpm", "kernel", "6.8.5-301.fc40", "src"],
    [
      "libstdc++6-13.2.1+git8285-150000.1.9.1.i586.rpm",
      "libstdc++6",
      "13.2.1+git8285-150000.1.9.1",
      "i586",
    ],
    ["busybox-1.36.1-r29.apk", "busybox", "1.36.1-r29", "any"],
    ["openssl-3.3.0-r2.apk", "openssl", "3.3.0-r2", "any"],
    ["py3-setuptools-70.3.0-r0.apk", "py3-setuptools", "70.3.0-r0", "any"],
    ["gtk+3.0-3.24.42-r0.apk", "gtk+3.0", "3.24.42-r0", "any"],
    ["libcrypto1.1-1.1.1w-r1.apk", "libcrypto1.1", "1.1.1w-r1", "any"],
    ["ncurses-libs-6.4_p20240420-r2.apk", "ncurses-libs", "6.4_p20240420-r2", "any"],
    ["alpine-baselayout-3.6.5-r0.apk", "alpine-baselayout", "3.6.5-r0", "any"],
    ["7zip-23.01-r0.apk", "7zip", "23.01-r0", "any"],
    ["commander-15.1.0.tgz", "commander", "15.1.0", "any"],
    ["node-20.11.30.tgz", "node", "20.11.30", "any"],
    ["is-odd-3.0.1.tgz", "is-odd", "3.0.1", "any"],
    ["react-19.0.0-rc-66855b96-20241106.tgz", "react", "19.0.0-rc-66855b96-20241106", "any"],
    ["lodash.merge-4.6.2.tgz", "lodash.merge", "4.6.2", "any"],
    ["core-7.0.0-bridge.0.tgz", "core", "7.0.0-bridge.0", "any"],
    ["serde-1.0.203.crate", "serde", "1.0.203", "any"],
    ["serde_json-1.0.117.crate", "serde_json", "1.0.117", "any"],
    ["wasi-0.11.0+wasi-snapshot-preview1.crate", "wasi", "0.11.0+wasi-snapshot-preview1", "any"],
    ["windows-sys-0.52.0.crate", "windows-sys", "0.52.0", "any"],
    ["openssl-src-111.28.2+1.1.1w.crate", "openssl-src", "111.28.2+1.1.1w", "any"],
    ["clap-3.0.0-beta.2.crate", "clap", "3.0.0-beta.2", "any"],
    ["requests-2.31.0-py3-none-any.whl", "requests", "2.31.0", "py3-none-any"],
    [
      "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
      "numpy",
      "1.26.4",
      "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    ],
    ["PyYAML-6.0.1-cp312-cp312-win_amd64.whl", "pyyaml", "6.0.1", "cp312-cp312-win_amd64"],
    ["ruamel.yaml-0.18.6-py3-none-any.whl", "ruamel-yaml", "0.18.6", "py3-none-any"],
    [
      "zope.interface-6.2-cp311-cp311-macosx_11_0_arm64.whl",
      "zope-interface",
      "6.2",
      "cp311-cp311-macosx_11_0_arm64",
    ],
    [
      "torch-2.2.1+cu121-cp311-cp311-linux_x86_64.whl",
      "torch",
      "2.2.1+cu121",
      "cp311-cp311-linux_x86_64",
    ],
    ["ninja-1.8.2-1-py2.py3-none-any.whl", "ninja", "1.8.2-1", "py2.py3-none-any"],
    [
      "python_dateutil-2.9.0.post0-py2.py3-none-any.whl",
      "python-dateutil",
      "2.9.0.post0",
      "py2.py3-none-any",
    ],
    ["requests-2.31.0.tar.gz", "requests", "2.31.0", "source"],
    ["python-dateutil-2.8.2.tar.gz", "python-dateutil", "2.8.2", "source"],
    ["python_dateutil-2.9.0.post0.tar.gz", "python-dateutil", "2.9.0.post0", "source"],
    ["zope.interface-6.2.tar.gz", "zope-interface", "6.2", "source"],
    ["pytz-2013b0.tar.gz", "pytz", "2013b0", "source"],
    ["Django-5.0rc1.tar.gz", "django", "5.0rc1", "source"],
    ["py2-ipaddress-3.4.1.tar.gz", "py2-ipaddress", "3.4.1", "source"],
    [
      "backports.ssl_match_hostname-3.7.0.1.tar.gz",
      "backports-ssl-match-hostname",
      "3.7.0.1",
      "source",
    ],
    ["numpy-1.26.4.zip", "numpy", "1.26.4", "source.zip"],
    ["Twisted-12.0.0.tar.bz2", "twisted", "12.0.0", "source.tar.bz2"],
  ];

for (const [fileName, name, version, arch] of NAMES) {
  Deno.test(`parsePackageFileName reads ${fileName}`, () => {
    assert.deepEqual(parsePackageFileName(fileName), { name, version, arch });
  });
}

Deno.test("parsePackageFileName reads nothing in other names", () => {
  const others = [
    ...["", "hello", "hello.deb", "hello_2.10.deb", "_1_amd64.deb", "a_b_c_d.deb", "hello.rpm"],
    ...["hello-1.0.x86_64.rpm", "-1-1.x86_64.rpm", "busybox.apk", "app-release.apk", "1.0-r0.apk"],
    ...[
      "hello.tgz",
      "hello-1.0.tgz",
      "serde.crate",
      "a-1.0.whl",
      "a-1.0-py3-none.whl",
      "--py3--.whl",
    ],
    ...[
      "v1.2.3.tar.gz",
      "main.tar.gz",
      "-1.0.tar.gz",
      "rootfs.tar.xz",
      "install.sh",
      "Packages.gz",
    ],
  ];
  for (const name of others) assert.equal(parsePackageFileName(name), undefined, name);
});

Deno.test("parsePackageFileName gives every Debian name back", () => {
  const text = (pattern: RegExp) => fc.stringMatching(pattern);
  const parts = fc.record({
    name: text(/^[a-z0-9][a-z0-9+.-]{1,20}$/),
    epoch: fc.option(fc.nat(9), { nil: undefined }),
    version: text(/^[0-9][A-Za-z0-9.+~-]{0,20}$/),
    arch: text(/^[a-z0-9-]{2,10}$/),
  });
  fc.assert(fc.property(parts, ({ name, epoch, version, arch }) => {
    const prefix = epoch === undefined ? "" : `${epoch}`;
    const fileName = `${name}_${prefix && `${prefix}%3a`}${version}_${arch}.deb`;
    assert.deepEqual(parsePackageFileName(fileName), {
      name,
      version: `${prefix && `${prefix}:`}${version}`,
      arch,
    });
  }));
});

Deno.test("parsePackageFileName ends soon for a long name", () => {
  const long = "1-".repeat(20_000);
  for (const suffix of ["deb", "rpm", "apk", "tgz", "crate", "whl", "tar.gz"]) {
    parsePackageFileName(`${long}.${suffix}`);
    parsePackageFileName(`${"1".repeat(40_000)}.${suffix}`);
  }
});

Deno.test("otherKindThanNamed tells a page from a package", () => {
  const page = new TextEncoder().encode("<!DOCTYP");
  const cases: [string, string][] = [
    ["hello_2.10-3_amd64.deb", "a Debian package"],
    ["bash-5.2.26-3.fc40.x86_64.rpm", "an RPM package"],
    ["busybox-1.36.1-r29.apk", "an Alpine package"],
    ["commander-15.1.0.tgz", "an npm package"],
    ["serde-1.0.203.crate", "a Rust crate"],
    ["requests-2.31.0-py3-none-any.whl", "a Python wheel"],
    ["requests-2.31.0.tar.gz", "a Python source distribution"],
  ];
  for (const [fileName, noun] of cases) {
    assert.equal(otherKindThanNamed(fileName, page), noun);
    assert.equal(otherKindThanNamed(fileName, new Uint8Array()), noun, "an empty file");
  }
  assert.equal(otherKindThanNamed("install.sh", page), undefined);
  assert.equal(otherKindThanNamed("a_1_all.deb", new TextEncoder().encode("!<arch>\n")), undefined);
});
