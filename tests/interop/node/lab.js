// One message by nodemailer: node lab.js PACKAGE OPTIONS
//
// PACKAGE is the version to load by its name in package.json, and OPTIONS are those of its SMTP
// transport as JSON. What to send and to whom is in the environment, as the attack lab puts it
// there. The exit status is 0 where nodemailer says that the message was taken.
'use strict';

const { readFileSync } = require('node:fs');

const [name, options] = process.argv.slice(2);
const { createTransport } = require(name);
const told = (what) => process.env[`POSTSEAL_LAB_${what.toUpperCase()}`];

createTransport({
    host: told('host'),
    port: Number(told('port')),
    secure: told('mode') === 'implicit',
    auth: { user: told('user'), pass: told('password') },
    connectionTimeout: 2000,
    greetingTimeout: 2000,
    socketTimeout: 2000,
    ...JSON.parse(options),
    tls: { ca: readFileSync(told('ca_file')), ...JSON.parse(options).tls }
})
    .sendMail({ from: told('from'), to: told('to'), subject: told('subject'), text: told('body') })
    .then(
        ({ response }) => process.stdout.write(`${response}\n`),
        (error) => {
            process.stderr.write(`${error.message}\n`);
            process.exitCode = 1;
        }
    );
