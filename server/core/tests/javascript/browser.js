// What a browser adds to `fetch`, and Node does not: the page's origin, and CORS where the server is elsewhere.

import assert from 'node:assert/strict';

// What a page may always read of an answer, as far as it matters here (Fetch, "CORS-safelisted response-header name").
const SAFE = ['content-length', 'content-type'];

// The `fetch` of a page of `origin`.
export function fetchOf(origin) {
  return async (url, { headers, ...options }) => {
    const isForeign = new URL(url).origin !== origin;
    if (isForeign) await preflight(url, origin, options.method, headers);
    // Pages cannot set it: a browser does. The server refuses gRPC-Web without it.
    const response = await fetch(url, { ...options, headers: [...headers, ['origin', origin]] });
    return isForeign ? readable(response, origin) : response;
  };
}

// Asks whether the page may send such a request.
async function preflight(url, origin, method, headers) {
  const names = [...headers.keys()];
  const { ok, headers: answer } = await fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': names.join(','),
    },
  });
  assert(ok, 'the preflight is answered');
  assert.equal(answer.get('access-control-allow-origin'), origin);
  assert(list(answer, 'access-control-allow-methods').includes(method), method);
  const allowed = list(answer, 'access-control-allow-headers');
  for (const name of names) assert(allowed.includes(name), `${name} is allowed`);
}

// What the page may see of an answer.
function readable({ body, status, headers }, origin) {
  assert.equal(headers.get('access-control-allow-origin'), origin);
  const exposed = [...SAFE, ...list(headers, 'access-control-expose-headers')];
  return new Response(body, { status, headers: [...headers].filter(([name]) => exposed.includes(name)) });
}

// The values of a header that is a list.
function list(headers, name) {
  return headers.get(name)?.split(',').map((value) => value.trim()) ?? [];
}
