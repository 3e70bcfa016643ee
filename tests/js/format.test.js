import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../web/static/format.js";

const THIN = "\u202f";

test("a price needs as many decimals as it has, in exponent notation too", () => {
  const needed = [77302, 77302.5, 0.03035, 0.00000123, 1.5e-10, 1e21, 1e-30].map(format.decimalsOf);
  assert.deepEqual(needed, [0, 1, 5, 8, 11, 0, format.DECIMALS_MAX]);
});

test("as many decimals are needed as any price has had", () => {
  assert.equal(format.mostDecimals(2, [1.869, 1.8691, null, 2]), 4);
  assert.equal(format.mostDecimals(6, [1.869]), 6);
  assert.equal(format.mostDecimals(2, []), 2);
});

test("a price is shown in full, small ones included", () => {
  assert.equal(format.price(77302.9, 2, "en-US"), "77,302.90");
  assert.equal(format.price(0.00000123, 8, "en-US"), "0.00000123");
  assert.equal(format.price(77302.9, 2, "de-DE"), "77.302,90");
});

test("what is copied has all its digits, and nothing that a program does not read", () => {
  const found = [77302.9912, 0.00000123, 1234567.5, -0.25, 1e21, null, NaN].map(format.full);
  const all = ["77302.9912", "0.00000123", "1234567.5", "-0.25", "1000000000000000000000"];
  assert.deepEqual(found, [...all, "", ""]);
});

test("what is not known is a dash", () => {
  assert.equal(format.price(null, 2, "en-US"), format.DASH);
  assert.equal(format.price(NaN, 2, "en-US"), format.DASH);
  assert.equal(format.change(null, "en-US"), format.DASH);
});

test("a negative number has a minus, not a hyphen", () => {
  assert.equal(format.price(-1.5, 2, "en-US"), "−1.50");
  assert.equal(format.count(-3, "en-US"), "−3");
});

test("a change says its direction by an arrow, and none when it rounds to nothing", () => {
  assert.equal(format.change(1.239, "en-US"), `▲${THIN}1.24${THIN}%`);
  assert.equal(format.change(-2, "en-US"), `▼${THIN}2.00${THIN}%`);
  assert.equal(format.change(-0.001, "en-US"), `0.00${THIN}%`);
});

test("a volume keeps what matters of small amounts", () => {
  assert.equal(format.volume(0.0421, "en-US"), "0.042");
  assert.equal(format.volume(1234567.8, "en-US"), "1,234,568");
});

test("an age runs from now through seconds, minutes and hours to days", () => {
  const ages = [-50, 999, 2_000, 119_000, 120_000, 7_200_000, 172_800_000].map(format.age);
  assert.deepEqual(ages, [
    "now",
    "now",
    `2${THIN}s ago`,
    `119${THIN}s ago`,
    `2${THIN}min ago`,
    `2${THIN}h ago`,
    `2${THIN}d ago`,
  ]);
});

test("a time is the user's, and dated where it is not of today", () => {
  const at = Date.UTC(2026, 10, 20, 13, 3, 22);
  const berlin = { locale: "en-GB", timeZone: "Europe/Berlin" };
  assert.equal(format.time(at, at + 1000, berlin), "14:03:22");
  assert.equal(format.time(at, at, { ...berlin, seconds: false }), "14:03");
  assert.equal(format.time(at, at + 86_400_000, berlin), "20 Nov, 14:03:22");
  assert.equal(format.time(at, at + 400 * 86_400_000, berlin), "20 Nov 2026, 14:03:22");
  assert.match(format.moment(at, "en-GB", "Europe/Berlin"), /20 Nov 2026.*14:03:22 CET/);
});

test("an hour's bucket is in UTC and half-open over midnight", () => {
  const start = Date.UTC(2026, 10, 20, 23);
  assert.equal(format.utcHour(start, "en-GB"), "20 Nov 2026, 23:00–00:00 UTC");
});

test("tries are counted as people count", () => {
  const words = [1, 2, 3, 4, 11, 12, 13, 21, 112, 123].map(format.ordinal);
  assert.deepEqual(words, [
    "1st",
    "2nd",
    "3rd",
    "4th",
    "11th",
    "12th",
    "13th",
    "21st",
    "112th",
    "123rd",
  ]);
});

test("the changed digits of a price are told from the others", () => {
  assert.deepEqual(format.splitChanged("77,302.99", "77,301.99"), ["77,30", "2.99"]);
  assert.deepEqual(format.splitChanged("100.00", "99.99"), ["", "100.00"]);
  assert.deepEqual(format.splitChanged("1.00", null), ["", "1.00"]);
  assert.deepEqual(format.splitChanged("1.00", "1.00"), ["1.00", ""]);
});

test("an amount where there is little room has four digits and its magnitude", () => {
  assert.equal(format.compact(1_234_567, "en"), "1.235M");
  assert.equal(format.compact(0.01234, "en"), "0.01234");
  assert.equal(format.compact(null, "en"), "–");
});

test("memory and disks are shown in the unit that fits", () => {
  const shown = [0, 41_234_567, 1_840_000_000, 12_400_000_000, 5e15].map((value) =>
    format.bytes(value, "en-US"),
  );
  assert.deepEqual(
    shown,
    ["0.0 MB", "41 MB", "1.8 GB", "12 GB", "5,000 TB"].map((text) => text.replace(" ", THIN)),
  );
  assert.equal(format.bytes(null), format.DASH);
});

test("a delay is shown in the unit that fits", () => {
  const shown = [0.84, 12.3, -3.25, 1234, 180_000].map((ms) => format.milliseconds(ms, "en-US"));
  assert.deepEqual(
    shown,
    ["0.8 ms", "12 ms", "−3.3 ms", "1.2 s", "3 min"].map((text) => text.replace(" ", THIN)),
  );
  assert.equal(format.milliseconds(null), format.DASH);
});
