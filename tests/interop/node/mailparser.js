// mailparser as a process: one message a line on standard input, in base64, and what it reads of
// it a line on standard output, as JSON; {"error": "..."} if it reads nothing.
'use strict';

const { createInterface } = require('node:readline');
const { simpleParser } = require('mailparser');

const asGiven = { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, skipImageLinks: true };

const mailboxes = (field) =>
    [field || []].flat().flatMap(({ value }) => value).map(({ name, address }) => [name, address]);

const read = async (message) => {
    const mail = await simpleParser(Buffer.from(message, 'base64'), asGiven);
    return {
        from: mailboxes(mail.from),
        sender: mailboxes(mail.headers.get('sender')),
        reply_to: mailboxes(mail.replyTo),
        to: mailboxes(mail.to),
        cc: mailboxes(mail.cc),
        bcc: mailboxes(mail.bcc),
        subject: mail.subject ?? null,
        date: mail.date.toISOString(),
        message_id: mail.messageId,
        in_reply_to: mail.inReplyTo ?? null,
        references: [mail.references || []].flat(),
        text: mail.text ?? null,
        html: mail.html || null,
        files: mail.attachments.map(({ filename, contentType, cid, content }) => ({
            filename: filename ?? null,
            type: contentType,
            content_id: cid ?? null,
            content: content.toString('base64')
        }))
    };
};

(async () => {
    for await (const line of createInterface({ input: process.stdin })) {
        const told = await read(line).catch((error) => ({ error: String(error.stack) }));
        process.stdout.write(JSON.stringify(told) + '\n');
    }
})();
