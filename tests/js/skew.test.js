import assert from "node:assert/strict";
import { test } from "node:test";
import { Skew } from "../../web/static/skew.js";

const HOUR = 3_600_000;

test("the least that anything was on its way is what the clocks differ by", () => {
  const skew = new Skew();
  assert.equal(skew.ms, 0);
  [90, 12, 400].forEach((late, index) => skew.take(index * 1_000, index * 1_000 + HOUR + late));
  assert.equal(skew.ms, HOUR + 12);
});

test("a clock that is slow is told as well", () => {
  const skew = new Skew();
  skew.take(HOUR, 20);
  assert.equal(skew.ms, 20 - HOUR);
});

test("a clock that is set meanwhile is noticed within two minutes, either way", () => {
  for (const set of [HOUR, -HOUR]) {
    const skew = new Skew();
    for (let told = 0; told <= 60_000; told += 1_000) skew.take(told, told + 10);
    for (let told = 61_000; told <= 190_000; told += 1_000) skew.take(told, told + set + 15);
    assert.equal(skew.ms, set + 15);
  }
});
