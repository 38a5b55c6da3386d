// Sends one message by nodemailer, as POSTSEAL_LAB_INPUTS says; found from the working directory.
'use strict';

const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { createTransport } = createRequire(`${process.cwd()}/`)('nodemailer');

const inputs = JSON.parse(process.env.POSTSEAL_LAB_INPUTS);
const transport = createTransport({
    host: inputs.host,
    port: Number(inputs.port),
    name: inputs.ehlo,
    secure: inputs.mode === 'implicit',
    requireTLS: inputs.mode === 'starttls',
    tls: { ca: readFileSync(inputs.ca_file) },
    auth: { user: inputs.user, pass: inputs.password }
});

transport
    .sendMail({
        from: inputs.from,
        to: inputs.to,
        subject: inputs.subject,
        text: inputs.body,
        headers: { 'X-Lab': inputs.header },
        attachments: [{ filename: inputs.filename, content: 'attached\n' }],
        envelope: { from: inputs.from, to: [inputs.to], size: inputs.size }
    })
    .catch((error) => {
        console.error(error.message);
        process.exitCode = 1;
    });
