// A page of `origin` without a browser, by connect-web and the code of docs/own-page.md.
//
// Usage: client.js SERVER ORIGIN
//
// Needs a seat of `client1` that somebody else holds. Takes another one, pushes frame.jpg, and saves the first mosaic
// that shows it as mosaic.jpg, in the current folder. Fails unless a push into the seat of `client1` is refused.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { fetchOf } from './browser.js';
import { join } from './call.js';
import { VideoProcessingService } from './gen/video_concat_pb.js';

const [server, origin] = process.argv.slice(2);
const transport = createGrpcWebTransport({ baseUrl: server, fetch: fetchOf(origin) });

// The error that `promise` fails with has this code.
async function failsWith(code, promise) {
  const error = await promise.then(() => assert.fail('it did not fail'), ConnectError.from);
  assert.equal(error.code, code, error);
}

const client = createClient(VideoProcessingService, transport);
const stolen = { clientId: 'client1', session: '0'.repeat(32) };
await failsWith(Code.Unauthenticated, client.pushFrame(stolen));

const frame = await readFile('frame.jpg');
const call = new AbortController();
let mosaic;
const capture = () => frame;
const show = ({ frameData, tiles }) => {
  // The third frame is there: one follows the other. Only ours have numbers.
  if (tiles.some(({ sequence }) => sequence >= 3n)) {
    mosaic = frameData;
    call.abort();
  }
};
await failsWith(Code.Canceled, join(transport, 'client2', { capture, show, call }));
await writeFile('mosaic.jpg', mosaic);
