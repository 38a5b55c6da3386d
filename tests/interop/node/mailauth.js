// mailauth as a process: one request a line on standard input, one answer a line on standard output.
//
// A request is {"do": "verify" | "sign" | "seal", "message": base64, ...}; "records" are the TXT
// records that its resolver knows. Answers are {"dkim": [...], "arc": "..."} with the words of
// RFC 8601, {"fields": base64}, or {"error": "..."}.
'use strict';

const { createInterface } = require('node:readline');
const { arc } = require('mailauth/lib/arc');
const { dkimSign } = require('mailauth/lib/dkim/sign');
const { dkimVerify } = require('mailauth/lib/dkim/verify');
const { sealMessage } = require('mailauth');

const resolverOf = (records) => async (name, type) => {
    if (type === 'TXT' && records[name]) {
        return [[records[name]]];
    }
    throw Object.assign(new Error(`${name} does not exist`), { code: 'ENOTFOUND' });
};

const tasks = {
    async verify({ message, records }) {
        const resolver = resolverOf(records);
        const found = await dkimVerify(Buffer.from(message, 'base64'), { resolver });
        const chain = await arc(found.arc, { resolver });
        return {
            dkim: found.results.map(({ status }) => ({ result: status.result, comment: status.comment || '' })),
            arc: chain.status ? chain.status.result : ''
        };
    },

    async sign({ message, canonicalization, signatures }) {
        const signed = await dkimSign(Buffer.from(message, 'base64'), {
            canonicalization,
            // Without it the clock is read twice, and a second may pass between.
            signTime: new Date(),
            signatureData: signatures
        });
        if (signed.errors.length) {
            throw signed.errors[0].err;
        }
        return { fields: Buffer.from(signed.signatures).toString('base64') };
    },

    async seal({ message, domain, selector, key, records }) {
        const octets = Buffer.from(message, 'base64');
        const resolver = resolverOf(records);
        const found = await dkimVerify(octets, { resolver });
        const chain = await arc(found.arc, { resolver });
        const last = found.arc && found.arc.lastEntry;
        const fields = await sealMessage(octets, {
            signingDomain: domain,
            selector,
            privateKey: key,
            signTime: new Date(),
            authResults: `${domain}; arc=${chain.status.result}`,
            cv: last ? chain.status.result : 'none'
        });
        return { fields: Buffer.from(fields).toString('base64') };
    }
};

(async () => {
    for await (const line of createInterface({ input: process.stdin })) {
        const request = JSON.parse(line);
        const answer = await tasks[request.do](request).catch((error) => ({ error: error.message }));
        process.stdout.write(`${JSON.stringify(answer)}\n`);
    }
})();
