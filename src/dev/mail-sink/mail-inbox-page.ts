import type { InboxMessage } from './mail-inbox.ts';

/** The page shows this number of messages; all others are at `/messages`. */
export const PAGE_LIMIT = 100;

/** Nothing may be loaded or run, because strangers wrote everything that is shown. */
export const PAGE_SECURITY_POLICY =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Style sheet of the inbox page, served as `/inbox.css`. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: 8px; padding: .75rem 1rem; margin: .75rem 0; }
h2 { font-size: 1rem; margin: 0; }
p { margin: .1rem 0; opacity: .75; font-size: .85rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 0; font: inherit; }
`;

/** The inbox as HTML without scripts, which reloads itself; all texts are escaped. */
export function inboxPage(messages: readonly InboxMessage[]): string {
  const shown = messages.map(article).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inbox</title>
<link rel="stylesheet" href="/inbox.css">
</head>
<body>
<h1>Inbox</h1>
<p>Development mail sink: nothing leaves this machine. The newest ${PAGE_LIMIT} mails and text messages; all of them as JSON: <a href="/messages">/messages</a></p>
${shown === '' ? '<article>Nothing yet.</article>' : shown}
</body>
</html>
`;
}

function article({ channel, subject, to, at, orderId, messageId, text }: InboxMessage): string {
  const facts = [channel, `to ${to}`, at, orderId ?? 'no order', messageId ?? 'no Message-ID']
    .map(escapeHtml)
    .join(' · ');
  return `<article><h2>${escapeHtml(subject)}</h2><p>${facts}</p><pre>${escapeHtml(text)}</pre></article>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
