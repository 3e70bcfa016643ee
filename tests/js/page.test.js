import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { test } from "node:test";

const STATIC = new URL("../../web/static/", import.meta.url);
/** Never loaded: read by the type checker alone. */
const TYPES_ONLY = ["messages.js", "transports/transport.js"];
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, STATIC), "utf8");
const page = read("index.html");
/** @type {Record<string, string>} */
const imports = JSON.parse(
  page.match(/<script type="importmap">(.*?)<\/script>/s)?.[1] ?? "",
).imports;

/** The page of the API, with its own files and Swagger UI's. */
const docs = read("docs/index.html");

/**
 * Every file that `path` imports, itself and those behind them included.
 *
 * @param {string} path
 * @param {Set<string>} found
 */
function graph(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, name] of read(path).matchAll(/(?:\bfrom\s*|(?:=>|await) import\()"([^"]+)"/g)) {
    assert.ok(name);
    const url = imports[name] ?? new URL(name, `http://x/static/${path}`).pathname;
    graph(url.replace("/static/", ""), found);
  }
  return found;
}

/** @param {string} folder @returns {string[]} */
function filesIn(folder) {
  return readdirSync(new URL(folder, STATIC)).flatMap((name) => {
    const path = `${folder}${name}`;
    return statSync(new URL(path, STATIC)).isDirectory() ? filesIn(`${path}/`) : [path];
  });
}

test("every module of ours is imported, and every style sheet linked", () => {
  const scripts = filesIn("").filter((path) => path.endsWith(".js"));
  const ofDocs = [...`${docs}${page}`.matchAll(/<script[^>]* src="\/static\/([^"]+)"/g)];
  const run = [...graph("main.js"), ...ofDocs.map(([, path]) => path)];
  assert.deepEqual(
    scripts.filter((path) => !run.includes(path)),
    TYPES_ONLY,
  );
  const linked = [...`${page}${docs}`.matchAll(/rel="stylesheet" href="\/static\/([^"]+)"/g)];
  assert.deepEqual(
    [...new Set(linked.map(([, path]) => path))].sort(),
    filesIn("")
      .filter((path) => path.endsWith(".css"))
      .sort(),
  );
});

test("the pages have nothing inline but the import map, and load from no other host", () => {
  assert.deepEqual([...`${page}${docs}`.matchAll(/<script(?![^>]* src=)[^>]*>/g)].map(String), [
    '<script type="importmap">',
  ]);
  for (const text of [page, docs]) {
    assert.doesNotMatch(text, /<style|\sstyle=|\son[a-z]+=/);
    for (const [, url] of text.matchAll(/(?:src|href)="([^"]+)"/g))
      assert.match(url ?? "", /^(\/(?!\/)|#)/);
  }
  const own = filesIn("").filter((each) => !each.startsWith("vendor/"));
  for (const path of own.filter((each) => /\.(js|css)$/.test(each))) {
    assert.doesNotMatch(read(path), /innerHTML|\bstyle=|@import|url\(/, path);
  }
});

test("the vendored files are those whose sums are written down", () => {
  const rows = [...read("vendor/README.md").matchAll(/^\| `([^`]+)` .*\| `([0-9a-f]{64})` \|$/gm)];
  const written = rows.map(([, name, sum]) => [name, sum]);
  const present = filesIn("vendor/")
    .filter((path) => /\.(mjs|js|css)$/.test(path))
    .map((path) => [
      path.replace("vendor/", ""),
      createHash("sha256").update(read(path)).digest("hex"),
    ]);
  assert.deepEqual(written.sort(), present.sort());
});
