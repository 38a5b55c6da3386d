// nodemailer as a process: one message, described on standard input, and what became of it.
//
// Input is {"transport": {...}, "message": {...}} as nodemailer names their parts. Output is one
// line: {"accepted": [...], "rejected": [...], "response": "..."}, or {"error": "...", "code": N}.
'use strict';

const { readFileSync } = require('node:fs');
const { createTransport } = require('nodemailer');

const { transport, message } = JSON.parse(readFileSync(0, 'utf8'));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

createTransport(transport)
    .sendMail(message)
    .then(
        ({ accepted, rejected, response }) => say({ accepted, rejected, response }),
        (error) => say({ error: error.message, code: error.responseCode || 0 })
    );
