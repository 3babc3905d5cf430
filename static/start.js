// Loads the page's program and its worker. What cannot be loaded is said in the page itself, which has the words for it.
import init, { start } from './tessera_web.js';

// What is pressed before the program is there, is pressed again when it is.
let pressed;
const [entry, join, watch] = ['entry', 'join', 'watch'].map((id) => document.getElementById(id));
const remember = (event) => {
  event.preventDefault();
  pressed = event.type === 'submit' ? join : watch;
};
entry.addEventListener('submit', remember);
watch.addEventListener('click', remember);

try {
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  const ready = new Promise((done, failed) => {
    worker.onmessage = done;
    worker.onerror = failed;
  });
  await Promise.all([init(), ready]);
  entry.removeEventListener('submit', remember);
  watch.removeEventListener('click', remember);
  start(worker);
  pressed?.click();
} catch (error) {
  console.error(error);
  document.getElementById('unsupported').hidden = false;
}
