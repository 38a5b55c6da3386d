// npm's smtp-server as a process: it takes mail, keeps none, and tells what came.
//
//   node server.js '{"chain": FILE, "secure": true, "password": "...", "report": true}'
//
// The first line on standard output is {"port": N}. With "report", one more follows for each
// message. Whoever asks for a recipient that begins with "no-" is refused that one. The process
// ends with its standard input.
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { SMTPServer } = require('smtp-server');

const options = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const pem = options.chain && readFileSync(options.chain);

function take(stream, session, done) {
    const hash = createHash('sha256');
    let size = 0;
    stream.on('data', (chunk) => {
        hash.update(chunk);
        size += chunk.length;
    });
    stream.on('end', () => {
        say({
            sender: session.envelope.mailFrom.address,
            recipients: session.envelope.rcptTo.map((one) => one.address),
            size,
            sha256: hash.digest('hex'),
            sealed: session.secure,
            user: session.user || null
        });
        done(null, 'taken');
    });
}

function discard(stream, session, done) {
    stream.on('data', () => {});
    stream.on('end', () => done(null, 'taken'));
}

const server = new SMTPServer({
    name: 'node.test',
    key: pem,
    cert: pem,
    logger: false,
    secure: Boolean(options.secure),
    hideSTARTTLS: !pem,
    authMethods: options.mechanisms || ['PLAIN'],
    authOptional: !options.password,
    disableReverseLookup: true,
    onAuth(auth, session, done) {
        if (auth.username === 'ada' && auth.password === options.password) {
            return done(null, { user: auth.username });
        }
        return done(new Error('these credentials are not known'));
    },
    onRcptTo(address, session, done) {
        if (!address.address.startsWith('no-')) {
            return done();
        }
        const error = new Error('no such mailbox');
        error.responseCode = 550;
        return done(error);
    },
    onData: options.report ? take : discard
});

// A client that leaves in the middle of a handshake is its own affair.
server.on('error', (error) => process.stderr.write(`${error.message}\n`));
const listening = server.listen(0, '127.0.0.1', () => say({ port: listening.address().port }));
process.stdin.on('end', () => process.exit(0)).resume();
