// What the three scripts share: cases that run one after the other, and how a failure must look.
'use strict';

const assert = require('node:assert/strict');

const url = process.env.SANDBOX_URL;

// Runs every case, or those whose names contain the first argument, and says how each went.
async function run(cases) {
    const wanted = process.argv[2] || '';
    let failed = 0;
    process.exitCode = 1; // for a case that never ends while nothing keeps the process alive
    for (const [name, body] of Object.entries(cases).filter(([name]) => name.includes(wanted))) {
        const started = Date.now();
        try {
            await body();
            console.log(`ok    ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
        } catch (error) {
            console.log(`FAIL  ${name}\n${error.stack || error}`);
            failed++;
        }
    }
    process.exitCode = failed ? 1 : 0;
}

// The promise must fail with this code: a number of HTTP or gRPC, or one of several. Gives the error.
async function fails(promise, codes, pattern = /./) {
    const error = await promise.then(
        value => assert.fail(`did not fail, but gave ${JSON.stringify(value)?.slice(0, 300)}`),
        error => error,
    );
    assert.ok([codes].flat().includes(Number(error.code)), `code ${error.code}, not ${codes}: ${error.message}`);
    assert.match(error.message, pattern);
    return error;
}

// Asks until the answer is true; its value. Fails after the deadline.
async function eventually(what, ask, seconds = 20) {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
        const value = await ask();
        if (value)
            return value;
        if (Date.now() > deadline)
            assert.fail(`timed out waiting for ${what}`);
        await new Promise(resolve => setTimeout(resolve, 50));
    }
}

// The sandbox's own controls: what to do wrong, and what it was asked.
async function control(verb, path, body) {
    const answer = await fetch(url + path, {
        method: verb,
        headers: {'content-type': 'application/json'},
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    assert.equal(answer.status, 200);
    return answer.json();
}

module.exports = {assert, control, eventually, fails, run, url};
