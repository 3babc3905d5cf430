// Loads the page's program. What cannot be loaded is said in the page itself, which has the words for it.
import init, { start } from './tessera_web.js';

try {
  await init();
  start(new URL('worker.js', import.meta.url).href);
} catch (error) {
  console.error(error);
  document.getElementById('unsupported').hidden = false;
}
