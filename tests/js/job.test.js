import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Job } from "../../web/static/job.js";

test("what is asked for again while it is answered is answered once, with the newer answer", async () => {
  /** @type {((answer: string) => void)[]} */
  const answers = [];
  /** @type {string[]} */
  const taken = [];
  const job = new Job(
    () => new Promise((/** @type {(answer: string) => void} */ resolve) => answers.push(resolve)),
    (answer) => taken.push(answer),
  );
  const first = job.run();
  await job.run();
  await job.run();
  assert.equal(answers.length, 1);
  answers[0]?.("old");
  await first;
  assert.equal(answers.length, 2);
  answers[1]?.("new");
  await new Promise(setImmediate);
  assert.deepEqual(taken, ["new"]);
});

test("a failure is said and tried again, until it is ended", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let tries = 0;
    /** @type {string[]} */
    const said = [];
    const job = new Job(
      () => {
        tries += 1;
        return Promise.reject(new Error(`no ${tries}`));
      },
      () => assert.fail(),
      (error) => said.push(error),
    );
    await job.run();
    assert.deepEqual(said, ["no 1"]);
    mock.timers.tick(60_000);
    await new Promise(setImmediate);
    assert.deepEqual(said, ["no 1", "no 2"]);
    job.end();
    mock.timers.tick(600_000);
    await new Promise(setImmediate);
    assert.equal(tries, 2);
  } finally {
    mock.timers.reset();
  }
});

test("what nobody wants any more is not tried again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let tries = 0;
    let wanted = true;
    const fetch = () => {
      tries += 1;
      return Promise.reject(new Error("no"));
    };
    const job = new Job(
      fetch,
      () => assert.fail(),
      () => {},
      () => wanted,
    );
    await job.run();
    mock.timers.tick(60_000);
    await new Promise(setImmediate);
    assert.equal(tries, 2);
    wanted = false;
    mock.timers.tick(60_000);
    await new Promise(setImmediate);
    assert.equal(tries, 2);
  } finally {
    mock.timers.reset();
  }
});
