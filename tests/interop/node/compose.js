// nodemailer as a process: messages, described on standard input, as the octets it makes of them.
//
// Input is a list of messages as nodemailer names their parts, each with a date. Output is one
// line of JSON: a list of the messages in base64.
'use strict';

const { readFileSync } = require('node:fs');
const { createTransport } = require('nodemailer');

const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });

(async () => {
    const composed = [];
    for (const message of JSON.parse(readFileSync(0, 'utf8'))) {
        const date = new Date(message.date);
        const { message: octets } = await transport.sendMail({ ...message, date });
        composed.push(octets.toString('base64'));
    }
    process.stdout.write(`${JSON.stringify(composed)}\n`);
})();
