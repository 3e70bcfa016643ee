import assert from "node:assert/strict";
import { test } from "node:test";
import { PLACES, routeOf, symbolPath } from "../../web/static/routes.js";

test("each place of the navigation is where it says, with a slash behind it too", () => {
  for (const { page, path } of PLACES) {
    assert.equal(routeOf(path).page, page);
    assert.equal(routeOf(`${path}/`).page, page);
  }
  assert.equal(routeOf("/dashboard").page, "dashboard");
});

test("a symbol's address is read as it was written", () => {
  for (const key of ["coinbase:BTC-USD", "BTC-USD", "a:Ü%-1 2"]) {
    const { page, name } = routeOf(symbolPath(key));
    assert.deepEqual([page, name], ["symbol", key]);
  }
  assert.equal(symbolPath("coinbase:BTC-USD"), "/s/coinbase:BTC-USD");
});

test("what is no page is missing", () => {
  for (const path of ["/s/", "/s/%E0%A4%A", "/s/a/b", "/s/a%2Fb", "/nowhere", "/marketsx", "/api/last"]) {
    assert.equal(routeOf(path).page, "missing", path);
  }
});
