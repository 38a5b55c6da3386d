// nodemailer's pool as a load: one message many times, and how long that took.
//
// Input is {"transport": {...}, "sender": "...", "recipient": "...", "message": "...", "count": N}.
// Output is one line: {"seconds": N}. A message that is refused ends the process with 1.
'use strict';

const { readFileSync } = require('node:fs');
const { createTransport } = require('nodemailer');

const { transport, sender, recipient, message, count } = JSON.parse(readFileSync(0, 'utf8'));
const raw = Buffer.from(message);
const envelope = { from: sender, to: [recipient] };
let left = count;
let done = 0;

const started = process.hrtime.bigint();
const pool = createTransport({ ...transport, pool: true });

function sent(error) {
    if (error) {
        throw error;
    }
    done += 1;
    if (done === count) {
        pool.close();
        const seconds = Number(process.hrtime.bigint() - started) / 1e9;
        process.stdout.write(`${JSON.stringify({ seconds })}\n`);
    }
}

// As its documentation has it for many messages: whenever the pool can take more.
pool.on('idle', () => {
    while (pool.isIdle() && left > 0) {
        left -= 1;
        pool.sendMail({ envelope, raw }, sent);
    }
});
