import assert from "node:assert/strict";
import { test } from "node:test";
import { Times } from "../../web/static/chart/times.js";

const [YEAR, MONTH, DAY_OF_MONTH, TIME] = [0, 1, 2, 3];
const at = (/** @type {string} */ text) => Date.parse(text) / 1000;

/** @param {string} zone @param {() => void} check */
function within(zone, check) {
  const before = process.env["TZ"];
  process.env["TZ"] = zone;
  try {
    check();
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
}

test("a day has its own name also on the other side of a change of the clocks", () => {
  for (const [zone, now, midnight] of [
    ["Europe/Berlin", "2026-04-10T12:00Z", "2026-03-20T00:00Z"],
    ["America/New_York", "2026-04-10T12:00Z", "2026-03-01T00:00Z"],
    ["America/New_York", "2026-11-20T12:00Z", "2026-10-20T00:00Z"],
    ["Asia/Kolkata", "2026-04-10T12:00Z", "2026-03-20T00:00Z"],
  ]) {
    within(/** @type {string} */ (zone), () => {
      const times = new Times(3_600, Date.parse(/** @type {string} */ (now)));
      const stamp = at(/** @type {string} */ (midnight));
      const day = new Date(stamp * 1000).getUTCDate();
      assert.match(times.mark(stamp, DAY_OF_MONTH), new RegExp(`\\b${day}\\b`), zone);
      assert.equal(times.mark(stamp, YEAR), "2026");
    });
  }
});

test("a time is the true one", () => {
  within("Europe/Berlin", () => {
    const times = new Times(3_600, Date.parse("2026-04-10T12:00Z"));
    const noon = at("2026-03-20T12:00Z");
    assert.match(times.mark(times.stamp(noon), TIME), /^(13:00|1:00\sPM)$/);
    assert.equal(times.moment(times.stamp(noon)), noon);
  });
});

test("days and weeks are of UTC, wherever one is", () => {
  within("America/New_York", () => {
    const times = new Times(86_400);
    const midnight = at("2026-03-20T00:00Z");
    assert.equal(times.stamp(midnight), midnight);
    assert.match(times.mark(midnight, DAY_OF_MONTH), /\b20\b/);
    assert.match(times.mark(midnight, MONTH), /Mar/);
    assert.match(times.label(midnight), /\b20\b.*UTC$/);
  });
});
