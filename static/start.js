// Loads the page's program and its worker. What cannot be loaded is said in the page itself, which has the words for it.
// It says so by itself if this script does not come.
const unsupported = document.getElementById('unsupported');
unsupported.hidden = true;

// An invite link's token is for the server and nobody else: it is kept in memory, and in no address and no history.
const token = new URLSearchParams(location.hash.slice(1)).get('token');
if (token !== null) history.replaceState(null, '', location.pathname + location.search);
// Another link to this page, opened in the same tab, changes the fragment alone.
addEventListener('hashchange', () => location.hash.startsWith('#token=') && location.reload());

// What a token says of its bearer (RFC 7519 section 3); whether that is true, the server judges.
function claims() {
  try {
    const base64 = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt());
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

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
  // Here and not above: a static import that fails leaves nobody to say so, and the token in the address.
  const { default: init, start } = await import('./tessera_web.js');
  await Promise.all([init(), ready]);
  entry.removeEventListener('submit', remember);
  watch.removeEventListener('click', remember);
  const { sub, name, video } = claims();
  start(worker, token, sub, name, video?.canPublish === false);
  pressed?.click();
} catch (error) {
  console.error(error);
  unsupported.style.animation = 'none';
  unsupported.hidden = false;
}
